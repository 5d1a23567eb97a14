"""Managed identities: the metadata service of a virtual machine and the endpoint of App Service."""

from __future__ import annotations

import time

import jwt
import msal
import pytest

GRAPH = "https://graph.microsoft.com"


@pytest.fixture
def machine(emulator, http):
    """Send a request to the metadata service; None removes a part of it."""

    def get(headers=None, **changes):
        asked = {"api-version": "2018-02-01", "resource": GRAPH} | changes
        params = {name: value for name, value in asked.items() if value is not None}
        url = f"{emulator.authority_url}/metadata/identity/oauth2/token"
        return http.get(url, params=params, headers={"Metadata": "true"} if headers is None else headers)

    return get


@pytest.fixture
def service(emulator, http):
    """Send a request to App Service."""

    def get(header=None, **changes):
        variables = emulator.app_service_environment
        params = {"api-version": "2019-08-01", "resource": GRAPH} | changes
        header = variables["IDENTITY_HEADER"] if header is None else header
        return http.get(variables["IDENTITY_ENDPOINT"], params=params, headers={"X-IDENTITY-HEADER": header})

    return get


@pytest.fixture
def acquire(http, monkeypatch):
    """Request a token through msal, which finds the endpoint by environment variables."""
    for name in ("IDENTITY_ENDPOINT", "IDENTITY_HEADER", "MSI_ENDPOINT", "AZURE_POD_IDENTITY_AUTHORITY_HOST"):
        monkeypatch.delenv(name, raising=False)

    def get(environment, identity=None):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        client = msal.ManagedIdentityClient(identity or msal.SystemAssignedManagedIdentity(), http_client=http)
        return client.acquire_token_for_client(resource=GRAPH)

    return get


def claims(reply):
    return jwt.decode(reply["access_token"], options={"verify_signature": False})


def opens_drive(emulator, http, reply):
    headers = {"Authorization": f"Bearer {reply['access_token']}"}
    return http.get(f"{emulator.graph_url}/v1.0/drives/{emulator.drive().id}", headers=headers).status_code == 200


@pytest.mark.parametrize("shape", ["managed_identity_environment", "app_service_environment"])
def test_machine_through_msal(emulator, http, acquire, shape):
    """Microsoft's own library gets a token of the machine's identity in both shapes, over TLS and without a secret."""
    reply = acquire(getattr(emulator, shape))
    assert 3590 <= reply["expires_in"] <= 3600
    assert claims(reply)["appid"] == emulator.managed_identity.client_id
    assert opens_drive(emulator, http, reply)


@pytest.mark.parametrize("shape", ["managed_identity_environment", "app_service_environment"])
@pytest.mark.parametrize("name", ["client_id", "object_id", "resource_id"])
def test_assigned_identity_through_msal(emulator, acquire, shape, name):
    """An assigned identity is named by client id, object id or resource id."""
    identity = emulator.add_managed_identity("reports", permissions=["Files.Read.All"])
    wanted = msal.UserAssignedManagedIdentity(**{name: getattr(identity, name)})
    said = claims(acquire(getattr(emulator, shape), wanted))
    assert (said["appid"], said["roles"]) == (identity.client_id, ["Files.Read.All"])


def test_unknown_identity_through_msal(emulator, acquire):
    """An identity that is not assigned to the machine is an error in msal's result."""
    wanted = msal.UserAssignedManagedIdentity(client_id="nobody")
    assert acquire(emulator.managed_identity_environment, wanted)["error"] == "invalid_request"
    assert "No User Assigned" in acquire(emulator.app_service_environment, wanted)["error_description"]


def test_answer_of_the_machine(machine):
    """The metadata service writes its numbers as text."""
    body = machine().json()
    assert (body["expires_in"], body["token_type"], body["resource"]) == ("3599", "Bearer", GRAPH)
    assert 0 <= time.time() + 3599 - int(body["expires_on"]) + 1 <= 60
    assert int(body["not_before"]) <= time.time()


@pytest.mark.parametrize(
    ("changes", "error", "text"),
    [
        ({"headers": {}}, "invalid_request", "Required metadata header not specified"),
        ({"headers": {"Metadata": "true", "X-Forwarded-For": "1.2.3.4"}}, "invalid_request", "X-Forwarded-For"),
        ({"api-version": None}, "invalid_request", "api-version"),
        ({"client_id": "nobody"}, "invalid_request", "Identity not found"),
        ({"resource": "https://example.com"}, "invalid_resource", "AADSTS500011"),
        ({"resource": None}, "invalid_resource", "AADSTS500011"),
    ],
)
def test_refusals_of_the_machine(machine, changes, error, text):
    """Without header, version, identity or resource the answer is a 400 that names the missing part."""
    reply = machine(**changes)
    assert (reply.status_code, reply.json()["error"]) == (400, error)
    assert text in reply.json()["error_description"]


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"header": ""}, 401),
        ({"header": "wrong"}, 401),
        ({"api-version": "2017-09-01"}, 400),
        ({"client_id": "nobody"}, 400),
        ({"resource": "https://example.com"}, 500),
    ],
)
def test_refusals_of_app_service(service, changes, status):
    """App Service answers with a status code and a message; a wrong resource is a 500."""
    reply = service(**changes)
    assert (reply.status_code, reply.json()["statusCode"]) == (status, status)


def test_application_is_no_machine(emulator, machine):
    """A registered application is not a managed identity."""
    assert machine(client_id=emulator.client_id).status_code == 400


def test_requests_are_the_login_origins(emulator, machine, service):
    """Both endpoints are logged as requests to Entra ID."""
    machine()
    service()
    assert {request.origin for request in emulator.requests} == {"login"}
