"""``airflow-onedrive login``: sign in on any device with a browser, and create a connection."""

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

from airflow_provider_onedrive.commands.arguments import ArgumentParser
from airflow_provider_onedrive.commands.running import FAILED, print_message, run

# Files.ReadWrite is enough for the user's own drive, but not for folders that others share.
_SCOPES = "Files.ReadWrite.All"
_FIELDS = {
    "tenant_id": "the id or domain of a tenant (default: common)",
    "cloud": "the Microsoft cloud of the tenant (default: global)",
    "graph_url": argparse.SUPPRESS,
    "authority_url": argparse.SUPPRESS,
    "ca_certificate": "a PEM file with the authorities to trust (default: the system's)",
    "proxy": "such as http://proxy.example:3128",
    "myfiles": "the drive or folder that myfiles names (default: the user's own drive)",
}
"""Fields of the connection that an option can set, and its help. Only the emulator needs other URLs."""


def main(arguments: Sequence[str], program: str) -> int:
    parser = ArgumentParser(prog=program, description="Sign in on any device with a browser, and create a connection.")
    parser.add_argument("--client-id", required=True, help="the id of an app that allows public client flows")
    parser.add_argument(
        "--scopes", default=_SCOPES, help="the permissions to ask for, separated by blanks (default: %(default)s)"
    )
    for name, text in _FIELDS.items():
        parser.add_argument(f"--{name.replace('_', '-')}", help=text)
    target = parser.add_mutually_exclusive_group()
    target.add_argument("--output", metavar="FILE", help="write the connection to a new file that only you can read")
    target.add_argument("--store", metavar="CONN_ID", help="store the connection in Airflow's database under this id")
    target.add_argument("--print", action="store_true", help="print the connection, which holds a secret (the default)")
    return run(_login, parser.parse_args(arguments))


def _login(options: argparse.Namespace) -> int:
    from airflow_provider_onedrive.commands.running import trusted_hosts  # noqa: PLC0415 - help needs none of it
    from airflow_provider_onedrive.graph.auth.identities import device_sign_in  # noqa: PLC0415 - as above
    from airflow_provider_onedrive.graph.config.settings import Settings  # noqa: PLC0415 - as above

    extra = {name: value for name in _FIELDS if (value := getattr(options, name))}
    # The settings of this kind need a token, and the sign-in is what brings it.
    given = {**extra, "auth": "refresh_token", "client_id": options.client_id, "refresh_token": "not yet"}
    settings = Settings.from_fields(given, trusted_hosts=trusted_hosts())
    scopes = " ".join(_full(scope, settings.graph_url) for scope in options.scopes.split())
    asking = Settings.from_fields({**given, "scopes": scopes}, trusted_hosts=trusted_hosts())
    token = device_sign_in(asking, print_message)
    extra |= {"auth": "refresh_token", "refresh_token": token, "scopes": scopes}
    return _output({"conn_type": "onedrive", "login": options.client_id, "extra": extra}, options)


def _full(scope: str, graph_url: str) -> str:
    return scope if "://" in scope else f"{graph_url}/{scope}"


def _output(connection: Mapping[str, Any], options: argparse.Namespace) -> int:
    if options.store:
        return _store(options.store, connection)
    text = json.dumps(connection, indent=2) + "\n"
    if options.output:
        _write_private(Path(options.output), text)
        print_message(f"The connection is in {options.output}, which only you can read.")
    else:
        sys.stdout.write(text)
    return 0


def _write_private(path: Path, text: str) -> None:
    from airflow_provider_onedrive.graph.protocol.errors import LocalFileError  # noqa: PLC0415 - help needs none of it

    try:
        # O_EXCL, so that neither another connection is overwritten nor a link followed.
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise LocalFileError(f"{path} cannot be written: {error.strerror}.", advice="Name a new file.") from None
    with os.fdopen(file, "w", encoding="utf-8") as private:
        private.write(text)


def _store(conn_id: str, connection: Mapping[str, Any]) -> int:
    """Let Airflow import the connection from a file. In the arguments of a process others would see the token."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "connections.json"
        _write_private(path, json.dumps({conn_id: connection}))
        command = [sys.executable, "-m", "airflow", "connections", "import", "--overwrite", str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - nothing of a user's is in it
    if done.returncode:
        print_message(f"Airflow did not store the connection: {done.stderr.strip().splitlines()[-1:]}")
        return FAILED
    print_message(f"The connection is stored as {conn_id}.")
    return 0
