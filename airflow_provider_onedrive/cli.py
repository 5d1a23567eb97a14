"""The program ``airflow-onedrive``. Each command is a module with a ``main``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

from airflow_provider_onedrive.commands.arguments import ArgumentParser

PROGRAM = "airflow-onedrive"
_COMMANDS = "airflow_provider_onedrive.commands"
# By name, the help text and the module of each command. A module is imported only when its command runs, because
# Airflow, httpx and msal take seconds to import and --help needs none of them.
COMMANDS = {
    "doctor": ("find out why a connection does not work", f"{_COMMANDS}.doctor"),
    "login": ("sign in, and create a connection", f"{_COMMANDS}.login"),
    "ls": ("list a folder", f"{_COMMANDS}.ls"),
    "stat": ("show the properties of a file or folder", f"{_COMMANDS}.stat"),
    "get": ("download a file or a folder", f"{_COMMANDS}.get"),
    "put": ("upload a file or a folder", f"{_COMMANDS}.put"),
    "verify": ("compare a real drive with the local OneDrive", f"{_COMMANDS}.verify"),
    "emulator": ("run a local OneDrive, for tests", "airflow_provider_onedrive.emulator.command_line"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that is named, with the arguments after its name."""
    parser = ArgumentParser(prog=PROGRAM, description="OneDrive and SharePoint for Apache Airflow.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (text, _) in COMMANDS.items():
        commands.add_parser(name, help=text, add_help=False)
    given = list(sys.argv[1:] if arguments is None else arguments)
    command: str = parser.parse_known_args(given[:1])[0].command
    _, module = COMMANDS[command]
    code: int = import_module(module).main(given[1:], f"{PROGRAM} {command}")
    return code


if __name__ == "__main__":
    sys.exit(main())
