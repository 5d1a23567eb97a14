"""Clients that others wrote, in an environment of their own, and the emulator they are pointed at."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from airflow_provider_onedrive.emulator import Emulator, faults

HERE = Path(__file__).parent
VENV = Path(os.environ.get("CLIENTS_VENV", HERE.parents[1] / ".venv-clients"))
SECONDS = 1200
"""A client that takes longer hangs."""


@pytest.fixture(scope="session")
def server_of():
    """Give the emulator of a cloud; each is started once."""
    with ExitStack() as stack:
        yield functools.cache(lambda cloud: stack.enter_context(Emulator(strict=False, cloud=cloud)))


@pytest.fixture
def cloud():
    """The cloud that the emulator plays; a module may have another one."""
    return "global"


@pytest.fixture
def emulator(server_of, cloud, capfd):
    """An empty tenant; when the test is over the emulator must not have been at a loss."""
    server = server_of(cloud)
    server.reset()
    yield server
    assert unexpected(server) == []
    assert "Traceback" not in capfd.readouterr().err


def unexpected(emulator):
    """Return the requests that the emulator did not know, or failed to answer; a status that a fault gives is meant."""
    meant = {rule.do.status for rule in emulator.faults.rules if isinstance(rule.do, faults.status)}
    return [entry for entry in emulator.requests if entry.status in {400, 405, 500, 501} - meant]


@pytest.fixture
def drive(emulator):
    return emulator.drive()


@pytest.fixture
def clean_environment(tmp_path):
    """Nothing of the user's own proxies, credentials and settings reaches a client."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    return kept | {"LC_ALL": "C.UTF-8", "HOME": str(tmp_path)}


@dataclass
class Rclone:
    """The program, with a configuration that leads to the emulator and a file that says whom to trust."""

    arguments: list[str]
    environment: dict[str, str]

    def __call__(self, *arguments, expected=0, **options):
        run = subprocess.run(
            [*self.arguments, *map(str, arguments)],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
            **options,
        )
        assert run.returncode == expected, f"rclone {arguments}\n{run.stdout}\n{run.stderr}"
        return run.stdout

    def json(self, *arguments):
        return json.loads(self(*arguments))


@pytest.fixture
def region():
    """The settings of rclone for the cloud."""
    return {}


@pytest.fixture
def rclone(emulator, drive, region, clean_environment, tmp_path):
    """Run rclone as a user who has signed in some time ago: all it has left is a refresh token."""
    authority = tmp_path / "ca.pem"
    authority.write_text(emulator.ca_certificate)
    expired = {"access_token": "x", "token_type": "Bearer", "expiry": "2020-01-01T00:00:00Z"}
    settings = {
        "type": "onedrive",
        "drive_id": drive.id,
        "drive_type": "business",
        "client_id": emulator.client_id,
        "client_secret": emulator.client_secret,
        "tenant_url": f"{emulator.graph_url}/_api",
        "token_url": f"{emulator.authority_url}/common/oauth2/v2.0/token",
        "token": json.dumps(expired | {"refresh_token": emulator.refresh_token()}),
        **region,
    }
    configuration = tmp_path / "rclone.conf"
    configuration.write_text("\n".join(["[od]", *(f"{name} = {value}" for name, value in settings.items()), ""]))
    program = [str(VENV / "bin/rclone"), "--config", str(configuration), "--ca-cert", str(authority)]
    # It asks the monitor of a copy with another client, which its own option does not reach.
    return Rclone(program, clean_environment | {"SSL_CERT_FILE": str(authority)})


@pytest.fixture
def msgraph(emulator, drive, clean_environment, tmp_path):
    """Run steps of ``msgraph_program.py`` with Microsoft's SDK, one after the other, and return what each one gave."""
    authority = tmp_path / "ca.pem"
    authority.write_text(emulator.ca_certificate)
    settings = {
        "graph_url": emulator.graph_url,
        "authority_url": emulator.authority_url,
        "tenant_id": emulator.tenant_id,
        "client_id": emulator.client_id,
        "client_secret": emulator.client_secret,
        "ca_file": str(authority),
        "drive_id": drive.id,
    }

    def run(*steps, **changes):
        task = json.dumps({"settings": settings | changes, "steps": steps})
        done = subprocess.run(
            [VENV / "bin/python", "-I", HERE / "msgraph_program.py"],
            input=task,
            env=clean_environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        sys.stderr.write(done.stderr.replace("Traceback", "trace"))
        return json.loads(done.stdout)

    return run
