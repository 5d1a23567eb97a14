"""The emulator in a process of its own, for clients that are measured: ``python benchmarks/served.py [--no-tls]``."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def served(latency_seconds: float = 0.0) -> Iterator[str]:
    """Run the emulator, and give the connection to it as JSON text.

    :param latency_seconds: that each request takes longer.
    """
    command = [sys.executable, __file__, str(latency_seconds)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process.stdout.readline() if process.stdout else ""


def _serve(latency_seconds: float) -> None:
    """Be the emulator until the input ends."""
    from airflow_provider_onedrive.emulator import Emulator  # noqa: PLC0415 - the processes that load it need none
    from airflow_provider_onedrive.emulator.faults import latency  # noqa: PLC0415 - as above

    with Emulator() as emulator:
        if latency_seconds:
            emulator.faults.add(times=None, do=latency(latency_seconds))
        print(json.dumps(json.loads(emulator.connection)), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    _serve(float(sys.argv[1]))
