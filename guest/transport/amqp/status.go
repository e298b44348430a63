package amqp

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/transport/amqp/oslo"
)

// methodStatus is the cast in which a status travels.
const methodStatus = "status"

// errNoStatus tells that the queue of a guest's status is empty.
var errNoStatus = errors.New("no status is there: the guest has not published one yet")

// LastStatus reads the last status of a guest and leaves it there. It needs no agent that answers. When there is none, or
// none that a key of the target opens, the error is a *guest.Error of KindUnreachable.
func (d *Dialer) LastStatus(ctx context.Context, target Target) (Heard, error) {
	queue := queueStatus + target.Guest
	var body []byte
	// Another reader holds the message for the moment of its own look, and does not look again when we do.
	const tries, pause = 10, 80 * time.Millisecond
	for range tries {
		err := d.do(ctx, target.Broker, queue, func(c *oslo.Channel) error {
			delivery, found, err := c.Get(queue, false)
			if err != nil || !found {
				return err
			}
			body = delivery.Body
			return delivery.Nack(false, true)
		})
		if err != nil {
			return Heard{}, err
		}
		if body != nil {
			return readStatus(target, queue, body)
		}
		select {
		case <-ctx.Done():
			return Heard{}, explain(target.Broker, queue, ctx.Err())
		case <-time.After(rand.N(pause)):
		}
	}
	return Heard{}, explain(target.Broker, queue, errNoStatus)
}

func readStatus(target Target, queue string, body []byte) (Heard, error) {
	heard, err := openStatus(target, body)
	if err != nil {
		return Heard{}, explain(target.Broker, queue, err)
	}
	return heard, nil
}

func openStatus(target Target, body []byte) (Heard, error) {
	request, err := oslo.DecodeRequest(body)
	if err != nil {
		return Heard{}, errSeal
	}
	var sealed []byte
	if err := json.Unmarshal(request.Args[sealedArg], &sealed); err != nil {
		return Heard{}, errSeal
	}
	for _, key := range target.Keys {
		text, at, err := key.open(label{direction: asStatus, method: methodStatus, id: request.Unique, guest: target.Guest}, sealed)
		if err == nil {
			return Heard{At: at, Generation: key.Generation, Status: text}, nil
		}
	}
	return Heard{}, errSeal
}

// sealStatus makes the body of a status.
func sealStatus(key Key, member string, status any, now time.Time) ([]byte, error) {
	text, err := json.Marshal(status)
	if err != nil {
		return nil, err
	}
	unique := oslo.NewID()
	sealed, err := key.seal(label{asStatus, methodStatus, unique, member, now}, text)
	if err != nil {
		return nil, err
	}
	arg, err := json.Marshal(sealed)
	if err != nil {
		return nil, err
	}
	return oslo.EncodeRequest(oslo.Request{
		Namespace: namespace, Method: methodStatus, Version: sealedVersion, Unique: unique,
		Args: map[string]json.RawMessage{sealedArg: arg},
	})
}

// publishStatus publishes a status from time to time, and when there is news, until ctx ends.
func (s *serving) publishStatus(ctx context.Context) {
	every := orDefault(s.Every, defaultEvery)
	for {
		wait := every
		if err := s.publishOnce(ctx); err != nil && ctx.Err() == nil {
			s.log("publishing the status", "error", err)
			wait = min(wait, agentPause)
		}
		select {
		case <-ctx.Done():
			return
		case <-s.news:
		case <-time.After(wait):
		}
	}
}

// tellNews makes the status be published now: who cannot ask the guest should not read of it what is long over.
func (s *serving) tellNews() {
	select {
	case s.news <- struct{}{}:
	default: // somebody has said so already
	}
}

func (s *serving) publishOnce(ctx context.Context) error {
	link, err := s.server.Link(ctx)
	if err != nil {
		return err
	}
	keys := s.Keys()
	if len(keys) == 0 {
		return guest.Errorf(guest.KindConflict, "there is no message key")
	}
	body, err := sealStatus(keys[0], s.Guest, s.Status(ctx), s.Now())
	if err != nil {
		return err
	}
	return link.Publish(ctx, exchangeStatus, queueStatus+s.Guest, amqp091.Publishing{
		ContentType: "application/json", ContentEncoding: "utf-8", DeliveryMode: amqp091.Persistent, Body: body,
	})
}
