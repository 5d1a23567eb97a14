"""``airflow-onedrive login``: sign in on any device with a browser, and make a connection of it."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from airflow_provider_onedrive.commands.running import FAILED, run, say

_SCOPES = "Files.ReadWrite.All"
_FIELDS = ("tenant_id", "cloud", "graph_url", "authority_url", "ca_certificate", "proxy", "myfiles")


def main(arguments: Sequence[str], program: str) -> int:
    parser = argparse.ArgumentParser(prog=program, description="Sign in, and make a connection of it.")
    parser.add_argument("--client-id", required=True, help="of an app that allows public client flows")
    parser.add_argument("--tenant-id", help="directory id or domain (default: common)")
    parser.add_argument("--scopes", default=_SCOPES, help="separated by blanks (default: %(default)s)")
    for name in _FIELDS[1:]:
        parser.add_argument(f"--{name.replace('_', '-')}", help=argparse.SUPPRESS if "_url" in name else None)
    target = parser.add_mutually_exclusive_group()
    target.add_argument("--output", metavar="FILE", help="write the connection to a file that only you can read")
    target.add_argument("--store", metavar="CONN_ID", help="store it in Airflow's database under this id")
    target.add_argument("--print", action="store_true", help="print it; it holds a secret (the default)")
    return run(_login, parser.parse_args(arguments))


def _login(options: argparse.Namespace) -> int:
    from airflow_provider_onedrive.commands.running import trusted_hosts  # noqa: PLC0415 - help needs none of it
    from airflow_provider_onedrive.graph.auth.identities import device_sign_in  # noqa: PLC0415 - as above
    from airflow_provider_onedrive.graph.config.settings import Settings  # noqa: PLC0415 - as above

    extra = {name: value for name in _FIELDS if (value := getattr(options, name))}
    given = {**extra, "auth": "refresh_token", "client_id": options.client_id, "refresh_token": "not yet"}
    settings = Settings.from_fields(given, trusted_hosts=trusted_hosts())
    scopes = " ".join(_full(scope, settings.graph_url) for scope in options.scopes.split())
    asking = Settings.from_fields({**given, "scopes": scopes}, trusted_hosts=trusted_hosts())
    token = device_sign_in(asking, say)
    extra |= {"auth": "refresh_token", "refresh_token": token, "scopes": scopes}
    return _deliver({"conn_type": "onedrive", "login": options.client_id, "extra": extra}, options)


def _full(scope: str, graph_url: str) -> str:
    return scope if "://" in scope else f"{graph_url}/{scope}"


def _deliver(connection: Mapping[str, Any], options: argparse.Namespace) -> int:
    if options.store:
        return _store(options.store, connection)
    text = json.dumps(connection, indent=2) + "\n"
    if options.output:
        _write_private(Path(options.output), text)
        say(f"The connection is in {options.output}, which only you can read.")
    else:
        sys.stdout.write(text)
    return 0


def _write_private(path: Path, text: str) -> None:
    from airflow_provider_onedrive.graph.protocol.errors import LocalFileError  # noqa: PLC0415 - help needs none of it

    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise LocalFileError(f"{path} cannot be written: {error.strerror}.", advice="Name a new file.") from None
    with os.fdopen(file, "w", encoding="utf-8") as private:
        private.write(text)


def _store(conn_id: str, connection: Mapping[str, Any]) -> int:
    """Let Airflow import it from a file: on the command line others would see the token."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "connections.json"
        _write_private(path, json.dumps({conn_id: connection}))
        command = [sys.executable, "-m", "airflow", "connections", "import", "--overwrite", str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - nothing of a user's is in it
    if done.returncode:
        say(f"Airflow did not store the connection: {done.stderr.strip().splitlines()[-1:]}")
        return FAILED
    say(f"The connection is stored as {conn_id}.")
    return 0
