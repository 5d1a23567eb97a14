"""``python -m airflow_provider_onedrive.emulator``: serve until Ctrl-C, and say how to reach it."""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
import threading

from airflow_provider_onedrive.emulator.emulator import DEFAULT_USERS, Emulator


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    emulator = Emulator(
        strict=options.strict, port=options.port, store_port=options.store_port, users=options.user or DEFAULT_USERS
    )
    stopped = _stop_signal()
    try:
        emulator.start()
    except (OSError, ImportError) as error:
        sys.stderr.write(f"The emulator cannot start: {error}\n")
        return 1
    try:
        sys.stdout.write(_greeting(emulator))
        sys.stdout.flush()
        stopped.wait()
    finally:
        emulator.stop()
    sys.stdout.write("Stopped.\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m airflow_provider_onedrive.emulator",
        description="A local OneDrive with Microsoft Graph and Entra ID, for tests only. It keeps nothing.",
    )
    parser.add_argument("--port", type=int, default=0, help="of Graph and Entra ID; any free one when absent")
    parser.add_argument("--store-port", type=int, default=0, help="of downloads and uploads; any free one when absent")
    parser.add_argument("--user", action="append", metavar="UPN", help="a user with an empty drive; may be repeated")
    strictness = parser.add_mutually_exclusive_group()
    strictness.add_argument(
        "--strict", action="store_true", default=False, help="refuse what the service need not take"
    )
    strictness.add_argument("--lenient", action="store_false", dest="strict", help="let it pass (the default)")
    return parser


def _stop_signal() -> threading.Event:
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    return stopped


def _greeting(emulator: Emulator) -> str:
    exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in emulator.environment.items())
    return (
        "A local OneDrive is running, for tests only: it holds no real data and keeps nothing.\n"
        f"Graph and Entra ID: {emulator.graph_url}\n"
        f"Users: {', '.join(emulator.users)}\n"
        "Paste this where Airflow runs; Ctrl-C stops the emulator.\n\n"
        f"{exports}\n"
    )


if __name__ == "__main__":
    sys.exit(main())
