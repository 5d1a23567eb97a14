"""Tokens, secrets and pre-authorised URLs are seen by nobody."""

from __future__ import annotations

import asyncio
import json
import logging
import pickle
import re
from dataclasses import replace

import pytest
from every_request import IN_SESSION, LARGE

from airflow_provider_onedrive.emulator.faults import cut_response, drop_before, expire_token, status
from airflow_provider_onedrive.graph.client import Client
from airflow_provider_onedrive.graph.config.settings import Settings
from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError, OneDriveError
from airflow_provider_onedrive.graph.protocol.messages import Request


@pytest.fixture
def everything_logged(caplog):
    """Every logger at its most talkative, the HTTP libraries' and msal's too."""
    names = ["", "httpx", "httpcore", "msal", "urllib3", "airflow_provider_onedrive", *logging.root.manager.loggerDict]
    for name in names:
        caplog.set_level(logging.DEBUG, logger=name)
    return caplog


class Watch:
    """Knows every secret of a test, and looks for it."""

    def __init__(self, emulator) -> None:
        self.emulator = emulator
        self.tokens: list[str] = []

    @property
    def secrets(self) -> set[str]:
        found = {self.emulator.client_secret, *self.tokens}
        for request in self.emulator.requests.matching(origin="store"):
            path, _, query = request.target.partition("?")
            found |= {query, path, *re.findall(r"tempauth=(?:v1\.)?([^&]+)", query)}
        return found

    def check(self, text: str) -> None:
        assert [secret for secret in self.secrets if secret in text] == []
        assert "tempauth" not in text
        assert "Bearer e" not in text
        assert "uploadSession?" not in text


@pytest.fixture
def watch(onedrive_emulator):
    return Watch(onedrive_emulator)


def whole_text(records) -> str:
    """Everything a handler could write of a record."""
    lines = []
    for record in records:
        lines += [record.getMessage(), repr(record.args), record.exc_text or ""]
        lines += [repr(record.exc_info)] if record.exc_info else []
    return "\n".join(lines)


def test_nothing_secret_is_logged(everything_logged, connect, onedrive_emulator, watch, tmp_path):
    """At DEBUG, with every kind of request and of trouble, no record holds a token, a secret or such a URL."""
    client = connect(on_secret=watch.tokens.append)
    faults = onedrive_emulator.faults
    for origin in ("graph", "store", "login"):
        faults.add(origin=origin, do=drop_before())
        faults.add(origin=origin, after=1, do=status(503, retry_after=0))
    faults.add(method="PUT", origin="store", after=2, do=status(500))
    client.upload("myfiles/x/a.bin", content=LARGE, create_folders=True, options=IN_SESSION)
    faults.add(method="GET", origin="store", do=cut_response(1000))
    faults.add(method="GET", path="root:/x$", do=expire_token())
    client.download("myfiles/x/a.bin", tmp_path / "a.bin")
    assert [item.name for item in client.children("myfiles/x")] == ["a.bin"]
    client.delete("myfiles/x", recursive=True)
    text = whole_text(everything_logged.records)
    watch.check(text)
    assert {"httpx", "httpcore.http11", "httpcore.connection"} <= {record.name for record in everything_logged.records}
    assert any(record.name.startswith("msal") for record in everything_logged.records)
    assert len(watch.tokens) == len(set(watch.tokens)) == 2
    assert len(watch.secrets) >= 8


def test_nothing_secret_is_logged_on_an_event_loop(everything_logged, connect_async, watch, onedrive_emulator):
    """The client for an event loop is as silent."""
    onedrive_emulator.drive().put("a.bin", b"abc")

    async def whole():
        async with connect_async() as client:
            return await client.stat("myfiles/a.bin")

    item = asyncio.run(whole())
    watch.check(whole_text(everything_logged.records) + repr(item))
    assert "httpcore.http11" in {record.name for record in everything_logged.records}


def test_each_token_is_told(connect, onedrive_emulator):
    """Whoever masks secrets learns each new token before it is used, once, and no URL."""
    told: list[str] = []
    client = connect(on_secret=told.append)
    assert told == []
    client.stat("myfiles")
    client.upload("myfiles/a.bin", content=LARGE, options=IN_SESSION)
    assert len(told) == 1
    onedrive_emulator.faults.add(path="root$", do=expire_token())
    client.stat("myfiles")
    assert len(told) == len(set(told)) == 2
    given = onedrive_emulator.token()
    connect(on_secret=told.append, auth="access_token", access_token=given).exists("users/anna@contoso.example")
    assert told[2:] == [given]


def test_no_token_on_the_second_origin(client, onedrive_emulator, tmp_path):
    """Upload and download URLs are the permission themselves: no request there carries Authorization."""
    client.upload("myfiles/a.bin", content=LARGE, options=IN_SESSION)
    onedrive_emulator.revoke_download_urls()
    client.download("myfiles/a.bin", tmp_path / "a.bin")
    onedrive_emulator.faults.add(method="PUT", origin="store", do=status(401))
    client.save("myfiles/a.bin", content=LARGE[::-1], options=IN_SESSION)
    onedrive_emulator.faults.add(method="PUT", origin="store", do=status(409))
    with pytest.raises(OneDriveError):
        client.upload("myfiles/b.bin", content=LARGE, options=IN_SESSION)
    assert len(onedrive_emulator.requests.matching(origin="store")) >= 6
    assert not any(request.had_authorization for request in onedrive_emulator.requests.matching(origin="store"))
    assert len(onedrive_emulator.leaks) == 0


@pytest.mark.parametrize(
    ("origin", "fault"),
    [
        *(("store", status(number)) for number in (400, 401, 403, 404, 409, 412, 423, 429, 500, 501, 507)),
        ("store", drop_before()),
        ("store", cut_response(3)),
        *(("graph", status(number)) for number in (400, 401, 403, 404, 409, 412, 429, 500, 507)),
        ("login", status(500)),
        ("login", status(400)),
    ],
    ids=repr,
)
@pytest.mark.parametrize("operation", ["upload", "download"])
def test_no_error_shows_a_secret(connect, watch, onedrive_emulator, *, tmp_path, origin, fault, operation):
    """Text, representation, dict, pickle and causes of an error hold no token, no secret and no such URL."""
    onedrive_emulator.drive().put("there.bin", b"abcdef")
    client = connect(on_secret=watch.tokens.append)
    client.retry_policy = replace(client.retry_policy, max_attempts=1)
    onedrive_emulator.faults.add(origin=origin, times=None, do=fault)
    try:
        if operation == "upload":
            client.upload("myfiles/a.bin", content=LARGE, options=IN_SESSION)
        else:
            client.download("myfiles/there.bin", tmp_path / "there.bin")
    except OneDriveError as error:
        shown = [str(error), repr(error), json.dumps(error.to_dict()), repr(vars(error)), repr(pickle.dumps(error))]
        chained = (error.__cause__, error.__context__)
        shown += [f"{link} {link!r}" for link in chained if link is not None]
        watch.check("\n".join(shown))
        assert "myfiles/" in str(error)  # noqa: PT017


def test_a_message_that_holds_a_url(client, onedrive_emulator):
    """Graph's own message may quote a pre-authorised URL: it is cut."""
    url = f"{onedrive_emulator.store_url}/x?tempauth=SECRET"
    onedrive_emulator.faults.add(path="root$", do=status(400, message=f"Cannot read {url}", code="invalidRequest"))
    with pytest.raises(OneDriveError, match=r"Cannot read \(URL\)") as caught:
        client.stat("myfiles")
    assert "SECRET" not in repr(vars(caught.value))


def test_nothing_secret_is_represented(connect, fields, watch, onedrive_emulator):
    """Representations go to tracebacks: those of settings, clients, requests and items show nothing."""
    onedrive_emulator.drive().put("a.bin", b"abc")
    client = connect(on_secret=watch.tokens.append)
    item = client.stat("myfiles/a.bin")
    settings = Settings.from_fields(
        {**fields, "proxy": "http://u:SECRET@p.example"}, trusted_hosts=["localhost", "p.example"]
    )
    request = Request("PUT", "https://x/SECRET?tempauth=SECRET", preauthorized=True)
    text = "\n".join(map(repr, (client, client.settings, settings, request, item, item.to_dict(), vars(client))))
    watch.check(text)
    assert "SECRET" not in text
    assert "BEGIN CERTIFICATE" not in text


def test_a_broken_token_is_not_shown(connect, onedrive_emulator):
    """A token pasted with a line break is refused by the field's name, not shown by the HTTP library."""
    with pytest.raises(OneDriveError, match="access_token") as caught:
        connect(auth="access_token", access_token="SECRET\nSECRET").stat("myfiles")
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize("field", ["graph_url", "authority_url"])
def test_a_host_that_is_not_trusted_gets_nothing(fields, onedrive_emulator, field):
    """Without the deployment's consent nothing goes to the host of a connection's URL."""
    with pytest.raises(OneDriveError, match="not trusted; nothing was sent"):
        Client(Settings.from_fields(fields))
    other = {**fields, field: fields[field].replace("localhost", "127.0.0.1")}
    with pytest.raises(OneDriveError, match=f"{field}.*not trusted"):
        Client(Settings.from_fields(other, trusted_hosts=["localhost"]))
    assert len(onedrive_emulator.requests) == 0


def test_a_proxy_with_an_authority_of_its_own(fields):
    """Both together could read the secret on its way to Microsoft: the deployment has to consent."""
    with pytest.raises(ConfigurationError, match=r"both proxy and ca_certificate.*trusted_hosts"):
        Settings.from_fields({**fields, "proxy": "http://p.example:3128"}, trusted_hosts=["localhost"])
    Settings.from_fields({**fields, "proxy": "http://p.example:3128"}, trusted_hosts=["localhost", "p.example"])
