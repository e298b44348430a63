package amqp

import (
	"context"
	"testing"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/transport/amqp/amqptest"
	"github.com/trovectl/trovectl/guest/transport/amqp/oslo"
	"github.com/trovectl/trovectl/guest/transport/transporttest"
)

func TestContract(t *testing.T) {
	t.Run("sealed", func(t *testing.T) {
		t.Parallel()
		transporttest.Run(t, func(t *testing.T, handler guest.Handler) transporttest.Guest {
			m := newWorld(t, amqptest.Shared(t)).member(t, "m-1")
			m.serve(t, m.service(t), handler)
			return m.contract(t)
		})
	})
	t.Run("sealed, beside Trove's methods", func(t *testing.T) {
		t.Parallel()
		transporttest.Run(t, func(t *testing.T, handler guest.Handler) transporttest.Guest {
			m := newWorld(t, amqptest.Shared(t)).troveMember(t, "m-1")
			m.serve(t, m.service(t), handler)
			return m.contract(t)
		})
	})
}

func (m *member) contract(t *testing.T) transporttest.Guest {
	dial := func(ctx context.Context) (guest.Carrier, error) {
		carrier, err := m.dialer.Dial(ctx, m.target())
		if err != nil {
			return nil, err
		}
		return carrier, nil
	}
	return transporttest.Guest{Dial: dial, Kill: m.kill, Garble: func(text []byte) { m.garble(t, text) }}
}

// kill ends the agent and leaves its handlers, which the contract lets go later.
func (m *member) kill() { m.cancel() }

// garble puts somebody in the place of the agent who has its credentials and answers these bytes.
func (m *member) garble(t *testing.T, text []byte) {
	m.stop()
	m.consume(t, m.broker, queueRequests+m.id, func(c *amqp091.Channel, d amqp091.Delivery) {
		request, err := oslo.DecodeRequest(d.Body)
		if err != nil {
			t.Error(err)
			return
		}
		answer := amqp091.Publishing{Body: text, CorrelationId: request.ID}
		if err := c.PublishWithContext(t.Context(), exchangeReplies, oslo.ReplyKey(request.Reply), false, false, answer); err != nil {
			t.Error(err)
		}
	})
}
