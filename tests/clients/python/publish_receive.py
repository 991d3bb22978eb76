"""Publishes messages, receives them by streaming pull, and compares every one with what was sent.

    publish_receive.py --project P --topic T --subscription S --count 1000
        publishes and receives at the same time; every message has to come exactly as it was sent, and only once

    publish_receive.py --project P --topic T --count 10000 --rate 500 --publish-only --record acknowledged.jsonl
        publishes, riding out a broker that goes away, and records each message once the broker acknowledged it

    publish_receive.py --project P --subscription S --receive-only --verify acknowledged.jsonl
        receives until everything in the record is there, and compares it

The broker is where PUBSUB_EMULATOR_HOST says. Exit status 0: all is as it should be. The last line on standard
output is a summary in JSON.
"""

import argparse
import json
import sys
import threading
import time

from google.cloud import pubsub_v1
from google.cloud.pubsub_v1 import types

import record
from messages import digest, message


class Failed(Exception):
    """Something a user would notice; the text says what."""


class Publisher:
    """Publishes messages 0 to count - 1 of a seed and records those the broker acknowledged."""

    def __init__(self, arguments, recorder: record.Recorder) -> None:
        self.arguments = arguments
        self.recorder = recorder
        self.changed = threading.Condition()
        self.unanswered = 0
        self.failures: list[str] = []
        self.paused: set[str] = set()  # the client refuses a key after a failure, until it is told to resume
        flow_control = types.PublishFlowControl(
            message_limit=1_000,
            byte_limit=20_000_000,
            limit_exceeded_behavior=types.LimitExceededBehavior.BLOCK,
        )
        options = types.PublisherOptions(enable_message_ordering=True, flow_control=flow_control)
        self.client = pubsub_v1.PublisherClient(publisher_options=options)
        self.topic = self.client.topic_path(arguments.project, arguments.topic)

    def run(self) -> None:
        """Returns when every message is answered, one way or the other."""
        started = time.monotonic()
        for sequence in range(self.arguments.count):
            if self.arguments.rate:
                due = started + sequence / self.arguments.rate
                time.sleep(max(0.0, due - time.monotonic()))
            self._publish(sequence)
        # Before stop(): that cancels messages with an ordering key that wait for their turn.
        with self.changed:
            self.changed.wait_for(lambda: self.unanswered == 0)
        self.client.stop()

    def _publish(self, sequence: int) -> None:
        sent = message(self.arguments.seed, sequence)
        with self.changed:
            self.unanswered += 1
            resume = sent.ordering_key in self.paused
            self.paused.discard(sent.ordering_key)
        if resume:
            self.client.resume_publish(self.topic, sent.ordering_key)
        future = self.client.publish(self.topic, sent.data, ordering_key=sent.ordering_key, **sent.attributes)
        future.add_done_callback(lambda future: self._answered(future, sequence, sent))

    def _answered(self, future, sequence: int, sent) -> None:
        error = future.exception()
        if error is None:
            self.recorder.acknowledged(future.result(), sequence, sent.ordering_key, sent.digest())
        with self.changed:
            self.unanswered -= 1
            if error is not None:
                self.failures.append(f"message {sequence}: {error!r}")
                if sent.ordering_key:
                    self.paused.add(sent.ordering_key)
            self.changed.notify_all()


class Receiver:
    """Receives by streaming pull, acknowledges everything, and remembers a fingerprint of each message."""

    def __init__(self, arguments) -> None:
        self.arguments = arguments
        self.changed = threading.Condition()
        self.deliveries: list[record.Line] = []
        self.ids: set[str] = set()
        self.client = pubsub_v1.SubscriberClient()
        path = self.client.subscription_path(arguments.project, arguments.subscription)
        flow_control = types.FlowControl(max_messages=arguments.max_messages, max_bytes=arguments.max_bytes)
        self.stream = self.client.subscribe(path, callback=self._received, flow_control=flow_control)

    def _received(self, received) -> None:
        attributes = dict(received.attributes)
        line = record.Line(
            id=received.message_id,
            sequence=int(attributes.get("sequence", "-1")),
            key=received.ordering_key,
            digest=digest(received.data, attributes, received.ordering_key),
        )
        received.ack()
        with self.changed:
            self.deliveries.append(line)
            self.ids.add(line.id)
            self.changed.notify_all()

    def wait_for(self, enough, timeout: float) -> None:
        """Returns when `enough(ids)` is true; fails when the stream ended or `timeout` seconds passed before."""
        deadline = time.monotonic() + timeout
        with self.changed:
            while not enough(self.ids):
                if self.stream.done():
                    raise Failed(f"the stream ended early: {self.stream.exception()!r}")
                if time.monotonic() > deadline:
                    raise Failed(f"after {timeout} s only {len(self.ids)} messages had arrived")
                self.changed.wait(timeout=1)

    def close(self) -> None:
        self.stream.cancel()
        self.stream.result()
        self.client.close()


def compare(recorded: list[record.Line], deliveries: list[record.Line], exactly: bool) -> dict:
    """Compares what was received with what was acknowledged to the publisher; the counts, or Failed."""
    received = {line.id: line for line in deliveries}
    for line in recorded:
        found = received.get(line.id)
        if found is None:
            raise Failed(f"message {line.id} (sequence {line.sequence}) was acknowledged but never arrived")
        if found != line:
            raise Failed(f"message {line.id} arrived changed: published {line}, received {found}")
    acknowledged = {line.id for line in recorded}
    others = [line for line in received.values() if line.id not in acknowledged]
    duplicates = len(deliveries) - len(received)
    if exactly and (others or duplicates):
        raise Failed(f"{duplicates} messages arrived more than once, {len(others)} were never acknowledged")
    return {
        "acknowledged": len(recorded),
        "received": len(received),
        "delivered_again": duplicates,
        "not_acknowledged_but_received": len(others),
    }


def check_order(recorded: list[record.Line]) -> None:
    """Messages of one ordering key went into the log in the order in which they were published."""
    last: dict[str, record.Line] = {}
    for line in sorted(recorded, key=lambda line: line.sequence):
        before = last.get(line.key)
        if line.key and before and int(before.id) >= int(line.id):
            raise Failed(f"order lost in {line.key[:20]!r}: {before} was published before {line}")
        last[line.key] = line


def publish_only(arguments) -> dict:
    with record.Recorder(arguments.record) as recorder:
        publisher = Publisher(arguments, recorder)
        publisher.run()
    if len(recorder.lines) + len(publisher.failures) != arguments.count:
        raise Failed(f"{arguments.count} published, {len(recorder.lines)} acknowledged, {publisher.failures}")
    check_order(recorder.lines)
    return {"acknowledged": len(recorder.lines), "failed": len(publisher.failures)}


def receive_only(arguments) -> dict:
    recorded = record.read(arguments.verify)
    wanted = {line.id for line in recorded}
    receiver = Receiver(arguments)
    try:
        receiver.wait_for(wanted.issubset, arguments.timeout)
    finally:
        receiver.close()
    return compare(recorded, receiver.deliveries, exactly=False)


def publish_and_receive(arguments) -> dict:
    receiver = Receiver(arguments)
    try:
        with record.Recorder(arguments.record) as recorder:
            publisher = Publisher(arguments, recorder)
            publisher.run()
        if publisher.failures:
            raise Failed("; ".join(publisher.failures[:5]))
        receiver.wait_for({line.id for line in recorder.lines}.issubset, arguments.timeout)
    finally:
        receiver.close()
    if len(recorder.lines) != arguments.count:
        raise Failed(f"{arguments.count} published, {len(recorder.lines)} acknowledged")
    check_order(recorder.lines)
    return compare(recorder.lines, receiver.deliveries, exactly=True)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--project", required=True)
    parser.add_argument("--topic", help="where to publish")
    parser.add_argument("--subscription", help="where to receive")
    parser.add_argument("--count", type=int, default=1_000, help="how many messages to publish")
    parser.add_argument("--rate", type=float, default=0, help="messages a second; 0 = as fast as they go")
    parser.add_argument("--seed", type=int, default=1, help="what the messages are made from")
    parser.add_argument("--record", metavar="FILE", help="write a line for each acknowledged message")
    parser.add_argument("--verify", metavar="FILE", help="the record to compare with")
    parser.add_argument("--timeout", type=float, default=120, help="seconds to wait for the last message")
    parser.add_argument("--max-messages", type=int, default=100, help="flow control: messages in hand")
    parser.add_argument("--max-bytes", type=int, default=5_000_000, help="flow control: bytes in hand")
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--publish-only", action="store_true")
    mode.add_argument("--receive-only", action="store_true")
    arguments = parser.parse_args()
    if not arguments.receive_only and not arguments.topic:
        parser.error("--topic is needed to publish")
    if not arguments.publish_only and not arguments.subscription:
        parser.error("--subscription is needed to receive")
    if arguments.receive_only and not arguments.verify:
        parser.error("--receive-only needs --verify FILE")
    return arguments


def main() -> None:
    arguments = parse_arguments()
    run = publish_and_receive
    if arguments.publish_only:
        run = publish_only
    elif arguments.receive_only:
        run = receive_only
    try:
        summary = run(arguments)
    except Failed as failure:
        sys.exit(f"FAILED (seed {arguments.seed}): {failure}")
    print(json.dumps(summary))


if __name__ == "__main__":
    main()
