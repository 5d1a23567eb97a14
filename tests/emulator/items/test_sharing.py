"""Links, invitations and permissions, and the access that they grant."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest

ANNA, BEN, CARA = "anna@contoso.example", "ben@contoso.example", "cara@outlook.example"
ALL = "Files.ReadWrite.All"
DENIED = (403, "accessDenied")
LINK = "/root:/shared:/createLink"


def share_id(url):
    """Encode a URL as Microsoft's page on shares does."""
    return "u!" + base64.b64encode(url.encode()).decode().rstrip("=").replace("/", "_").replace("+", "-")


@pytest.fixture
def shared(drive):
    drive.put("shared/a.txt", b"abc")
    drive.put("secret.txt", b"x")
    return drive.item("shared")


@pytest.fixture
def ben(sign_in):
    return sign_in(BEN, ALL)


@pytest.fixture
def consumer(emulator, sign_in):
    emulator.add_user(CARA, personality="personal")
    emulator.drive(CARA).put("a.txt", b"x")
    return sign_in(CARA, "Files.ReadWrite")


def test_create_a_link(graph, shared, emulator):
    """A new link is 201, asking for the same one again 200; its share id is made of its address."""
    reply = graph.post(LINK, json={"type": "view", "scope": "anonymous"})
    link = reply.json()
    assert (reply.status_code, link["roles"], link["hasPassword"]) == (201, ["read"], False)
    assert link["link"]["webUrl"].startswith(f"{emulator.store_url}/:f:/g/personal/anna_contoso_example/")
    assert (link["link"]["type"], link["link"]["scope"]) == ("view", "anonymous")
    assert link["shareId"] == share_id(link["link"]["webUrl"])
    again = graph.post(LINK, json={"type": "view", "scope": "anonymous"})
    assert (again.status_code, again.json()) == (200, link)
    other = graph.post(LINK, json={"type": "edit", "scope": "anonymous"})
    assert (other.status_code, other.json()["roles"]) == (201, ["write"])
    assert graph.post(LINK, json={"type": "view"}).json()["link"]["scope"] == "organization"
    assert graph.get("/root:/shared").json()["shared"] == {"scope": "anonymous"}


@pytest.mark.parametrize(
    "body",
    [
        {"type": "embed"},
        {"type": "nonsense"},
        {"type": "view", "scope": "nonsense"},
        {"type": "view", "scope": "users"},
        {"type": "view", "password": "x"},
        {"type": ["view"], "scope": {}},
    ],
)
def test_links_that_there_are_not(graph, shared, error, body):
    """Embedding and passwords are for consumers, and a link for users must name them."""
    assert error(graph.post(LINK, json=body))[:2] == (400, "invalidRequest")


def test_links_of_a_consumer(consumer, error):
    """A consumer can embed, set a password, and has no organisation."""
    path = "/me/drive/root:/a.txt:/createLink"
    link = consumer.post(path, json={"type": "embed", "password": "x"}).json()
    assert link["link"]["webHtml"].startswith("<iframe")
    assert (link["hasPassword"], link["link"]["scope"]) == (True, "anonymous")
    assert "grantedToIdentitiesV2" not in link
    assert error(consumer.post(path, json={"type": "view", "scope": "organization"}))[0] == 400
    root = consumer.post("/me/drive/root/createLink", json={"type": "view"})
    assert error(root)[:2] == (400, "invalidRequest")
    assert (
        error(consumer.post("/me/drive/root/invite", json={"recipients": [{"email": BEN}], "roles": ["read"]}))[0]
        == 400
    )


def test_links_that_are_forbidden(graph, shared, emulator, error):
    """An organisation may forbid links for everybody."""
    emulator.options.anonymous_links = False
    assert error(graph.post(LINK, json={"type": "view", "scope": "anonymous"}))[:2] == DENIED
    assert graph.post(LINK, json={"type": "view", "scope": "organization"}).status_code == 201


def test_what_a_link_leads_to(graph, v1, shared, http):
    """A share shows itself, its item, the items below and their contents; nothing else in the drive."""
    token = graph.post(LINK, json={"type": "view", "scope": "anonymous"}).json()["shareId"]
    v1.base_url = str(v1.base_url).split("/drives")[0]
    share = v1.get(f"/shares/{token}").json()
    assert (share["id"], share["name"], share["owner"]["user"]["email"]) == (token, "shared", ANNA)
    for path in ("driveItem", "root", f"items/{shared['id']}"):
        assert v1.get(f"/shares/{token}/{path}").json()["id"] == shared["id"]
    assert [one["name"] for one in v1.get(f"/shares/{token}/driveItem/children").json()["value"]] == ["a.txt"]
    expanded = v1.get(f"/shares/{token}/driveItem?$expand=children").json()
    assert [one["name"] for one in expanded["children"]] == ["a.txt"]
    location = v1.get(f"/shares/{token}/root:/a.txt:/content").headers["Location"]
    assert http.get(location).content == b"abc"
    assert [one["id"] for one in v1.get(f"/shares/{token}/items").json()["value"]] == [shared["id"]]
    assert v1.get(f"/shares/{token}/permission").json()["roles"] == ["read"]
    assert v1.get(f"/shares/{token}/list").json()["name"] == "Documents"
    for outside in ("items/root", f"items/{v1.get(f'/users/{ANNA}/drive/root:/secret.txt').json()['id']}"):
        assert v1.get(f"/shares/{token}/{outside}").status_code == 404
    assert v1.get(f"/shares/{token}/nonsense").status_code == 400


def test_an_address_is_a_share_too(v1, shared, drive):
    """The webUrl of an item, encoded, leads to the item."""
    token = share_id(drive.item("shared/a.txt")["webUrl"])
    assert v1.get(f"/shares/{token}/driveItem").json()["name"] == "a.txt"


def test_a_link_must_be_redeemed(graph, shared, ben, error, drive):
    """A user without access gets it by asking to redeem the link: for one request, or for good."""
    token = graph.post(LINK, json={"type": "view", "scope": "anonymous"}).json()["shareId"]
    path, item = f"/shares/{token}/driveItem", f"/drives/{drive.id}/items/{shared['id']}"
    assert error(ben.get(path))[:2] == DENIED
    assert ben.get(path, headers={"Prefer": "redeemSharingLinkIfNecessary"}).status_code == 200
    assert error(ben.get(path))[:2] == error(ben.get(item))[:2] == DENIED
    assert ben.get(path, headers={"Prefer": "redeemSharingLink"}).status_code == 200
    assert ben.get(path).status_code == ben.get(item).status_code == 200
    assert ben.get(f"{item}:/a.txt").status_code == 200
    assert error(ben.put(f"{item}:/b.txt:/content", content=b"x"))[:2] == DENIED
    assert error(ben.get(f"/drives/{drive.id}/root"))[:2] == DENIED


def test_a_link_to_edit(graph, shared, ben, drive, error):
    """A link allows writing if its role does."""
    view = graph.post(LINK, json={"type": "view", "scope": "organization"}).json()["shareId"]
    edit = graph.post(LINK, json={"type": "edit", "scope": "organization"}).json()["shareId"]
    prefer = {"Prefer": "redeemSharingLinkIfNecessary"}
    assert error(ben.put(f"/shares/{view}/root:/b.txt:/content", content=b"y", headers=prefer))[:2] == DENIED
    assert ben.put(f"/shares/{edit}/root:/b.txt:/content", content=b"y", headers=prefer).status_code == 201
    assert drive.read("shared/b.txt") == b"y"


def test_a_link_for_some_people(graph, shared, error, emulator, sign_in):
    """A link for users opens to those it names; to others redeeming does not help."""
    body = {"type": "view", "scope": "users", "recipients": [{"email": BEN}]}
    token = graph.post(LINK, json=body).json()["shareId"]
    emulator.add_user("dan@contoso.example")
    dan, ben = sign_in("dan@contoso.example", ALL), sign_in(BEN, ALL)
    assert ben.get(f"/shares/{token}/driveItem").status_code == 200
    prefer = {"Prefer": "redeemSharingLink"}
    assert error(dan.get(f"/shares/{token}/driveItem", headers=prefer))[:2] == DENIED


def test_links_that_end(graph, v1, shared, error, drive):
    """A revoked or expired link is 403; a link to a deleted item and an unknown one are 404."""
    path = "/root:/shared:/permissions/{}"
    link = graph.post(LINK, json={"type": "view"}).json()
    assert graph.delete(path.format(link["id"])).status_code == 204
    past = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    expired = graph.post(LINK, json={"type": "view", "expirationDateTime": past}).json()
    alive = graph.post(LINK, json={"type": "edit"}).json()
    v1.base_url = str(v1.base_url).split("/drives")[0]
    for dead in (link, expired):
        assert error(v1.get(f"/shares/{dead['shareId']}/driveItem"))[:2] == DENIED
    drive.delete("shared")
    assert error(v1.get(f"/shares/{alive['shareId']}"))[:2] == (404, "itemNotFound")
    assert error(v1.get(f"/shares/{share_id('https://localhost/personal/x/y')}"))[:2] == (404, "itemNotFound")
    for malformed in ("nonsense", "u!%25", "u!_____w"):
        assert error(v1.get(f"/shares/{malformed}"))[0] in {400, 404}


def test_what_a_token_needs_for_shares(graph, shared, sign_in, error):
    """Shares are for tokens that may write, also to read: so it is documented."""
    token = graph.post(LINK, json={"type": "view"}).json()["shareId"]
    prefer = {"Prefer": "redeemSharingLinkIfNecessary"}
    assert error(sign_in(BEN, "Files.Read.All").get(f"/shares/{token}", headers=prefer))[:2] == DENIED
    assert error(sign_in(None, "Files.Read.All").get(f"/shares/{token}"))[:2] == DENIED
    assert sign_in(BEN, "Files.ReadWrite").get(f"/shares/{token}", headers=prefer).status_code == 200


def test_invite(graph, shared, ben, drive, error):
    """An invited user has the role's access to the folder and below it, and nowhere else."""
    item = f"/drives/{drive.id}/items/{shared['id']}"
    body = {"recipients": [{"email": BEN}], "roles": ["read"], "requireSignIn": True, "sendInvitation": False}
    (permission,) = graph.post("/root:/shared:/invite", json=body).json()["value"]
    assert permission["grantedTo"]["user"]["email"] == permission["grantedToV2"]["user"]["email"] == BEN
    assert permission["invitation"] == {"email": BEN, "signInRequired": True}
    assert ben.get(item).status_code == ben.get(f"{item}/children").status_code == 200
    assert error(ben.put(f"{item}:/b.txt:/content", content=b"x"))[:2] == DENIED
    graph.patch(f"/root:/shared:/permissions/{permission['id']}", json={"roles": ["write"]})
    assert ben.put(f"{item}:/b.txt:/content", content=b"x").status_code == 201
    assert error(ben.get(f"/drives/{drive.id}/root:/secret.txt"))[:2] == DENIED
    graph.delete(f"/root:/shared:/permissions/{permission['id']}")
    assert error(ben.get(item))[:2] == DENIED


def test_an_invitation_that_ends(graph, shared, ben, drive, error):
    """An invitation expires, and a later one for the same user replaces it."""
    past = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    body = {"recipients": [{"email": BEN}], "roles": ["read"], "expirationDateTime": past}
    graph.post("/root:/shared:/invite", json=body)
    assert error(ben.get(f"/drives/{drive.id}/items/{shared['id']}"))[:2] == DENIED
    graph.post("/root:/shared:/invite", json={"recipients": [{"email": BEN}], "roles": ["write"]})
    assert len(graph.get("/root:/shared:/permissions").json()["value"]) == 2
    assert ben.get(f"/drives/{drive.id}/items/{shared['id']}").status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"recipients": [], "roles": ["read"]},
        {"recipients": [{"email": BEN}]},
        {"recipients": [{"email": BEN}], "roles": ["admire"]},
        {"recipients": [{"email": BEN}], "roles": [["read"]]},
        {"recipients": [{"objectId": "nobody"}], "roles": ["read"]},
        {"recipients": [{"email": BEN}], "roles": ["read"], "message": "x" * 2001},
        {"recipients": [{"email": BEN}], "roles": ["read"], "expirationDateTime": "tomorrow"},
    ],
)
def test_invitations_that_are_refused(graph, shared, error, body):
    """An invitation needs a recipient and a role."""
    assert error(graph.post("/root:/shared:/invite", json=body))[:2] == (400, "invalidRequest")
    assert len(graph.get("/root:/shared:/permissions").json()["value"]) == 1


def test_permissions_are_inherited(graph, shared, error):
    """An item lists the owner's, its own and inherited permissions; the latter are changed elsewhere."""
    link = graph.post(LINK, json={"type": "view"}).json()
    owner, inherited = graph.get("/root:/shared/a.txt:/permissions").json()["value"]
    assert (owner["roles"], owner["grantedToV2"]["user"]["email"]) == (["owner"], ANNA)
    assert (inherited["id"], inherited["inheritedFrom"]["id"]) == (link["id"], shared["id"])
    path = f"/root:/shared/a.txt:/permissions/{link['id']}"
    assert graph.get(path).json()["inheritedFrom"]["id"] == shared["id"]
    assert error(graph.delete(path))[:2] == (400, "invalidRequest")
    assert error(graph.delete(f"/root:/shared:/permissions/{owner['id']}"))[:2] == DENIED
    assert graph.get(f"/root:/shared:/permissions/{owner['id']}").json()["roles"] == ["owner"]
    body = {"roles": ["write"]}
    assert error(graph.patch(f"/root:/shared:/permissions/{link['id']}", json=body))[:2] == (400, "invalidRequest")
    assert error(graph.get("/root:/shared:/permissions/unknown"))[:2] == (404, "itemNotFound")


def test_permissions_on_request(graph, shared):
    """Permissions are expanded with an item on request."""
    graph.post(LINK, json={"type": "view"})
    item = graph.get("/root:/shared/a.txt?$select=id&$expand=permissions").json()
    assert [one["roles"] for one in item["permissions"]] == [["owner"], ["read"]]


@pytest.mark.parametrize(
    ("wanted", "count"), [("empty", 0), ("degraded", 1), ("complete", 2), ("gone", 410), ("missing", 404)]
)
@pytest.mark.parametrize("function", ["sharedWithMe", "sharedWithMe()", "recent"])
def test_shared_with_me(ben, emulator, wanted, count, function):
    """The list is empty since November 2026; on request it is as before, or removed."""
    drive = emulator.drive()
    for name in ("a.txt", "b.txt"):
        drive.put(name, b"x")
        drive.share(name, BEN)
    if wanted != "empty":
        emulator.options.shared_with_me = wanted
    reply = ben.get(f"/me/drive/{function}")
    if count > 2:
        assert reply.status_code == count
        return
    value = reply.json()["value"]
    assert [item["remoteItem"]["name"] for item in value] == ["a.txt", "b.txt"][:count]
    assert all(item["remoteItem"]["parentReference"]["driveId"] == drive.id for item in value)
    assert "@odata.nextLink" not in reply.json()


def test_shared_with_nobody(v1, drive, error):
    """An application has nothing that was shared with it."""
    assert error(v1.get(f"/drives/{drive.id}/sharedWithMe"))[:2] == (400, "BadRequest")


def test_changes_of_a_drive_are_not_shared(graph, shared, ben, drive, emulator):
    """Delta of a shared folder would cover the whole drive of an organisation, and so is refused."""
    drive.share("shared", BEN)
    assert ben.get(f"/drives/{drive.id}/items/{shared['id']}/delta").status_code == 403
    emulator.open_drive(drive, BEN, writes=False)
    assert ben.get(f"/drives/{drive.id}/items/{shared['id']}/delta").status_code == 200


def test_seeding_what_is_shared(drive, shared, ben, emulator):
    """Tests share, link and add shortcuts without a request."""
    drive.share("shared", BEN, writes=True)
    item = f"/drives/{drive.id}/items/{shared['id']}"
    assert ben.put(f"{item}:/b.txt:/content", content=b"x").status_code == 201
    url = drive.link("secret.txt", scope="anonymous")
    prefer = {"Prefer": "redeemSharingLink"}
    assert ben.get(f"/shares/{share_id(url)}/driveItem", headers=prefer).json()["name"] == "secret.txt"
    emulator.drive(BEN).shortcut("From Anna", drive, "shared")
    assert ben.get("/me/drive/root:/From Anna").json()["remoteItem"]["id"] == shared["id"]
    assert drive.item("shared")["webUrl"] == f"{drive.web_url}/shared"


def test_moves_stay_in_what_is_shared(shared, ben, drive, error):
    """A user who may write in a folder moves items within it, and not to folders of the owner."""
    drive.put("shared/below/c.txt", b"x")
    drive.share("shared", BEN, writes=True)
    path = f"/drives/{drive.id}/items/{drive.item('shared/a.txt')['id']}"
    below, root = drive.item("shared/below")["id"], drive.item()["id"]
    assert ben.patch(path, json={"parentReference": {"id": below}}).status_code == 200
    assert error(ben.patch(path, json={"parentReference": {"id": root}}))[:2] == DENIED
    assert drive.exists("shared/below/a.txt")
