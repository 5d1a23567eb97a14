"""Entra ID: discovery, the token endpoint, and the use of a token."""

from __future__ import annotations

import httpx
import msal
import pytest

UNKNOWN = "11111111-2222-3333-4444-555555555555"


@pytest.fixture
def ask(emulator, http):
    """Request a token; keyword arguments change the form, None removes a field."""

    def post(tenant=None, **changes):
        form = {
            "grant_type": "client_credentials",
            "client_id": emulator.client_id,
            "client_secret": emulator.client_secret,
            "scope": f"{emulator.graph_url}/.default",
        }
        fields = {name: value for name, value in (form | changes).items() if value is not None}
        return http.post(f"{emulator.authority_url}/{tenant or emulator.tenant_id}/oauth2/v2.0/token", data=fields)

    return post


def test_msal_gets_a_token_that_graph_takes(emulator, http):
    """Microsoft's own library works with nothing but the authority and the certificate."""
    app = msal.ConfidentialClientApplication(
        emulator.client_id,
        client_credential=emulator.client_secret,
        authority=f"{emulator.authority_url}/{emulator.tenant_id}",
        instance_discovery=False,
        http_client=http,
    )
    reply = app.acquire_token_for_client([f"{emulator.graph_url}/.default"])
    assert reply["token_type"] == "Bearer"
    assert reply["expires_in"] == 3599
    headers = {"Authorization": f"Bearer {reply['access_token']}"}
    assert http.get(f"{emulator.graph_url}/v1.0/drives/{emulator.drive().id}", headers=headers).status_code == 200


def test_msal_with_instance_discovery(emulator, http):
    """An authority of unknown host can be discovered from itself."""
    found = http.get(
        f"{emulator.authority_url}/common/discovery/instance",
        params={
            "api-version": "1.1",
            "authorization_endpoint": f"{emulator.authority_url}/common/oauth2/v2.0/authorize",
        },
    ).json()
    document = http.get(found["tenant_discovery_endpoint"]).json()
    assert document["token_endpoint"] == f"{emulator.authority_url}/{emulator.tenant_id}/oauth2/v2.0/token"
    assert document["issuer"].startswith(emulator.authority_url)


def test_secret_as_http_basic(emulator, http, ask):
    """Id and secret may come in the form or as HTTP Basic."""
    url = f"{emulator.authority_url}/contoso.example/oauth2/v2.0/token"
    form = {"grant_type": "client_credentials", "scope": "https://graph.microsoft.com/.default"}
    basic = (emulator.client_id, emulator.client_secret)
    assert http.post(url, data=form, auth=basic).status_code == 200
    assert http.post(url, data=form, auth=(emulator.client_id, "wrong")).status_code == 401


@pytest.mark.parametrize(
    ("tenant", "changes", "expected"),
    [
        (None, {"client_secret": "wrong"}, (401, "invalid_client", 7000215)),
        (None, {"client_secret": None}, (401, "invalid_client", 7000216)),
        (None, {"client_id": UNKNOWN}, (400, "unauthorized_client", 700016)),
        (None, {"client_id": None}, (400, "invalid_request", 900144)),
        (None, {"grant_type": None}, (400, "invalid_request", 900144)),
        (None, {"grant_type": "password"}, (400, "unsupported_grant_type", 70003)),
        (None, {"scope": "Files.Read"}, (400, "invalid_scope", 1002012)),
        (None, {"scope": "https://example.com/.default"}, (400, "invalid_resource", 500011)),
        (UNKNOWN, {}, (400, "invalid_request", 90002)),
        ("fabrikam.example", {}, (400, "invalid_request", 90002)),
        ("no_tenant", {}, (400, "invalid_request", 900021)),
    ],
)
def test_refusals(ask, tenant, changes, expected):
    """Each error has the status, the code and the AADSTS number of the service."""
    reply = ask(tenant, **changes)
    body = reply.json()
    assert (reply.status_code, body["error"], *body["error_codes"]) == expected
    assert body["error_description"].startswith(f"AADSTS{expected[2]}: ")
    assert {"timestamp", "trace_id", "correlation_id"} < set(body)


def test_refusals_never_repeat_the_secret(ask):
    """A wrong secret does not come back in the answer."""
    assert "hunter2" not in ask(client_secret="hunter2").text


def test_discovery_of_an_unknown_tenant(emulator, http):
    """The discovery document of a tenant that does not exist is a 400."""
    reply = http.get(f"{emulator.authority_url}/{UNKNOWN}/v2.0/.well-known/openid-configuration")
    assert (reply.status_code, reply.json()["error"], *reply.json()["error_codes"]) == (400, "invalid_tenant", 90002)


def test_only_post_gives_a_token(emulator, http):
    """The token endpoint answers GET with an error."""
    assert http.get(f"{emulator.authority_url}/{emulator.tenant_id}/oauth2/v2.0/token").json()["error_codes"] == [
        900561
    ]


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (None, "Access token is empty."),
        ("Bearer", "Access token is empty."),
        ("Basic eDp5", "Access token is empty."),
        ("Bearer nonsense", "IDX14100: JWT is not well formed."),
    ],
)
def test_graph_needs_a_token(emulator, http, error, header, message):
    """Without a token that was given out there is a 401 with a challenge."""
    reply = http.get(f"{emulator.graph_url}/v1.0/me/drive", headers={"Authorization": header} if header else {})
    assert error(reply) == (401, "InvalidAuthenticationToken", message)
    assert reply.headers["WWW-Authenticate"].startswith("Bearer ")


def test_a_token_in_the_query_does_not_count(emulator, http):
    """A bearer token is taken from the header only."""
    url = f"{emulator.graph_url}/v1.0/drives/{emulator.drive().id}"
    assert http.get(url, params={"access_token": emulator.token()}).status_code == 401


def test_expired_token(emulator, http, error):
    """An expired token is a 401 with the reason."""
    headers = {"Authorization": f"Bearer {emulator.token(expired=True)}"}
    reply = http.get(f"{emulator.graph_url}/v1.0/me/drive", headers=headers)
    assert error(reply)[::2] == (401, "Lifetime validation failed, the token is expired.")


def test_scheme_in_lower_case(emulator, http):
    """The word Bearer may have any case."""
    headers = {"Authorization": f"bearer {emulator.token()}"}
    assert http.get(f"{emulator.graph_url}/v1.0/drives/{emulator.drive().id}", headers=headers).status_code == 200


def test_a_reset_ends_all_tokens_and_changes_the_tenant(emulator, http):
    """A token of one test is refused in the next."""
    token, tenant_id, secret = emulator.token(), emulator.tenant_id, emulator.client_secret
    emulator.reset()
    assert emulator.tenant_id != tenant_id
    assert emulator.client_secret != secret
    headers = {"Authorization": f"Bearer {token}"}
    assert http.get(f"{emulator.graph_url}/v1.0/drives/x", headers=headers).status_code == 401


def test_the_certificate_is_not_trusted_by_default(emulator):
    """Only a client with the emulator's certificate authority connects to it."""
    with pytest.raises(httpx.ConnectError):
        httpx.get(emulator.graph_url, trust_env=False)


@pytest.mark.parametrize(
    ("content", "headers"),
    [
        (b"", {}),
        (b"\xff\xfe\x00=&&&==", {}),
        (b'{"grant_type": "client_credentials"}', {"Content-Type": "application/json"}),
        (b"grant_type=client_credentials&" * 20000, {}),
        (b"grant_type=client_credentials&client_id=%00%ff&client_secret=%00", {}),
        (b"grant_type=client_credentials", {"Authorization": "Basic ???"}),
        (b"grant_type=client_credentials", {"Authorization": "Basic /////w=="}),
        (b"grant_type=refresh_token&refresh_token=" + b"x" * 100000, {}),
        (b"x" * 5_000_000, {}),
    ],
)
def test_bad_bodies(emulator, http, content, headers):
    """Every body at the token endpoint is answered with an error of Entra ID."""
    headers = {"Content-Type": "application/x-www-form-urlencoded"} | headers
    for path in ("token", "devicecode"):
        url = f"{emulator.authority_url}/{emulator.tenant_id}/oauth2/v2.0/{path}"
        reply = http.post(url, content=content, headers=headers)
        assert 400 <= reply.status_code < 500
        assert reply.json()["error_description"].startswith("AADSTS")


@pytest.mark.parametrize(
    "path", ["/x/y/oauth2/v2.0/token", "/x/oauth2/v1.0/token", "/workload/.well-known/x", "/msi/x"]
)
def test_unknown_addresses(emulator, http, path):
    """An unknown address of Entra ID is an error."""
    assert http.get(emulator.authority_url + path).status_code in {401, 404}


def test_discovery_with_an_absurd_authority(emulator, http):
    """Instance discovery takes any text."""
    url = f"{emulator.authority_url}/common/discovery/instance"
    for text in ("", "https://[", "x" * 5000, "//"):
        assert http.get(url, params={"authorization_endpoint": text}).json()["error"] == "invalid_instance"
