"""A plain HTTP client and an emulator of these tests' own, which share no code."""

from __future__ import annotations

import ssl
import threading
import time

import httpx
import pytest
from patience import HANG_SECONDS

from airflow_provider_onedrive.emulator import Emulator


@pytest.fixture(scope="session")
def server():
    with Emulator() as emulator:
        yield emulator


@pytest.fixture(scope="session")
def tls(server):
    return ssl.create_default_context(cadata=server.ca_certificate)


@pytest.fixture
def emulator(server):
    server.reset()
    return server


@pytest.fixture
def drive(emulator):
    return emulator.drive()


@pytest.fixture
def http(tls):
    """Send without any token."""
    with httpx.Client(verify=tls, trust_env=False) as client:
        yield client


@pytest.fixture
def v1(emulator, tls):
    """Send to Graph as the application."""
    headers = {"Authorization": f"Bearer {emulator.token()}"}
    with httpx.Client(verify=tls, trust_env=False, base_url=f"{emulator.graph_url}/v1.0", headers=headers) as client:
        yield client


@pytest.fixture
def sign_in(emulator, tls):
    """Create clients that send to Graph as a user with permissions; user None = the application."""
    clients = []

    def make(user=None, *permissions):
        headers = {"Authorization": f"Bearer {emulator.token(user, permissions=permissions or None)}"}
        base_url = f"{emulator.graph_url}/v1.0"
        clients.append(httpx.Client(verify=tls, trust_env=False, base_url=base_url, headers=headers))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def graph(v1, drive):
    """Send to the first user's drive as the application."""
    v1.base_url = f"{v1.base_url}drives/{drive.id}"
    return v1


@pytest.fixture
def error():
    """Take an error reply apart: status, code, message."""

    def read(response):
        problem = response.json()["error"]
        return response.status_code, problem["code"], problem["message"]

    return read


@pytest.fixture
def eventually():
    """Wait for an event in another thread, and fail if it does not happen."""

    def wait(condition):
        deadline = time.monotonic() + HANG_SECONDS
        while not condition():
            assert time.monotonic() < deadline, "It did not happen."
            threading.Event().wait(0.005)

    return wait
