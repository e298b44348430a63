package oslo

import (
	"context"
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"
)

const (
	// maxParallel bounds the requests that a server has in work; more wait.
	maxParallel = 256
	// remembered is how many ids of messages a server keeps to know a second copy.
	remembered = 1024
	// replyTime is how long a reply is sent again to a queue that is not there: its client may be coming back.
	replyTime  = time.Minute
	replyPause = 250 * time.Millisecond
	// fanoutExpires is how long a server's queue for all outlives it, as stock ones do.
	fanoutExpires = 30 * time.Minute
)

// An Endpoint answers the requests of one namespace. Handle returns the result, or an error: a *Failure as it is.
type Endpoint struct {
	Namespace string
	Version   string // "1.1": implements 1.0 and 1.1
	Handle    func(ctx context.Context, r Request) (json.RawMessage, error)
}

// A Server answers the requests to one topic. No field MAY change while it runs.
type Server struct {
	Dial      func(context.Context) (*Link, error)
	Topic     string
	Endpoints []Endpoint
	// Exchange and Name make it declare its exchange and queues as a stock server does. Both empty: they are there.
	Exchange, Name string
	// Undelivered is the exchange to which the queues that it declares give what nobody consumes; empty: none, as stock
	// servers have it. Clients do not see the difference.
	Undelivered string
	// Declare declares what else the server needs; nil: nothing.
	Declare func(*Channel) error
	// ReplyExchange is the topic exchange for replies; empty: the default one.
	ReplyExchange string
	MaxPause      time.Duration // between two attempts to connect; 0: 2 s
	Log           func(message string, args ...any)
	Notify        func(err error) // told when the connection comes (nil) and goes; nil: nobody

	line  Line
	slots chan struct{}
	seen  filter
}

// Run serves until ctx ends, and connects for ever. The context of a handler is ctx: its work goes on when the connection
// breaks.
func (s *Server) Run(ctx context.Context) {
	s.slots = make(chan struct{}, maxParallel)
	s.line.Dial, s.line.MaxPause, s.line.Log, s.line.Notify = s.Dial, s.MaxPause, s.Log, s.Notify
	s.line.Setup = func(connecting context.Context, link *Link) error { return s.setup(connecting, ctx, link) }
	s.line.Run(ctx)
	for range maxParallel { // what is in work ends first
		s.slots <- struct{}{}
	}
}

// Link waits for the connection, for what is not a reply.
func (s *Server) Link(ctx context.Context) (*Link, error) { return s.line.Link(ctx) }

func (s *Server) setup(connecting, serving context.Context, link *Link) error {
	return link.Do(connecting, func(declaring *Channel) error {
		queues := []string{s.Topic}
		if s.Exchange != "" {
			var err error
			if queues, err = s.declareStock(declaring); err != nil {
				return err
			}
		}
		if s.Declare != nil {
			if err := s.Declare(declaring); err != nil {
				return err
			}
		}
		channel, err := link.conn.Channel()
		if err != nil {
			return err
		}
		for _, queue := range queues {
			deliveries, err := channel.Consume(queue, "", false, false, false, false, nil)
			if err != nil {
				return err
			}
			go func() {
				for delivery := range deliveries {
					s.receive(serving, delivery)
				}
				link.Close() // only a new link has another consumer
			}()
		}
		return nil
	})
}

// declareStock declares what a server of oslo.messaging does, with the attributes of its defaults: a client declares the
// same exchange, and a difference is an error to it.
func (s *Server) declareStock(c *Channel) ([]string, error) {
	if err := c.ExchangeDeclare(s.Exchange, amqp091.ExchangeTopic, false, false, false, false, nil); err != nil {
		return nil, err
	}
	queues := []string{s.Topic, s.Topic + "." + s.Name}
	arguments := amqp091.Table{}
	if s.Undelivered != "" {
		arguments["x-dead-letter-exchange"] = s.Undelivered
	}
	for _, queue := range queues {
		if _, err := c.QueueDeclare(queue, false, false, false, false, arguments); err != nil {
			return nil, err
		}
		if err := c.QueueBind(queue, queue, s.Exchange, false, nil); err != nil {
			return nil, err
		}
	}
	fanout := s.Topic + "_fanout"
	if err := c.ExchangeDeclare(fanout, amqp091.ExchangeFanout, false, true, false, false, nil); err != nil {
		return nil, err
	}
	toAll := fanout + "_" + NewID()
	arguments = amqp091.Table{"x-expires": fanoutExpires.Milliseconds()}
	if _, err := c.QueueDeclare(toAll, false, false, false, false, arguments); err != nil {
		return nil, err
	}
	return append(queues, toAll), c.QueueBind(toAll, s.Topic, fanout, false, nil)
}

// receive acknowledges a request before its work begins, as oslo.messaging does: it runs once at most.
func (s *Server) receive(ctx context.Context, delivery amqp091.Delivery) {
	request, err := DecodeRequest(delivery.Body)
	if err != nil || delivery.ContentType != "application/json" {
		_ = delivery.Reject(false) // a channel that broke shows elsewhere
		s.log("a message that is no request", "error", err, "content_type", delivery.ContentType)
		return
	}
	if delivery.Ack(false) != nil {
		return // its connection is gone; the broker hands it out again
	}
	if !s.seen.first(request.Unique) {
		return
	}
	select {
	case s.slots <- struct{}{}:
	case <-ctx.Done():
		return
	}
	go func() {
		defer func() { <-s.slots }()
		s.answer(ctx, request)
	}()
}

func (s *Server) answer(ctx context.Context, request Request) {
	ended := s.keepAlive(ctx, request)
	result, err := s.dispatch(ctx, request)
	ended()
	if request.ID == "" {
		if err != nil {
			s.log("a cast failed", "method", request.Method, "error", err)
		}
		return
	}
	reply := Reply{ID: request.ID, Result: result, Ending: true}
	if err != nil {
		reply.Result, reply.Failure = nil, asFailure(err)
	}
	within, cancel := context.WithTimeout(ctx, replyTime)
	defer cancel()
	for {
		err := s.reply(within, request, reply)
		if err == nil {
			return
		}
		select {
		case <-within.Done():
			if ctx.Err() == nil {
				s.log("a reply could not be delivered", "method", request.Method, "error", err)
			}
			return
		case <-time.After(replyPause):
		}
	}
}

func (s *Server) dispatch(ctx context.Context, request Request) (json.RawMessage, error) {
	if strings.HasPrefix(request.Method, "_") {
		return nil, NoSuchMethod(request.Method)
	}
	if request.Version == "" {
		request.Version = "1.0"
	}
	for _, endpoint := range s.Endpoints {
		if endpoint.Namespace == request.Namespace && Compatible(request.Version, endpoint.Version) {
			return endpoint.Handle(ctx, request)
		}
	}
	return nil, unsupportedVersion(request)
}

// keepAlive sends signs of life, twice in the interval that the caller wants, until the returned function is called.
func (s *Server) keepAlive(ctx context.Context, request Request) (ended func()) {
	if request.ID == "" || request.Monitor < minMonitor {
		return func() {} // a caller who did not ask cannot bear them
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(request.Monitor / 2)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				// The next one comes soon.
				_ = s.reply(ctx, request, Reply{ID: request.ID})
			}
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

// reply sends a reply once, over the connection that there is now.
func (s *Server) reply(ctx context.Context, request Request, reply Reply) error {
	exchange, key := s.ReplyExchange, request.Reply
	if exchange != "" {
		if !replyQueue.MatchString(request.Reply) {
			return errors.New("the reply has no address that a client could have")
		}
		key = ReplyKey(request.Reply)
	}
	link, err := s.line.Link(ctx)
	if err != nil {
		return err
	}
	reply.Unique = NewID()
	body, err := EncodeReply(reply)
	if err != nil {
		return err
	}
	message := publishing(body)
	message.CorrelationId = request.ID
	return link.Publish(ctx, exchange, key, message)
}

var replyQueue = regexp.MustCompile(`^reply_[0-9a-f]{32}$`)

// ReplyKey is the routing key, at an exchange for replies, of a client's queue.
func ReplyKey(queue string) string { return strings.Replace(queue, "reply_", "reply.", 1) }

func (s *Server) log(message string, args ...any) {
	if s.Log != nil {
		s.Log(message, args...)
	}
}
