"""Who asks, and where a link may lead: the client against an emulator that refuses."""

from __future__ import annotations

import socket
from contextlib import closing

import pytest
import trustme
from every_request import (
    CHILDREN,
    FOLDER,
    IN_SESSION,
    LARGE,
    PUT,
    SESSION,
    SMALL,
    STAT,
    TOKEN,
    everything,
    name_of,
)

from airflow_provider_onedrive.emulator.faults import (
    expire_token,
    status,
)
from airflow_provider_onedrive.graph.protocol.errors import (
    AccessDenied,
    BadRequest,
    ConfigurationError,
    DriveNotFound,
    ServiceUnavailable,
    SignInFailed,
    Throttled,
    Unauthenticated,
)
from airflow_provider_onedrive.graph.protocol.messages import Request

NO_DRIVE = "b!" + "x" * 64
"""An id in the form of work or school; another text cannot be the id of a drive, which Graph answers with 400."""


def test_a_token_that_expires_is_renewed_once(client, onedrive_emulator, drive, faults):
    """A refused token is replaced and the request sent again, whatever it is."""
    client.stat("myfiles")
    for kind in (PUT, SESSION, FOLDER, STAT):
        faults.add(**kind, do=expire_token())
    client.upload("myfiles/x/s.csv", content=SMALL, create_folders=True)
    client.upload("myfiles/x/a.bin", content=LARGE, options=IN_SESSION)
    client.stat("myfiles/x/a.bin")
    assert drive.paths() == ["x/", "x/a.bin", "x/s.csv"]
    assert len(onedrive_emulator.requests.matching(path="/token$")) == 5


def test_a_token_that_is_refused_again_and_again(client, onedrive_emulator, faults):
    """A new token is asked for once; then it is an error."""
    faults.add(**CHILDREN, times=None, do=status(401))
    with pytest.raises(Unauthenticated):
        list(client.children("myfiles"))
    assert len(onedrive_emulator.requests.matching(path="/token$")) == 2
    assert len(onedrive_emulator.requests.matching(**CHILDREN)) == 2


@pytest.mark.parametrize("kind", [STAT, PUT, FOLDER, SESSION, CHILDREN], ids=name_of)
def test_the_random_401_of_personal_drives(client, onedrive_emulator, drive, *, faults, tmp_path, kind):
    """``Unable to initialize RPS`` goes away by itself, without a new token."""
    rule = faults.add(**kind, times=3, do=status(401, message="Unable to initialize RPS"))
    everything(client, drive, tmp_path)
    assert rule.hits == 3
    assert len(onedrive_emulator.requests.matching(path="/token$")) == 1


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"client_secret": "wrong"}, ["AADSTS7000215", "invalid_client", "client secret is wrong", "not its id"]),
        ({"client_id": "11111111-1111-1111-1111-111111111111"}, ["AADSTS700016", "check login and tenant_id"]),
        ({"tenant_id": "fabrikam.example"}, ["There is no such tenant", "tenant_id"]),
        ({"tenant_id": "22222222-2222-2222-2222-222222222222"}, ["There is no such tenant", "tenant_id"]),
        ({"scopes": "https://graph.microsoft.com/Files.Read"}, ["AADSTS1002012"]),
    ],
    ids=str,
)
def test_a_wrong_identity(connect, onedrive_emulator, wrong, said):
    """Entra's refusal is told in its words and ours, once, without the secret, and not asked again."""
    client = connect(**wrong)
    for call in (lambda: client.stat("myfiles"), lambda: client.upload("myfiles/a.csv", content=SMALL)):
        onedrive_emulator.requests.clear()
        with pytest.raises(SignInFailed) as caught:
            call()
        for words in said:
            assert words in str(caught.value)
        assert onedrive_emulator.client_secret not in str(caught.value)
        assert "myfiles" in str(caught.value)
        assert not caught.value.is_retryable
        assert len(onedrive_emulator.requests) <= 2
        assert onedrive_emulator.requests.matching(origin="graph") == []


@pytest.mark.parametrize("number", [429, 500, 503])
def test_a_sign_in_service_that_stays_away(client, onedrive_emulator, faults, number):
    """Entra that does not work is no wrong secret: it may pass."""
    faults.add(**TOKEN, times=None, do=status(number))
    with pytest.raises((Throttled, ServiceUnavailable), match=f"Entra answered {number}") as caught:
        client.stat("myfiles")
    assert caught.value.is_retryable
    assert len(onedrive_emulator.requests.matching(path="/token$")) == client.retry_policy.max_attempts


def test_an_access_token_that_expired(connect, onedrive_emulator):
    """A token from elsewhere cannot be renewed: it is not even sent, and the error says what to do."""
    client = connect(auth="access_token", access_token=onedrive_emulator.token(expired=True))
    with pytest.raises(Unauthenticated, match=r"access token has expired .* Put a new one into it"):
        client.stat("myfiles")
    assert len(onedrive_emulator.requests) == 0


def test_an_identity_without_permission(client, onedrive_emulator, drive):
    """403 says what to grant, and is not asked again."""
    drive.put("a.csv")
    drive.deny = True
    with pytest.raises(AccessDenied, match=r"Cannot look at myfiles/a.csv: .*lacks the permission") as caught:
        client.stat("myfiles/a.csv")
    assert not caught.value.is_retryable
    with pytest.raises(AccessDenied):
        client.upload("myfiles/b.csv", content=SMALL)


@pytest.mark.parametrize(
    "location",
    [
        *("users/nobody@contoso.example/a.csv", "users/nobody@contoso.example"),
        *("drives/b!none/a.csv", "items/b!none/01X", f"drives/{NO_DRIVE}/a.csv", f"items/{NO_DRIVE}/01X"),
    ],
)
def test_a_place_that_does_not_exist(client, location):
    """A wrong user or drive is told from a missing file: no waiting can help."""
    calls = [client.stat, client.exists, lambda where: list(client.children(where)), client.open]
    calls += [client.delete] if location.endswith(("a.csv", "01X")) else []
    calls += [lambda where: client.upload(where, content=b"", file_name="x.csv", create_folders=True)]
    for call in calls:
        with pytest.raises(DriveNotFound, match="no such user, drive or site"):
            call(location)


def test_a_missing_drive_is_no_deleted_file(client):
    """A missing file may be ignored; a missing drive is a wrong location."""
    with pytest.raises(DriveNotFound):
        client.delete("users/nobody@contoso.example/a.csv", ignore_if_missing=True)


def test_a_user_who_never_opened_onedrive(client, onedrive_emulator):
    """A user without a drive is a missing drive, not a missing file."""
    onedrive_emulator.add_user("new@contoso.example", provisioned=False)
    with pytest.raises(DriveNotFound, match="has no OneDrive yet"):
        client.exists("users/new@contoso.example/a.csv")


def test_an_application_has_no_place_of_its_own(connect, onedrive_emulator):
    """An app-only connection without myfiles is an error that says what to fill in; nothing is sent."""
    client = connect(myfiles=None)
    with pytest.raises(ConfigurationError, match=r"name@company.example.*myfiles"):
        client.upload("myfiles/a.csv", content=SMALL)
    assert len(onedrive_emulator.requests) == 0
    assert client.exists("users/anna@contoso.example")


def test_an_application_with_a_token_from_elsewhere(connect, onedrive_emulator):
    """Whose token it is only Graph knows; its refusal names the way to sign in that /me needs."""
    client = connect(auth="access_token", access_token=onedrive_emulator.token(), myfiles=None)
    with pytest.raises(BadRequest, match="/me request is only valid with delegated authentication flow") as caught:
        client.stat("myfiles/a.csv")
    assert "the connection's field myfiles" in str(caught.value)


def test_a_certificate_that_is_not_trusted(connect, onedrive_emulator):
    """Another authority signed the certificate: an error that says where to put the right one, not a retry."""
    client = connect(ca_certificate=trustme.CA().cert_pem.bytes().decode())
    for call in (lambda: client.stat("myfiles"), lambda: client.upload("myfiles/a.csv", content=SMALL)):
        with pytest.raises(ConfigurationError, match=r"TLS certificate of localhost is not signed.*ca_certificate"):
            call()
    assert len(onedrive_emulator.requests) == 0


def test_nobody_listens(connect, drive):
    """A port where nobody listens is a service that may come back."""
    with closing(socket.create_server(("localhost", 0))) as free:
        port = free.getsockname()[1]
    for field in ("graph_url", "authority_url"):
        client = connect(**{field: f"https://localhost:{port}"})
        if field == "graph_url":
            client = connect(
                graph_url=f"https://localhost:{port}", auth="access_token", access_token="x", client_secret=None
            )
        with pytest.raises(ServiceUnavailable) as caught:
            client.upload("myfiles/a.csv", content=SMALL)
        assert caught.value.is_retryable
        assert caught.value.status is None
    assert drive.paths() == []


# --- links that lead elsewhere


@pytest.mark.parametrize("preauthorized", [False, True])
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_a_link_in_the_clear_is_not_followed(client, onedrive_emulator, preauthorized, method):
    """Whatever Graph hands out, nothing goes over plain http, and no socket is opened for it."""

    def flow():
        yield Request(method, onedrive_emulator.store_url.replace("https", "http") + "/x", preauthorized=preauthorized)

    with pytest.raises(ConfigurationError, match="it was not followed"):
        client.run(flow())
    assert len(onedrive_emulator.requests) == 0


@pytest.mark.parametrize(
    "url", ["https://localhost:port/y", "https://a..b\u00e4/y", "https://localhost/" + "y" * 70000]
)
def test_a_link_that_cannot_be_read(client, onedrive_emulator, url):
    """A link that is no URL is an error of ours."""

    def flow():
        yield Request("GET", url, preauthorized=True)

    with pytest.raises(ConfigurationError, match="it was not followed"):
        client.run(flow())
    assert len(onedrive_emulator.requests) == 0


def test_a_next_page_on_another_host_gets_no_token(client, onedrive_emulator):
    """A nextLink to another origin is not followed."""

    def flow():
        yield Request("GET", f"{onedrive_emulator.store_url}/v1.0/next?page=2")

    with pytest.raises(ConfigurationError, match="leads to another host"):
        client.run(flow())
    assert len(onedrive_emulator.requests) == 0
