// Package oslo is the message format of oslo.messaging 2.0 over RabbitMQ, as OpenStack's services speak it.
package oslo
