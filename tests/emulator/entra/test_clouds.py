"""The four clouds: their names in documents, tokens and the certificate."""

from __future__ import annotations

import ssl

import httpx
import jwt
import msal
import pytest

from airflow_provider_onedrive.emulator import Emulator
from airflow_provider_onedrive.emulator.entra import clouds

HOSTS = {
    "global": ("login.microsoftonline.com", "graph.microsoft.com", "sts.windows.net"),
    "us_gov": ("login.microsoftonline.us", "graph.microsoft.us", "sts.windows.net"),
    "us_gov_dod": ("login.microsoftonline.us", "dod-graph.microsoft.us", "sts.windows.net"),
    "china": ("login.chinacloudapi.cn", "microsoftgraph.chinacloudapi.cn", "sts.chinacloudapi.cn"),
}


@pytest.fixture(scope="module", params=HOSTS)
def there(request):
    """An emulator that goes by the names of a cloud."""
    with Emulator(cloud=request.param, page_size=1) as emulator:
        yield request.param, emulator


class Resolved(httpx.HTTPTransport):
    """Connects every host to the emulator, as an entry in the hosts file would; the certificate is checked."""

    def __init__(self, emulator):
        super().__init__(verify=ssl.create_default_context(cadata=emulator.ca_certificate))
        self._port = httpx.URL(emulator.state.graph_url).port

    def handle_request(self, request):
        request.extensions = {**request.extensions, "sni_hostname": request.url.host}
        if request.url.port is None:
            request.url = request.url.copy_with(host="127.0.0.1", port=self._port)
        return super().handle_request(request)


@pytest.fixture
def real(there):
    """A client that reaches the cloud's hosts by their names."""
    with httpx.Client(transport=Resolved(there[1])) as client:
        yield client


def sign_in(emulator, authority, http, scope, **options):
    app = msal.ConfidentialClientApplication(
        emulator.client_id,
        client_credential=emulator.client_secret,
        authority=f"{authority}/{emulator.tenant_id}",
        http_client=http,
        **options,
    )
    return app.acquire_token_for_client([f"{scope}/.default"])


def test_msal_and_graph_by_their_own_names(there, real):
    """With the names resolved here msal's own checks pass, and Graph's links lead to the same host."""
    cloud, emulator = there
    login, graph, issuer = HOSTS[cloud]
    reply = sign_in(emulator, f"https://{login}", real, f"https://{graph}")
    claims = jwt.decode(reply["access_token"], options={"verify_signature": False})
    assert (claims["aud"], claims["iss"]) == (f"https://{graph}", f"https://{issuer}/{emulator.tenant_id}/")
    for name in ("a", "b"):
        emulator.drive().put(name, b"x")
    url = f"https://{graph}/v1.0/drives/{emulator.drive().id}/root/children"
    headers = {"Authorization": f"Bearer {reply['access_token']}"}
    page = real.get(url, headers=headers).json()
    assert page["@odata.nextLink"].startswith(f"https://{graph}/v1.0/")
    assert real.get(page["@odata.nextLink"], headers=headers).status_code == 200


def test_discovery_by_the_clouds_name(there, real):
    """At its own host name, Entra ID names endpoints, issuer and Graph of that cloud."""
    cloud, emulator = there
    login, graph, _ = HOSTS[cloud]
    document = real.get(f"https://{login}/{emulator.tenant_id}/v2.0/.well-known/openid-configuration").json()
    assert document["issuer"] == f"https://{login}/{emulator.tenant_id}/v2.0"
    assert document["token_endpoint"] == f"https://{login}/{emulator.tenant_id}/oauth2/v2.0/token"
    assert document["msgraph_host"] == graph


def test_discovery_by_the_local_name(there, real):
    """At localhost the endpoints are local and the issuer is the cloud's."""
    cloud, emulator = there
    document = real.get(f"{emulator.authority_url}/common/v2.0/.well-known/openid-configuration").json()
    assert document["token_endpoint"] == f"{emulator.authority_url}/common/oauth2/v2.0/token"
    assert document["issuer"] == f"https://{HOSTS[cloud][0]}/{{tenantid}}/v2.0"
    reply = sign_in(emulator, emulator.authority_url, real, emulator.graph_url, instance_discovery=False)
    assert reply["token_type"] == "Bearer"


def test_instance_discovery_lists_all_clouds(there, real):
    """Instance discovery names the login hosts of every cloud, each beside its aliases."""
    found = real.get(
        f"{there[1].authority_url}/common/discovery/instance",
        params={"authorization_endpoint": "https://login.microsoftonline.us/common/oauth2/v2.0/authorize"},
    ).json()
    groups = [group["aliases"] for group in found["metadata"]]
    assert all(any(login in group for group in groups) for login, _, _ in HOSTS.values())
    assert ["login.chinacloudapi.cn", "login.partner.microsoftonline.cn"] in groups
    assert found["tenant_discovery_endpoint"].startswith(there[1].authority_url)


def test_graph_of_another_cloud_is_no_resource(there, real):
    """A cloud accepts tokens for its own Graph only."""
    cloud, emulator = there
    for other in set(HOSTS) - {cloud}:
        resource = f"https://{HOSTS[other][1]}"
        reply = sign_in(emulator, emulator.authority_url, real, resource, instance_discovery=False)
        assert reply["error_codes"] == [500011]
        headers = {"Authorization": f"Bearer {emulator.token(audience=resource)}"}
        answer = real.get(f"{emulator.graph_url}/v1.0/drives/x", headers=headers)
        assert answer.json()["error"]["message"] == "Access token validation failure. Invalid audience."


def test_unknown_authority(emulator, http):
    """Instance discovery does not vouch for a host it does not know."""
    url = f"{emulator.authority_url}/common/discovery/instance"
    reply = http.get(url, params={"authorization_endpoint": "https://login.example.com/x/oauth2/v2.0/authorize"})
    assert (reply.status_code, reply.json()["error"]) == (400, "invalid_instance")


def test_names_of_clouds_count_in_a_cloud_only(emulator, http):
    """Without a cloud the ``Host`` of a request changes nothing."""
    url = f"{emulator.authority_url}/{emulator.tenant_id}/v2.0/.well-known/openid-configuration"
    document = http.get(url, headers={"Host": "login.microsoftonline.com"})
    assert "login.microsoftonline.com" not in document.text


def test_unknown_cloud():
    """An unknown cloud is an error of the caller."""
    with pytest.raises(ValueError, match="There is no cloud 'mars': global, us_gov, us_gov_dod, china"):
        Emulator(cloud="mars")
    assert set(clouds.CLOUDS) == set(HOSTS)
