"""Grants that speak for a user: refresh tokens and device codes."""

from __future__ import annotations

import threading

import jwt
import msal
import pytest

BEN = "ben@contoso.example"
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
TENANTS = ["common", "organizations", "consumers", "contoso.example"]


@pytest.fixture
def ask(emulator, http):
    """Send a form to the token endpoint as the connection's application; None removes a field."""

    def post(tenant="common", **changes):
        form = {"client_id": emulator.client_id, "client_secret": emulator.client_secret} | changes
        fields = {name: value for name, value in form.items() if value is not None}
        return http.post(f"{emulator.authority_url}/{tenant}/oauth2/v2.0/token", data=fields)

    return post


@pytest.fixture
def refresh(ask):
    """Use a refresh token."""

    def post(token, **changes):
        return ask(**{"grant_type": "refresh_token", "refresh_token": token} | changes)

    return post


@pytest.fixture
def device(emulator, http):
    """Start a sign-in by device code."""

    def begin(scope="Files.ReadWrite offline_access", client_id=None):
        form = {"client_id": client_id or emulator.client_id, "scope": scope}
        return http.post(f"{emulator.authority_url}/common/oauth2/v2.0/devicecode", data=form)

    return begin


@pytest.fixture
def poll(ask):
    """Poll for the user's consent."""

    def post(code, **changes):
        return ask(**{"grant_type": DEVICE, "device_code": code, "client_secret": None} | changes)

    return post


@pytest.fixture
def public(emulator, http):
    """Microsoft's own library in a program without a secret."""
    emulator.options.device_interval_seconds = 0
    return msal.PublicClientApplication(
        emulator.client_id,
        authority=f"{emulator.authority_url}/common",
        instance_discovery=False,
        http_client=http,
    )


def claims(reply):
    return jwt.decode(reply["access_token"], options={"verify_signature": False})


def refused(reply):
    body = reply.json()
    return reply.status_code, body["error"], *body["error_codes"]


@pytest.mark.parametrize("tenant", TENANTS)
def test_refresh_as_rclone_does(emulator, http, tenant):
    """With HTTP Basic, no scope and a shared tenant name, the token has the permissions of the first consent."""
    url = f"{emulator.authority_url}/{tenant}/oauth2/v2.0/token"
    form = {"grant_type": "refresh_token", "refresh_token": emulator.refresh_token(BEN)}
    reply = http.post(url, data=form, auth=(emulator.client_id, emulator.client_secret)).json()
    assert reply["token_type"] == "Bearer"
    assert reply["refresh_token"]
    headers = {"Authorization": f"Bearer {reply['access_token']}"}
    found = http.get(f"{emulator.graph_url}/v1.0/me/drive", headers=headers).json()
    assert found["id"] == emulator.drive(BEN).id


def test_refresh_without_a_secret(emulator, refresh):
    """A public client needs no secret; a sign-in with a secret needs it at each refresh."""
    assert refresh(emulator.refresh_token(public=True), client_secret=None).status_code == 200
    expected = (401, "invalid_client", 7000218)
    assert refused(refresh(emulator.refresh_token(), client_secret=None)) == expected


def test_refresh_tokens_rotate(emulator, refresh):
    """Each use gives a new refresh token and ends the old one."""
    first = emulator.refresh_token()
    second = refresh(first).json()["refresh_token"]
    assert second != first
    assert refused(refresh(first)) == (400, "invalid_grant", 70000)
    assert refresh(second).status_code == 200


def test_rotation_can_be_switched_off(emulator, refresh):
    """The service itself lets an old refresh token live on."""
    emulator.options.rotate_refresh_tokens = False
    token = emulator.refresh_token()
    assert [refresh(token).status_code for _ in range(2)] == [200, 200]


def test_one_of_two_uses_at_once_succeeds(emulator, refresh):
    """Of several requests with one refresh token a single one gets a new one."""
    token, statuses = emulator.refresh_token(), []
    threads = [threading.Thread(target=lambda: statuses.append(refresh(token).status_code)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] + [400] * 5


def test_idle_refresh_token(emulator, refresh):
    """A refresh token that was unused for 90 days is refused, and the answer contains the time."""
    emulator.options.refresh_token_seconds = 0
    reply = refresh(emulator.refresh_token())
    assert refused(reply) == (400, "invalid_grant", 700082)
    assert reply.json()["suberror"] == "bad_token"
    assert "was inactive for 0.00:00:00" in reply.json()["error_description"]


def test_revoked_refresh_token(emulator, refresh):
    """A changed password ends the refresh tokens of that user, and of no other."""
    mine, bens = emulator.refresh_token(), emulator.refresh_token(BEN)
    emulator.revoke_refresh_tokens(BEN)
    assert refused(refresh(bens)) == (400, "invalid_grant", 50173)
    assert refresh(mine).status_code == 200


@pytest.mark.parametrize("token", ["x", "1.A" + "x" * 200])
def test_unknown_refresh_token(refresh, token):
    """A refresh token that was never given out is refused."""
    assert refused(refresh(token)) == (400, "invalid_grant", 70000)


def test_refresh_token_of_another_application(emulator, refresh):
    """A refresh token belongs to one application."""
    other = emulator.add_application()
    token = emulator.refresh_token(application=other)
    assert refused(refresh(token)) == (400, "invalid_grant", 70000)
    reply = refresh(token, client_id=other.client_id, client_secret=other.client_secret)
    assert claims(reply.json())["appid"] == other.client_id


@pytest.mark.parametrize(
    ("scope", "granted", "said"),
    [
        ("Files.Read offline_access", "Files.Read", "Files.Read"),
        ("https://graph.microsoft.com/Files.Read", "Files.Read", "https://graph.microsoft.com/Files.Read"),
        ("Files.Read openid profile", "Files.Read openid profile", "Files.Read openid profile"),
        ("offline_access", "Files.ReadWrite", "Files.ReadWrite"),
        ("Offline_Access files.read", "Files.Read", "Files.Read"),
        ("https://graph.microsoft.com/FILES.READ", "Files.Read", "https://graph.microsoft.com/Files.Read"),
    ],
)
def test_scopes_of_a_refresh(emulator, refresh, scope, granted, said):
    """A refresh may request other scopes, in any case; the answer returns them as requested."""
    reply = refresh(emulator.refresh_token(), scope=scope).json()
    assert (claims(reply)["scp"], reply["scope"]) == (granted, said)


def test_default_scope(emulator, refresh):
    """``.default`` gives all delegated permissions of the application."""
    emulator.scopes = ["Files.Read", "Sites.Read.All"]
    reply = refresh(emulator.refresh_token(), scope="https://graph.microsoft.com/.default").json()
    assert claims(reply)["scp"] == "Files.Read Sites.Read.All"


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ("Files.ReadWrite.All", (400, "invalid_grant", 65001)),
        ("Files.Everything", (400, "invalid_scope", 650053)),
        ("https://example.com/Files.Read", (400, "invalid_resource", 500011)),
        (
            "https://graph.microsoft.com/Files.Read 00000003-0000-0000-c000-000000000000/Files.Read",
            (400, "invalid_request", 28000),
        ),
    ],
)
def test_scopes_that_are_refused(emulator, refresh, scope, expected):
    """A scope without consent, an unknown one and one of another resource are refused; the token stays valid."""
    emulator.scopes = ["Files.Read"]
    token = emulator.refresh_token()
    assert refused(refresh(token, scope=scope)) == expected
    assert refresh(token).status_code == 200


def test_refresh_through_msal(emulator, public):
    """Microsoft's own library uses a refresh token and keeps the account it belongs to."""
    token = emulator.refresh_token(BEN, public=True)
    reply = public.acquire_token_by_refresh_token(token, ["Files.ReadWrite"])
    assert claims(reply)["upn"] == BEN
    assert [account["username"] for account in public.get_accounts()] == [BEN]


def test_refresh_through_msal_with_a_secret(emulator, http):
    """So does a program with a secret."""
    app = msal.ConfidentialClientApplication(
        emulator.client_id,
        client_credential=emulator.client_secret,
        authority=f"{emulator.authority_url}/{emulator.tenant_id}",
        instance_discovery=False,
        http_client=http,
    )
    reply = app.acquire_token_by_refresh_token(emulator.refresh_token(), ["Files.ReadWrite"])
    assert claims(reply)["scp"].split()[0] == "Files.ReadWrite"


def test_device_code_through_msal(emulator, public):
    """msal signs a user in by device code, and later refreshes silently."""
    flow = public.initiate_device_flow(["Files.ReadWrite"])
    assert flow["user_code"] in flow["message"]
    assert flow["expires_in"] == 900
    pending = public.acquire_token_by_device_flow(flow, exit_condition=lambda _: True)
    assert pending["error"] == "authorization_pending"
    emulator.approve_device(flow["user_code"], BEN)
    reply = public.acquire_token_by_device_flow(flow)
    assert claims(reply)["upn"] == BEN
    account = public.get_accounts()[0]
    assert public.acquire_token_silent(["Files.ReadWrite"], account)["access_token"] == reply["access_token"]
    renewed = public.acquire_token_silent(["Files.ReadWrite"], account, force_refresh=True)
    assert renewed["access_token"] != reply["access_token"]


def test_device_code_waits_for_the_user(emulator, device, poll):
    """Before the consent the answer is pending; then the code works once."""
    emulator.options.device_interval_seconds = 0
    begun = device().json()
    assert refused(poll(begun["device_code"])) == (400, "authorization_pending", 70016)
    emulator.approve_device(begun["user_code"].lower())
    assert poll(begun["device_code"]).json()["refresh_token"]
    assert refused(poll(begun["device_code"])) == (400, "bad_verification_code", 70018)


def test_refresh_token_only_when_it_was_asked_for(emulator, device, poll):
    """Without offline_access no refresh token is issued."""
    begun = device("Files.Read").json()
    emulator.approve_device(begun["user_code"])
    assert "refresh_token" not in poll(begun["device_code"]).json()


def test_a_hasty_device_has_to_slow_down(device, poll):
    """A device that polls faster than the interval gets slow_down."""
    code = device().json()["device_code"]
    assert refused(poll(code))[1] == "authorization_pending"
    assert refused(poll(code))[1] == "slow_down"


def test_declined_device(emulator, device, poll):
    """A user may decline."""
    begun = device().json()
    emulator.decline_device(begun["user_code"])
    assert refused(poll(begun["device_code"]))[:2] == (400, "authorization_declined")


def test_expired_device_code(emulator, device, poll):
    """A device code ends after a quarter of an hour."""
    emulator.options.device_code_seconds = 0
    assert refused(poll(device().json()["device_code"])) == (400, "expired_token", 70020)


def test_device_code_refusals(emulator, device, poll, http):
    """Unknown codes, codes of another application, missing fields and GET are refused."""
    assert refused(poll("x"))[1] == "bad_verification_code"
    other = emulator.add_application(has_secret=False)
    begun = device(client_id=other.client_id).json()
    assert refused(poll(begun["device_code"]))[1] == "bad_verification_code"
    assert refused(device(scope="")) == (400, "invalid_request", 900144)
    assert refused(device(client_id="nobody")) == (400, "unauthorized_client", 700016)
    url = f"{emulator.authority_url}/common/oauth2/v2.0/devicecode"
    assert http.get(url).json()["error_codes"] == [900561]
    with pytest.raises(LookupError):
        emulator.approve_device("UNKNOWN")


def test_device_code_where_public_clients_are_not_allowed(emulator, device, poll):
    """An application may require its secret for users' tokens."""
    emulator.application.allows_public = False
    begun = device().json()
    emulator.approve_device(begun["user_code"])
    assert refused(poll(begun["device_code"])) == (401, "invalid_client", 7000218)
    assert poll(begun["device_code"], client_secret=emulator.client_secret).status_code == 200


@pytest.fixture
def control(emulator, http):
    """Send to the control path, with its key."""

    def post(value):
        headers = {"X-Emulator-Key": emulator.control_key, "Content-Type": "application/json"}
        return http.post(f"{emulator.control_url}/devices", json=value, headers=headers)

    return post


def test_devices_over_the_control_path(control, device, poll):
    """Where no Python is at hand, a device is approved or declined over the control path."""
    approved, declined = device().json(), device().json()
    assert control({"user_code": approved["user_code"], "user": BEN}).status_code == 200
    assert claims(poll(approved["device_code"]).json())["upn"] == BEN
    assert control({"user_code": declined["user_code"], "decline": True}).status_code == 200
    assert refused(poll(declined["device_code"]))[1] == "authorization_declined"
    for value in ({"user_code": "x"}, {"user_code": approved["user_code"], "user": "nobody"}, {"code": "x"}, {}):
        assert control(value).status_code == 400
