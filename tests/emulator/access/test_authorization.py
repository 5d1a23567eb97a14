"""Permissions of requests: who may read and write which drive, and the roles that a site grants."""

from __future__ import annotations

import uuid

import httpx
import pytest

from airflow_provider_onedrive.emulator.access.site_grants import site_of
from airflow_provider_onedrive.emulator.model.sharing import Permission

ANNA, BEN = "anna@contoso.example", "ben@contoso.example"
DENIED = (403, "accessDenied", "Access denied")


@pytest.fixture
def bear(emulator, tls):
    """Make clients that send a token with certain permissions."""
    clients = []

    def make(user=None, permissions=None, **options):
        token = emulator.token(user, permissions=permissions, **options)
        headers = {"Authorization": f"Bearer {token}"}
        clients.append(
            httpx.Client(verify=tls, trust_env=False, base_url=f"{emulator.graph_url}/v1.0", headers=headers)
        )
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def anna(drive):
    """The first user's drive, with a file."""
    drive.put("a.txt", b"x")
    return drive


@pytest.fixture
def attempts(anna):
    """Read, and write, the first user's drive; the statuses."""

    def attempt(client):
        base = f"/drives/{anna.id}"
        read = {client.get(path).status_code for path in (base, f"{base}/root", f"{base}/root:/a.txt:/content")}
        calls = [
            client.put(f"{base}/root:/b.txt:/content", content=b"y"),
            client.post(f"{base}/root/children", json={"name": uuid.uuid4().hex, "folder": {}}),
            client.post(f"{base}/root:/c.txt:/createUploadSession", json={}),
            client.patch(f"{base}/root:/a.txt", json={"description": "d"}),
            client.delete(f"{base}/root:/b.txt"),
        ]
        return max(read), max(call.status_code for call in calls)

    return attempt


def site_id(drive):
    return site_of(drive.id)


@pytest.mark.parametrize(
    ("permissions", "reads", "writes"),
    [
        (None, True, True),
        (["Files.Read.All"], True, False),
        (["Files.ReadWrite.All"], True, True),
        (["Sites.Read.All"], True, False),
        (["Sites.ReadWrite.All"], True, True),
        (["Sites.FullControl.All"], True, True),
        (["Sites.Selected"], False, False),
        (["Files.Read", "Files.ReadWrite"], False, False),
        (["User.Read.All"], False, False),
        ([], False, False),
    ],
)
def test_application(bear, attempts, permissions, reads, writes):
    """The roles of an application decide; delegated permissions do not count for it."""
    read, write = attempts(bear(permissions=permissions))
    assert (read < 400, write < 400) == (reads, writes)
    assert {read, write} <= {200, 201, 204, 302, 403}


@pytest.mark.parametrize(
    ("permissions", "reads", "writes"),
    [
        (None, True, True),
        (["Files.Read"], True, False),
        (["Files.ReadWrite"], True, True),
        (["Files.Read.All"], True, False),
        (["Sites.ReadWrite.All"], True, True),
        (["User.Read"], False, False),
    ],
)
def test_user_in_the_own_drive(bear, attempts, permissions, reads, writes):
    """In the own drive a user has the consented permissions."""
    read, write = attempts(bear(ANNA, permissions))
    assert (read < 400, write < 400) == (reads, writes)


@pytest.mark.parametrize("permissions", [None, ["Files.ReadWrite.All"], ["Sites.FullControl.All"]])
def test_user_in_a_strange_drive(bear, attempts, permissions):
    """No permission lets a user in where the user has no rights."""
    assert attempts(bear(BEN, permissions)) == (403, 403)


@pytest.mark.parametrize(
    ("permissions", "writes", "expected"),
    [
        (["Files.ReadWrite"], True, (False, False)),
        (["Files.Read.All"], True, (True, False)),
        (["Files.ReadWrite.All"], False, (True, False)),
        (["Files.ReadWrite.All"], True, (True, True)),
    ],
)
def test_user_in_a_drive_that_was_opened(  # noqa: PLR0917
    emulator, bear, attempts, anna, permissions, writes, expected
):
    """In another user's drive both count: the consented permission and the user's own right."""
    emulator.open_drive(anna, BEN, writes=writes)
    read, write = attempts(bear(BEN, permissions))
    assert (read < 400, write < 400) == expected


def test_words_of_a_refusal(bear, anna, error):
    """A missing permission is Graph's 403, for an existing item and for a missing one."""
    reader = bear(permissions=["Files.Read.All"])
    assert error(reader.put(f"/drives/{anna.id}/root:/a.txt:/content", content=b"y")) == DENIED
    assert error(reader.delete(f"/drives/{anna.id}/root:/missing.txt")) == DENIED
    assert anna.read("a.txt") == b"x"


def test_listing_of_drives(bear, error):
    """The drives of a user are listed to callers that may read them."""
    assert bear().get(f"/users/{ANNA}/drives").status_code == 200
    assert error(bear(permissions=[]).get(f"/users/{ANNA}/drives")) == DENIED
    assert error(bear(BEN, ["Files.Read.All"]).get(f"/users/{ANNA}/drives")) == DENIED


def test_permissions_of_the_application(emulator, http, anna):
    """New permissions apply to tokens that are issued later."""
    url = f"{emulator.graph_url}/v1.0/drives/{anna.id}/root"
    before = emulator.token()
    emulator.permissions = ["Sites.Selected"]
    statuses = [
        http.get(url, headers={"Authorization": f"Bearer {token}"}).status_code for token in (before, emulator.token())
    ]
    assert statuses == [200, 403]
    assert emulator.permissions == {"Sites.Selected"}


def test_who_did_it(emulator, bear, anna):
    """An item that an application wrote has its name and id."""
    other = emulator.add_application("Reports")
    item = bear(application=other).put(f"/drives/{anna.id}/root:/r.txt:/content", content=b"x").json()
    assert item["createdBy"]["application"] == {"id": other.client_id, "displayName": "Reports"}


@pytest.mark.parametrize(("role", "writes"), [("read", False), ("write", True), ("owner", True), ("fullcontrol", True)])
def test_selected_site(emulator, bear, attempts, anna, role, writes):  # noqa: PLR0917
    """With Sites.Selected an application has the granted roles on the site, and no access elsewhere."""
    emulator.grant_site(anna, role)
    selected = bear(permissions=["Sites.Selected"])
    read, write = attempts(selected)
    assert (read < 400, write < 400) == (True, writes)
    assert selected.get(f"/drives/{emulator.drive(BEN).id}/root").status_code == 403
    assert bear(permissions=[]).get(f"/drives/{anna.id}/root").status_code == 403


def test_selected_site_of_another_application(emulator, bear, anna):
    """A grant is for one application."""
    other = emulator.add_application(permissions=["Sites.Selected"])
    emulator.grant_site(anna, "write", application=other)
    path = f"/drives/{anna.id}/root"
    assert bear(permissions=["Sites.Selected"]).get(path).status_code == 403
    assert bear(application=other).get(path).status_code == 200


def test_selected_site_for_a_user(emulator, bear, anna):
    """With a user the grant counts, and the user's own rights as well."""
    emulator.grant_site(anna, "write")
    path = f"/drives/{anna.id}/root:/a.txt:/content"
    assert bear(ANNA, ["Sites.Selected"]).put(path, content=b"y").status_code == 200
    assert bear(BEN, ["Sites.Selected"]).put(path, content=b"y").status_code == 403


def test_a_grant_over_the_wire(emulator, bear, attempts, anna):
    """An application with full control grants, changes and removes the roles of Sites.Selected."""
    owner, selected = bear(permissions=["Sites.FullControl.All"]), bear(permissions=["Sites.Selected"])
    url = f"/sites/{site_id(anna)}/permissions"
    identity = {"application": {"id": emulator.client_id, "displayName": "Airflow"}}
    created = owner.post(url, json={"roles": ["read"], "grantedToIdentities": [identity]})
    grant = created.json()
    assert (created.status_code, grant["roles"], grant["grantedToIdentitiesV2"]) == (201, ["read"], [identity])
    assert attempts(selected) == (302, 403)
    assert owner.patch(f"{url}/{grant['id']}", json={"roles": ["write"]}).json()["roles"] == ["write"]
    assert attempts(selected)[1] < 400
    assert [one["id"] for one in owner.get(url).json()["value"]] == [grant["id"]]
    assert owner.get(f"{url}/{grant['id']}").json()["roles"] == ["write"]
    assert owner.delete(f"{url}/{grant['id']}").status_code == 204
    assert attempts(selected) == (403, 403)
    assert owner.get(f"{url}/{grant['id']}").status_code == 404


def test_who_may_give(bear, anna, error):
    """Only full control of all sites allows reading or granting a site's permissions."""
    for permissions in (["Sites.ReadWrite.All"], ["Sites.Selected"], ["Files.ReadWrite.All"]):
        for method in ("GET", "POST"):
            assert error(bear(permissions=permissions).request(method, f"/sites/{site_id(anna)}/permissions")) == DENIED


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"roles": ["read"]},
        {"roles": ["read"], "grantedToIdentities": []},
        {"roles": ["read"], "grantedToIdentities": [{"user": {"id": "x"}}]},
        {"roles": ["read"], "grantedToIdentities": ["x"]},
        {"roles": ["rule"], "grantedTo": {"application": {"id": "x"}}},
        {"roles": [], "grantedTo": {"application": {"id": "x"}}},
        {"roles": "read", "grantedTo": {"application": {"id": "x"}}},
        {"roles": [{}], "grantedTo": {"application": {"id": "x"}}},
    ],
)
def test_bad_grants(bear, anna, body):
    """A grant needs known roles and an application."""
    reply = bear(permissions=["Sites.FullControl.All"]).post(f"/sites/{site_id(anna)}/permissions", json=body)
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "invalidRequest")


def test_sites_and_grants_that_do_not_exist(bear, anna, error):
    """Unknown sites and grants are 404, other methods 405, further segments 400."""
    owner, url = bear(permissions=["Sites.FullControl.All"]), f"/sites/{site_id(anna)}/permissions"
    assert error(owner.get(f"/sites/{uuid.uuid4()}/permissions"))[0] == 404
    assert error(owner.delete(f"{url}/x"))[0] == 404
    assert error(owner.put(url, json={}))[0] == 405
    assert error(owner.get(f"{url}/x/y"))[0] == 400


def test_user_in_a_shared_folder(emulator, bear, anna, error):
    """A shared item is open to a user with a permission on all files; its siblings are not."""
    anna.put("Shared/in.txt", b"x")
    guest, own_only = bear(BEN, ["Files.ReadWrite.All"]), bear(BEN)
    stored = emulator.state.tenant.drive(anna.id)
    with stored.change() as change:
        folder = stored.find(stored.get("root"), ("Shared",))
        change.edit(folder)
        folder.permissions = (Permission("read", emails=(BEN,)),)
    inside = f"/drives/{anna.id}/root:/Shared/in.txt"
    assert guest.get(inside).status_code == 200
    assert error(guest.put(f"{inside}:/content", content=b"y")) == DENIED
    assert error(guest.get(f"/drives/{anna.id}/root:/a.txt")) == DENIED
    assert error(guest.put(f"/drives/{anna.id}/root:/Shared/new.txt:/content", content=b"y")) == DENIED
    assert error(own_only.get(inside)) == DENIED


def test_user_in_a_library(emulator, bear, error):
    """The libraries of sites are open to every user, if a permission on all files or sites was agreed to."""
    library = emulator.state.tenant.add_site("/sites/finance").drive
    url = f"/drives/{library.id}/root:/a.txt:/content"
    assert bear(BEN, ["Files.ReadWrite.All"]).put(url, content=b"x").status_code == 201
    assert bear(BEN, ["Sites.Read.All"]).get(f"/drives/{library.id}/root").status_code == 200
    assert error(bear(BEN, ["Sites.Read.All"]).put(url, content=b"x")) == DENIED
    assert error(bear(BEN).get(f"/drives/{library.id}/root")) == DENIED


def test_a_grant_by_the_sites_path(emulator, bear, error):
    """A site is named by id or by path, and Sites.Selected opens the granted site only."""
    site = emulator.state.tenant.add_site("/sites/finance")
    other = emulator.state.tenant.add_site("/sites/other")
    owner, selected = bear(permissions=["Sites.FullControl.All"]), bear(permissions=["Sites.Selected"])
    identity = {"application": {"id": emulator.client_id, "displayName": "Airflow"}}
    body = {"roles": ["read"], "grantedToIdentities": [identity]}
    assert owner.post("/sites/contoso.sharepoint.com:/sites/finance:/permissions", json=body).status_code == 201
    site_url = f"/sites/contoso.sharepoint.com,{site.collection},{site.web}"
    assert len(owner.get(f"{site_url}/permissions").json()["value"]) == 1
    for path in (site_url, f"{site_url}/drive", f"/drives/{site.drive.id}/root"):
        assert selected.get(path).status_code == 200
    for path in (f"/sites/{other.collection}", f"/drives/{other.drive.id}/root", "/sites?search=finance"):
        assert error(selected.get(path)) == DENIED
