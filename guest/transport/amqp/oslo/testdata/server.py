#!/usr/bin/python3
"""A server of oslo.messaging with methods for tests: server.py URL TOPIC SERVER EXCHANGE [RABBIT_OPTION=VALUE ...]

It prints "ready" once it listens, and ends with its standard input."""
import sys
import threading

import oslo_messaging
from oslo_config import cfg


class Endpoint:
    target = oslo_messaging.Target(version="1.1")

    def echo(self, context, **arguments):
        return arguments

    def context(self, context):
        return context

    def nothing(self, context):
        return None

    def sleep(self, context, seconds):
        threading.Event().wait(seconds)
        return seconds

    def fail(self, context, text):
        raise ValueError(text, 7)


url, topic, server, exchange, *options = sys.argv[1:]
conf = cfg.CONF
conf([], project="test", default_config_files=[])
transport = oslo_messaging.get_rpc_transport(conf, url + ("?" + "&".join(options) if options else ""))
target = oslo_messaging.Target(topic=topic, server=server, exchange=exchange)
rpc = oslo_messaging.get_rpc_server(transport, target, [Endpoint()], executor="threading")
rpc.start()
print("ready", flush=True)
sys.stdin.read()
