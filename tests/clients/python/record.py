"""The record of what the broker acknowledged: one JSON object a line, written the moment the answer came."""

import dataclasses
import json
import os
import threading


@dataclasses.dataclass(frozen=True)
class Line:
    """One acknowledged message."""

    id: str
    sequence: int
    key: str
    digest: str


class Recorder:
    """Keeps the lines in memory, and in a file when given one. May be used by several threads."""

    def __init__(self, path: str | None) -> None:
        self.lines: list[Line] = []
        self._lock = threading.Lock()
        self._file = open(path, "w", encoding="utf-8") if path else None

    def acknowledged(self, message_id: str, sequence: int, key: str, digest: str) -> None:
        line = Line(message_id, sequence, key, digest)
        with self._lock:
            self.lines.append(line)
            if self._file:
                self._file.write(json.dumps(dataclasses.asdict(line)) + "\n")
                self._file.flush()

    def __enter__(self) -> "Recorder":
        return self

    def __exit__(self, *_) -> None:
        if self._file:
            os.fsync(self._file.fileno())
            self._file.close()


def read(path: str) -> list[Line]:
    """The lines of a record, in the order of the acknowledgements."""
    with open(path, encoding="utf-8") as file:
        return [Line(**json.loads(text)) for text in file]
