"""The payment service: `order-validated` -> charges the customer's card -> `payment-successful` or `payment-failed`.

The ledger has a line for each charge: an order is charged once, however often its event comes.
"""

from catalogue import CARD_LIMIT
from messaging import Messaging, arguments
from store import Store

SCHEMA = "CREATE TABLE IF NOT EXISTS ledger (order_id TEXT NOT NULL, customer TEXT NOT NULL, amount INTEGER NOT NULL);"


def charge(db, order: dict) -> dict:
    """Charges an order's total, unless the bank declines."""
    outcome = {"order_id": order["order_id"], "amount": order["total"]}
    if order["total"] > CARD_LIMIT:
        return {**outcome, "paid": False, "reason": "above the card's limit"}
    db.execute("INSERT INTO ledger VALUES (?, ?, ?)", (order["order_id"], order["customer"], order["total"]))
    return {**outcome, "paid": True}


def main() -> None:
    flags = arguments(__doc__).parse_args()
    messaging = Messaging("payment-service")
    store = Store(flags.data, "payment", SCHEMA)

    def order_validated(order: dict) -> None:
        outcome = store.once(order["order_id"], lambda db: charge(db, order))
        messaging.publish("payment-successful" if outcome["paid"] else "payment-failed", outcome)

    messaging.subscribe("payment-service", order_validated)
    messaging.run()


if __name__ == "__main__":
    main()
