"""The client credentials grant: an application proves itself by a secret, a certificate or a federated token."""

from __future__ import annotations

import base64
import json
import time

import jwt
import msal
import pytest

from airflow_provider_onedrive.emulator import Emulator
from airflow_provider_onedrive.emulator.tokens.keys import ClientCertificate

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@pytest.fixture(scope="session")
def certificate():
    """A certificate of the client's; to make one takes a while."""
    return ClientCertificate()


class AsText:
    """Sends assertions as text: msal makes them bytes, which httpx would write as ``b'...'`` into a form."""

    def __init__(self, http):
        self._http = http
        self.get = http.get

    def post(self, url, *, data, **kwargs):
        fields = {name: value.decode() if isinstance(value, bytes) else value for name, value in data.items()}
        return self._http.post(url, data=fields, **kwargs)


@pytest.fixture
def sign_in(emulator, http):
    """Request a token through msal."""

    def acquire(credential, client_id=None):
        app = msal.ConfidentialClientApplication(
            client_id or emulator.client_id,
            client_credential=credential,
            authority=f"{emulator.authority_url}/{emulator.tenant_id}",
            instance_discovery=False,
            http_client=AsText(http),
        )
        return app.acquire_token_for_client(["https://graph.microsoft.com/.default"])

    return acquire


@pytest.fixture
def present(emulator, http):
    """Show an assertion to the token endpoint."""

    def post(assertion, **changes):
        form = {
            "grant_type": "client_credentials",
            "client_id": emulator.client_id,
            "scope": "https://graph.microsoft.com/.default",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": assertion,
        }
        fields = {name: value for name, value in (form | changes).items() if value is not None}
        return http.post(f"{emulator.authority_url}/{emulator.tenant_id}/oauth2/v2.0/token", data=fields)

    return post


@pytest.fixture
def assertion(emulator, certificate):
    """Sign an assertion by hand; keyword arguments change its claims."""
    emulator.application.add_certificate(certificate.certificate)

    def make(algorithm="RS256", key=certificate.private_key, headers=None, **changes):
        thumbprint = base64.urlsafe_b64encode(bytes.fromhex(certificate.thumbprint)).decode().rstrip("=")
        claims = {
            "aud": f"{emulator.authority_url}/{emulator.tenant_id}/oauth2/v2.0/token",
            "iss": emulator.client_id,
            "sub": emulator.client_id,
            "nbf": int(time.time()),
            "exp": int(time.time()) + 600,
        }
        said = {name: value for name, value in (claims | changes).items() if value is not None}
        return jwt.encode(said, key, algorithm, headers={"x5t": thumbprint} if headers is None else headers)

    return make


def works(emulator, http, reply):
    headers = {"Authorization": f"Bearer {reply['access_token']}"}
    return http.get(f"{emulator.graph_url}/v1.0/drives/{emulator.drive().id}", headers=headers).status_code == 200


def test_certificate_through_msal(emulator, http, sign_in, certificate):
    """Microsoft's own library signs in with a certificate: PS256 with the SHA-256 thumbprint."""
    emulator.application.add_certificate(certificate.certificate)
    reply = sign_in({"private_key": certificate.private_key, "public_certificate": certificate.certificate})
    assert works(emulator, http, reply)
    assert jwt.decode(reply["access_token"], options={"verify_signature": False})["appidacr"] == "2"


def test_thumbprint_through_msal(emulator, http, sign_in, certificate):
    """The older form, RS256 with the SHA-1 thumbprint, works as well."""
    emulator.application.add_certificate(certificate.certificate)
    assert works(
        emulator, http, sign_in({"private_key": certificate.private_key, "thumbprint": certificate.thumbprint})
    )


def test_a_new_certificate_is_registered_at_once(emulator, http, sign_in):
    """The helper makes a certificate that the application may use."""
    made = emulator.new_certificate()
    assert works(emulator, http, sign_in({"private_key": made.private_key, "thumbprint": made.thumbprint}))


def test_certificate_that_is_not_registered(sign_in, certificate):
    """An unknown certificate is refused by its thumbprint."""
    reply = sign_in({"private_key": certificate.private_key, "thumbprint": certificate.thumbprint})
    assert (reply["error"], reply["error_codes"]) == ("invalid_client", [700027])
    assert certificate.thumbprint in reply["error_description"]


def test_expired_certificate(emulator, sign_in):
    """An expired certificate is refused."""
    made = emulator.new_certificate(expired=True)
    reply = sign_in({"private_key": made.private_key, "thumbprint": made.thumbprint})
    assert reply["error_codes"] == [700027]
    assert "The key used is expired" in reply["error_description"]


def test_assertion_by_hand(emulator, http, present, assertion):
    """An assertion with the documented claims is enough, and its audience may name the tenant by domain."""
    assert works(emulator, http, present(assertion()).json())
    assert works(emulator, http, present(assertion("PS256")).json())
    assert present(assertion(aud=f"{emulator.authority_url}/{emulator.tenant_id}/v2.0")).status_code == 200


@pytest.mark.parametrize(
    ("changes", "number"),
    [
        ({"aud": "https://example.com"}, 700023),
        ({"aud": None}, 700023),
        ({"aud": ["https://example.com"]}, 700023),
        ({"aud": {}}, 700023),
        ({"exp": 1}, 700024),
        ({"exp": None}, 700024),
        ({"exp": "soon"}, 700024),
        ({"nbf": 2**31}, 700024),
        ({"sub": "somebody"}, 700021),
        ({"iss": "somebody"}, 700021),
        ({"headers": {}}, 5002723),
        ({"headers": {"x5t": "AAAA"}}, 700027),
        ({"algorithm": "HS256", "key": "x" * 32}, 5002738),
        ({"algorithm": "none", "key": None}, 5002738),
        ({"algorithm": "RS512"}, 5002738),
    ],
)
def test_assertion_refusals(present, assertion, changes, number):
    """Audience, time, names, key and algorithm of an assertion are checked."""
    reply = present(assertion(**changes))
    assert (reply.status_code, reply.json()["error"], reply.json()["error_codes"]) == (401, "invalid_client", [number])


def test_assertion_signed_with_another_key(present, assertion):
    """The right thumbprint with the wrong key does not pass."""
    reply = present(assertion(key=ClientCertificate().private_key))
    assert reply.json()["error_codes"] == [700027]


@pytest.mark.parametrize(
    "text",
    [
        *("x", "a.b.c", "e30.e30.AA", "." * 200, "e30.e30.", "e30.W10.AA"),
        # {"alg": []}, with {"iss": []} and with {"iss": "https://x", "aud": [], "exp": NaN}
        *("eyJhbGciOiBbXX0.eyJpc3MiOiBbXX0.AA", "eyJhbGciOiBbXX0.eyJpc3MiOiAiaHR0cHM6Ly94IiwgImV4cCI6IE5hTn0.AA"),
    ],
)
def test_garbage_assertion(present, text):
    """Text that is not a token is refused."""
    reply = present(text)
    assert (reply.status_code, reply.json()["error"]) == (401, "invalid_client")


def test_assertion_type(present, assertion):
    """The type of an assertion is required, and only one is valid."""
    for kind in (None, "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"):
        reply = present(assertion(), client_assertion_type=kind)
        assert (reply.status_code, reply.json()["error_codes"]) == (400, [900144])


def test_federated_token_through_msal(emulator, http, sign_in):
    """A token of a trusted issuer replaces the secret; msal requests it when it is needed."""
    assert works(emulator, http, sign_in({"client_assertion": emulator.federated_token}))


def test_federated_token_of_another_subject_and_audience(emulator, http, present):
    """Any subject and audience that the application trusts is accepted."""
    token = emulator.federated_token("repo:contoso/dags", audience="fb60f99c-7a34-4190-8149-302f77469936")
    assert works(emulator, http, present(token).json())


@pytest.mark.parametrize(
    ("changes", "number"),
    [
        ({"iss": "https://issuer.example"}, 700211),
        ({"sub": "system:serviceaccount:other:worker"}, 700213),
        ({"sub": "SYSTEM:serviceaccount:airflow:worker"}, 700213),
        ({"aud": "api://other"}, 700212),
        ({"expired": True}, 700024),
    ],
)
def test_federated_refusals(emulator, present, changes, number):
    """Issuer, subject (with case), audience and time of a federated token must be those that are trusted."""
    reply = present(emulator.federated_token(**changes))
    assert (reply.status_code, reply.json()["error"], reply.json()["error_codes"]) == (401, "invalid_client", [number])


def test_federated_token_with_an_absurd_algorithm(emulator, present):
    """Unexpected values in the header of a well-formed token do no harm."""
    header, rest = emulator.federated_token().split(".", 1)
    assert header
    for absurd in ({"alg": []}, {"alg": {}}, {"alg": None}, {}):
        text = base64.urlsafe_b64encode(json.dumps(absurd).encode()).decode().rstrip("=")
        assert present(f"{text}.{rest}").json()["error_codes"] == [700027]


def test_federated_token_that_nobody_trusts(emulator, present):
    """Without a federated credential no token helps."""
    assert present(emulator.federated_token(trusted=False)).json()["error_codes"] == [700211]


def test_federated_token_of_an_impostor(emulator, present):
    """A token with correct claims and a foreign signature is refused."""
    genuine = emulator.federated_token()
    with Emulator() as other:
        claims = jwt.decode(genuine, options={"verify_signature": False})
        forged = other.state.directory.workload_key.sign(claims)
    assert present(forged).json()["error_codes"] == [700027]


def test_keys_of_the_federated_issuer(emulator, http):
    """The issuer of federated tokens publishes its keys as issuers do."""
    token = emulator.federated_token()
    issuer = jwt.decode(token, options={"verify_signature": False})["iss"]
    document = http.get(f"{issuer}/.well-known/openid-configuration").json()
    assert document["issuer"] == issuer
    known = jwt.PyJWKSet.from_dict(http.get(document["jwks_uri"]).json())
    key = known[jwt.get_unverified_header(token)["kid"]]
    assert jwt.decode(token, key.key, algorithms=["RS256"], audience="api://AzureADTokenExchange")


def test_expired_secret(emulator, sign_in):
    """An expired secret has an error of its own."""
    emulator.application.secret_has_expired = True
    reply = sign_in(emulator.client_secret)
    assert (reply["error"], reply["error_codes"]) == ("invalid_client", [7000222])


def test_another_application(emulator, http, sign_in):
    """Further applications have ids, secrets and permissions of their own."""
    other = emulator.add_application("Reader", permissions=["Files.Read.All"])
    reply = sign_in(other.client_secret, other.client_id)
    claims = jwt.decode(reply["access_token"], options={"verify_signature": False})
    assert (claims["appid"], claims["app_displayname"]) == (other.client_id, "Reader")
    assert claims["roles"] == ["Files.Read.All"]
    assert works(emulator, http, reply)
    assert sign_in(emulator.client_secret, other.client_id)["error_codes"] == [7000215]


def test_a_public_client_has_no_secret(emulator, sign_in):
    """A secret for a public client is refused."""
    public = emulator.add_application(has_secret=False)
    assert sign_in("any", public.client_id)["error_codes"] == [700025]


@pytest.mark.parametrize("tenant", ["common", "organizations", "consumers"])
def test_an_application_needs_its_tenant(emulator, http, tenant):
    """The shared names mean the tenant of a user, so an application cannot use them."""
    form = {"grant_type": "client_credentials", "client_id": emulator.client_id, "scope": "x/.default"}
    reply = http.post(f"{emulator.authority_url}/{tenant}/oauth2/v2.0/token", data=form)
    assert (reply.status_code, reply.json()["error_codes"]) == (400, [50059])


@pytest.mark.parametrize(
    "grant", ["authorization_code", "password", "urn:ietf:params:oauth:grant-type:jwt-bearer", "x"]
)
def test_unsupported_grants(emulator, http, grant):
    """A grant that is not served is refused as one the app may not use."""
    reply = http.post(f"{emulator.authority_url}/common/oauth2/v2.0/token", data={"grant_type": grant})
    body = reply.json()
    assert (reply.status_code, body["error"], body["error_codes"]) == (400, "unsupported_grant_type", [70003])
