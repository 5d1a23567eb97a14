"""Which certificates of hosts are trusted: by the connection, by the environment; and what the error says if not."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import os
import socket
import ssl
import subprocess
import threading

import pytest
import trustme

from airflow_provider_onedrive.graph.client import AsyncClient, Client
from airflow_provider_onedrive.graph.config.settings import Settings
from airflow_provider_onedrive.graph.doctor import examine
from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError

VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch):
    for name in (*VARIABLES, "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(params=["threads", "loop"])
def look(request, fields):
    """Ask Graph for the drive, by one of the clients; None takes a field away."""

    async def on_a_loop(settings):
        async with AsyncClient(settings) as client:
            return await client.stat("myfiles")

    def ask(**changes):
        settings = Settings.from_fields({**fields, **changes}, trusted_hosts=["localhost", "127.0.0.1"])
        if request.param == "loop":
            return asyncio.run(on_a_loop(settings))
        with Client(settings) as client:
            return client.stat("myfiles")

    return ask


@pytest.fixture
def bundle(onedrive_emulator, tmp_path):
    """A file with the emulator's authority, as an administrator of a proxy gives it."""
    path = tmp_path / "bundle.pem"
    path.write_text(f"# Größe der Schlüssel: 2048\n{onedrive_emulator.ca_certificate}", encoding="latin-1")
    return path


@pytest.mark.parametrize("variable", VARIABLES)
def test_bundle_of_the_environment_is_trusted(look, bundle, monkeypatch, variable):
    """For Graph and for the sign-in, as by programs with requests and curl; its comments may hold anything."""
    monkeypatch.setenv(variable, str(bundle))
    assert look(ca_certificate=None).is_root


def test_changed_bundle_is_read_again(look, bundle, onedrive_emulator, monkeypatch):
    """A triggerer runs for weeks, and the administrator replaces the file meanwhile."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    bundle.write_bytes(trustme.CA().cert_pem.bytes())
    with pytest.raises(ConfigurationError, match="is not signed by an authority"):
        look(ca_certificate=None)
    bundle.write_text(f"# new\n{onedrive_emulator.ca_certificate}")
    assert look(ca_certificate=None).is_root


def test_folder_of_the_environment_is_trusted(look, bundle, monkeypatch):
    """As openssl rehash prepares it."""
    subprocess.run(["openssl", "rehash", str(bundle.parent)], check=True, capture_output=True)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle.parent))
    assert look(ca_certificate=None).is_root


def test_connection_comes_before_the_environment(look, tmp_path, monkeypatch):
    """The field is the more exact word; a variable that is wrong disturbs nobody then."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "none.pem"))
    assert look().is_root


def make_pipe(path):
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: None, "cannot be read (FileNotFoundError)"),
        (make_pipe, "a device, a pipe or a socket"),
        (lambda path: path.symlink_to("/dev/zero"), "a device, a pipe or a socket"),
        (lambda path: path.write_text("no certificates"), "holds no certificate but is neither PEM nor DER"),
        (lambda path: path.write_bytes(b"\xfe\xed\xfe\xed"), "a Java keystore"),
    ],
    ids=["none", "pipe", "zeros", "text", "keystore"],
)
def test_wrong_bundle_of_the_environment_is_named(look, tmp_path, monkeypatch, make, words):
    """With the variable, which few would think of."""
    path = tmp_path / "bundle.pem"
    make(path)
    monkeypatch.setenv("CURL_CA_BUNDLE", str(path))
    with pytest.raises(ConfigurationError) as caught:
        look(ca_certificate=None)
    assert f"The environment variable CURL_CA_BUNDLE names {path}, which" in str(caught.value)
    assert words in str(caught.value)


def test_doctor_shows_a_wrong_bundle(fields, tmp_path, monkeypatch):
    """It raises no error."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "none.pem"))
    settings = Settings.from_fields({**fields, "ca_certificate": None}, trusted_hosts=["localhost"])
    (finding,) = examine(settings)
    assert finding.state == "failed"
    assert "REQUESTS_CA_BUNDLE" in finding.text


# --- certificates that are refused


@pytest.fixture
def host():
    """Make hosts that shake hands with a certificate; return their addresses."""
    with contextlib.ExitStack() as stack:

        def make(certificate):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            certificate.configure_cert(context)
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            thread = threading.Thread(target=shake_hands, args=(listener, context))
            thread.start()
            stack.callback(thread.join)
            stack.callback(listener.shutdown, socket.SHUT_RDWR)
            return listener.getsockname()[1]

        yield make


def shake_hands(listener, context):
    with contextlib.suppress(OSError):
        while True:
            connection, _ = listener.accept()
            with connection, contextlib.suppress(OSError), context.wrap_socket(connection, server_side=True) as tls:
                tls.recv(1)


NOW = dt.datetime.now(dt.UTC)
DAY = dt.timedelta(days=1)


@pytest.mark.parametrize(
    ("asked", "issue", "words"),
    [
        ("localhost", lambda ca: ca.issue_cert("proxy.example"), ["is for another name", "Hostname mismatch"]),
        ("127.0.0.1", lambda ca: ca.issue_cert("localhost"), ["is for another name", "IP address mismatch"]),
        (
            "localhost",
            lambda ca: ca.issue_cert("localhost", not_after=NOW - DAY),
            ["is not valid at this time", "clock"],
        ),
        ("localhost", lambda ca: ca.issue_cert("localhost", not_before=NOW + DAY), ["not valid at this time", "clock"]),
        (
            "localhost",
            lambda ca: trustme.CA().issue_cert("localhost"),
            ["not signed by an authority", "ca_certificate"],
        ),
    ],
    ids=["name", "address", "expired", "future", "authority"],
)
@pytest.mark.parametrize("field", ["graph_url", "authority_url"])
def test_refused_certificate_is_explained(look, host, *, onedrive_emulator, asked, issue, words, field):
    """Another name, another time and another authority are three things, and each has another remedy."""
    authority = trustme.CA()
    port = host(issue(authority))
    pem = onedrive_emulator.ca_certificate + authority.cert_pem.bytes().decode()
    scope = f"{onedrive_emulator.graph_url}/.default"
    with pytest.raises(ConfigurationError) as caught:
        look(ca_certificate=pem, scopes=scope, **{field: f"https://{asked}:{port}"})
    assert f"The TLS certificate of {asked} " in str(caught.value)
    for each in words:
        assert each in str(caught.value)
    assert ("not signed" in str(caught.value)) == ("not signed by an authority" in words)
