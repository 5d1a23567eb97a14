"""The emulator in a process of its own, once with TLS and once plain, that does what its starter says.

It reads a line of JSON, does it and answers with one: ``begin`` empties both drives, sets the latency and fills a
drive; ``requests`` tells what was asked since the last time.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

TLS, PLAIN = "TLS", "plain HTTP"
USER = "anna@contoso.example"


class Tenant:
    """What the other process serves.

    :param facts: how it is reached, by scheme: addresses, ids, secrets and tokens.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.facts: dict[str, dict[str, Any]] = {}

    def begin(self, latency_seconds: float = 0.0, fill: dict[str, Any] | None = None) -> None:
        """Empty it.

        :param latency_seconds: that each request takes longer.
        :param fill: ``prefix``, ``folders``, ``files`` in each of them and their ``size``; of both drives.
        """
        self.facts = self._ask(do="begin", latency=latency_seconds, fill=fill)

    def requests(self, scheme: str = TLS) -> list[str]:
        """Return what was asked since the last time, but for tokens."""
        asked: list[str] = self._ask(do="requests", scheme=scheme)
        return asked

    def _ask(self, **command: Any) -> Any:
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("The emulator has no pipes.")
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


@contextmanager
def tenant(folder: str) -> Iterator[Tenant]:
    """Start it.

    :param folder: where it keeps the content of large files.
    """
    environment = os.environ | {"TMPDIR": folder}
    with subprocess.Popen(
        [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        yield Tenant(process)


def _serve() -> None:
    """Be the emulator until the input ends."""
    from airflow_provider_onedrive.emulator import Emulator  # noqa: PLC0415 - the processes that load it need none

    with (
        Emulator(strict=False, users=[USER]) as encrypted,
        Emulator(strict=False, users=[USER], tls=False) as plain,
    ):
        served = {TLS: encrypted, PLAIN: plain}
        for line in sys.stdin:
            print(json.dumps(_do(served, json.loads(line))), flush=True)


def _do(served: dict[str, Any], command: dict[str, Any]) -> Any:
    if command["do"] == "requests":
        log = served[command["scheme"]].requests
        asked = [entry.operation for entry in log if entry.origin != "login"]
        log.clear()
        return asked
    for emulator in served.values():
        emulator.reset()
    gc.collect()  # files of former contents go with the last that refers to them
    return {scheme: _begin(emulator, command) for scheme, emulator in served.items()}


def _begin(emulator: Any, command: dict[str, Any]) -> dict[str, Any]:
    from airflow_provider_onedrive.emulator.faults import latency  # noqa: PLC0415 - as above

    if command["latency"]:
        emulator.faults.add(times=None, do=latency(command["latency"]))
    drive = emulator.drive()
    if fill := command["fill"]:
        drive.put_all(_paths(fill))
    known = {name: getattr(emulator, name) for name in ("graph_url", "authority_url", "tenant_id", "client_id")}
    secrets = {"client_secret": emulator.client_secret, "token": emulator.token(), "refresh": emulator.refresh_token()}
    is_encrypted = emulator.graph_url.startswith("https")
    more = {"ca": emulator.ca_certificate, "environment": emulator.environment} if is_encrypted else {"ca": None}
    return {**known, **secrets, **more, "drive_id": drive.id}


def _paths(fill: dict[str, Any]) -> dict[str, bytes]:
    content = b"x" * fill["size"]
    return {
        f"{fill['prefix']}{folder:04}/file {number:06}.bin": content
        for folder in range(fill["folders"])
        for number in range(fill["files"])
    }


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    _serve()
