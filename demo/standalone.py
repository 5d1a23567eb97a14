"""`airflow standalone` in a private folder, on free ports of this machine only.

https://airflow.apache.org/docs/apache-airflow/stable/start.html
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

USER = "admin"
# Of the caller's environment: another Airflow's settings, Python settings that change what is imported, and proxies,
# for all that is talked to is on this machine.
NOT_INHERITED = (
    *("AIRFLOW_", "PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONWARNINGS", "PYTHONDONTWRITEBYTECODE"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
)
KILL_GRACE_SECONDS = 5


@dataclass
class Standalone:
    """A running Airflow: where it is, and who may come in."""

    home: Path
    port: int
    process: subprocess.Popen[bytes]
    password: str = field(repr=False)
    secrets: list[str] = field(repr=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def is_running(self) -> bool:
        return self.process.poll() is None

    def output(self, last_lines: int) -> str:
        """Return the end of what Airflow printed, without the secrets that were given to it."""
        return self.redact("\n".join(log_file(self.home).read_text(errors="replace").splitlines()[-last_lines:]))

    def redact(self, text: str) -> str:
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return text


@contextmanager
def standalone(dags: Path, extra_environment: Mapping[str, str], known_secrets: list[str]) -> Iterator[Standalone]:
    """Start Airflow, and end every process of it whatever happens.

    :param known_secrets: texts that must not be printed from Airflow's own output
    """
    # The name is short because sockets live below it: macOS allows 104 characters.
    home = Path(tempfile.mkdtemp(prefix="od-"))
    try:
        password = secrets.token_urlsafe(12)
        port = free_port()
        own = settings(home, dags, port)
        write_private(home / "passwords.json", json.dumps({USER: password}))
        environment = inherited_environment() | own | dict(extra_environment)
        process = start(home, environment)
        generated = [own[name] for name in own if name.endswith(("_KEY", "_SECRET"))]
        try:
            yield Standalone(home, port, process, password, [password, *generated, *known_secrets])
        finally:
            print("\nStopping Airflow ...", flush=True)
            with uninterrupted():
                stop(process)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def settings(home: Path, dags: Path, port: int) -> dict[str, str]:
    """Everything that Airflow is told; https://airflow.apache.org/docs/apache-airflow/stable/configurations-ref.html."""
    temporary = home / "t"
    temporary.mkdir()
    url = f"http://127.0.0.1:{port}"
    return {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__FERNET_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "AIRFLOW__CORE__HOSTNAME_CALLABLE": "socket.gethostname",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "passwords.json"),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API__SECRET_KEY": secrets.token_urlsafe(32),
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_urlsafe(64),
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "PATH": os.pathsep.join([str(commands(home)), str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
        "TMPDIR": str(temporary),
        "NO_PROXY": "*",
        # Without it macOS ends a forked process that touches its networking classes.
        "OBJC_DISABLE_INITIALIZE_FORK_SAFETY": "YES",
    }


def commands(home: Path) -> Path:
    """Make a folder with an `airflow` that starts the scheduler and the triggerer without their log servers.

    `airflow standalone` takes no such option, and these servers listen on every address of the machine. The API server
    needs none: it reads the log files itself.
    """
    folder = home / "bin"
    folder.mkdir()
    airflow = folder / "airflow"
    airflow.write_text(
        "#!/bin/sh\n"
        'case $1 in scheduler | triggerer) set -- "$@" --skip-serve-logs ;; esac\n'
        f'exec {shlex.quote(str(Path(sys.executable).parent / "airflow"))} "$@"\n'
    )
    airflow.chmod(0o700)
    return folder


def inherited_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.upper().startswith(NOT_INHERITED)}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def write_private(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


def log_file(home: Path) -> Path:
    return home / "standalone.log"


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


def stop(process: subprocess.Popen[bytes], term_grace_seconds: float = 6) -> None:
    """End the whole session: tasks run in process groups of their own, so the group of `process` is not enough."""
    for number, grace_seconds in ((signal.SIGTERM, term_grace_seconds), (signal.SIGKILL, KILL_GRACE_SECONDS)):
        deadline = time.monotonic() + grace_seconds
        for pid in session_members(process.pid):
            send(pid, number)
        while time.monotonic() < deadline:
            process.poll()
            if not session_members(process.pid):
                return
            time.sleep(0.1)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Let an impatient second Ctrl-C not stop the cleaning up."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    handlers = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def session_members(session: int) -> list[int]:
    return [pid for pid in psutil.pids() if is_member(pid, session)]


def is_member(pid: int, session: int) -> bool:
    try:
        return os.getsid(pid) == session and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except (OSError, psutil.Error):
        return False  # gone meanwhile, or somebody else's


def send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
