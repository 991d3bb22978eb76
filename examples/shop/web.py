"""The web application: takes orders over HTTP, publishes `new-order`, and follows what becomes of each.

    POST /orders         {"customer", "items": [{"product", "quantity"}], "total"}   -> 202 {"order_id"}
    GET  /orders/ID      the order and its state
    GET  /summary        how many orders are in which state

An order that came with an `order_id` can be sent again when the answer got lost.
"""

import http.server
import json
import threading
import uuid

from messaging import Messaging, arguments
from store import Store

SCHEMA = """
CREATE TABLE IF NOT EXISTS orders (
    order_id TEXT PRIMARY KEY, placed TEXT NOT NULL, rejected TEXT, inventory TEXT, payment TEXT
);
"""
# Which event of which subscription fills which column.
SUBSCRIPTIONS = {
    "web-rejected": "rejected",
    "web-inventory": "inventory",
    "web-paid": "payment",
    "web-unpaid": "payment",
}
FINAL = "rejected IS NOT NULL OR (inventory IS NOT NULL AND payment IS NOT NULL)"


class Web:
    def __init__(self, data: str) -> None:
        self.messaging = Messaging("web")
        self.store = Store(data, "web", SCHEMA)

    def place(self, order: dict) -> dict:
        """Stores the order and publishes it; when it answers, the order can't get lost any more."""
        order = {"order_id": uuid.uuid4().hex, **order}
        with self.store.lock:
            self.store.db.execute(
                "INSERT OR IGNORE INTO orders (order_id, placed) VALUES (?, ?)", (order["order_id"], json.dumps(order))
            )
        self.messaging.publish("new-order", order)
        return {"order_id": order["order_id"]}

    def follow(self, column: str, event: dict) -> None:
        """Notes an event of an order. The first one counts: one that comes again says the same."""
        with self.store.lock:
            self.store.db.execute(
                f"UPDATE orders SET {column} = ? WHERE order_id = ? AND {column} IS NULL",
                (json.dumps(event), event["order_id"]),
            )

    def order(self, order_id: str) -> dict | None:
        with self.store.lock:
            row = self.store.db.execute(
                "SELECT placed, rejected, inventory, payment FROM orders WHERE order_id = ?", (order_id,)
            ).fetchone()
        if row is None:
            return None
        names = ("placed", "rejected", "inventory", "payment")
        return {name: json.loads(text) if text else None for name, text in zip(names, row)}

    def summary(self) -> dict:
        with self.store.lock:
            row = self.store.db.execute(
                f"""SELECT count(*), count({FINAL} OR NULL), count(rejected), count(inventory),
                    count(json_extract(payment, '$.paid') = 1 OR NULL),
                    count(json_extract(payment, '$.paid') = 0 OR NULL) FROM orders"""
            ).fetchone()
        names = ("placed", "final", "rejected", "inventory_updated", "paid", "unpaid")
        return dict(zip(names, row))


class Requests(http.server.BaseHTTPRequestHandler):
    web: Web
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path != "/orders":
            return self.answer(404, {"error": f"there is no {self.path}; POST /orders"})
        try:
            order = json.loads(body)
            if not isinstance(order, dict):
                raise ValueError("an order is an object")
        except ValueError as error:
            return self.answer(400, {"error": f"the body is not an order: {error}"})
        try:
            return self.answer(202, self.web.place(order))
        except Exception as error:  # the broker is away for longer than the client retries
            return self.answer(503, {"error": f"the order could not be passed on, send it again: {error}"})

    def do_GET(self) -> None:
        if self.path == "/summary":
            return self.answer(200, self.web.summary())
        if self.path.startswith("/orders/"):
            order = self.web.order(self.path.removeprefix("/orders/"))
            return self.answer(200, order) if order else self.answer(404, {"error": "no such order"})
        return self.answer(404, {"error": f"there is no {self.path}; GET /summary or /orders/ID"})

    def answer(self, status: int, body: dict) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_) -> None:
        """No line for each request."""


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--port", type=int, default=8000, help="where to listen on 127.0.0.1; 0 = any free port")
    flags = parser.parse_args()

    web = Web(flags.data)
    for subscription, column in SUBSCRIPTIONS.items():
        web.messaging.subscribe(subscription, lambda event, column=column: web.follow(column, event))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", flags.port), type("WebRequests", (Requests,), {"web": web}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"web: http://127.0.0.1:{server.server_port}", flush=True)
    web.messaging.run()
    server.shutdown()


if __name__ == "__main__":
    main()
