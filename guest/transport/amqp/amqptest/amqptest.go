// Package amqptest starts private RabbitMQ brokers for tests.
package amqptest

import _ "github.com/rabbitmq/amqp091-go" // its tests log in
