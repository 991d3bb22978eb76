"""Ordered delivery: a publisher and two subscribers with message ordering, who give some messages back.

    ordered_delivery.py --project P --topic T     (the topic is there, the program creates its subscription)
"""

import argparse
import collections
import threading
import time

from google.api_core import exceptions
from google.cloud import pubsub_v1
from google.cloud.pubsub_v1 import types

import checks
from checks import check, check_equal, refused

KEYS = tuple(f"customer-{number}" for number in range(8)) + ("ключ",)
EACH = 60
PATIENCE_SECONDS = 180

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--project", required=True)
parser.add_argument("--topic", required=True)
arguments = parser.parse_args()

publisher = pubsub_v1.PublisherClient(
    types.BatchSettings(max_messages=10), types.PublisherOptions(enable_message_ordering=True)
)
subscriber = pubsub_v1.SubscriberClient()
TOPIC = publisher.topic_path(arguments.project, arguments.topic)
SUBSCRIPTION = subscriber.subscription_path(arguments.project, "in-order")


class Consumer:
    """Takes the messages of each key in their order; gives back what is ahead of its turn, and some that are not."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.seen = collections.Counter()
        self.processed = collections.Counter()
        self.refused = set()
        self.unordered = 0
        self.deliveries = 0
        self.failures = []

    def receive(self, received) -> None:
        with self.changed:
            self.deliveries += 1
            self.changed.notify_all()
            if not received.ordering_key:
                self.unordered += 1
                received.ack()
            elif self._take(received.ordering_key, int(received.data)):
                received.ack()
            else:
                received.nack()

    def _take(self, key: str, number: int) -> bool:
        if number > self.seen[key]:
            self.failures.append(f"{key}: {number} came before {self.seen[key]}")
        self.seen[key] = max(self.seen[key], number + 1)
        if number > self.processed[key]:
            return False  # From a delivery that was given back.
        if number == self.processed[key] and number % 9 == 4 and (key, number) not in self.refused:
            self.refused.add((key, number))
            return False
        self.processed[key] = max(self.processed[key], number + 1)
        return True

    def wait_for(self, enough, streams) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        with self.changed:
            while not enough():
                check(not self.failures, f"out of order: {self.failures[:5]}")
                for stream in streams:
                    check(not stream.done(), "a stream ended early")
                check(time.monotonic() < deadline, f"only {dict(self.processed)} after {PATIENCE_SECONDS} s")
                self.changed.wait(timeout=1)


def the_subscription_says_that_it_keeps_order():
    request = {"name": SUBSCRIPTION, "topic": TOPIC, "enable_message_ordering": True}
    check(subscriber.create_subscription(request=request).enable_message_ordering, "created with ordering")
    check(subscriber.get_subscription(subscription=SUBSCRIPTION).enable_message_ordering, "ordering in Get")
    listed = subscriber.list_subscriptions(project=f"projects/{arguments.project}")
    check_equal([item.enable_message_ordering for item in listed], [True], "ordering in List")
    with refused(exceptions.AlreadyExists, "in-order"):
        subscriber.create_subscription(name=SUBSCRIPTION, topic=TOPIC)


def each_key_comes_in_its_order():
    consumer = Consumer()
    others = [pubsub_v1.SubscriberClient() for _ in range(2)]
    flow_control = types.FlowControl(max_messages=50)
    streams = [other.subscribe(SUBSCRIPTION, consumer.receive, flow_control=flow_control) for other in others]
    published = []
    for number in range(EACH):
        for key in KEYS:
            published.append(publisher.publish(TOPIC, str(number).encode(), ordering_key=key))
        published.append(publisher.publish(TOPIC, b"no key"))
    for future in published:
        future.result(timeout=60)
    everything = collections.Counter({key: EACH for key in KEYS})
    consumer.wait_for(lambda: consumer.processed == everything and consumer.unordered >= EACH, streams)
    for stream in streams:
        stream.cancel()
        stream.result(timeout=60)
    check(not consumer.failures, f"out of order: {consumer.failures[:5]}")
    check(len(consumer.refused) > 0, "some messages were given back")
    check(consumer.deliveries >= (len(KEYS) + 1) * EACH + len(consumer.refused), "what was given back came again")


if __name__ == "__main__":
    checks.main([the_subscription_says_that_it_keeps_order, each_key_comes_in_its_order])
