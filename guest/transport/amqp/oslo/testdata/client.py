#!/usr/bin/python3
"""A client of oslo.messaging that makes calls one after another: client.py URL EXCHANGE CALLS

CALLS is a JSON list of objects: target (topic, server, version, namespace, fanout), method, arguments, context, timeout, monitor (seconds),
cast. For each it prints a JSON object: {"result": ...} or {"error": class, "text": ..., "remote": class at the server}."""
import json
import os
import sys

import oslo_messaging
from oslo_config import cfg

url, exchange, calls = sys.argv[1:]
conf = cfg.CONF
conf([], project="test", default_config_files=[])
transport = oslo_messaging.get_rpc_transport(conf, url, allowed_remote_exmods=["builtins"])
for call in json.loads(calls):
    client = oslo_messaging.RPCClient(
        transport, oslo_messaging.Target(exchange=exchange, **call["target"]),
        timeout=call.get("timeout", 30), call_monitor_timeout=call.get("monitor"))
    send = client.cast if call.get("cast") else client.call
    try:
        said = {"result": send(call.get("context", {}), call["method"], **call.get("arguments", {}))}
    except Exception as error:
        said = {"error": type(error).__name__, "text": str(error), "remote": getattr(error, "exc_type", None)}
    print(json.dumps(said), flush=True)
os._exit(0)  # the transport's own goodbye takes seconds
