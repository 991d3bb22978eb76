"""The messages that the test programs publish: message N of a seed is the same in every process.

They vary in what a broker could get wrong: sizes from 1 B to 1 MB, bytes that are no text, text in several
scripts, no data at all, many attributes or none, with and without an ordering key.
"""

import hashlib
import random
from dataclasses import dataclass

SMALL_SIZES = (1, 2, 10, 100, 1_000, 10_000)
TEXTS = ("Grüße aus Köln", "こんにちは世界", "Здравствуй, мир", "👋🏽 emoji and \u0000 zero", "\n\r\t\"quoted\"\\")
ORDERING_KEYS = ("customer-1", "customer-2", "ключ", "鍵", "k" * 1_000)


@dataclass(frozen=True)
class TestMessage:
    """What goes into one publish call."""

    __test__ = False  # not a test case, whatever a test collector makes of the name

    data: bytes
    attributes: dict
    ordering_key: str

    def digest(self) -> str:
        return digest(self.data, self.attributes, self.ordering_key)


def digest(data: bytes, attributes: dict, ordering_key: str) -> str:
    """A fingerprint of everything a publisher decides; each part is length-framed."""
    hasher = hashlib.sha256()
    parts = [data, ordering_key.encode()]
    for key in sorted(attributes):
        parts += [key.encode(), attributes[key].encode()]
    for part in parts:
        hasher.update(len(part).to_bytes(8, "big"))
        hasher.update(part)
    return hasher.hexdigest()


def message(seed: int, sequence: int) -> TestMessage:
    """Message number `sequence` of the run `seed`."""
    rng = random.Random(f"{seed}/{sequence}")
    return TestMessage(_data(rng, sequence), _attributes(rng, seed, sequence), _ordering_key(rng))


def _data(rng: random.Random, sequence: int) -> bytes:
    if sequence % 250 == 249:
        return rng.randbytes(1_000_000)
    if sequence % 100 == 99:
        return rng.randbytes(100_000)
    kind = rng.random()
    if kind < 0.05:
        return b""  # allowed, because the message has attributes
    if kind < 0.25:
        return rng.choice(TEXTS).encode()
    return rng.randbytes(rng.choice(SMALL_SIZES))


def _attributes(rng: random.Random, seed: int, sequence: int) -> dict:
    attributes = {"seed": str(seed), "sequence": str(sequence)}
    if rng.random() < 0.1:  # up to the limits: 100 attributes, keys of 256 B, values of 1,024 B
        for number in range(98):
            attributes[f"{number:03}".ljust(256, "k")] = "v" * rng.choice((0, 1, 1_024))
    elif rng.random() < 0.5:
        attributes["空"] = ""
        attributes["текст"] = rng.choice(TEXTS)
    return attributes


def _ordering_key(rng: random.Random) -> str:
    return rng.choice(ORDERING_KEYS) if rng.random() < 0.4 else ""
