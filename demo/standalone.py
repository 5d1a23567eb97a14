"""`airflow standalone` in a private folder, on a free port of this machine only.

https://airflow.apache.org/docs/apache-airflow/stable/start.html
"""

from __future__ import annotations

import json
import os
import random
import secrets
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NoReturn

from demo.processes import stop, uninterrupted
from demo.progress import Progress
from demo.settings import USER, inherited_environment, settings
from demo.waiting import POLL_SECONDS, DemoError, Waiting

# Below the ports that systems hand out for outgoing connections: a busy Airflow takes minutes to open its port, and
# none of those may take it meanwhile.
PORTS = range(10_000, 32_000)
# Starts a part of Airflow and leaves a note when it ends, for `airflow standalone` goes on without it. The scheduler
# and the triggerer start without their log servers: `airflow standalone` takes no such option, these servers listen on
# every address of the machine, and the API server reads the log files itself.
COMMAND = """#!/bin/sh
case $1 in
    standalone) exec {airflow} "$@" ;;
    scheduler | triggerer) set -- "$@" --skip-serve-logs ;;
esac
{airflow} "$@"
code=$?
echo "$1 $code" >>{ended}
exit $code
"""


@dataclass
class Standalone:
    """A running Airflow: its address, its user, and the waiting for its progress."""

    home: Path
    port: int
    process: subprocess.Popen[bytes]
    password: str = field(repr=False)
    hidden_texts: list[str] = field(repr=False)
    progress: Progress = field(default_factory=Progress, repr=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @cached_property
    def waiting(self) -> Waiting:
        return Waiting(self.check, log_file(self.home), self.progress)

    def check(self) -> None:
        """Raise once Airflow, or a part of it, has ended.

        :raises DemoError: with the exit code and the last line that it printed
        """
        code = self.process.poll()
        if code is not None:
            raise DemoError(f"Airflow ended with exit code {code}{self._last_line('')}")
        for note in ended_file(self.home).read_text().splitlines():
            part, _, code_text = note.partition(" ")
            raise DemoError(f"Airflow's {part} ended with exit code {code_text}{self._last_line(part)}")

    def wait(self) -> NoReturn:
        """Wait until Airflow, or a part of it, ends, which raises."""
        while True:
            self.check()
            time.sleep(POLL_SECONDS)

    def output(self, last_lines: int) -> str:
        """Return the end of Airflow's output, without its secrets."""
        return self.redact("\n".join(read_lines(log_file(self.home))[-last_lines:]))

    def redact(self, text: str) -> str:
        for hidden in self.hidden_texts:
            text = text.replace(hidden, "***")
        return text

    def keep_log(self) -> str:
        """Copy Airflow's output and the logs of its tasks, without secrets, to one file that outlasts this Airflow.

        :returns: a half-sentence that names the file
        """
        try:
            number, path = tempfile.mkstemp(prefix="onedrive-demo-", suffix=".log")
            with os.fdopen(number, "w", encoding="utf-8") as file:
                for log in (log_file(self.home), *sorted((self.home / "logs").rglob("*.log"))):
                    text = "\n".join(read_lines(log))
                    file.write(f"==> {log.relative_to(self.home)}\n{self.redact(text)}\n\n")
        except OSError as error:
            return f"Airflow's log could not be kept ({error.strerror})"
        return f"Airflow's log is {path}"

    def _last_line(self, part: str) -> str:
        lines = [line for line in read_lines(log_file(self.home)) if line.strip() and line.startswith(part)]
        return f" ({self.redact(lines[-1].strip())})" if lines else ""


@contextmanager
def standalone(
    dags: Path,
    extra_environment: Mapping[str, str],
    hidden_texts: Iterable[str],
    progress: Progress | None = None,
) -> Iterator[Standalone]:
    """Start Airflow, and end every process of it whatever happens.

    An exception that ends the block gets a note with the place of Airflow's log.

    :param hidden_texts: texts that must not be printed from Airflow's own output
    """
    # The name is short because sockets live below it: macOS allows 104 characters.
    home = Path(tempfile.mkdtemp(prefix="od-"))
    progress = progress or Progress()
    try:
        password = secrets.token_urlsafe(12)
        port = free_port()
        own = settings(home, dags, port)
        prepare(home, password)
        generated = [own[name] for name in own if name.endswith(("_KEY", "_SECRET"))]
        process = start(home, inherited_environment() | own | dict(extra_environment))
        try:
            airflow = Standalone(home, port, process, password, [password, *generated, *hidden_texts], progress)
            with noting_log(airflow):
                yield airflow
        finally:
            progress.print("Stopping Airflow ...")
            with uninterrupted():
                stop(process)
    finally:
        with uninterrupted():
            shutil.rmtree(home, ignore_errors=True)


@contextmanager
def noting_log(airflow: Standalone) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        error.add_note(airflow.keep_log())
        raise


def prepare(home: Path, password: str) -> None:
    """Write the files that Airflow needs before its start."""
    (home / "t").mkdir()
    (home / "bin").mkdir()
    ended_file(home).touch()
    write_private(home / "passwords.json", json.dumps({USER: password}))
    airflow = shlex.quote(str(Path(sys.executable).parent / "airflow"))
    command = home / "bin" / "airflow"
    command.write_text(COMMAND.format(airflow=airflow, ended=shlex.quote(str(ended_file(home)))))
    command.chmod(0o700)


def free_port() -> int:
    for port in random.sample(PORTS, len(PORTS)):
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return port
    raise DemoError(f"All ports of this machine from {PORTS.start} to {PORTS.stop - 1} are taken")


def write_private(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


def log_file(home: Path) -> Path:
    return home / "standalone.log"


def ended_file(home: Path) -> Path:
    """Return the file with a line for each part of Airflow that has ended: its name and its exit code."""
    return home / "ended"


def read_lines(path: Path) -> list[str]:
    return path.read_text(errors="replace").splitlines()


def start(home: Path, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    with log_file(home).open("wb") as log:
        return subprocess.Popen(
            [home / "bin" / "airflow", "standalone"],
            cwd=home,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
