"""What the check programs share: a check that failed says what was expected and what was found, and ends the program."""

import collections
import contextlib
import sys

from google.api_core import exceptions


class CheckFailed(Exception):
    """A user would notice this."""


def check(condition: bool, what: str) -> None:
    if not condition:
        raise CheckFailed(what)


def check_equal(found, expected, what: str) -> None:
    check(found == expected, f"{what}: expected {expected!r}, found {found!r}")


def check_same(found: list, expected: list, what: str) -> None:
    """Both have the same items, as often; the order does not matter. Says only what differs."""
    found, expected = collections.Counter(found), collections.Counter(expected)
    missing, extra = list((expected - found).elements()), list((found - expected).elements())
    check(not missing and not extra, f"{what}: missing {missing[:10]}, too many {extra[:10]}")


@contextlib.contextmanager
def refused(error: type[exceptions.GoogleAPICallError], *mentions: str):
    """The calls inside have to fail with `error`, and the text has to mention each of `mentions`."""
    try:
        yield
    except error as refusal:
        for mention in mentions:
            check(mention in str(refusal), f"the refusal should mention {mention!r}: {refusal}")
        return
    raise CheckFailed(f"expected {error.__name__}, but the call succeeded")


def main(steps) -> None:
    """Runs the steps in order; exit status 1 and the reason on standard error when one fails."""
    for step in steps:
        try:
            step()
        except CheckFailed as failure:
            sys.exit(f"FAILED {step.__name__}: {failure}")
        print(f"ok {step.__name__}", flush=True)
