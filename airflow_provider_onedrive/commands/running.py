"""Runs a command: reads its connection, turns errors into exit codes, and prints.

Exit codes: 0 success; 1 failure; 2 wrong usage, location or connection; 3 the item or drive does not exist; 4 sign-in
or permission refused; 5 Graph throttles or is unavailable, so a later attempt may succeed; 6 a finding of the doctor;
130 Ctrl-C.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, get_args

from airflow_provider_onedrive.commands.arguments import ArgumentParser

if TYPE_CHECKING:
    from airflow_provider_onedrive.graph.client import AsyncClient, Client
    from airflow_provider_onedrive.graph.config.settings import Settings

FAILED, USAGE, MISSING, REFUSED, BUSY, UNWELL, INTERRUPTED = 1, 2, 3, 4, 5, 6, 130
_DEFAULT = "onedrive_default"
_COOL_DOWN_FOLDER = "AIRFLOW__ONEDRIVE__COOL_DOWN_FOLDER"

Act = Callable[[argparse.Namespace], int]
"""Carries a command out, and returns its exit code."""


def parser_for(program: str, description: str) -> argparse.ArgumentParser:
    """Return a parser with the options of every command."""
    parser = ArgumentParser(prog=program, description=description)
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument(
        "--conn-id", metavar="ID", default=_DEFAULT, help="a connection of Airflow (default: %(default)s)"
    )
    chosen.add_argument(
        "--connection", metavar="@FILE", type=_source, help="a connection as JSON in a file; - reads the standard input"
    )
    parser.add_argument("--json", action="store_true", help="print JSON, for scripts")
    return parser


def add_if_exists(parser: argparse.ArgumentParser) -> None:
    """Add the option ``--if-exists``, which means the same for uploads and downloads."""
    from airflow_provider_onedrive.graph.protocol.options import IfExists  # noqa: PLC0415 - help needs none of the rest

    text = "what happens to an existing file: %(choices)s (default: %(default)s)"
    parser.add_argument("--if-exists", default="fail", choices=get_args(IfExists), metavar="ACTION", help=text)


def run(act: Act, options: argparse.Namespace) -> int:
    """Run a command, and print its error."""
    from airflow_provider_onedrive.graph.protocol.errors import OneDriveError  # noqa: PLC0415 - help needs none of it

    if getattr(options, "connection", "none") is None:
        # Airflow configures logging when it is imported, so this comes before the log is redirected.
        import_module("airflow_provider_onedrive.hooks.onedrive")
    try:
        with _logging_to_stderr():
            return act(options)
    except OneDriveError as error:
        print_message(f"airflow-onedrive: {error}")
        return exit_code(error)
    except KeyboardInterrupt:
        print_message("airflow-onedrive: stopped.")
        return INTERRUPTED
    except BrokenPipeError:  # the reader has ended, as in ``| head``
        # Else Python reports the pipe once more when it flushes the output at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


class _LogFormatter(logging.Formatter):
    """Writes the log for a terminal, which obeys nothing in it."""

    def format(self, record: logging.LogRecord) -> str:
        from airflow_provider_onedrive.graph.protocol.redaction import printable  # noqa: PLC0415 - help needs none of it

        record.msg, record.args = printable(record.getMessage()), ()
        return "\n".join(map(printable, super().format(record).split("\n")))  # a traceback has several lines


@contextmanager
def _logging_to_stderr() -> Iterator[None]:
    """Send the log to the standard error. Airflow logs to the standard output, which scripts read."""
    root, handler = logging.getLogger(), logging.StreamHandler(sys.stderr)
    handler.setFormatter(_LogFormatter("%(levelname)s: %(message)s"))
    handlers, disabled = root.handlers, root.manager.disable
    root.handlers = [handler]
    logging.disable(logging.INFO)
    try:
        yield
    finally:
        root.handlers = handlers
        logging.disable(disabled)


def exit_code(error: Exception) -> int:
    """Return the exit code of an error, so that scripts can distinguish errors."""
    from airflow_provider_onedrive.graph.protocol import errors  # noqa: PLC0415 - help needs none of it

    kinds: Sequence[tuple[type[Exception] | tuple[type[Exception], ...], int]] = (
        ((errors.LocationError, errors.ConfigurationError), USAGE),
        (errors.NotFound, MISSING),
        ((errors.Unauthenticated, errors.AccessDenied), REFUSED),
    )
    for kind, code in kinds:
        if isinstance(error, kind):
            return code
    return BUSY if getattr(error, "is_retryable", False) else FAILED


@contextmanager
def connected(options: argparse.Namespace) -> Iterator[Client]:
    """Yield a client of the connection that was named."""
    from airflow_provider_onedrive.graph.client import Client  # noqa: PLC0415 - help needs none of it

    client = Client(settings_of(options)) if options.connection else _hook(options).get_conn()
    try:
        with client:
            yield client
    except KeyboardInterrupt:
        client.stop()
        raise


def async_client(options: argparse.Namespace, settings: Settings) -> AsyncClient:
    """Return a client for an event loop, of the connection that was named; nothing is sent yet."""
    if not options.connection:
        client: AsyncClient = _hook(options).async_client(settings)
        return client
    from airflow_provider_onedrive.graph.client import AsyncClient  # noqa: PLC0415 - help needs none of it

    return AsyncClient(settings)


def settings_of(options: argparse.Namespace) -> Settings:
    """Read the connection that was named.

    :raises ConfigurationError: naming the field that is wrong.
    """
    if not options.connection:
        settings: Settings = _hook(options).settings()
        return settings
    from airflow_provider_onedrive.graph.config.deployment import (  # noqa: PLC0415 - help needs none of it
        POLICY_OPTIONS,
        DeploymentPolicy,
    )
    from airflow_provider_onedrive.graph.config.settings import Settings  # noqa: PLC0415 - as above

    policy = DeploymentPolicy.from_options({name: _option(name) for name in POLICY_OPTIONS})
    return Settings.from_fields(_fields(options.connection), trusted_hosts=trusted_hosts(), policy=policy)


def _option(name: str) -> str:
    """Read an option from the environment: a connection in a file needs no Airflow, whose import is slow."""
    return os.environ.get(f"AIRFLOW__ONEDRIVE__{name.upper()}", "")


def trusted_hosts() -> list[str]:
    """Read the trusted hosts."""
    return _option("trusted_hosts").replace(",", " ").split()


def cool_down_folder(options: argparse.Namespace) -> Path | None:
    """Return the folder in which the processes of this host share Graph's pauses; None if they do not."""
    if not options.connection:
        from airflow_provider_onedrive.hooks import onedrive  # noqa: PLC0415 - Airflow is slow to import

        return onedrive.cool_down_folder()
    from airflow_provider_onedrive.graph.http.cooldown import folder_of  # noqa: PLC0415 - help needs none of it

    return folder_of(os.environ.get(_COOL_DOWN_FOLDER))


def print_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value) + "\n")


def print_line(text: str) -> None:
    """Print a line for people on the standard output."""
    _print(text, sys.stdout)


def print_message(text: str) -> None:
    """Print a line for people on the standard error, so that scripts can read the standard output."""
    _print(text, sys.stderr)


def _print(text: str, stream: TextIO) -> None:
    """Write a line of which a terminal obeys nothing: names of files are other people's texts."""
    from airflow_provider_onedrive.graph.protocol.redaction import printable  # noqa: PLC0415 - help needs none of it

    # A terminal whose encoding lacks a character shows its number.
    encoding = stream.encoding or "utf-8"
    stream.write(printable(text).encode(encoding, "backslashreplace").decode(encoding) + "\n")


def _hook(options: argparse.Namespace) -> Any:
    from airflow_provider_onedrive.hooks.onedrive import OneDriveHook  # noqa: PLC0415 - Airflow is slow to import

    return OneDriveHook(options.conn_id)


def _source(text: str) -> str:
    """Refuse a connection on the command line, which every user of the machine can read."""
    if text != "-" and not text.startswith("@"):
        raise argparse.ArgumentTypeError(
            "a connection cannot be written on the command line, where others can see it: use @FILE, or - and a pipe"
        )
    return text


def _fields(source: str) -> dict[str, Any]:
    """Read a connection in the JSON form of Airflow's environment variables, or as an object of its fields."""
    from airflow_provider_onedrive.graph.config.fields import decoded_object  # noqa: PLC0415 - help needs none of it
    from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError  # noqa: PLC0415 - as above

    try:
        # Editors on Windows begin a file with a mark.
        text = sys.stdin.read() if source == "-" else Path(source[1:]).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigurationError(f"{source[1:]} cannot be read: {error.strerror}.", advice="Check the path.") from None
    except ValueError:
        text = ""  # it is not UTF-8, so it is no JSON
    return _flat(decoded_object(text, "The connection", '{"login": "...", "password": "...", "extra": {}}'))


def _flat(connection: Mapping[str, Any]) -> dict[str, Any]:
    from airflow_provider_onedrive.graph.config.fields import decoded_object  # noqa: PLC0415 - help needs none of it

    extra = decoded_object(connection.get("extra") or {}, "The connection's extra", '{"tenant_id": "..."}')
    standard = {"login": "client_id", "password": "client_secret"}
    own = {standard.get(name, name): each for name, each in connection.items() if name not in ("extra", "conn_type")}
    # Airflow's JSON form has these as well, and none of them means anything here.
    unused = ("description", "host", "port", "schema", "conn_id")
    return {**extra, **{name: each for name, each in own.items() if name not in unused}}
