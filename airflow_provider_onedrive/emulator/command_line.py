"""The emulator as a program: it serves until Ctrl-C and prints how to connect."""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from airflow_provider_onedrive.emulator.emulator import DEFAULT_USERS, Emulator
from airflow_provider_onedrive.emulator.entra.clouds import CLOUDS
from airflow_provider_onedrive.emulator.faults.records import ScriptError

_MODULE = "python -m airflow_provider_onedrive.emulator"
_WARNING = (
    "Warning: other machines are let in. Whoever reaches this one as {host} may read and change all that the emulator\n"
    "holds: its pages ask for no password. Put nothing into it that others must not see.\n"
)


class Refusal(Exception):
    """The emulator cannot start; the message is the reason."""


def main(arguments: Sequence[str] | None = None, program: str = _MODULE) -> int:
    parser = _parser(program)
    options = parser.parse_args(arguments)
    if options.allow_remote != (options.host is not None):
        parser.error("--allow-remote and --host NAME are given together")
    # Installed before the start, so that Ctrl-C during the start also closes the sockets.
    with _stop_signal() as stopped:
        return _serve(options, stopped)


def _serve(options: argparse.Namespace, stopped: threading.Event) -> int:
    try:
        emulator = _started(options)
    except Refusal as refusal:
        sys.stderr.write(f"The emulator cannot start: {refusal}\n")
        return 1
    try:
        if options.host:
            sys.stderr.write(_WARNING.format(host=options.host))
        _print(_greeting(emulator, options))
        stopped.wait()
    finally:
        emulator.stop()
    _print("Stopped.\n")
    return 0


def _print(text: str) -> None:
    """Print, and ignore a closed pipe, as after ``| head``."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        # Without this the interpreter would report the broken pipe once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser(program: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=program,
        description="A local OneDrive with Microsoft Graph and Entra ID, for tests only.",
        epilog="Ports that are not given are any that are free.",
    )
    content = parser.add_argument_group("what there is")
    content.add_argument(
        "--root", metavar="DIR", help="keep everything in this directory; in memory when left out, and nothing is kept"
    )
    content.add_argument("--user", action="append", metavar="UPN", help="a user with an empty drive; may be repeated")
    content.add_argument(
        "--site",
        action="append",
        default=[],
        type=_site,
        metavar="PATH[=LIBRARY,...]",
        help="a site such as /sites/Finance=Documents,Reports; may be repeated",
    )
    content.add_argument("--group", action="append", default=[], metavar="NAME", help="a group; may be repeated")
    content.add_argument("--personality", choices=("business", "personal"), default="business", help="of users' drives")
    content.add_argument("--cloud", choices=tuple(CLOUDS), help="whose names stand in tokens and documents")
    _add_behaviour(parser.add_argument_group("how it behaves"))
    _add_addresses(parser.add_argument_group("where it is"))
    return parser


def _add_behaviour(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--faults", metavar="FILE", help="a script of faults and quirks, as JSON")
    strictness = group.add_mutually_exclusive_group()
    strictness.add_argument("--strict", action="store_true", default=False, help="refuse what Graph need not take")
    strictness.add_argument("--lenient", action="store_false", dest="strict", help="let it pass (the default)")


def _add_addresses(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--port", type=_port, default=0, help="of Graph and Entra ID")
    group.add_argument("--store-port", type=_port, default=0, metavar="PORT", help="of uploads, downloads and pages")
    group.add_argument("--allow-remote", action="store_true", help="let other machines in; needs --host")
    group.add_argument("--host", metavar="NAME", help="by which other machines reach this one; needs --allow-remote")
    group.add_argument("--no-tls", action="store_false", dest="tls", help="plain HTTP; Airflow's connection needs TLS")


def _started(options: argparse.Namespace) -> Emulator:
    script = _script(options.faults)
    try:
        emulator = Emulator(
            strict=options.strict,
            port=options.port,
            store_port=options.store_port,
            users=options.user or DEFAULT_USERS,
            personality=options.personality,
            cloud=options.cloud,
            root=options.root,
            tls=options.tls,
            sites=dict(options.site),
            groups=options.group,
            host=options.host,
            allow_remote=options.allow_remote,
        ).start()
    except (OSError, ImportError, ValueError) as error:
        raise Refusal(_words(error)) from error
    try:
        _load(emulator, script, options.faults)
    except BaseException:
        emulator.stop()
        raise
    return emulator


def _script(path: str | None) -> str | None:
    """Read the file before anything is opened."""
    if path is None:
        return None
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Refusal(f"--faults: {_words(error)}") from error


def _words(error: Exception) -> str:
    """Return the file or port and the system's message, without the error number."""
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def _load(emulator: Emulator, script: str | None, path: str) -> None:
    if script is None:
        return
    try:
        emulator.faults.load(script)
    except ScriptError as error:
        raise Refusal(f"--faults {path}: {error}") from error


def _site(text: str) -> tuple[str, tuple[str, ...]]:
    path, _, libraries = text.partition("=")
    if not path.strip("/"):
        raise argparse.ArgumentTypeError("a site needs a path such as /sites/Finance")
    return path, tuple(name for name in libraries.split(",") if name)


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= 65535):  # noqa: PLR2004 - there are no more
        raise argparse.ArgumentTypeError(f"{text!r} is no port")
    return int(text)


@contextmanager
def _stop_signal() -> Iterator[threading.Event]:
    stopped = threading.Event()
    # SIGTERM is how a container or a script ends it.
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        for number in before:
            signal.signal(number, lambda *_: stopped.set())
        yield stopped
    finally:
        # Whoever has called this in a process of their own can be interrupted again.
        for number, handler in before.items():
            signal.signal(number, handler)


def _greeting(emulator: Emulator, options: argparse.Namespace) -> str:
    kept = f"is kept in {options.root}" if options.root else "is gone when it stops"
    return (
        f"A local OneDrive is running, for tests only: what you put into it {kept}.\n"
        f"Graph and Entra ID: {emulator.graph_url}\n"
        f"Drives to look at:  {emulator.page_url}\n"
        f"Users:              {', '.join(emulator.users)}\n"
        f"Control:            {emulator.control_url}\n"
        f"X-Emulator-Key:     {emulator.control_key}\n"
        f"{_connection_help(emulator, options)}"
    )


def _connection_help(emulator: Emulator, options: argparse.Namespace) -> str:
    if not options.tls:
        return (
            "There is no TLS, so Airflow's connection cannot be used; sign in with\n"
            f"tenant {emulator.tenant_id}, client {emulator.client_id}, secret {emulator.client_secret}\n"
            "Ctrl-C stops the emulator.\n"
        )
    exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in emulator.environment.items())
    return f"Paste this where Airflow runs; Ctrl-C stops the emulator.\n\n{exports}\n"
