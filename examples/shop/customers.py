"""The customers: places orders, most of them good, some wrong, some too dear, and says what has to become of each.

    customers.py --count 300 --record placed.jsonl

Each line of the record is an order with its `expected` outcome: `rejected`, `paid` or `unpaid`.
"""

import argparse
import json
import random
import sys
import time
import urllib.error
import urllib.request

from catalogue import CARD_LIMIT, PRODUCTS, total

NAMES = ("Ada", "Björn", "Chiara", "Đặng", "Ewa", "François", "Γιώργος", "花子")


def good_items(rng: random.Random) -> list[dict]:
    """Items that the bank does not decline."""
    while True:
        products = rng.sample(sorted(PRODUCTS), rng.randint(1, 3))
        items = [{"product": product, "quantity": rng.randint(1, 5)} for product in products]
        if total(items) <= CARD_LIMIT:
            return items


def order(rng: random.Random, number: int) -> dict:
    """An order, and what has to become of it."""
    items = good_items(rng)
    made = {"order_id": f"order-{number:05}", "customer": rng.choice(NAMES), "items": items, "total": total(items)}
    fate = rng.choices(["paid", "unpaid", "product", "quantity", "total", "empty", "customer"], [70, 12, 4, 4, 4, 3, 3])
    match fate[0]:
        case "paid":
            return {**made, "expected": "paid"}
        case "unpaid":
            made["items"] = [{"product": "machine", "quantity": rng.randint(2, 4)}]
            return {**made, "total": total(made["items"]), "expected": "unpaid"}
        case "product":
            made["items"] = [*items, {"product": "teapot", "quantity": 1}]
        case "quantity":
            made["items"] = [{"product": "mug", "quantity": rng.choice([0, -1, 21])}]
            made["total"] = total(made["items"])
        case "total":
            made["total"] -= 1
        case "empty":
            made.update(items=[], total=0)
        case "customer":
            made["customer"] = ""
    return {**made, "expected": "rejected"}


def place(web: str, placed: dict, patience: float) -> None:
    """Sends an order until the shop has it. It carries its id, so that sending it twice orders once."""
    body = json.dumps({key: value for key, value in placed.items() if key != "expected"}).encode()
    deadline = time.monotonic() + patience
    while True:
        request = urllib.request.Request(f"{web}/orders", body, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=patience) as answer:
                if json.load(answer) != {"order_id": placed["order_id"]}:
                    sys.exit(f"the shop took {placed['order_id']} for another order")
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError) as error:
            refused = isinstance(error, urllib.error.HTTPError) and error.code != 503
            if refused or time.monotonic() > deadline:
                sys.exit(f"{placed['order_id']} could not be placed: {error}")
            time.sleep(0.2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--web", default="http://127.0.0.1:8000", help="the shop's address")
    parser.add_argument("--count", type=int, default=100, help="how many orders")
    parser.add_argument("--seed", type=int, default=1, help="what the orders are made from")
    parser.add_argument("--record", metavar="FILE", help="write the placed orders and what has to become of them")
    flags = parser.parse_args()

    rng = random.Random(flags.seed)
    with open(flags.record or "/dev/null", "w", encoding="utf-8") as record:
        for number in range(flags.count):
            placed = order(rng, number)
            place(flags.web, placed, patience=120)
            record.write(json.dumps(placed) + "\n")
            record.flush()
    print(f"customers: {flags.count} orders placed")


if __name__ == "__main__":
    main()
