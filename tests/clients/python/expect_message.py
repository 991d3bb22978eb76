"""Receives one message from a subscription, compares its data, and acknowledges it.

    expect_message.py --project P --subscription S --data 'Hello, World!'
"""

import argparse
import sys

from google.cloud import pubsub_v1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--project", required=True)
    parser.add_argument("--subscription", required=True)
    parser.add_argument("--data", required=True, help="the text the message has to carry")
    arguments = parser.parse_args()

    with pubsub_v1.SubscriberClient() as subscriber:
        path = subscriber.subscription_path(arguments.project, arguments.subscription)
        response = subscriber.pull(subscription=path, max_messages=10, timeout=60)
        received = [(item.message.message_id, item.message.data.decode()) for item in response.received_messages]
        subscriber.acknowledge(subscription=path, ack_ids=[item.ack_id for item in response.received_messages])
    if [data for _, data in received] != [arguments.data]:
        sys.exit(f"expected one message {arguments.data!r}, received {received!r}")
    print(received[0][0])


if __name__ == "__main__":
    main()
