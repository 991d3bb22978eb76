"""Pull, Acknowledge and ModifyAckDeadline one call at a time, and what comes back when nobody acknowledges.

    unary_calls.py --project P --topic T --subscription S      (an empty subscription, deadline 10 s)
"""

import argparse
import threading
import time

import google.pubsub_v1
from google.api_core import exceptions
from google.cloud import pubsub_v1

import checks
from checks import check, check_equal, refused

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--project", required=True)
parser.add_argument("--topic", required=True)
parser.add_argument("--subscription", required=True)
arguments = parser.parse_args()

publisher = pubsub_v1.PublisherClient()
subscriber = pubsub_v1.SubscriberClient()
TOPIC = publisher.topic_path(arguments.project, arguments.topic)
SUBSCRIPTION = subscriber.subscription_path(arguments.project, arguments.subscription)


def publish(*texts):
    """Publishes one message a text, in one call."""
    messages = [{"data": text.encode()} for text in texts]
    request = {"topic": TOPIC, "messages": messages}
    # The method below the batching publisher's: one call, one request.
    return list(google.pubsub_v1.PublisherClient.publish(publisher, request=request, timeout=60).message_ids)


def pull(most=100):
    """Pulls until there is at least one message; a pull that found nothing for a while answers without one."""
    patience = time.monotonic() + 120
    while time.monotonic() < patience:
        response = subscriber.pull(subscription=SUBSCRIPTION, max_messages=most, timeout=90)
        if response.received_messages:
            return list(response.received_messages)
    raise checks.CheckFailed("no message within 120 s")


def pull_all(count):
    """Pulls until `count` messages are there; what came, by its text."""
    received = []
    while len(received) < count:
        received += pull()
    check_equal(len(received), count, "messages pulled")
    return {item.message.data.decode(): item for item in received}


def acknowledge(received):
    subscriber.acknowledge(subscription=SUBSCRIPTION, ack_ids=[item.ack_id for item in received])


def set_deadline(received, seconds):
    subscriber.modify_ack_deadline(
        subscription=SUBSCRIPTION, ack_ids=[item.ack_id for item in received], ack_deadline_seconds=seconds
    )


def nothing_is_left():
    response = subscriber.pull(
        request={"subscription": SUBSCRIPTION, "max_messages": 10, "return_immediately": True}, timeout=90
    )
    check_equal(list(response.received_messages), [], "messages left")


def messages_come_with_their_ids_in_order():
    ids = publish("a", "b", "c")
    check(ids == sorted(set(ids), key=int) and len(ids) == 3, f"three ids, growing: {ids}")
    received = pull_all(3)
    check_equal([received[text].message.message_id for text in "abc"], ids, "ids of what was pulled")
    acknowledge(received.values())
    nothing_is_left()


def a_pull_keeps_to_its_maximum():
    publish(*"12345")
    first = pull(most=2)
    check(1 <= len(first) <= 2, f"asked for 2, got {len(first)}")
    rest = pull_all(5 - len(first))
    check_equal(len({item.ack_id for item in [*first, *rest.values()]}), 5, "distinct ack ids")
    acknowledge([*first, *rest.values()])
    nothing_is_left()


def a_waiting_pull_gets_what_is_published_meanwhile():
    published = threading.Timer(0.3, publish, args=["late"])
    published.start()
    (received,) = pull()
    published.join()
    check_equal(received.message.data, b"late", "what the waiting pull got")
    acknowledge([received])


def an_empty_pull_ends():
    started = time.monotonic()
    try:
        response = subscriber.pull(subscription=SUBSCRIPTION, max_messages=1, timeout=90, retry=None)
    except exceptions.DeadlineExceeded:
        raise checks.CheckFailed("an empty pull has to answer before clients give up") from None
    check_equal(list(response.received_messages), [], "an empty subscription's messages")
    check(time.monotonic() - started < 60, "an empty pull answers before the 60 s at which clients give up")


def a_nack_brings_the_message_back_at_once():
    publish("nacked")
    (first,) = pull()
    started = time.monotonic()
    set_deadline([first], 0)
    (again,) = pull()
    took = time.monotonic() - started
    check_equal(again.message.message_id, first.message.message_id, "the message that came back")
    check(again.ack_id != first.ack_id, "each delivery has its own ack id")
    check(took < 8, f"a nack does not wait for the deadline, but it took {took:.1f} s")
    acknowledge([again])
    nothing_is_left()


def a_deadline_that_passed_brings_the_message_back():
    publish("forgotten", "remembered")
    received = pull_all(2)
    started = time.monotonic()
    acknowledge([received["remembered"]])
    (again,) = pull()
    took = time.monotonic() - started
    check_equal(again.message.data, b"forgotten", "only what was not acknowledged comes back")
    check(took > 5, f"it comes back after the deadline of 10 s, not after {took:.1f} s")
    acknowledge([again])
    nothing_is_left()


def a_longer_deadline_is_kept():
    publish("slow work", "forgotten")
    received = pull_all(2)
    set_deadline([received["slow work"]], 600)
    (again,) = pull()  # waits for the deadline of the other message
    check_equal(again.message.data, b"forgotten", "what came back")
    nothing_is_left()  # "slow work" would be there by now without its longer deadline
    acknowledge([again, received["slow work"]])
    nothing_is_left()


def acknowledging_twice_is_no_error():
    publish("twice")
    received = pull()
    acknowledge(received)
    acknowledge(received)
    nothing_is_left()


def bad_acknowledgements_are_refused():
    with refused(exceptions.InvalidArgument):
        subscriber.acknowledge(subscription=SUBSCRIPTION, ack_ids=["no ack id"])
    publish("x")
    received = pull()
    with refused(exceptions.NotFound):
        subscriber.acknowledge(subscription=f"{SUBSCRIPTION}-missing", ack_ids=[received[0].ack_id])
    with refused(exceptions.InvalidArgument):
        set_deadline(received, 601)
    acknowledge(received)
    nothing_is_left()


if __name__ == "__main__":
    checks.main([
        messages_come_with_their_ids_in_order,
        a_pull_keeps_to_its_maximum,
        a_waiting_pull_gets_what_is_published_meanwhile,
        an_empty_pull_ends,
        a_nack_brings_the_message_back_at_once,
        a_deadline_that_passed_brings_the_message_back,
        a_longer_deadline_is_kept,
        acknowledging_twice_is_no_error,
        bad_acknowledgements_are_refused,
    ])
