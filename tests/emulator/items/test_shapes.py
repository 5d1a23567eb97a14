"""Every property that is answered is one of Microsoft's, and of its type.

``graph_types.json`` holds names and types as in the metadata of Graph v1.0
(https://graph.microsoft.com/v1.0/$metadata), as far as drives are concerned.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

ANNA, BEN, CARA = "anna@contoso.example", "ben@contoso.example", "cara@outlook.example"
TYPES = json.loads((Path(__file__).parent / "graph_types.json").read_text(encoding="utf-8"))
# Types whose properties are few, and which the file does not hold.
TYPES |= {
    "contentTypeInfo": {"id": "Edm.String", "name": "Edm.String"},
    "listInfo": {"contentTypesEnabled": "Edm.Boolean", "hidden": "Edm.Boolean", "template": "Edm.String"},
    "itemPreviewInfo": {"getUrl": "Edm.String", "postUrl": "Edm.String", "postParameters": "Edm.String"},
    "siteCollection": {"hostname": "Edm.String"},
    "error": {"code": "Edm.String", "message": "Edm.String", "innerError": "graph.innerError"},
    # It is open: its properties are the columns of the library.
    "fieldValueSet": {
        **dict.fromkeys(("id", "ContentType", "FileLeafRef", "Status"), "Edm.String"),
        **dict.fromkeys(("Created", "Modified"), "Edm.DateTimeOffset"),
    },
    "innerError": {
        "code": "Edm.String",
        "date": "Edm.String",
        "request-id": "Edm.String",
        "client-request-id": "Edm.String",
    },
    "problem": {"error": "graph.error"},
}
# The service returns these although the metadata lack them: identities are open types.
TYPES["identity"] |= {"email": "Edm.String"}
TYPES["identitySet"] |= {"group": "graph.identity"}
ANNOTATIONS = {
    "@odata.context": str,
    "@odata.nextLink": str,
    "@odata.deltaLink": str,
    "children@odata.nextLink": str,
    "@microsoft.graph.downloadUrl": str,
    "@content.downloadUrl": str,
    "@odata.etag": str,
}
# May be null; any other property is omitted if it has no value.
NULLABLE = {"jobTitle", "mobilePhone", "officeLocation", "preferredLanguage", "surname"}
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
SIMPLE = {
    "Edm.String": lambda value: isinstance(value, str),
    "Edm.Boolean": lambda value: isinstance(value, bool),
    "Edm.Int32": lambda value: type(value) is int and abs(value) < 2**31,
    "Edm.Int64": lambda value: type(value) is int,
    "Edm.DateTimeOffset": lambda value: isinstance(value, str) and MOMENT.fullmatch(value) is not None,
}


def mistakes(value, kind, where=""):
    """Return the positions at which a value does not have its type."""
    if kind.startswith("Collection("):
        inner = kind[len("Collection(") : -1]
        items = value if isinstance(value, list) else [None]
        return [found for index, item in enumerate(items) for found in mistakes(item, inner, f"{where}[{index}]")]
    if kind in SIMPLE:
        return [] if SIMPLE[kind](value) else [f"{where}: {value!r} is no {kind}"]
    name = kind.removeprefix("graph.")
    if not isinstance(value, dict) or name not in TYPES:
        return [f"{where}: {value!r} is no {name}"]
    return [found for key, item in value.items() for found in mistakes_of_property(key, item, name, where)]


def mistakes_of_property(key, value, name, where):
    place = f"{where}.{key}"
    if key in ANNOTATIONS:
        return [] if isinstance(value, ANNOTATIONS[key]) else [f"{place}: {value!r}"]
    if key not in TYPES[name]:
        return [f"{place}: {name} has no such property"]
    return [] if value is None and key in NULLABLE else mistakes(value, TYPES[name][key], place)


def check(reply, kind):
    """Assert the type of a reply; ``[kind]`` is a page of them."""
    value = reply.json()
    if kind.startswith("["):
        assert set(value) <= {"value", *ANNOTATIONS}, value.keys()
        value, kind = value["value"], f"Collection(graph.{kind.strip('[]')})"
        assert value, "An empty page proves nothing."
    assert mistakes(value, kind) == []


@pytest.fixture
def walker(emulator, sign_in, http):
    """Send requests about the files of a drive, and check the answers."""

    class Walker:
        def __init__(self, client, drive):
            self.client, self.drive, self.seen = client, drive, set()

        def __call__(self, method, path, kind, status=200, **options):
            reply = self.client.request(method, path, **options)
            assert reply.status_code == status, reply.text
            check(reply, kind)
            return reply.json()

        def item(self, method, path, tail, kind=None, status=200, **options):
            """Send to an item; a kind of None is an answer without JSON."""
            separator = ":" if tail and path.startswith("root:") else ""
            url = f"/drives/{self.drive.id}/{path}{separator}{'/' if tail else ''}{tail}"
            reply = self.client.request(method, url, **options)
            assert reply.status_code == status, (method, url, reply.text)
            self.seen.add((method, pattern(item_routes(emulator), tail)))
            if kind is None:
                assert not reply.content
                return reply
            check(reply, kind)
            return reply.json()

    return Walker


def item_routes(emulator):
    return emulator._services[0].origin.router.item_routes


def pattern(routes, tail):
    """Return a tail as the router knows it."""
    names = tuple(name.partition("(")[0].partition("?")[0] for name in tail.split("/") if name)
    if names in routes:
        return names
    return (names[0], "*", *names[2:])


def walk_items(walk, http):
    """Do everything to items that a drive of this kind allows."""
    drive = walk.drive
    drive.put("a/b.txt", b"abc")
    business = drive.item()["parentReference"]["driveType"] != "personal"
    walk.item("GET", "root", "", "driveItem")
    walk.item("GET", "root:/a", "", "driveItem", params={"$expand": "children,permissions,thumbnails"})
    walk.item("GET", "root:/a/b.txt", "", "driveItem")
    fields = "id,sharepointIds,publication,parentReference"
    walk.item("GET", "root:/a/b.txt", "", "driveItem", params={"$select": fields})
    walk.item("GET", "root", "children", "[driveItem]")
    walk.item("POST", "root", "children", "driveItem", 201, json={"name": "x", "folder": {}})
    walk.item("PUT", "root:/c.txt", "content", "driveItem", 201, content=b"1")
    walk.item("PUT", "root:/c.txt", "content", "driveItem", content=b"2")
    walk.item("GET", "root:/c.txt", "content", None, 302)
    assert walk.client.get(f"/drives/{walk.drive.id}/root:/c.txt:/thumbnails").json()["value"] == []
    walk.seen.add(("GET", ("thumbnails",)))
    walk.item("POST", "root:/c.txt", "preview", "itemPreviewInfo", json={})
    times = {"fileSystemInfo": {"lastModifiedDateTime": "2026-01-02T03:04:05.678Z"}}
    walk.item("PATCH", "root:/c.txt", "", "driveItem", json={"description": "x", **times})
    walk_sessions(walk, http)
    walk.item("POST", "root:/c.txt", "copy", None, 202, json={"name": "copy.txt"})
    walk.item("GET", "root", "search(q='b.txt')", "[driveItem]")
    walk.item("GET", "root", "delta", "[driveItem]")
    walk_sharing(walk)
    walk_versions(walk, business)
    item = walk.item("GET", "root:/c.txt", "", "driveItem")
    walk.item("DELETE", "root:/c.txt", "", None, 204)
    walk.item("GET", "root", "delta", "[driveItem]")
    if business:
        walk.item("POST", "root:/x", "permanentDelete", None, 204)
    else:
        walk.item("POST", f"items/{item['id']}", "restore", "driveItem", json={})


def walk_sessions(walk, http):
    session = walk.item("POST", "root:/d.txt", "createUploadSession", "uploadSession", json={})
    half = http.put(session["uploadUrl"], content=bytes(320 * 1024), headers={"Content-Range": "bytes 0-327679/327681"})
    check(half, "uploadSession")
    check(http.get(session["uploadUrl"]), "uploadSession")
    last = http.put(session["uploadUrl"], content=b"x", headers={"Content-Range": "bytes 327680-327680/327681"})
    check(last, "driveItem")
    other = walk.item("POST", "root:/e.txt", "createUploadSession", "uploadSession", json={"item": {}})
    walk.drive.put("e.txt", b"taken")
    assert http.put(other["uploadUrl"], content=b"x", headers={"Content-Range": "bytes 0-0/1"}).status_code == 409
    source = {"@microsoft.graph.sourceUrl": other["uploadUrl"], "@microsoft.graph.conflictBehavior": "rename"}
    walk.item("PUT", "root:/e.txt", "", "driveItem", 201, json={"name": "e.txt", **source})


def walk_sharing(walk):
    walk.item("POST", "root:/a", "createLink", "permission", 201, json={"type": "view", "scope": "anonymous"})
    body = {"recipients": [{"email": BEN}, {"email": "x@other.example"}], "roles": ["read"]}
    walk.item("POST", "root:/a", "invite", "[permission]", json=body)
    body = {
        "type": "edit",
        "scope": "users",
        "recipients": [{"email": BEN}],
        "expirationDateTime": "2099-01-01T00:00:00Z",
    }
    walk.item("POST", "root:/a", "createLink", "permission", 201, json=body)
    walk.item("GET", "root:/a/b.txt", "permissions", "[permission]")
    given = walk.item("GET", "root:/a", "permissions", "[permission]")["value"]
    named = next(one["id"] for one in given if "invitation" in one)
    walk.item("GET", "root:/a", f"permissions/{named}", "permission")
    walk.item("PATCH", "root:/a", f"permissions/{named}", "permission", json={"roles": ["write"]})
    walk.item("DELETE", "root:/a", f"permissions/{named}", None, 204)


def walk_versions(walk, business):
    walk.item("GET", "root:/c.txt", "versions", "[driveItemVersion]")
    walk.item("GET", "root:/c.txt", "versions/1.0", "driveItemVersion")
    walk.item("GET", "root:/c.txt", "versions/1.0/content", None, 302)
    walk.item("POST", "root:/c.txt", "versions/1.0/restoreVersion", None, 204)
    if business:
        walk.item("GET", "root:/c.txt", "listItem", "listItem")
        walk.item("GET", "root:/c.txt", "listItem", "listItem", params={"$expand": "fields"})
        walk.item("PATCH", "root:/c.txt", "listItem/fields", "fieldValueSet", json={"Status": "x"})
        walk.item("GET", "root:/c.txt", "listItem/fields", "fieldValueSet")
        walk.item("POST", "root:/c.txt", "checkout", None, 204)
        walk.item("GET", "root:/c.txt", "", "driveItem", params={"$select": "id,publication"})
        walk.item("POST", "root:/c.txt", "checkin", None, 204, json={"comment": "x"})
        walk.item("POST", "root:/c.txt", "checkout", None, 204)
        walk.item("POST", "root:/c.txt", "discardCheckout", None, 204)
        walk.item("DELETE", "root:/c.txt", "versions/1.0", None, 204)


def test_everything_about_items(emulator, walker, sign_in, http):
    """Every route of an item is requested on each kind of drive, and answered in Graph's types."""
    emulator.add_user(CARA, personality="personal")
    emulator.add_site("/sites/Finance")
    seen = set()
    for client, place in ((sign_in(), ANNA), (sign_in(CARA, "Files.ReadWrite"), CARA), (sign_in(), "sites/Finance")):
        walk = walker(client, emulator.drive(place))
        walk_items(walk, http)
        seen |= walk.seen
    served = {(method, tail) for tail, actions in item_routes(emulator).items() for method in actions}
    assert served - seen == set(), "There is something that nothing here asks for."


def test_everything_about_drives(emulator, walker, sign_in):
    """Drives, special folders and shortcuts."""
    emulator.add_user(CARA, personality="personal")
    other = emulator.drive(BEN)
    body = {"remoteItem": {"id": other.folder("x")["id"], "parentReference": {"driveId": other.id}}, "name": "x"}
    emulator.options.shared_with_me = "complete"
    scopes = ("Files.ReadWrite.All", "User.Read")
    sign_in().post(
        f"/drives/{other.id}/root:/x:/invite",
        json={"recipients": [{"email": ANNA}, {"email": CARA}], "roles": ["read"]},
    )
    for upn in (ANNA, CARA):
        walk = walker(sign_in(upn, *scopes), emulator.drive(upn))
        walk("GET", "/me", "user")
        walk("GET", "/me/drive", "drive")
        walk("GET", "/me/drives", "[drive]")
        walk("GET", "/me/drive?$select=id,sharePointIds,quota&$expand=root,list", "drive")
        for name in ("documents", "approot"):
            walk("GET", f"/me/drive/special/{name}", "driveItem")
        walk("GET", "/me/drive/special", "[driveItem]")
        walk("POST", "/me/drive/root/children", "driveItem", 201, json=body)
        walk("GET", "/me/drive/root/children", "[driveItem]")
        walk("GET", "/me/drive/sharedWithMe", "[driveItem]")
        walk("GET", "/me/drive/recent()", "[driveItem]")


def test_everything_about_sites(emulator, walker, sign_in, drive):
    """Sites, lists, groups, users and shares."""
    site = emulator.add_site("/sites/Finance", libraries=["Dokumente", "Reports"])
    emulator.add_site("/sites/Finance/Payroll")
    group = emulator.add_group("Data Team")
    emulator.drive("sites/Finance").put("a/b.txt", b"x")
    scopes = ("Files.ReadWrite.All", "Sites.FullControl.All", "User.Read.All", "Group.Read.All")
    walk = walker(sign_in(None, *scopes), drive)
    for key in ("root", site, "localhost:/sites/Finance:"):
        walk("GET", f"/sites/{key}", "site")
        walk("GET", f"/sites/{key}/drive", "drive")
        walk("GET", f"/sites/{key}/drives", "[drive]")
        walk("GET", f"/sites/{key}/lists", "[list]")
    walk("GET", f"/sites/{site}?$expand=drive", "site")
    walk("GET", f"/sites/{site}/sites", "[site]")
    walk("GET", "/sites?search=fin", "[site]")
    walk("GET", f"/sites/{site}/lists/Dokumente", "list")
    walk("GET", f"/sites/{site}/lists/Dokumente/items", "[listItem]")
    walk("GET", f"/sites/{site}/lists/Dokumente/items/1", "listItem")
    walk("GET", f"/sites/{site}/lists/Dokumente/items/2/driveItem", "driveItem")
    walk("GET", f"/groups/{group}", "group")
    walk("GET", f"/groups/{group}/drive", "drive")
    walk("GET", f"/groups/{group}/sites/root", "site")
    walk("GET", f"/users/{ANNA}", "user")
    walk("GET", f"/users/{ANNA}/drives", "[drive]")
    walk("GET", f"/drives/{drive.id}/list", "list")
    walk("GET", f"/drives/{drive.id}/nothing", "problem", 400)
    sites = walk.client.get("/sites/getAllSites").json()["value"]
    named = [{name: value for name, value in one.items() if value is not None} for one in sites]
    assert mistakes(named, "Collection(graph.site)") == []
    link = walk("POST", f"/drives/{emulator.drive('sites/Finance').id}/root:/a:/createLink", "permission", 201, json={})
    walk("GET", f"/shares/{link['shareId']}", "sharedDriveItem")
    for path, kind in (
        ("driveItem", "driveItem"),
        ("items", "[driveItem]"),
        ("permission", "permission"),
        ("list", "list"),
    ):
        walk("GET", f"/shares/{link['shareId']}/{path}", kind)


def test_the_check_finds_mistakes():
    """A misspelt property, a wrong type and an unknown annotation are found."""
    assert mistakes({"etag": "x"}, "driveItem") == [".etag: driveItem has no such property"]
    assert mistakes({"size": "5"}, "driveItem") == [".size: '5' is no Edm.Int64"]
    assert mistakes({"createdDateTime": "yesterday"}, "driveItem") == [
        ".createdDateTime: 'yesterday' is no Edm.DateTimeOffset"
    ]
    assert mistakes({"folder": {"childCount": 1.0}}, "driveItem") == [".folder.childCount: 1.0 is no Edm.Int32"]
    assert mistakes({"@odata.x": "x"}, "driveItem") == [".@odata.x: driveItem has no such property"]
    assert mistakes([{"roles": "read"}], "Collection(graph.permission)") == ["[0].roles[0]: None is no Edm.String"]


def test_links_of_pages_have_their_parameters(v1, drive):
    """A deltaLink holds ``token``, a nextLink ``$skiptoken``: clients look for them."""
    for name in "abc":
        drive.put(name, b"x")
    page = v1.get(f"/drives/{drive.id}/root/children?$top=2").json()
    assert "$skiptoken" in parse_qs(urlsplit(page["@odata.nextLink"]).query)
    delta = v1.get(f"/drives/{drive.id}/root/delta").json()
    assert "token" in parse_qs(urlsplit(delta["@odata.deltaLink"]).query)
