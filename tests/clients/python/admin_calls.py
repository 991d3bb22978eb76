"""Topics and subscriptions by the official client: create, get, list in pages, update, delete, and what is refused.

    admin_calls.py --project P      (a project without topics)
"""

import argparse

from google.api_core import exceptions
from google.cloud import pubsub_v1

import checks
from checks import check, check_equal, refused

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--project", required=True)
PROJECT = parser.parse_args().project

publisher = pubsub_v1.PublisherClient()
subscriber = pubsub_v1.SubscriberClient()
ORDERS = publisher.topic_path(PROJECT, "orders")
BILLING = subscriber.subscription_path(PROJECT, "billing")
SHIPPING = subscriber.subscription_path(PROJECT, "shipping")


def project_is_empty():
    check_equal(list(publisher.list_topics(project=f"projects/{PROJECT}")), [], "topics of a new project")


def topics_are_created_and_found():
    created = publisher.create_topic(request={"name": ORDERS, "labels": {"team": "shop"}})
    check_equal(created.name, ORDERS, "name of the created topic")
    check_equal(dict(publisher.get_topic(topic=ORDERS).labels), {"team": "shop"}, "labels of the topic")


def a_topic_is_created_once():
    with refused(exceptions.AlreadyExists, "orders"):
        publisher.create_topic(name=ORDERS)


def a_missing_topic_is_named():
    missing = publisher.topic_path(PROJECT, "missing")
    with refused(exceptions.NotFound, missing):
        publisher.get_topic(topic=missing)
    with refused(exceptions.NotFound, missing):
        publisher.delete_topic(topic=missing)
    with refused(exceptions.NotFound, missing):
        subscriber.create_subscription(name=BILLING, topic=missing)
    with refused(exceptions.NotFound):
        publisher.publish(missing, b"nowhere to go").result(timeout=60)


def bad_names_are_refused():
    for name in ("1orders", "or", "goog-orders", "or ders", "x" * 256):
        with refused(exceptions.InvalidArgument):
            publisher.create_topic(name=publisher.topic_path(PROJECT, name))


def lists_come_in_pages():
    names = [publisher.topic_path(PROJECT, f"page-{number}") for number in range(7)]
    for name in names:
        publisher.create_topic(name=name)
    pages = [
        [topic.name for topic in page.topics]
        for page in publisher.list_topics(request={"project": f"projects/{PROJECT}", "page_size": 3}).pages
    ]
    check_equal(sorted(name for page in pages for name in page), sorted([ORDERS, *names]), "all topics, once each")
    check(len(pages) >= 3 and all(len(page) <= 3 for page in pages), f"no page above 3 topics: {pages}")
    for name in names:
        publisher.delete_topic(topic=name)


def subscriptions_are_created_and_found():
    created = subscriber.create_subscription(
        request={"name": BILLING, "topic": ORDERS, "ack_deadline_seconds": 42, "labels": {"team": "money"}}
    )
    check_equal(created.topic, ORDERS, "topic of the created subscription")
    found = subscriber.get_subscription(subscription=BILLING)
    check_equal(found.ack_deadline_seconds, 42, "deadline of the subscription")
    check_equal(dict(found.labels), {"team": "money"}, "labels of the subscription")
    shipping = subscriber.create_subscription(name=SHIPPING, topic=ORDERS)
    check_equal(shipping.ack_deadline_seconds, 10, "deadline when none is asked for")
    with refused(exceptions.AlreadyExists, "billing"):
        subscriber.create_subscription(name=BILLING, topic=ORDERS)


def a_bad_deadline_is_refused():
    for seconds in (9, 601):
        with refused(exceptions.InvalidArgument):
            subscriber.create_subscription(
                request={"name": f"{SHIPPING}-{seconds}", "topic": ORDERS, "ack_deadline_seconds": seconds}
            )


def subscriptions_are_listed():
    listed = sorted(item.name for item in subscriber.list_subscriptions(project=f"projects/{PROJECT}"))
    check_equal(listed, [BILLING, SHIPPING], "subscriptions of the project")
    of_topic = sorted(publisher.list_topic_subscriptions(topic=ORDERS))
    check_equal(of_topic, [BILLING, SHIPPING], "subscriptions of the topic")


def topics_are_updated():
    new = {"name": ORDERS, "labels": {"team": "checkout", "tier": "1"}}
    updated = publisher.update_topic(request={"topic": new, "update_mask": {"paths": ["labels"]}})
    check_equal(updated.name, ORDERS, "name of the updated topic")
    check_equal(dict(updated.labels), new["labels"], "labels in the answer")
    check_equal(dict(publisher.get_topic(topic=ORDERS).labels), new["labels"], "labels after the update")


def subscriptions_are_updated():
    new = {"name": BILLING, "ack_deadline_seconds": 77, "labels": {"ignored": "yes"}}
    updated = subscriber.update_subscription(
        request={"subscription": new, "update_mask": {"paths": ["ack_deadline_seconds"]}}
    )
    check_equal(updated.ack_deadline_seconds, 77, "deadline in the answer")
    check_equal(updated.topic, ORDERS, "topic in the answer")
    check_equal(dict(updated.labels), {"team": "money"}, "labels, which the mask does not name")
    new = {"name": BILLING, "labels": {"team": "treasury"}}
    subscriber.update_subscription(request={"subscription": new, "update_mask": {"paths": ["labels"]}})
    found = subscriber.get_subscription(subscription=BILLING)
    check_equal((found.ack_deadline_seconds, dict(found.labels)), (77, {"team": "treasury"}), "both updates")


def bad_updates_are_refused():
    def update(paths, **fields):
        subscription = {"name": BILLING, **fields}
        subscriber.update_subscription(request={"subscription": subscription, "update_mask": {"paths": paths}})

    with refused(exceptions.InvalidArgument, "update_mask"):
        update([], labels={"a": "b"})
    with refused(exceptions.InvalidArgument, "filter"):
        update(["filter"], filter="attributes:x")
    with refused(exceptions.InvalidArgument, "colour"):
        update(["colour"])
    with refused(exceptions.InvalidArgument, "ack_deadline_seconds"):
        update(["ack_deadline_seconds"], ack_deadline_seconds=9)
    # The client tells UNIMPLEMENTED apart by its own class.
    with refused(exceptions.MethodNotImplemented, "push_config"):
        update(["push_config"], push_config={"push_endpoint": "https://example.com"})
    missing = subscriber.subscription_path(PROJECT, "missing")
    with refused(exceptions.NotFound, missing):
        update(["labels"], name=missing)
    check_equal(subscriber.get_subscription(subscription=BILLING).ack_deadline_seconds, 77, "nothing was changed")


def a_pull_subscription_stays_one():
    subscriber.modify_push_config(subscription=BILLING, push_config={})
    with refused(exceptions.MethodNotImplemented, "push_config"):
        subscriber.modify_push_config(subscription=BILLING, push_config={"push_endpoint": "https://example.com"})


def publishes_are_checked():
    with refused(exceptions.InvalidArgument):
        publisher.publish(ORDERS, b"").result(timeout=60)  # neither data nor attributes
    with refused(exceptions.InvalidArgument):
        publisher.publish(ORDERS, b"x", **{"goog-key": "reserved"}).result(timeout=60)
    with refused(exceptions.InvalidArgument):
        publisher.publish(ORDERS, b"x", **{"key": "v" * 1_025}).result(timeout=60)


def a_deleted_topic_leaves_its_subscriptions():
    publisher.delete_topic(topic=ORDERS)
    check_equal(subscriber.get_subscription(subscription=BILLING).topic, "_deleted-topic_", "topic of an orphan")
    publisher.create_topic(name=ORDERS)
    check_equal(
        subscriber.get_subscription(subscription=BILLING).topic, "_deleted-topic_", "an orphan is not adopted again"
    )
    check_equal(list(publisher.list_topic_subscriptions(topic=ORDERS)), [], "subscriptions of the new topic")


def subscriptions_are_deleted():
    for name in (BILLING, SHIPPING):
        subscriber.delete_subscription(subscription=name)
        with refused(exceptions.NotFound, name):
            subscriber.get_subscription(subscription=name)
    publisher.delete_topic(topic=ORDERS)
    project_is_empty()


if __name__ == "__main__":
    checks.main([
        project_is_empty,
        topics_are_created_and_found,
        a_topic_is_created_once,
        a_missing_topic_is_named,
        bad_names_are_refused,
        lists_come_in_pages,
        subscriptions_are_created_and_found,
        a_bad_deadline_is_refused,
        subscriptions_are_listed,
        topics_are_updated,
        subscriptions_are_updated,
        bad_updates_are_refused,
        a_pull_subscription_stays_one,
        publishes_are_checked,
        a_deleted_topic_leaves_its_subscriptions,
        subscriptions_are_deleted,
    ])
