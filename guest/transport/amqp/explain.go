package amqp

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/transport/amqp/oslo"
)

// Why an agent refuses a message.
const (
	refusedKey    = "key"    // it has no key of that generation
	refusedSeal   = "seal"   // it is not sealed, or does not open
	refusedTime   = "time"   // it was sealed too long ago, or in the future
	refusedReplay = "replay" // it has been here before
)

// refusal is what an agent answers to a message that it does not take. It travels in clear.
func refusal(why, format string, args ...any) *oslo.Failure {
	reason, err := json.Marshal(map[string]string{"reason": why})
	if err != nil {
		panic(err) // a map of texts can be encoded
	}
	return &oslo.Failure{Class: "Refused", Module: namespace, Message: fmt.Sprintf(format, args...), Kwargs: reason}
}

func isRefusal(err error, why string) bool {
	var failure *oslo.Failure
	if !errors.As(err, &failure) || failure.Module != namespace {
		return false
	}
	var said struct {
		Reason string `json:"reason"`
	}
	return json.Unmarshal(failure.Kwargs, &said) == nil && said.Reason == why
}

// explain says what a failure at a broker means to who wants a guest. Every error is KindUnreachable.
func explain(broker Broker, queue string, err error) *guest.Error {
	var known *guest.Error
	if errors.As(err, &known) {
		return known
	}
	at := broker.place()
	if queue != "" {
		at = fmt.Sprintf("the queue %s at %s (vhost %q)", queue, at, broker.VHost)
	}
	stage, why := meaning(err)
	said := guest.Errorf(guest.KindUnreachable, "%s: %s", at, why)
	said.Stage = stage
	return said
}

func meaning(err error) (guest.Stage, string) {
	var failure *oslo.Failure
	var silent *oslo.SilentError
	switch {
	case errors.As(err, &failure):
		return guest.StageAgent, fmt.Sprintf("the agent refuses the message: %.300q", failure.Message)
	case errors.As(err, &silent):
		return guest.StageAgent, fmt.Sprintf("the agent has given no sign of life for %s; it may still act on the request", silent.After)
	case errors.Is(err, oslo.ErrNoQueue), errors.Is(err, oslo.ErrNoExchange):
		return guest.StageLogin, "it is not there: the guest was never declared at this broker, or somebody deleted it"
	case errors.Is(err, oslo.ErrNoConsumer):
		return guest.StageLogin, "nobody consumes it: the guest's agent does not run, or cannot log in to the broker"
	case errors.Is(err, oslo.ErrRejected):
		return guest.StageAgent, "the agent could not read the message"
	case errors.Is(err, oslo.ErrGarbage):
		return guest.StageAgent, fmt.Sprintf("what answers is not the guest's agent: %v", err)
	case errors.Is(err, oslo.ErrFull):
		return guest.StageLogin, "it is full, and the broker takes no more messages for it"
	case errors.Is(err, oslo.ErrBlocked):
		return guest.StageConnect, fmt.Sprintf("%v; free memory or disk on the broker", err)
	case errors.Is(err, oslo.ErrDenied):
		return guest.StageConnect, fmt.Sprintf("our user lacks a permission: %.300q", err)
	case errors.Is(err, oslo.ErrMismatch):
		return guest.StageConnect, fmt.Sprintf("somebody declared it with other properties: %.300q", err)
	case errors.Is(err, oslo.ErrClosed):
		return guest.StageConnect, "the connection was closed on this side"
	}
	return guest.StageConnect, err.Error()
}
