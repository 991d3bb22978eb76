"""Prints what became of the shop's orders; with `--wait`, once nothing is under way any more.

    report.py --wait 60
"""

import argparse
import json
import sys
import time
import urllib.request


def summary(web: str) -> dict:
    with urllib.request.urlopen(f"{web}/summary", timeout=30) as answer:
        return json.load(answer)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--web", default="http://127.0.0.1:8000", help="the shop's address")
    parser.add_argument("--wait", type=float, default=0, help="seconds to wait for the last order")
    flags = parser.parse_args()

    deadline = time.monotonic() + flags.wait
    now = summary(flags.web)
    while now["final"] < now["placed"] and time.monotonic() < deadline:
        time.sleep(0.2)
        now = summary(flags.web)
    print(json.dumps(now))
    if flags.wait and now["final"] < now["placed"]:
        sys.exit(f"{now['placed'] - now['final']} orders are still under way")


if __name__ == "__main__":
    main()
