"""Sites, their libraries, groups and users."""

from __future__ import annotations

import uuid
from urllib.parse import urlsplit

import pytest

ANNA, BEN = "anna@contoso.example", "ben@contoso.example"


@pytest.fixture
def site_id(emulator):
    return emulator.add_site("/sites/Finance", libraries=["Dokumente", "Reports"], title="Finance team")


@pytest.mark.parametrize(
    "key",
    [
        "{id}",
        "{collection}",
        "localhost:/sites/Finance",
        "localhost:/sites/Finance:",
        "{host}:/sites/finance",
        "contoso.sharepoint.com:/sites/Finance",
        "root:/sites/Finance",
        "localhost%3A%2Fsites%2FFinance%3A",
    ],
)
def test_a_site_by_each_of_its_addresses(v1, emulator, site_id, key):
    """A site is found by id, by the GUID of its collection and by its path under each of its hosts."""
    host, collection, web = site_id.split(",")
    text = key.format(id=site_id, collection=collection, host=urlsplit(emulator.store_url).netloc)
    site = v1.get(f"/sites/{text}").json()
    assert site["id"] == site_id
    assert (site["name"], site["displayName"]) == ("Finance", "Finance team")
    assert site["webUrl"] == f"{emulator.store_url}/sites/Finance"
    assert site["siteCollection"] == {"hostname": host}
    assert "isPersonalSite" not in site
    assert uuid.UUID(web)


def test_libraries_of_a_site(v1, emulator, site_id):
    """A site lists its libraries; the default one may have any name, and its URL ends in Shared Documents."""
    default, reports = v1.get(f"/sites/{site_id}/drives").json()["value"]
    assert (default["name"], default["driveType"]) == ("Dokumente", "documentLibrary")
    assert default["webUrl"] == f"{emulator.store_url}/sites/Finance/Shared%20Documents"
    assert reports["webUrl"] == f"{emulator.store_url}/sites/Finance/Reports"
    for path in (f"{site_id}/drive", "localhost:/sites/Finance:/drive", f"{site_id}/drives/{default['id']}"):
        assert v1.get(f"/sites/{path}").json()["id"] == default["id"]
    put = v1.put("/sites/localhost:/sites/Finance:/drive/root:/a/b.txt:/content", content=b"x").json()
    assert put["webUrl"] == f"{emulator.store_url}/sites/Finance/Shared%20Documents/a/b.txt"
    assert put["parentReference"]["driveType"] == "documentLibrary"
    assert emulator.drive("sites/Finance").read("a/b.txt") == b"x"


def test_ids_of_a_site_stand_in_those_of_its_drives(v1, site_id):
    """sharePointIds of a drive name its site, its web and its list."""
    drive = v1.get(f"/sites/{site_id}/drive").json()
    assert "sharePointIds" not in drive
    ids = v1.get(f"/drives/{drive['id']}?$select=id,sharePointIds").json()["sharePointIds"]
    assert [ids["siteId"], ids["webId"]] == site_id.split(",")[1:]
    assert v1.get(f"/drives/{drive['id']}/list").json()["id"] == ids["listId"]
    assert v1.get(f"/drives/{drive['id']}?$expand=list").json()["list"]["name"] == "Shared Documents"
    item = v1.put(f"/drives/{drive['id']}/root:/a.txt:/content", content=b"x").json()
    assert "sharepointIds" not in item
    ids_of_item = v1.get(f"/drives/{drive['id']}/items/{item['id']}?$select=sharepointIds").json()["sharepointIds"]
    assert ids.items() <= ids_of_item.items()
    assert ids_of_item["listItemUniqueId"] in item["eTag"].lower()


def test_sites_below_a_site(v1, emulator, site_id):
    """A site below another one shares its collection, has its own id, and is listed there."""
    below = emulator.add_site("/sites/Finance/Payroll")
    assert below.split(",")[1] == site_id.split(",")[1] != emulator.add_site("/sites/Other").split(",")[1]
    assert [site["id"] for site in v1.get(f"/sites/{site_id}/sites").json()["value"]] == [below]
    assert "siteCollection" not in v1.get(f"/sites/{below}").json()
    emulator.drive("sites/Finance/Payroll/Shared Documents").put("a.txt", b"x")
    assert v1.get("/sites/localhost:/sites/Finance/Payroll:/drive/root:/a.txt").json()["size"] == 1


def test_the_root_site(v1):
    """Every tenant has a root site, which the bare host names as well."""
    site = v1.get("/sites/root").json()
    assert site["root"] == {}
    assert v1.get("/sites/localhost").json() == site
    assert v1.get("/sites/root/drive").json()["driveType"] == "documentLibrary"


def test_search_of_sites(v1, site_id):
    """A search finds by name and title; an asterisk finds all but personal sites."""
    for text in ("fin", "team", "FINANCE"):
        assert [site["id"] for site in v1.get(f"/sites?search={text}").json()["value"]] == [site_id]
    assert v1.get("/sites?search=nothing").json()["value"] == []
    assert len(v1.get("/sites?search=*").json()["value"]) == 2


def test_all_sites(v1, sign_in, error, site_id):
    """All sites are listed for applications only, personal ones among them and without a name."""
    sites = v1.get("/sites/getAllSites").json()["value"]
    personal = [site for site in sites if site["isPersonalSite"]]
    assert {site["name"] for site in personal} == {None}
    assert {site["id"] for site in sites} > {site_id}
    assert len(personal) == 2
    reply = sign_in(ANNA, "Sites.Read.All").get("/sites/getAllSites")
    assert error(reply)[:2] == (403, "accessDenied")


def test_the_personal_site_of_a_user(v1, emulator, drive, sign_in):
    """The site of a user has two drives: a cache of the service, and OneDrive, which is the default one."""
    site = v1.get("/sites/contoso-my.sharepoint.com:/personal/anna_contoso_example").json()
    cache, own = v1.get(f"/sites/{site['id']}/drives").json()["value"]
    assert cache["name"] == "PersonalCacheLibrary"
    assert (own["id"], own["name"], own["driveType"]) == (drive.id, "OneDrive", "business")
    assert own["webUrl"].endswith("/personal/anna_contoso_example/Documents")
    assert v1.get(f"/sites/{site['id']}/drive").json()["id"] == drive.id
    assert sign_in(BEN, "Files.ReadWrite.All").get(f"/drives/{cache['id']}/root").status_code == 403
    assert sign_in(ANNA, "Files.ReadWrite.All").get(f"/drives/{cache['id']}/root").status_code == 200


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/sites/localhost:/sites/Nothing", (404, "itemNotFound")),
        ("/sites/localhost:/sites/Finance/drive", (404, "itemNotFound")),
        ("/sites/fabrikam.sharepoint.com:/sites/Finance", (400, "invalidRequest")),
        ("/sites/fabrikam.sharepoint.com", (400, "invalidRequest")),
        (
            "/sites/localhost,00000000-0000-0000-0000-000000000000,00000000-0000-0000-0000-000000000000",
            (404, "itemNotFound"),
        ),
        ("/sites/root/drives/b!x/root", (400, "invalidRequest")),
        (f"/sites/root/drives/b!{'x' * 64}/root", (404, "itemNotFound")),
        ("/sites/root/lists/Nothing", (404, "itemNotFound")),
        ("/groups/nobody/drive", (404, "Request_ResourceNotFound")),
    ],
)
def test_sites_that_do_not_exist(v1, error, site_id, path, expected):
    """An unknown site is 404, a foreign host 400."""
    assert error(v1.get(path))[:2] == expected


def test_lists_and_their_items(v1, emulator, site_id):
    """A library is a list too; its items have numbers and lead back to the drive's items."""
    emulator.drive("sites/Finance/Reports").put("2026/q1.csv", b"a,b")
    lists = v1.get(f"/sites/{site_id}/lists").json()["value"]
    assert [one["displayName"] for one in lists] == ["Dokumente", "Reports"]
    base = f"/sites/{site_id}/lists/{lists[1]['id']}"
    folder, file = v1.get(f"{base}/items").json()["value"]
    assert (folder["contentType"]["name"], file["contentType"]["name"]) == ("Folder", "Document")
    item = v1.get(f"{base}/items/{file['id']}/driveItem").json()
    assert item["name"] == "q1.csv"
    assert v1.get(f"{base}/items/{file['eTag'][1:37]}").json() == v1.get(f"{base}/items/{file['id']}").json() == file
    assert v1.get(f"{base}/items/{file['id']}/fields").json()["FileLeafRef"] == "q1.csv"
    assert v1.get(f"/sites/{site_id}/lists/Reports").json()["id"] == lists[1]["id"]
    for missing in ("99", "nonsense", str(uuid.uuid4())):
        assert v1.get(f"{base}/items/{missing}").status_code == 404


def test_from_an_item_to_the_item_of_the_list(v1, emulator, site_id, error):
    """``/listItem`` returns the item of the library; the root has none."""
    library = emulator.drive("sites/Finance/Reports")
    file = library.put("2026/q1.csv", b"a,b")
    found = v1.get(f"/drives/{library.id}/items/{file['id']}/listItem").json()
    assert found.pop("@odata.context").endswith("$metadata#listItems/$entity")
    assert v1.get(f"/sites/{site_id}/lists/Reports/items/{found['id']}").json() == found
    assert v1.get(f"/drives/{library.id}/root:/2026/q1.csv:/listItem").json()["id"] == found["id"]
    assert error(v1.get(f"/drives/{library.id}/root/listItem"))[:2] == (404, "itemNotFound")
    assert v1.post(f"/drives/{library.id}/items/{file['id']}/listItem", json={}).status_code == 405


def test_a_group_has_a_site(v1, emulator):
    """The drive of a group is the library of its site."""
    group_id = emulator.add_group("Data Team")
    drive = v1.get(f"/groups/{group_id}/drive").json()
    assert drive["webUrl"] == f"{emulator.store_url}/sites/DataTeam/Shared%20Documents"
    assert drive["owner"]["group"]["displayName"] == "Data Team Owners"
    assert [one["id"] for one in v1.get(f"/groups/{group_id}/drives").json()["value"]] == [drive["id"]]
    assert v1.get(f"/groups/{group_id}/sites/root").json()["displayName"] == "Data Team"
    assert emulator.drive("groups/Data Team").id == drive["id"] == emulator.drive(f"groups/{group_id}").id


def test_users_and_groups_themselves(v1, emulator, sign_in, error):
    """Users and groups are returned to callers that may read the directory."""
    group_id = emulator.add_group("Data Team")
    denied = (403, "Authorization_RequestDenied")
    assert error(v1.get(f"/users/{ANNA}"))[:2] == error(v1.get(f"/groups/{group_id}"))[:2] == denied
    reader = sign_in(None, "User.Read.All", "Group.Read.All")
    assert reader.get(f"/users/{ANNA}?$select=id,mail").json()["mail"] == ANNA
    assert reader.get(f"/groups/{group_id}").json()["mail"] == "datateam@contoso.example"
    myself = sign_in(BEN, "User.Read")
    assert myself.get("/me").json()["userPrincipalName"] == BEN
    assert error(myself.get(f"/users/{ANNA}"))[:2] == denied


def test_permissions_on_sites(sign_in, emulator, error, site_id):
    """Sites are returned to callers that may read sites; libraries also to those that may read all files."""
    files, sites = sign_in(None, "Files.Read.All"), sign_in(None, "Sites.Read.All")
    assert error(files.get(f"/sites/{site_id}"))[:2] == error(files.get("/sites?search=*"))[:2] == (403, "accessDenied")
    assert files.get(f"/sites/{site_id}/drive").status_code == 200
    assert sites.get(f"/sites/{site_id}").status_code == sites.get(f"/sites/{site_id}/drive/root").status_code == 200
    selected = sign_in(None, "Sites.Selected")
    assert selected.get(f"/sites/{site_id}").status_code == 403
    emulator.grant_site(site_id, "read")
    assert selected.get(f"/sites/{site_id}").status_code == selected.get(f"/sites/{site_id}/drive").status_code == 200
    assert selected.get("/sites/root").status_code == 403


def test_select_of_a_drive(v1, drive):
    """A drive returns the selected properties, with and without the dollar sign."""
    for option in ("$select", "select"):
        assert set(v1.get(f"/drives/{drive.id}/?{option}=quota").json()) == {"@odata.context", "quota"}


def test_places_by_name(emulator, site_id):
    """Tests name a library by its path: with the segment of its address, by its name, or the default one without."""
    default = emulator.drive("sites/Finance").id
    assert (
        emulator.drive("sites/finance/dokumente").id == default == emulator.drive("/sites/Finance/Shared Documents").id
    )
    assert emulator.drive("sites/Finance/Reports").id != default
    assert emulator.drive(f"users/{ANNA}").id == emulator.drive(ANNA).id == emulator.drive().id
    for missing in ("sites/Nothing", "sites/Finance/Nothing", "groups/Nobody", "users/nobody"):
        with pytest.raises(LookupError):
            emulator.drive(missing)
    with pytest.raises(ValueError, match="already"):
        emulator.add_site("/sites/Finance")


def test_path_of_an_item_through_its_site(v1, emulator):
    """Through a site the path of a folder has no id of the drive, and at times is not encoded."""
    emulator.add_site("/sites/finance")
    library = emulator.drive("sites/finance")
    library.put("100% a/b.txt", b"x")
    address = "/sites/root:/sites/finance:/drive/root:/100%25%20a/b.txt"
    assert v1.get(address).json()["parentReference"]["path"] == "/drive/root:/100%25%20a"
    by_drive = v1.get(f"/drives/{library.id}/root:/100%25%20a/b.txt").json()
    assert by_drive["parentReference"]["path"] == f"/drives/{library.id}/root:/100%25%20a"
    emulator.quirks.plain_paths = True
    listed = v1.get("/sites/root:/sites/finance:/drive/root:/100%25%20a:/children").json()["value"]
    assert listed[0]["parentReference"]["path"] == "/drive/root:/100% a"


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("contoso.sharepoint.com:/sites/Finance:", 200),
        ("contoso-my.sharepoint.com:/sites/Finance:", 404),
        ("contoso-my.sharepoint.com:/personal/anna_contoso_example:", 200),
        ("contoso.sharepoint.com:/personal/anna_contoso_example:", 404),
        ("localhost:/personal/anna_contoso_example:", 200),
    ],
)
def test_host_of_a_site(v1, emulator, address, status):
    """Personal sites are at the host that ends in -my, and no others are."""
    emulator.add_site("/sites/Finance")
    assert v1.get(f"/sites/{address}").status_code == status
