"""The inventory service: `order-validated` -> takes the goods from the stock -> `inventory-updated`.

What the stock does not have is back-ordered: the event says how many of which product.
"""

from catalogue import PRODUCTS
from messaging import Messaging, arguments
from store import Store

SCHEMA = "CREATE TABLE IF NOT EXISTS stock (product TEXT PRIMARY KEY, quantity INTEGER CHECK (quantity >= 0));"


def open_store(data: str) -> Store:
    store = Store(data, "inventory", SCHEMA)
    for name, product in PRODUCTS.items():
        store.db.execute("INSERT OR IGNORE INTO stock VALUES (?, ?)", (name, product.stock))
    return store


def take(db, order: dict) -> dict:
    """Takes an order's goods from the stock; what was taken and what was not there."""
    taken, back_ordered = {}, {}
    for item in order["items"]:
        product, wanted = item["product"], item["quantity"]
        (there,) = db.execute("SELECT quantity FROM stock WHERE product = ?", (product,)).fetchone()
        got = min(wanted, there)
        db.execute("UPDATE stock SET quantity = quantity - ? WHERE product = ?", (got, product))
        taken[product] = taken.get(product, 0) + got
        if got < wanted:
            back_ordered[product] = back_ordered.get(product, 0) + wanted - got
    return {"order_id": order["order_id"], "taken": taken, "back_ordered": back_ordered}


def main() -> None:
    flags = arguments(__doc__).parse_args()
    messaging = Messaging("inventory-service")
    store = open_store(flags.data)

    def order_validated(order: dict) -> None:
        outcome = store.once(order["order_id"], lambda db: take(db, order))
        messaging.publish("inventory-updated", outcome)

    messaging.subscribe("inventory-service", order_validated)
    messaging.run()


if __name__ == "__main__":
    main()
