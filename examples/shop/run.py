"""Starts the five services of the shop, and stops them together on Ctrl-C.

    PUBSUB_EMULATOR_HOST=127.0.0.1:8085 python run.py
"""

import argparse
import pathlib
import signal
import subprocess
import sys
import time

SERVICES = ("order_service", "inventory_service", "payment_service", "notifier", "web")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="data", help="the folder of the services' databases")
    flags = parser.parse_args()
    here = pathlib.Path(__file__).parent
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    services = {
        name: subprocess.Popen([sys.executable, here / f"{name}.py", "--data", flags.data]) for name in SERVICES
    }
    try:
        while all(service.poll() is None for service in services.values()):
            time.sleep(0.5)
        ended = [name for name, service in services.items() if service.poll() is not None]
        sys.exit(f"{', '.join(ended)} ended; stopping the others")
    except KeyboardInterrupt:
        pass
    finally:
        for service in services.values():
            service.terminate()
        for service in services.values():
            service.wait()


if __name__ == "__main__":
    main()
