"""Items of lists and their columns."""

from __future__ import annotations

import re

import pytest


@pytest.fixture
def library(emulator):
    emulator.add_site("/sites/finance")
    library = emulator.drive("sites/finance")
    library.put("a/b.txt", b"x")
    return library


@pytest.fixture
def fields(library):
    return f"/drives/{library.id}/root:/a/b.txt:/listItem/fields"


def test_shape(v1, emulator, library):
    """Its eTag has a small GUID, its parent is named by GUID, and its site by three parts."""
    item = v1.get(f"/drives/{library.id}/root:/a/b.txt:/listItem").json()
    guid = re.search(r"\{(.*)\}", library.item("a/b.txt")["eTag"])[1].lower()
    assert item["eTag"] == item["@odata.etag"] == f'"{guid},1"'
    folder = re.search(r"\{(.*)\}", library.item("a")["eTag"])[1].lower()
    site = v1.get("/sites/root:/sites/finance:").json()["id"]
    assert item["parentReference"] == {"id": folder, "siteId": site}
    assert "fields" not in item


def test_list_of_a_drive(v1, library):
    """The list is addressed below the drive, too."""
    base = f"/drives/{library.id}/list"
    listed = v1.get(f"{base}/items").json()["value"]
    assert [each["contentType"]["name"] for each in listed] == ["Folder", "Document"]
    number = listed[1]["id"]
    assert v1.get(f"{base}/items/{number}").json() == listed[1]
    assert v1.get(f"{base}/items/{number}/driveItem").json()["name"] == "b.txt"
    assert v1.get(f"{base}/items/{number}/fields").json()["FileLeafRef"] == "b.txt"
    assert v1.get(f"{base}/items/999").status_code == 404


def test_columns(v1, library, fields):
    """They are set one by one, read back, and removed by null; each change moves the eTag."""
    before = library.item("a/b.txt")
    reply = v1.patch(fields, json={"Status": "done", "Amount": 3.5})
    assert (reply.status_code, reply.json()["Status"], reply.json()["Amount"]) == (200, "done", 3.5)
    v1.patch(fields, json={"Amount": None})
    shown = v1.get(fields).json()
    assert (shown["Status"], shown["FileLeafRef"], "Amount" in shown) == ("done", "b.txt", False)
    assert v1.get(f"{fields}?$select=Status").json().keys() - {"@odata.etag"} == {"Status"}
    after = library.item("a/b.txt")
    assert after["eTag"] != before["eTag"]
    assert after["cTag"] == before["cTag"]


def test_columns_by_number(v1, library, fields):
    """The item's number in the list is as good as its path."""
    number = v1.get(fields).json()["id"]
    base = f"/drives/{library.id}/list/items/{number}"
    assert v1.patch(f"{base}/fields", json={"Status": "new"}).json()["Status"] == "new"
    assert v1.get(fields).json()["Status"] == "new"


def test_expanded_columns(v1, library, fields):
    """``$expand=fields`` shows them in lists and in single items; it is never passed over."""
    v1.patch(fields, json={"Status": "done"})
    for query in ("$expand=fields", "expand=fields(select=Status)", "$expand=fields($select=Status),driveItem"):
        item = v1.get(f"/drives/{library.id}/list/items?{query}").json()["value"][1]
        assert item["fields"]["Status"] == "done"
        assert ("FileLeafRef" in item["fields"]) is (query == "$expand=fields")
    assert v1.get(f"/drives/{library.id}/root:/a/b.txt:/listItem?$expand=fields").json()["fields"]["Status"] == "done"


@pytest.mark.parametrize(
    ("query", "status"), [("$expand=nothing", 400), ("$filter=fields/Status eq 'x'", 501), ("$orderby=id", 501)]
)
def test_options_that_are_not_served(v1, library, query, status):
    """They are refused and not ignored."""
    assert v1.get(f"/drives/{library.id}/list/items?{query}").status_code == status


@pytest.mark.parametrize("body", [{"id": "7"}, {"FileLeafRef": "c.txt"}, {"a b": 1}, {"": 1}])
def test_columns_that_are_refused(v1, fields, error, body):
    """What the service keeps itself is not set, and a name has no blanks."""
    before = v1.get(fields).json()
    assert error(v1.patch(fields, json=body | {"Status": "x"}))[:2] == (400, "invalidRequest")
    assert v1.get(fields).json() == before


def test_another_version(v1, library, fields, error):
    """If-Match takes the eTag of the list item and that of the file."""
    tags = v1.get(fields).json()["@odata.etag"], library.item("a/b.txt")["eTag"]
    library.open_in_editor("a/b.txt")
    for tag in tags:
        assert error(v1.patch(fields, json={"Status": "x"}, headers={"If-Match": tag}))[0] == 412
    tag = v1.get(fields).json()["@odata.etag"]
    assert v1.patch(fields, json={"Status": "x"}, headers={"If-Match": tag}).status_code == 200


def test_who_may_not_write(sign_in, library, fields, error):
    """Reading is not enough."""
    reader = sign_in(None, "Sites.Read.All")
    assert reader.get(fields).status_code == 200
    assert error(reader.patch(fields, json={"Status": "x"}))[:2] == (403, "accessDenied")


def test_the_root_is_no_item(v1, library):
    """It has no columns."""
    assert v1.get(f"/drives/{library.id}/root/listItem/fields").status_code == 404
