package bench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"github.com/trovectl/trovectl/guest/transport/amqp/amqptest"
)

// A broker is a RabbitMQ of the fleet's own, with one vhost for all guests. Its management API is reached through a proxy
// that counts.
type broker struct {
	node       *amqptest.Broker
	proxy      *http.Server
	management string // the proxy's URL
	asked      atomic.Int64
}

const fleetVHost = "fleet"

func openBroker() (*broker, error) {
	node, err := amqptest.Open()
	if err != nil {
		return nil, fmt.Errorf("starting RabbitMQ: %w", err)
	}
	b := &broker{node: node}
	if err := b.prepare(); err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

// prepare makes the vhost and starts the proxy.
func (b *broker) prepare() error {
	target, err := url.Parse(b.node.ManagementURL())
	if err != nil {
		return fmt.Errorf("reading the broker's address: %w", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("finding a free port: %w", err)
	}
	forward := httputil.NewSingleHostReverseProxy(target)
	b.proxy = &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.asked.Add(1)
		forward.ServeHTTP(w, r)
	})}
	b.management = "http://" + listener.Addr().String()
	go func() { _ = b.proxy.Serve(listener) }() // ends with close
	for _, request := range []struct{ path, body string }{
		{"/api/vhosts/" + fleetVHost, "{}"},
		{"/api/permissions/" + fleetVHost + "/" + amqptest.AdminUser, `{"configure": ".*", "write": ".*", "read": ".*"}`},
	} {
		if err := b.put(request.path, request.body); err != nil {
			return fmt.Errorf("making the fleet's vhost: %w", err)
		}
	}
	return nil
}

func (b *broker) put(path, body string) error {
	request, err := http.NewRequest(http.MethodPut, b.node.ManagementURL()+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	request.SetBasicAuth(amqptest.AdminUser, amqptest.AdminPassword)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	if err := response.Body.Close(); err != nil {
		return err
	}
	if response.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("PUT %s: %s", path, response.Status)
	}
	return nil
}

func (b *broker) close() {
	if b.proxy != nil {
		_ = b.proxy.Close() // nobody is connected any more
	}
	b.node.Close()
}

// requests is how many requests the management API was sent so far; without a broker none.
func (b *broker) requests() int {
	if b == nil {
		return 0
	}
	return int(b.asked.Load())
}

// transport is the block that reaches the guests over the broker, and secrets what goes with it in the environment.
func (b *broker) transport() string {
	return fmt.Sprintf("transport \"amqp\" {\n    url = %q\n    management_url = %q\n    vhost = %q\n  }", b.node.URL(), b.management, fleetVHost)
}

func (b *broker) secrets() []string {
	return []string{"TROVE_AMQP_ADMIN_USER=" + amqptest.AdminUser, "TROVE_AMQP_ADMIN_PASSWORD=" + amqptest.AdminPassword}
}

// What a guest is asked, and answers, in bytes, and how many are asked at once: as a plan does it.
const (
	askBytes    = 1 << 10
	answerBytes = 2 << 10
	inFlight    = 64
)

// limit is how many questions and answers a second the broker carries when nobody does anything with them: one queue for each of n
// guests, whose messages are answered as they come, over two connections.
func (b *broker) limit(ctx context.Context, n int) (perSecond float64, err error) {
	guests, err := b.dial()
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, guests.Close()) }()
	if err := echo(guests, n); err != nil {
		return 0, err
	}
	ours, err := b.dial()
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, ours.Close()) }()
	channel, err := ours.Channel()
	if err != nil {
		return 0, fmt.Errorf("opening a channel: %w", err)
	}
	replies, err := channel.QueueDeclare("", false, true, true, false, nil)
	if err != nil {
		return 0, fmt.Errorf("declaring a queue: %w", err)
	}
	answers, err := channel.Consume(replies.Name, "", true, true, false, false, nil)
	if err != nil {
		return 0, fmt.Errorf("consuming answers: %w", err)
	}
	const least = 10000
	rounds, began := max(least, n), time.Now()
	ask := func(i int) error {
		return channel.PublishWithContext(ctx, "", echoQueue(i%n), true, false,
			amqp091.Publishing{ReplyTo: replies.Name, Body: make([]byte, askBytes)})
	}
	for i := range rounds + inFlight {
		if i >= inFlight {
			select {
			case <-ctx.Done():
				return 0, ctx.Err()
			case _, open := <-answers:
				if !open {
					return 0, errors.New("the broker ended the connection")
				}
			}
		}
		if i < rounds {
			if err := ask(i); err != nil {
				return 0, fmt.Errorf("publishing: %w", err)
			}
		}
	}
	return float64(rounds) / time.Since(began).Seconds(), nil
}

func (b *broker) dial() (*amqp091.Connection, error) {
	address := strings.Replace(b.node.URL(), "://", "://"+amqptest.AdminUser+":"+amqptest.AdminPassword+"@", 1) + "/" + fleetVHost
	conn, err := amqp091.Dial(address)
	if err != nil {
		return nil, fmt.Errorf("logging in at the broker: %w", err)
	}
	return conn, nil
}

func echoQueue(i int) string { return fmt.Sprintf("echo.%d", i) }

// echo answers what comes to n queues until the connection ends, which deletes them.
func echo(conn *amqp091.Connection, n int) error {
	channel, err := conn.Channel()
	if err != nil {
		return fmt.Errorf("opening a channel: %w", err)
	}
	answer := func(questions <-chan amqp091.Delivery) {
		for q := range questions {
			_ = channel.Publish("", q.ReplyTo, false, false, amqp091.Publishing{Body: make([]byte, answerBytes)}) // a loss is seen by who asked
		}
	}
	for i := range n {
		if _, err := channel.QueueDeclare(echoQueue(i), false, true, true, false, nil); err != nil {
			return fmt.Errorf("declaring a queue: %w", err)
		}
		questions, err := channel.Consume(echoQueue(i), "", true, true, false, false, nil)
		if err != nil {
			return fmt.Errorf("consuming: %w", err)
		}
		go answer(questions) // ends with the channel
	}
	return nil
}
