"""What the shop sells. Prices are in cents: money is counted, not measured."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Product:
    price: int
    stock: int


PRODUCTS = {
    "espresso": Product(price=650, stock=120),
    "grinder": Product(price=8_900, stock=40),
    "kettle": Product(price=4_250, stock=60),
    "mug": Product(price=1_200, stock=300),
    "machine": Product(price=64_900, stock=10),
}

MOST_OF_ONE_PRODUCT = 20
CARD_LIMIT = 100_000  # the bank declines a payment above 1,000.00


def total(items: list[dict]) -> int:
    """The price of an order's items, in cents."""
    return sum(PRODUCTS[item["product"]].price * item["quantity"] for item in items)
