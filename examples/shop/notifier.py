"""The notifier: writes to the customer, once for each rejected, paid or declined order.

Nobody planned for it: it makes its own subscriptions when it starts, and no other service has to know. What it
would send as e-mail it puts into the table `outbox` of its database.
"""

import json

from google.api_core.exceptions import AlreadyExists

from messaging import PROJECT, Messaging, arguments
from store import Store

TEXTS = {
    "order-rejected": "we can't accept your order: {reason}",
    "payment-successful": "thank you, we received {euros}",
    "payment-failed": "your card was declined: {reason}",
}


def create_subscription(messaging: Messaging, name: str, topic: str) -> None:
    """From now on the subscription gets every message of the topic, whether the notifier runs or not."""
    path = messaging.subscriber.subscription_path(PROJECT, name)
    try:
        messaging.subscriber.create_subscription(name=path, topic=messaging.publisher.topic_path(PROJECT, topic))
    except AlreadyExists:
        pass  # from an earlier start


def write(db, topic: str, event: dict) -> dict:
    """Writes the letter about an event; returns it."""
    euros = f"{event.get('amount', 0) / 100:.2f} EUR"
    text = TEXTS[topic].format(reason=event.get("reason"), euros=euros)
    letter = {"order_id": event["order_id"], "about": topic, "text": text}
    db.execute("INSERT INTO outbox VALUES (?)", (json.dumps(letter),))
    return letter


def main() -> None:
    flags = arguments(__doc__).parse_args()
    messaging = Messaging("notifier")
    store = Store(flags.data, "notifier", "CREATE TABLE IF NOT EXISTS outbox (letter TEXT NOT NULL);")

    def notify(topic: str, event: dict) -> None:
        store.once(event["order_id"], lambda db: write(db, topic, event))

    for topic in TEXTS:
        name = f"notifier-{topic}"
        create_subscription(messaging, name, topic)
        messaging.subscribe(name, lambda event, topic=topic: notify(topic, event))
    messaging.run()


if __name__ == "__main__":
    main()
