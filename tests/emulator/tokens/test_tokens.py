"""Access tokens: their claims, their signature, and Graph's checks."""

from __future__ import annotations

import threading
import time

import httpx
import jwt
import pytest

from airflow_provider_onedrive.emulator import Emulator
from airflow_provider_onedrive.emulator.tokens import jws, keys

BEN = "ben@contoso.example"
GRAPH = "https://graph.microsoft.com"


@pytest.fixture
def call(emulator, http):
    """Request the first user's drive with a token."""

    def get(token):
        url = f"{emulator.graph_url}/v1.0/drives/{emulator.drive().id}"
        return http.get(url, headers={"Authorization": f"Bearer {token}".encode("latin-1")})

    return get


@pytest.fixture
def said(emulator, http):
    """Read a token as a stranger would: keys from the discovery document, signature and audience checked."""

    def read(token, audience=GRAPH):
        tenant = f"{emulator.authority_url}/{emulator.tenant_id}"
        document = http.get(f"{tenant}/v2.0/.well-known/openid-configuration").json()
        known = jwt.PyJWKSet.from_dict(http.get(document["jwks_uri"]).json())
        key = known[jwt.get_unverified_header(token)["kid"]]
        return jwt.decode(token, key.key, algorithms=["RS256"], audience=audience)

    return read


def test_token_of_an_application(emulator, said):
    """An application's token names the application, the tenant and its roles, and no user."""
    claims = said(emulator.token())
    assert claims["iss"] == f"https://sts.windows.net/{emulator.tenant_id}/"
    assert claims["tid"] == emulator.tenant_id
    assert claims["appid"] == claims["azp"] == emulator.client_id
    assert claims["oid"] == claims["sub"] == emulator.application.object_id
    assert claims["roles"] == ["Files.ReadWrite.All", "Sites.ReadWrite.All"]
    assert (claims["ver"], claims["idtyp"]) == ("1.0", "app")
    assert claims["iat"] == claims["nbf"] <= time.time() < claims["exp"] <= time.time() + 3600
    assert not {"scp", "upn"} & set(claims)


def test_token_of_a_user(emulator, said):
    """A delegated token names the user and the scopes."""
    claims = said(emulator.token(BEN))
    assert (claims["upn"], claims["scp"], claims["idtyp"]) == (BEN, "Files.ReadWrite", "user")
    assert claims["oid"] == emulator.state.tenant.user(BEN).id
    assert "roles" not in claims


def test_permissions_of_one_token(emulator, said):
    """A test may request a token with other permissions than the application has."""
    assert said(emulator.token(permissions=["Sites.Selected"]))["roles"] == ["Sites.Selected"]
    assert said(emulator.token(BEN, permissions=["Files.Read.All", "User.Read"]))["scp"] == "Files.Read.All User.Read"


def test_keys_of_version_1_and_2(emulator, http):
    """Both URLs of the keys return the same ones."""
    tenant = f"{emulator.authority_url}/{emulator.tenant_id}/discovery"
    one, two = (http.get(f"{tenant}{path}").json() for path in ("/keys", "/v2.0/keys"))
    assert one == two
    assert {"kty", "use", "kid", "x5t", "n", "e"} <= set(one["keys"][0])


def test_a_restart_makes_another_key(emulator, call, error):
    """Each start signs with a new key, so a token of another start is refused."""
    with Emulator() as other:
        foreign = other.state.tokens.sign({"aud": GRAPH, "tid": emulator.tenant_id, "exp": time.time() + 60})
    assert error(call(foreign)) == (401, "InvalidAuthenticationToken", "Signing key is invalid.")


@pytest.mark.parametrize(
    ("claims", "message"),
    [
        ({"aud": "https://example.com"}, "Access token validation failure. Invalid audience."),
        ({"aud": None}, "Access token validation failure. Invalid audience."),
        ({"tid": "11111111-2222-3333-4444-555555555555"}, "Access token validation failure. Invalid issuer."),
        ({"exp": 1}, "Lifetime validation failed, the token is expired."),
        ({"nbf": 2**33}, "Lifetime validation failed, the token is not yet valid."),
        ({"scp": "Files.Read", "oid": "nobody"}, "The user account does not exist in the tenant."),
    ],
)
def test_what_graph_refuses(emulator, call, error, claims, message):
    """Audience, tenant and time of a token are checked, and the answer is a 401 with a challenge."""
    reply = call(
        emulator.state.tokens.sign({"aud": GRAPH, "exp": time.time() + 60, "roles": ["Files.Read.All"]} | claims)
    )
    assert error(reply) == (401, "InvalidAuthenticationToken", message)
    assert reply.headers["WWW-Authenticate"].startswith('Bearer realm="", authorization_uri=')


@pytest.mark.parametrize("audience", [GRAPH, "00000003-0000-0000-c000-000000000000", None])
def test_audiences_of_graph(emulator, call, audience):
    """Graph has a name and an id, and here the address it is served at."""
    assert call(emulator.token(audience=audience or emulator.graph_url)).status_code == 200


@pytest.mark.parametrize("token", ["x", "a.b", "a.b.c", "..", "a.b.c.d", "e30.W10.AA", "e30.e30.ä", "." * 9000])
def test_garbage(call, error, token):
    """Text that is not a token is a 401."""
    assert error(call(token))[:2] == (401, "InvalidAuthenticationToken")


def test_a_changed_token(emulator, call, error):
    """A changed claim breaks the signature."""
    header, claims, signature = emulator.token(permissions=["Files.Read.All"]).split(".")
    more = jws.encode(jws.decode(claims).replace(b"Files.Read.All", b"Sites.FullControl.All"))
    expected = (401, "InvalidAuthenticationToken", "Access token validation failure. Invalid signature.")
    assert error(call(f"{header}.{more}.{signature}")) == expected


def test_no_signature_and_other_algorithms(emulator, call, error):
    """A token without a signature, and one signed with the public key as if it were a secret, are refused."""
    claims = {"aud": GRAPH, "tid": emulator.tenant_id, "exp": time.time() + 60, "roles": ["Files.ReadWrite.All"]}
    kid = {"kid": emulator.state.authority.key.id}
    for token in (jwt.encode(claims, None, "none", headers=kid), jwt.encode(claims, "x" * 32, "HS256", headers=kid)):
        assert error(call(token)) == (401, "InvalidAuthenticationToken", "Signing key is invalid.")


def test_each_signature_is_checked_once(emulator):
    """A token's signature is checked once."""
    tokens, header = emulator.state.tokens, f"Bearer {emulator.token()}"
    first = tokens.check(header)
    assert all(tokens.check(header) is first for _ in range(3))


def test_end_of_all_tokens(emulator, call, error):
    """All issued tokens may be expired at once; new ones work."""
    tokens = [emulator.token(), emulator.token()]
    emulator.state.tokens.expire_all()
    assert [error(call(token))[0] for token in tokens] == [401, 401]
    assert call(emulator.token()).status_code == 200


def test_many_threads_share_one_key():
    """The key is made once, also when it is first needed in several threads at a time."""
    key, ids = keys.SigningKey(), set()
    threads = [threading.Thread(target=lambda: ids.add(key.id)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids) == 1


def test_an_id_token_is_no_access_token(emulator, http, call, error):
    """An ID token does not open Graph."""
    url = f"{emulator.authority_url}/{emulator.tenant_id}/oauth2/v2.0/token"
    form = {"grant_type": "refresh_token", "client_id": emulator.client_id, "client_secret": emulator.client_secret}
    form |= {"refresh_token": emulator.refresh_token(), "scope": "Files.ReadWrite openid"}
    reply: httpx.Response = http.post(url, data=form)
    assert error(call(reply.json()["id_token"]))[2] == "Access token validation failure. Invalid audience."
