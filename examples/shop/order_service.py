"""The order service: `new-order` -> `order-validated` or `order-rejected`.

It keeps no database: the same order gets the same verdict, however often it comes.
"""

from catalogue import MOST_OF_ONE_PRODUCT, PRODUCTS, total
from messaging import Messaging, arguments


def objection(order: dict) -> str | None:
    """Why an order can't be accepted; None when it can."""
    items = order.get("items")
    if not order.get("customer"):
        return "no customer"
    if not isinstance(items, list) or not items:
        return "no items"
    for item in items:
        product, quantity = item.get("product"), item.get("quantity")
        if product not in PRODUCTS:
            return f"unknown product {product}"
        if not isinstance(quantity, int) or not 1 <= quantity <= MOST_OF_ONE_PRODUCT:
            return f"quantity {quantity} of {product} is not between 1 and {MOST_OF_ONE_PRODUCT}"
    if order.get("total") != total(items):
        return f"total {order.get('total')} is not the price of the items, {total(items)}"
    return None


def main() -> None:
    arguments(__doc__).parse_args()
    messaging = Messaging("order-service")

    def new_order(order: dict) -> None:
        reason = objection(order)
        if reason:
            messaging.publish("order-rejected", {"order_id": order["order_id"], "reason": reason})
        else:
            messaging.publish("order-validated", order)

    messaging.subscribe("order-service", new_order)
    messaging.run()


if __name__ == "__main__":
    main()
