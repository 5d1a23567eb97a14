"""From an Airflow Connection to a client."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from airflow.providers_manager import ProvidersManager

from airflow_provider_onedrive.compat import Connection
from airflow_provider_onedrive.emulator import Emulator
from airflow_provider_onedrive.emulator.faults import status
from airflow_provider_onedrive.get_provider_info import get_provider_info
from airflow_provider_onedrive.graph.http import cooldown
from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError, Throttled
from airflow_provider_onedrive.hooks.onedrive import OneDriveHook

Change = Callable[..., None]
CONNECTION = "AIRFLOW_CONN_ONEDRIVE_DEFAULT"
SECRET_FIELDS = {
    *("certificate_private_key", "certificate_private_key_passphrase"),
    *("access_token", "refresh_token", "proxy"),
}


def settings() -> Any:
    with OneDriveHook().get_conn() as client:
        return client.settings


def as_uri(connection: str, prefix: str = "") -> str:
    """Write a connection as a URI, in which every extra field is text."""
    fields = json.loads(connection)
    extra = urlencode({prefix + name: value for name, value in fields["extra"].items()})
    return f"onedrive://{quote(fields['login'], safe='')}:{quote(fields['password'], safe='')}@/?{extra}"


def test_a_json_connection_works(onedrive_emulator: Emulator) -> None:
    """The emulator's JSON connection reaches the emulator's drive."""
    onedrive_emulator.drive().put("a.txt", b"hello")
    with OneDriveHook().get_conn() as client:
        assert client.stat("myfiles/a.txt").size == 5


@pytest.mark.parametrize("prefix", ["", "extra__onedrive__"])
def test_a_uri_connection_works(onedrive_emulator: Emulator, monkeypatch: pytest.MonkeyPatch, prefix: str) -> None:
    """A URI means the same as JSON, also with the field names older Airflow versions wrote."""
    monkeypatch.setenv(CONNECTION, as_uri(onedrive_emulator.connection, prefix))
    with OneDriveHook().get_conn() as client:
        assert client.stat("myfiles").is_folder


def test_numbers_may_be_text(onedrive_emulator: Emulator, connection: Change) -> None:
    """A URI makes text of every value, and so do some secrets backends."""
    connection(timeout_seconds="7")
    assert settings().timeout_seconds == 7


@pytest.mark.airflow3  # Airflow 2 refuses such a connection by itself
@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("kind", ["threads", "loop"])
def test_an_extra_that_was_encoded_again_is_read(
    onedrive_emulator: Emulator, monkeypatch: pytest.MonkeyPatch, times: int, kind: str
) -> None:
    """Scripts and secrets backends make JSON text of what is JSON text already."""
    known = json.loads(onedrive_emulator.connection)
    extra = json.dumps(known["extra"])
    for _ in range(times):
        extra = json.dumps(extra)
    monkeypatch.setenv(CONNECTION, json.dumps(known | {"extra": extra}))
    if kind == "threads":
        with OneDriveHook().get_conn() as client:
            assert client.stat("myfiles").is_root
    else:
        asyncio.run(look_async())


@pytest.mark.airflow3  # as above
@pytest.mark.parametrize("extra", ['"text"', "[1]", '"[]"', "7"])
@pytest.mark.parametrize("read", [settings, lambda: asyncio.run(look_async())], ids=["threads", "loop"])
def test_an_extra_that_is_no_object_is_named(
    onedrive_emulator: Emulator, monkeypatch: pytest.MonkeyPatch, extra: str, read: Callable[[], Any]
) -> None:
    """The error is this provider's, whoever finds it first."""
    known = json.loads(onedrive_emulator.connection)
    monkeypatch.setenv(CONNECTION, json.dumps(known | {"extra": extra}))
    with pytest.raises(ConfigurationError, match="JSON"):
        read()


def test_secrets_of_an_extra_that_was_encoded_again_are_masked(
    onedrive_emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Airflow masks the text as a whole; the hook masks the secrets in it."""
    masked: list[Any] = []
    monkeypatch.setattr("airflow_provider_onedrive.hooks.onedrive.mask_secret", masked.append)
    extra = json.dumps({"auth": "access_token", "access_token": "SECRET"})
    connection = Connection(conn_id="c", conn_type="onedrive", extra="{}")
    monkeypatch.setattr(type(connection), "extra_dejson", property(lambda _: extra))
    monkeypatch.setattr(OneDriveHook, "get_connection", lambda *_: connection)
    OneDriveHook("c").settings()
    assert masked == [json.loads(extra)]


def test_auth_may_be_absent(onedrive_emulator: Emulator, connection: Change) -> None:
    """Without ``auth`` the login and password are an app's id and secret."""
    connection(auth=None)
    assert settings().auth == "client_secret"


def test_an_access_token_works(onedrive_emulator: Emulator, connection: Change) -> None:
    """With ``access_token`` the signed-in user's own drive is myfiles."""
    token = onedrive_emulator.token("anna@contoso.example")
    connection(login=None, password=None, auth="access_token", access_token=token, myfiles=None)
    onedrive_emulator.drive("anna@contoso.example").put("mine.txt", b"1")
    with OneDriveHook().get_conn() as client:
        assert client.exists("myfiles/mine.txt")


def test_the_async_client_works(onedrive_emulator: Emulator) -> None:
    """A trigger's client reads the same connection."""
    onedrive_emulator.drive().put("a.txt", b"hello")

    async def look() -> int:
        async with await OneDriveHook().get_async_conn() as client:
            return (await client.stat("myfiles/a.txt")).size

    assert asyncio.run(look()) == 5


def look_later() -> bool:
    """Look at the drive as a process would that starts now; say whether it was held back."""
    cooldown.forget_all()
    try:
        with OneDriveHook().get_conn() as client:
            client.stat("myfiles")
    except Throttled:
        return True
    return False


async def look_async() -> None:
    async with await OneDriveHook().get_async_conn() as client:
        await client.stat("myfiles")


@pytest.mark.parametrize("folder", [None, "{tmp_path}/run", "", " off "])
@pytest.mark.parametrize("look", [look_later, lambda: asyncio.run(look_async())], ids=["worker", "triggerer"])
def test_processes_share_a_pause(
    onedrive_emulator: Emulator,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    folder: str | None,
    look: Callable[[], Any],
) -> None:
    """What one process was told holds back the next, in a private folder, unless the deployment wants none."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    name = "AIRFLOW__ONEDRIVE__COOL_DOWN_FOLDER"
    if folder is None:
        monkeypatch.delenv(name)
    else:
        monkeypatch.setenv(name, folder.format(tmp_path=tmp_path))
    onedrive_emulator.faults.add(origin="graph", times=1, do=status(429, retry_after=400))
    with suppress(Throttled):
        look()
    is_shared = folder is None or "run" in folder
    assert look_later() is is_shared
    place = (tmp_path / "run" if folder else tmp_path) / f"onedrive_cool_down_{os.getuid()}"
    assert place.exists() is is_shared
    assert not is_shared or place.stat().st_mode & 0o777 == 0o700


def test_a_host_that_is_not_trusted_gets_nothing(onedrive_emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the deployment's configuration can let a secret go to another host; nothing is sent before that."""
    monkeypatch.delenv("AIRFLOW__ONEDRIVE__TRUSTED_HOSTS")
    with pytest.raises(ConfigurationError, match=r"'localhost', which is not trusted; nothing was sent.*trusted_hosts"):
        OneDriveHook().get_conn()
    assert not onedrive_emulator.requests


@pytest.mark.parametrize("hosts", ["localhost", "a.example,localhost", "a.example localhost", " localhost , "])
def test_trusted_hosts_are_separated_by_commas_or_spaces(
    onedrive_emulator: Emulator, monkeypatch: pytest.MonkeyPatch, hosts: str
) -> None:
    """A list in a configuration file or an environment variable is one line."""
    monkeypatch.setenv("AIRFLOW__ONEDRIVE__TRUSTED_HOSTS", hosts)
    assert settings().graph_url == onedrive_emulator.graph_url


def test_an_unknown_field_is_refused(onedrive_emulator: Emulator, connection: Change) -> None:
    """A misspelt field is named, with the nearest one: a limit that is silently ignored is worse than none."""
    connection(tenant="contoso")
    with pytest.raises(ConfigurationError, match=r"tenant is unknown\. Did you mean tenant_id"):
        OneDriveHook().get_conn()


def test_the_connection_test_says_what_works(onedrive_emulator: Emulator) -> None:
    """Success names the identity and the place that myfiles is."""
    works, message = OneDriveHook().test_connection()
    assert works, message
    assert onedrive_emulator.client_id in message
    assert onedrive_emulator.drive().id in message


@pytest.mark.parametrize(
    ("fields", "advice"),
    [
        ({"password": "wrong-secret"}, "secret"),
        ({"tenant_id": "99999999-0000-0000-0000-000000000000"}, "tenant"),
        ({"myfiles": "nobody@contoso.example"}, "myfiles"),
        ({"graph_url": "https://evil.example"}, "trusted_hosts"),
        ({"graph_url": "http://localhost"}, "not a plain https address"),
        ({"ca_certificate": "/no/such/file.pem"}, "ca_certificate"),
        ({"timeout_seconds": "soon"}, "timeout_seconds"),
    ],
)
def test_the_connection_test_says_what_to_do(
    onedrive_emulator: Emulator, connection: Change, fields: dict[str, Any], advice: str
) -> None:
    """Failure is an answer, never an exception; it says what to change and holds no secret."""
    connection(**fields)
    works, message = OneDriveHook().test_connection()
    assert not works
    assert advice in message
    assert onedrive_emulator.client_secret not in message
    assert "wrong-secret" not in message


def test_the_connection_test_warns(onedrive_emulator: Emulator, connection: Change) -> None:
    """An app without a place of its own may be meant; that is said, and is no failure."""
    connection(myfiles=None)
    works, message = OneDriveHook().test_connection()
    assert works
    assert onedrive_emulator.client_secret not in message
    assert "Put a user or a drive into it" in message


def test_the_connection_test_of_an_expired_token_fails(onedrive_emulator: Emulator, connection: Change) -> None:
    """A token that ran out is an answer, and it is not shown."""
    token = onedrive_emulator.token("anna@contoso.example", expired=True)
    connection(login=None, password=None, auth="access_token", access_token=token, myfiles=None)
    works, message = OneDriveHook().test_connection()
    assert not works
    assert "expired" in message
    assert token not in message


def test_the_connection_test_of_a_missing_connection_fails(airflow_db: None) -> None:
    """A connection that nobody made is an answer, too."""
    works, message = OneDriveHook("nobody_made_this").test_connection()
    assert not works
    assert "nobody_made_this" in message


def test_no_client_is_made_without_a_connection_look_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Making a hook looks up nothing: that waits for the first client."""
    monkeypatch.delenv(CONNECTION, raising=False)
    assert OneDriveHook().onedrive_conn_id == "onedrive_default"


def test_the_old_form_has_the_same_standard_fields() -> None:
    """Airflow before 3.2 asks the hook, and gets the table of the provider info."""
    behaviour = OneDriveHook.get_ui_field_behaviour()
    assert behaviour["relabeling"] == {"login": "Client ID", "password": "Client secret"}
    assert behaviour["hidden_fields"] == ["host", "port", "schema"]


def test_the_old_form_has_the_same_fields() -> None:
    """Airflow before 3.2 builds its form with WTForms, from the same table, secrets as password fields."""
    wtforms = pytest.importorskip("wtforms", reason="comes with Airflow 2")
    info: Any = get_provider_info()
    manager: Any = ProvidersManager()  # type: ignore[no-untyped-call]
    known = {name: field for name, field in manager.connection_form_widgets.items() if "__onedrive__" in name}
    assert {name.rpartition("__")[2] for name in known} == set(info["connection-types"][0]["conn-fields"])
    secret = {name.rpartition("__")[2] for name, field in known.items() if field.is_sensitive}
    assert secret == SECRET_FIELDS
    assert manager.field_behaviours["onedrive"]["hidden_fields"] == ["host", "port", "schema"]
    form = type("Form", (wtforms.Form,), OneDriveHook.get_connection_form_widgets())()
    assert "One of: client_secret, certificate, federated," in form.auth.description
    assert "<textarea" in str(form.ca_certificate())


def test_environment_is_left_alone(onedrive_emulator: Emulator) -> None:
    """The fixture gives the connection by environment, as the documentation says."""
    assert json.loads(os.environ[CONNECTION]) == json.loads(onedrive_emulator.connection)


@pytest.mark.parametrize(
    ("name", "meant"), [("list", "children"), ("mkdir", "create_folder"), ("exists", "exists"), ("upload", "upload")]
)
def test_missing_attribute_names_the_method_of_the_client(name: str, meant: str) -> None:
    """The hook makes clients; what people look for on it is theirs."""
    with pytest.raises(AttributeError, match=rf"has no '{name}'; .* hook\.get_conn\(\)\.{meant}\(\.\.\.\)"):
        getattr(OneDriveHook(), name)
    with pytest.raises(AttributeError, match=r"OneDriveHook has no 'colour'\."):
        _ = OneDriveHook().colour
