"""Compares what became of the example shop's orders with what had to, in every service's own books.

    check_shop.py --web http://127.0.0.1:8000 --placed placed.jsonl --data FOLDER
"""

import argparse
import collections
import json
import pathlib
import sqlite3
import sys
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).parents[3] / "examples" / "shop"))

import checks
from catalogue import PRODUCTS
from checks import check_equal, check_same

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--web", required=True)
parser.add_argument("--placed", required=True)
parser.add_argument("--data", required=True)
arguments = parser.parse_args()

PLACED = [json.loads(line) for line in pathlib.Path(arguments.placed).read_text().splitlines()]
ACCEPTED = [order for order in PLACED if order["expected"] != "rejected"]
ABOUT = {"rejected": "order-rejected", "paid": "payment-successful", "unpaid": "payment-failed"}


def rows(service: str, query: str) -> list:
    database = sqlite3.connect(f"{arguments.data}/{service}.sqlite")
    try:
        return database.execute(query).fetchall()
    finally:
        database.close()


def as_the_web_has_it(order: dict) -> dict:
    with urllib.request.urlopen(f"{arguments.web}/orders/{order['order_id']}", timeout=30) as answer:
        return json.load(answer)


def quantities(items: list) -> dict:
    wanted = collections.Counter()
    for item in items:
        wanted[item["product"]] += item["quantity"]
    return dict(wanted)


def every_order_has_exactly_its_outcome():
    for order in PLACED:
        found = as_the_web_has_it(order)
        name = order["order_id"]
        outcome = {key: found[key] is not None for key in ("rejected", "inventory", "payment")}
        accepted = order["expected"] != "rejected"
        check_equal(outcome, {"rejected": not accepted, "inventory": accepted, "payment": accepted}, name)
        if accepted:
            check_equal(found["payment"]["paid"], order["expected"] == "paid", f"{name} is paid")
            check_equal(found["payment"]["amount"], order["total"], f"amount of {name}")
            moved = collections.Counter(found["inventory"]["taken"])
            moved.update(found["inventory"]["back_ordered"])
            check_equal(dict(moved), quantities(order["items"]), f"goods of {name}")


def the_stock_is_what_was_not_taken():
    taken = collections.Counter()
    for order in ACCEPTED:
        taken.update(as_the_web_has_it(order)["inventory"]["taken"])
    stock = dict(rows("inventory", "SELECT product, quantity FROM stock"))
    check_equal(stock, {name: product.stock - taken[name] for name, product in PRODUCTS.items()}, "stock")
    wanted = collections.Counter()
    for order in ACCEPTED:
        wanted.update(quantities(order["items"]))
    check_equal(
        dict(taken),
        {name: min(count, PRODUCTS[name].stock) for name, count in wanted.items()},
        "goods taken: all that were wanted, or all that were there",
    )


def each_paid_order_is_charged_once():
    ledger = rows("payment", "SELECT order_id, customer, amount FROM ledger")
    paid = [order for order in PLACED if order["expected"] == "paid"]
    check_same(ledger, [(order["order_id"], order["customer"], order["total"]) for order in paid], "ledger")


def each_customer_is_written_to_once():
    wanted = [(order["order_id"], ABOUT[order["expected"]]) for order in PLACED]
    patience = time.monotonic() + 120
    while True:  # the notifier may come after the web
        letters = [json.loads(letter) for (letter,) in rows("notifier", "SELECT letter FROM outbox")]
        if len(letters) >= len(wanted) or time.monotonic() > patience:
            break
        time.sleep(0.2)
    check_same([(letter["order_id"], letter["about"]) for letter in letters], wanted, "letters")


if __name__ == "__main__":
    checks.main([
        every_order_has_exactly_its_outcome,
        the_stock_is_what_was_not_taken,
        each_paid_order_is_charged_once,
        each_customer_is_written_to_once,
    ])
