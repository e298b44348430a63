package amqp

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/transport/amqp/amqptest"
	"github.com/trovectl/trovectl/guest/transport/amqp/oslo"
	"github.com/trovectl/trovectl/guest/transport/transporttest"
)

// BenchmarkInspect measures what a look at a fleet costs, side by side with what the broker can do at all: messages that are
// published, confirmed and consumed, without anything of ours in them. A look needs two of those, and a probe.
func BenchmarkInspect(b *testing.B) {
	const guests = 50
	broker := amqptest.Shared(b)
	vhost := broker.VHost(b)
	admin := Broker{URL: broker.URL(), VHost: vhost, User: amqptest.AdminUser, Password: amqptest.AdminPassword}
	dialer := &Dialer{}
	b.Cleanup(func() { _ = dialer.Close() })
	ctx, cancel := context.WithCancel(context.Background())
	b.Cleanup(cancel)
	var targets []Target
	for i := range guests {
		target := Target{Broker: admin, Guest: fmt.Sprint("m-", i), Keys: []Key{newKey(1)}}
		if err := dialer.Declare(ctx, admin, target.Guest); err != nil {
			b.Fatal(err)
		}
		up := make(chan struct{}, 16)
		s := Service{
			Broker: func() Broker { return admin }, Guest: target.Guest, Keys: func() []Key { return target.Keys },
			Tell: func(string) { up <- struct{}{} },
		}
		go func() { _ = Serve(ctx, s, &transporttest.Recorder{}) }()
		<-up
		targets = append(targets, target)
	}
	b.Run("inspect", func(b *testing.B) {
		var next atomic.Int64
		b.SetParallelism(16)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				n := next.Add(1)
				carrier, err := dialer.Dial(ctx, targets[n%guests])
				if err != nil {
					b.Error(err)
					return
				}
				request := guest.Request{Version: guest.Version, ID: fmt.Sprint("bench-", b.N, "-", n), Method: guest.MethodInspect}
				if _, err := carrier.Call(ctx, request); err != nil {
					b.Error(err)
				}
				_ = carrier.Close()
			}
		})
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "looks/s")
	})
	b.Run("the broker alone", func(b *testing.B) { benchBroker(b, admin) })
}

func benchBroker(b *testing.B, admin Broker) {
	link, err := open(b.Context(), admin, "bench", eventually)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(link.Close)
	came := make(chan struct{}, 1024)
	err = link.Do(b.Context(), func(c *oslo.Channel) error {
		if _, err := c.QueueDeclare("bench", true, false, false, false, nil); err != nil {
			return err
		}
		deliveries, err := c.Consume("bench", "", true, false, false, false, nil)
		go func() {
			for range deliveries {
				came <- struct{}{}
			}
		}()
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		message := amqp091.Publishing{Body: make([]byte, 1024), DeliveryMode: amqp091.Persistent}
		for pb.Next() {
			if err := link.Publish(b.Context(), "", "bench", message); err != nil {
				b.Error(err)
				return
			}
			<-came
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
}
