"""rclone and curl, as they are installed, pointed at the emulator."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from costs import MIB, Cost, of_program

PART_BYTES = 60 * MIB
"""What the service takes at most at once."""


class Rclone:
    """One configuration: everything is done with options that rclone has for it.

    :param facts: as the tenant tells them.
    """

    def __init__(self, program: Path, facts: dict[str, Any], folder: Path) -> None:
        expired = {"access_token": "x", "token_type": "Bearer", "expiry": "2020-01-01T00:00:00Z"}
        settings = {
            "type": "onedrive",
            "drive_id": facts["drive_id"],
            "drive_type": "business",
            "client_id": facts["client_id"],
            "client_secret": facts["client_secret"],
            "tenant_url": f"{facts['graph_url']}/_api",
            "token_url": f"{facts['authority_url']}/common/oauth2/v2.0/token",
            "token": json.dumps(expired | {"refresh_token": facts["refresh"]}),
        }
        configuration = folder / "rclone.conf"
        configuration.write_text("\n".join(["[od]", *(f"{name} = {value}" for name, value in settings.items()), ""]))
        self._command: list[str | Path] = [program, "--config", configuration]
        self._environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(folder)}
        if facts["ca"]:
            authority = folder / "ca.pem"
            authority.write_text(facts["ca"])
            self._command += ["--ca-cert", authority]
            self._environment["SSL_CERT_FILE"] = str(authority)

    def __call__(self, *arguments: str | Path) -> Cost:
        return of_program([*self._command, *arguments], self._environment)


class Curl:
    """One process and one connection, however many requests; nothing is hashed."""

    def __init__(self, facts: dict[str, Any], folder: Path) -> None:
        self._facts = facts
        self._folder = folder
        self._common = ["--silent", "--show-error", "--fail"]
        if facts["ca"]:
            (folder / "curl.pem").write_text(facts["ca"])
            self._common += ["--cacert", str(folder / "curl.pem")]

    def put(self, path: Path) -> Cost:
        """Send a file of at most 250 MB with one PUT."""
        return self._run([self._upload(path, f"{self._drive}/root:/one.bin:/content", self._bearer)])

    def put_parts(self, parts: Iterable[Path], upload_url: str, size: int) -> Cost:
        """Fill an upload session with parts that lie ready."""
        requests, start = [], 0
        for part in parts:
            end = start + part.stat().st_size
            requests.append(self._upload(part, upload_url, f"Content-Range: bytes {start}-{end - 1}/{size}"))
            start = end
        return self._run(requests)

    def get(self, url: str, path: Path) -> Cost:
        return self._run([["--output", str(path), url]])

    @property
    def _drive(self) -> str:
        return f"{self._facts['graph_url']}/v1.0/drives/{self._facts['drive_id']}"

    @property
    def _bearer(self) -> str:
        return f"Authorization: Bearer {self._facts['token']}"

    def _upload(self, path: Path, url: str, header: str) -> list[str]:
        return ["--upload-file", str(path), "--header", header, "--header", "Expect:", "--output", "/dev/null", url]

    def _run(self, requests: list[list[str]]) -> Cost:
        command = ["curl", *self._common, *requests[0]]
        for request in requests[1:]:
            command += ["--next", *self._common, *request]
        return of_program(command)


def split(path: Path, folder: Path) -> list[Path]:
    """Cut a file into the parts that curl sends, a MiB at a time: this process is to stay small."""
    parts: list[Path] = []
    with path.open("rb") as file:
        while piece := file.read(MIB):
            if not parts or parts[-1].stat().st_size == PART_BYTES:
                parts.append(folder / f"part-{len(parts):04}")
            with parts[-1].open("ab") as part:
                part.write(piece)
    return parts
