"""How a command runs: its connection, its errors as exit codes, and what it prints.

Exit codes: 0 done; 1 failed; 2 wrong usage, location or connection; 3 not there; 4 refused (sign-in or permission);
5 Graph is busy or away, so trying again later may help; 6 the doctor has found something; 130 Ctrl-C.
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
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_onedrive.graph.client import Client
    from airflow_provider_onedrive.graph.config.settings import Settings

FAILED, USAGE, MISSING, REFUSED, BUSY, UNWELL, INTERRUPTED = 1, 2, 3, 4, 5, 6, 130
_DEFAULT = "onedrive_default"
_TRUSTED_HOSTS = "AIRFLOW__ONEDRIVE__TRUSTED_HOSTS"

Work = Callable[[argparse.Namespace], int]


def parser_for(program: str, description: str) -> argparse.ArgumentParser:
    """Make a parser with what every command takes."""
    parser = argparse.ArgumentParser(prog=program, description=description)
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--conn-id", metavar="ID", default=_DEFAULT, help="of Airflow (default: %(default)s)")
    chosen.add_argument(
        "--connection", metavar="@FILE", type=_source, help="JSON in a file, or - for the standard input"
    )
    parser.add_argument("--json", action="store_true", help="print JSON, for scripts")
    return parser


def run(work: Work, options: argparse.Namespace) -> int:
    """Do the work of a command; what goes wrong is told on the standard error."""
    from airflow_provider_onedrive.graph.protocol.errors import OneDriveError  # noqa: PLC0415 - help needs none of it

    if getattr(options, "connection", "none") is None:
        import_module("airflow_provider_onedrive.hooks.onedrive")  # now, for Airflow sets up logging as it is loaded
    try:
        with _logging_to_stderr():
            return work(options)
    except OneDriveError as error:
        say(f"airflow-onedrive: {error}")
        return exit_code(error)
    except KeyboardInterrupt:
        say("airflow-onedrive: stopped.")
        return INTERRUPTED
    except BrokenPipeError:  # whoever read it is gone, as after ``| head``
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


@contextmanager
def _logging_to_stderr() -> Iterator[None]:
    """Keep the standard output for what was asked for; Airflow logs to it."""
    root, handler = logging.getLogger(), logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    handlers, disabled = root.handlers, root.manager.disable
    root.handlers = [handler]
    logging.disable(logging.INFO)
    try:
        yield
    finally:
        root.handlers = handlers
        logging.disable(disabled)


def exit_code(error: Exception) -> int:
    """Tell errors apart for scripts."""
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
    """Give a client for the connection that was named."""
    from airflow_provider_onedrive.graph.client import Client  # noqa: PLC0415 - help needs none of it

    client = Client(settings_of(options)) if options.connection else _hook(options).get_conn()
    try:
        with client:
            yield client
    except KeyboardInterrupt:
        client.stop()
        raise


def settings_of(options: argparse.Namespace) -> Settings:
    """Read the connection that was named.

    :raises ConfigurationError: naming the field that is wrong.
    """
    if not options.connection:
        settings: Settings = _hook(options).settings()
        return settings
    from airflow_provider_onedrive.graph.config.settings import Settings  # noqa: PLC0415 - help needs none of it

    return Settings.from_fields(_fields(options.connection), trusted_hosts=trusted_hosts())


def trusted_hosts() -> list[str]:
    """Read the deployment's configuration where no Airflow is needed for it: from the environment."""
    return os.environ.get(_TRUSTED_HOSTS, "").replace(",", " ").split()


def print_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value) + "\n")


def say(text: str) -> None:
    sys.stderr.write(text + "\n")


def _hook(options: argparse.Namespace) -> Any:
    from airflow_provider_onedrive.hooks.onedrive import OneDriveHook  # noqa: PLC0415 - Airflow is slow to import

    return OneDriveHook(options.conn_id)


def _source(text: str) -> str:
    """Refuse a connection on the command line, where every user of the machine can read it."""
    if text != "-" and not text.startswith("@"):
        raise argparse.ArgumentTypeError(
            "a connection is never written on the command line, which others can see: use @FILE, or - and pipe it in"
        )
    return text


def _fields(source: str) -> dict[str, Any]:
    """Read a connection as Airflow's environment variables have it, or its fields side by side."""
    from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError  # noqa: PLC0415 - help needs none of it

    try:
        text = sys.stdin.read() if source == "-" else Path(source[1:]).read_text(encoding="utf-8")
        known = json.loads(text)
    except OSError as error:
        raise ConfigurationError(f"{source[1:]} cannot be read: {error.strerror}.", advice="Check the path.") from None
    except ValueError:
        known = None
    if not isinstance(known, dict):
        raise ConfigurationError(
            "The connection is no JSON object.",
            advice='Write it like {"login": "...", "password": "...", "extra": {}}.',
        )
    return _flat(known)


def _flat(known: Mapping[str, Any]) -> dict[str, Any]:
    extra = known.get("extra") or {}
    extra = json.loads(extra) if isinstance(extra, str) else extra
    standard = {"login": "client_id", "password": "client_secret"}
    own = {standard.get(name, name): each for name, each in known.items() if name not in ("extra", "conn_type")}
    unused = ("description", "host", "port", "schema", "conn_id")
    return {**extra, **{name: each for name, each in own.items() if name not in unused}}
