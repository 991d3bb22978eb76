"""A service's own database, and the rule that makes it safe to receive an event twice.

Messages are delivered at least once: a service that dies between its work and its acknowledgement gets the event
again. So each service does its work and notes the outcome **in one transaction of its own database**, under the
order's id:

1. first time: do the work, note the outcome, commit; then publish the outcome, then acknowledge;
2. again: find the outcome, do nothing, publish the same outcome once more, then acknowledge.

Whenever the service dies, either nothing happened, or the outcome is on disk and will be published. What an event
causes further down is made idempotent there, by the same rule. That is how several services agree without a
transaction across all of them.
"""

import json
import pathlib
import sqlite3
import threading


class Store:
    """One SQLite file, used by one thread at a time."""

    def __init__(self, folder: str, name: str, schema: str) -> None:
        pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
        self.lock = threading.RLock()
        self.db = sqlite3.connect(f"{folder}/{name}.sqlite", check_same_thread=False, isolation_level=None)
        self.db.execute("PRAGMA journal_mode = WAL")
        self.db.execute("PRAGMA synchronous = FULL")
        self.db.executescript("CREATE TABLE IF NOT EXISTS outcomes (order_id TEXT PRIMARY KEY, outcome TEXT);" + schema)

    def once(self, order_id: str, work) -> dict:
        """The outcome of `work(db)` for this order; the work is done at most once, whatever happens."""
        with self.lock, self.transaction():
            found = self.db.execute("SELECT outcome FROM outcomes WHERE order_id = ?", (order_id,)).fetchone()
            if found:
                return json.loads(found[0])
            outcome = work(self.db)
            self.db.execute("INSERT INTO outcomes VALUES (?, ?)", (order_id, json.dumps(outcome)))
            return outcome

    def transaction(self) -> "_Transaction":
        """`with store.transaction():` commits at the end, or rolls back when the body raised."""
        return _Transaction(self.db)


class _Transaction:
    def __init__(self, db: sqlite3.Connection) -> None:
        self.db = db

    def __enter__(self) -> None:
        self.db.execute("BEGIN IMMEDIATE")

    def __exit__(self, error, *_) -> None:
        self.db.execute("ROLLBACK" if error else "COMMIT")
