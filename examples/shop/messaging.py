"""The little that every service needs of the messaging service: publish an event, handle a subscription's events.

It is Google's own client; where the broker is, the environment says (PUBSUB_EMULATOR_HOST=HOST:8085).
"""

import argparse
import json
import logging
import os
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor, TimeoutError

from google.cloud import pubsub_v1
from google.cloud.pubsub_v1 import types

PROJECT = os.environ.get("SHOP_PROJECT", "shop")  # the Kubernetes namespace of the topics

log = logging.getLogger("shop")


def arguments(description: str) -> argparse.ArgumentParser:
    """The flags that every service has."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--data", default="data", help="the folder of the service's database")
    return parser


class Messaging:
    """One service's connection. Handlers run one at a time in a subscription."""

    def __init__(self, service: str) -> None:
        logging.basicConfig(level=logging.INFO, format=f"{service}: %(message)s", stream=sys.stderr)
        self.service = service
        self.publisher = pubsub_v1.PublisherClient()
        self.subscriber = pubsub_v1.SubscriberClient()
        self.streams = []
        self.stopped = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: self.stopped.set())

    def publish(self, topic: str, event: dict) -> None:
        """Returns when the event is stored on disk; raises when it could not be published."""
        path = self.publisher.topic_path(PROJECT, topic)
        data = json.dumps(event, sort_keys=True).encode()
        future = self.publisher.publish(path, data, order_id=event["order_id"], source=self.service)
        future.result(timeout=120)

    def subscribe(self, subscription: str, handle) -> None:
        """Calls `handle(event)` for each event and acknowledges it afterwards.

        An event whose handler raised is given back and comes again; so does an event whose service died on the way.
        Handlers therefore have to be idempotent (see store.py).
        """

        def received(message: pubsub_v1.subscriber.message.Message) -> None:
            event = decoded(message.data)
            if event is None:
                log.error("message %s of %s is not an event of an order; dropped", message.message_id, subscription)
                message.ack()
                return
            try:
                handle(event)
            except Exception:
                log.exception("message %s of %s failed and will come again", message.message_id, subscription)
                self.stopped.wait(timeout=1)  # what failed just now would fail again at once
                message.nack()
            else:
                message.ack()

        path = self.subscriber.subscription_path(PROJECT, subscription)
        flow_control = types.FlowControl(max_messages=50)
        scheduler = pubsub_v1.subscriber.scheduler.ThreadScheduler(ThreadPoolExecutor(max_workers=1))
        self.streams.append(
            self.subscriber.subscribe(path, callback=received, flow_control=flow_control, scheduler=scheduler)
        )

    def run(self) -> None:
        """Serves until SIGTERM or Ctrl-C, or until a subscription is gone for good."""
        print(f"{self.service}: ready", flush=True)
        try:
            while not self.stopped.wait(timeout=0.2):
                for stream in self.streams:
                    _raise_if_ended(stream)
        finally:
            for stream in self.streams:
                stream.cancel()
            for stream in self.streams:
                stream.result()
            self.publisher.stop()


def decoded(data: bytes) -> dict | None:
    """The event; None when the data is something else, which no later attempt would change."""
    try:
        event = json.loads(data)
    except ValueError:
        return None
    return event if isinstance(event, dict) and isinstance(event.get("order_id"), str) else None


def _raise_if_ended(stream) -> None:
    try:
        stream.result(timeout=0)
    except TimeoutError:
        return  # still running
    raise RuntimeError("the subscription's stream ended")
