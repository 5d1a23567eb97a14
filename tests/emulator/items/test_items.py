"""Addressing, reading, changing and deleting items."""

from __future__ import annotations

import base64
import re
import uuid
from datetime import UTC, datetime, timedelta, timezone

import pytest

from airflow_provider_onedrive.emulator.model.ids import site_guid

DIFFICULT = "Q1 100% #+'ä&=@!.csv"


def test_shape_of_a_file(graph, drive, emulator):
    """A file carries ids, tags, facets and times in the form of OneDrive for work or school."""
    drive.put("Finance/Übersicht 1.csv", b"a,b")
    item = graph.get("/root:/Finance/Übersicht 1.csv").json()
    folder = graph.get("/root:/Finance").json()
    guid = uuid.UUID(re.fullmatch(r'"\{([0-9A-F-]{36})\},1"', item["eTag"])[1])
    assert item["cTag"] == f'"c:{{{str(guid).upper()}}},1"'
    assert base64.b32decode(item["id"][2:])[-16:] == guid.bytes_le
    assert len(item["id"]) == 34
    assert item["id"].startswith("01")
    assert item["size"] == 3
    assert item["file"] == {"mimeType": "text/csv", "hashes": {"quickXorHash": "YWCBGAAAAAAAAAAAAwAAAAAAAAA="}}
    assert item["parentReference"] == {
        "driveType": "business",
        "driveId": drive.id,
        "siteId": str(site_guid(drive.id)),
        "id": folder["id"],
        "name": "Finance",
        "path": f"/drives/{drive.id}/root:/Finance",
    }
    editor = f"_layouts/15/Doc.aspx?sourcedoc=%7B{str(guid).upper()}%7D&file=%C3%9Cbersicht%201.csv&action=default"
    assert f"/personal/anna_contoso_example/{editor}" in item["webUrl"]
    assert item["webUrl"].startswith(emulator.store_url)
    for moment in (item["createdDateTime"], item["lastModifiedDateTime"], *item["fileSystemInfo"].values()):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", moment)
    assert "folder" not in item


def test_shape_of_folders(graph, drive):
    """A folder counts children and bytes below it, and its cTag stays; the root has its facet, no tags, no authors."""
    drive.put("a/b/c.txt", b"12345")
    drive.put("a/d.txt", b"123")
    folder, root = graph.get("/root:/a").json(), graph.get("/root").json()
    assert folder["folder"] == {"childCount": 2}
    assert folder["size"] == root["size"] == 8
    assert not {"file", "@microsoft.graph.downloadUrl", "root"} & set(folder)
    assert folder["cTag"] == f'"c:{folder["eTag"][1:39]},0"'
    assert root["root"] == {}
    assert not {"eTag", "cTag", "createdBy", "lastModifiedBy"} & set(root)
    assert "ETag" not in graph.get("/root").headers
    assert root["id"].endswith("6Y2GOVW7725BZO354PWSELRRZ")
    expected = {"driveType": "business", "driveId": drive.id, "siteId": str(site_guid(drive.id))}
    assert root["parentReference"] == expected
    assert graph.get("/root:/a/b/c.txt").json()["parentReference"]["path"].endswith("root:/a/b")


def test_size_of_folders_follows(graph, drive):
    """Replacing, moving and deleting keep the sizes of the folders right."""
    drive.put("a/b.txt", b"12345")
    target = drive.folder("c")["id"]
    drive.put("a/b.txt", b"123")
    assert (drive.item("a")["size"], drive.item("c")["size"]) == (3, 0)
    graph.patch("/root:/a/b.txt", json={"parentReference": {"id": target}})
    assert (drive.item("a")["size"], drive.item("c")["size"]) == (0, 3)
    graph.delete("/root:/c")
    assert drive.item()["size"] == 0


def test_hash_of_an_empty_file(graph, drive, emulator):
    """It is all zeros; until 2023 there was none."""
    drive.put("empty.txt")
    facet = {"mimeType": "text/plain", "hashes": {"quickXorHash": "A" * 27 + "="}}
    assert graph.get("/root:/empty.txt").json()["file"] == facet
    emulator.quirks.empty_file_hash = "none"
    assert graph.get("/root:/empty.txt").json()["file"] == {"mimeType": "text/plain"}


@pytest.mark.parametrize(
    ("item_id", "status"), [("112", 404), ("aaa", 404), ("111a", 400), ("aaaa1", 400), ("01" + "A" * 32, 404)]
)
def test_ids_of_no_item(graph, item_id, status):
    """Some texts are no id at all, which is 400; others name an item that is missing."""
    assert graph.get(f"/items/{item_id}").status_code == status


@pytest.mark.parametrize("end", [":", ":/", ":/:/children"])
def test_an_id_with_an_empty_path(graph, drive, emulator, error, end):
    """A colon without a path is refused; lenient mode takes it for the item."""
    drive.put("a/b.txt")
    address = f"/items/{drive.item('a')['id']}{end}"
    assert error(graph.get(address))[:2] == (400, "invalidRequest")
    emulator.options.strict = False
    assert graph.get(address).status_code == 200


@pytest.mark.parametrize(
    "form",
    [
        "/root:/a/b.txt",
        "/root:/a/b.txt:",
        "/root:/A/B.TXT",
        "/root://a//b.txt",
        "/items/root:/a/b.txt:",
        "/items/{id}",
        "/items/{id}/",
        "/items/{folder}:/b.txt",
        "/items/{folder}:/b.txt:",
        "/items/root%3A%2Fa%2Fb.txt%3A",
        "/items/{folder}%3A/b.txt",
        "/items/{guid}",
    ],
)
def test_every_form_of_address(graph, drive, form):
    """One file is reached by every form that clients use."""
    item = drive.put("a/b.txt", b"x")
    names = {"id": item["id"], "folder": drive.item("a")["id"], "guid": item["eTag"][2:38].lower()}
    assert graph.get(form.format(**names)).json()["id"] == item["id"]


@pytest.mark.parametrize("form", ["/root", "/root:", "/root:/", "/items/root"])
def test_forms_of_the_root(graph, drive, form):
    """The root has several addresses too."""
    assert graph.get(form).json()["id"] == drive.item()["id"]


def test_difficult_names(graph, drive):
    """A name is percent-encoded by segment and returned unchanged."""
    quoted = "Q1%20100%25%20%23+'%C3%A4&=@!.csv"
    assert graph.put(f"/root:/x y/{quoted}:/content", content=b"1").json()["name"] == DIFFICULT
    assert drive.paths() == ["x y/", f"x y/{DIFFICULT}"]
    assert graph.get(f"/root:/x%20y/{quoted}").json()["name"] == DIFFICULT


def test_an_encoded_slash_is_no_separator(graph, drive, error):
    """``%2F`` is part of a name, where it is not allowed."""
    drive.put("a/b.txt", b"x")
    assert error(graph.get("/root:/a%2Fb.txt"))[:2] == (400, "invalidRequest")


@pytest.mark.parametrize(
    "form",
    [
        "/root:/a%2Fb.txt",
        "/root:/a%2Fb.txt:",
        "/root:/.%2Fa%2Fb.txt",
        "/root:/%2E/a/b.txt",
        "/items/{folder}:/.%2Fb.txt:",
    ],
)
def test_an_encoded_slash_separates_in_lenient_mode(emulator, graph, drive, form):
    """OneDrive's client for Linux requests ``.%2Fa%2Fb.txt``, which the service resolves."""
    emulator.options.strict = False
    item = drive.put("a/b.txt", b"x")
    assert graph.get(form.format(folder=drive.item("a")["id"])).json()["id"] == item["id"]


@pytest.mark.parametrize("form", ["/root:/%2E", "/root:/%2E%2E", "/root:/a%2F..", "/root:/a%2F.", "/root:/..%2Fa"])
def test_dots_are_no_names_in_lenient_mode(emulator, graph, drive, error, form):
    """The rest of a path is checked like any other name."""
    emulator.options.strict = False
    drive.put("a/b.txt", b"x")
    assert error(graph.get(form))[:2] == (400, "invalidRequest")


def test_case_is_preserved_and_does_not_count(graph, drive):
    """Names are found without regard to case and kept as created."""
    drive.put("Report.CSV", b"x")
    assert graph.get("/root:/rEPORT.csv").json()["name"] == "Report.CSV"
    assert graph.put("/root:/REPORT.csv:/content", content=b"y").status_code == 200
    assert drive.paths() == ["Report.CSV"]


def test_ids_have_a_case(graph, drive, error):
    """Ids are compared to the letter."""
    item_id = drive.put("a.txt", b"x")["id"]
    assert error(graph.get(f"/items/{item_id.lower()}"))[:2] == (404, "itemNotFound")


@pytest.mark.parametrize(
    "path", ["/root:/no.txt", "/root:/no/a.txt", "/root:/file.txt/a", "/items/01ABC", "/items/01ABC:/a"]
)
def test_missing(graph, drive, error, path):
    """A missing item is itemNotFound."""
    drive.put("file.txt", b"x")
    assert error(graph.get(path)) == (404, "itemNotFound", "The resource could not be found.")


@pytest.mark.parametrize("option", ["$select", "select", "%24select"])
def test_select(graph, drive, option):
    """Only selected properties are sent, with or without the dollar sign."""
    drive.put("a.txt", b"x")
    item = graph.get(f"/root:/a.txt?{option}=id,@microsoft.graph.downloadUrl,nonsense").json()
    assert set(item) == {"@odata.context", "id", "@microsoft.graph.downloadUrl"}


def test_not_modified(graph, drive):
    """If-None-Match with the current eTag or cTag is a 304 without a body."""
    item = drive.put("a.txt", b"x")
    for tag in (item["eTag"], item["cTag"]):
        reply = graph.get("/root:/a.txt", headers={"If-None-Match": tag})
        assert (reply.status_code, reply.content) == (304, b"")
    assert graph.get("/root:/a.txt", headers={"If-None-Match": '"other"'}).headers["ETag"] == item["eTag"]


def test_rename_and_move(graph, drive):
    """PATCH changes name and folder, keeps the id and moves the eTag by one."""
    item = drive.put("a/old.txt", b"x")
    target = drive.folder("b/c")["id"]
    changed = graph.patch(
        f"/items/{item['id']}", json={"name": "new.md", "parentReference": {"id": target, "path": ""}}
    )
    assert changed.status_code == 200
    assert drive.paths() == ["a/", "b/", "b/c/", "b/c/new.md"]
    assert changed.json()["id"] == item["id"]
    assert changed.json()["eTag"] == item["eTag"].replace(",1", ",2")
    assert changed.json()["cTag"] == item["cTag"]
    assert drive.read("b/c/new.md") == b"x"
    assert graph.patch(f"/items/{item['id']}", json={"name": "NEW.md"}).json()["name"] == "NEW.md"


@pytest.mark.parametrize("path", ["a", "a/b"], ids=["folder", "file"])
def test_the_time_of_the_last_change(graph, drive, path):
    """A test sets the service's own time of an item; the client's time and the eTag stay, and delta reports it."""
    drive.put("a/b", b"x", modified_at=datetime(2020, 1, 1, tzinfo=UTC))
    former = graph.get(f"/root:/{path}").json()
    link = graph.get("/root/delta?token=latest").json()["@odata.deltaLink"]
    drive.set_last_modified(path, datetime(2021, 2, 3, 5, 5, 6, 7, tzinfo=timezone(timedelta(hours=1))))
    item = graph.get(f"/root:/{path}").json()
    assert item["lastModifiedDateTime"] == "2021-02-03T04:05:06Z"
    assert (item["fileSystemInfo"], item["eTag"]) == (former["fileSystemInfo"], former["eTag"])
    assert item["id"] in [each["id"] for each in graph.get(link).json()["value"]]


def test_change_of_times(graph, drive):
    """fileSystemInfo is the client's, costs one version, and the server's own time stays the server's."""
    item = drive.put("a.txt", b"x")
    info = {"createdDateTime": "2020-01-02T03:04:05Z", "lastModifiedDateTime": "2021-02-03T05:05:06.789+01:00"}
    changed = graph.patch("/root:/a.txt", json={"fileSystemInfo": info, "description": "d"}).json()
    assert changed["fileSystemInfo"] == info | {"lastModifiedDateTime": "2021-02-03T04:05:06Z"}
    assert changed["lastModifiedDateTime"] >= item["lastModifiedDateTime"]
    assert changed["description"] == "d"
    assert drive.version_count("a.txt") == 2


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"name": "taken.txt"}, (409, "nameAlreadyExists")),
        ({"name": "a/b"}, (400, "invalidRequest")),
        ({"name": 5}, (400, "invalidRequest")),
        ({"parentReference": {"id": "root"}}, (400, "invalidRequest")),
        ({"parentReference": {"id": "01ABC"}}, (404, "itemNotFound")),
        ({"parentReference": {"driveId": "b!other"}}, (400, "invalidRequest")),
        ({"parentReference": "x"}, (400, "invalidRequest")),
        ({"fileSystemInfo": {"lastModifiedDateTime": "yesterday"}}, (400, "invalidRequest")),
        ({"fileSystemInfo": {"lastModifiedDateTime": "0001-01-01T00:00:00+14:00"}}, (400, "invalidRequest")),
        ({"name": "b.txt", "@microsoft.graph.conflictBehavior": "maybe"}, (400, "invalidRequest")),
    ],
)
def test_refused_changes(graph, drive, error, body, expected):
    """A PATCH that cannot be done changes nothing."""
    drive.put("a.txt", b"x")
    drive.put("taken.txt", b"y")
    before = drive.item("a.txt")["eTag"]
    assert error(graph.patch("/root:/a.txt", json=body))[:2] == expected
    assert drive.item("a.txt")["eTag"] == before
    assert drive.paths() == ["a.txt", "taken.txt"]


def test_a_folder_cannot_move_into_itself(graph, drive, error):
    """A folder cannot be moved below itself."""
    drive.put("a/b/c.txt", b"x")
    for target in ("a", "a/b", "a/b/c.txt"):
        body = {"parentReference": {"id": drive.item(target)["id"]}}
        assert error(graph.patch("/root:/a", json=body))[:2] == (400, "invalidRequest")
    assert error(graph.patch("/root", json={"name": "x"}))[:2] == (400, "invalidRequest")


@pytest.mark.parametrize(("conflict", "paths"), [("rename", ["a 1.txt", "a.txt"]), ("replace", ["a.txt"])])
def test_conflicts_of_a_rename(graph, drive, conflict, paths):
    """A rename to a taken name follows conflictBehavior."""
    drive.put("a.txt", b"old")
    drive.put("b.txt", b"new")
    body = {"name": "a.txt", "@microsoft.graph.conflictBehavior": conflict}
    assert graph.patch("/root:/b.txt", json=body).status_code == 200
    assert drive.paths() == paths
    assert drive.read(paths[0]) == b"new"


def test_delete(graph, drive):
    """DELETE takes a folder with all that is in it, into the recycle bin; permanentDelete leaves nothing there."""
    item_id = drive.put("a/b/c.txt", b"x")["id"]
    drive.put("d.txt", b"x")
    assert graph.delete("/root:/a").status_code == 204
    assert graph.get(f"/items/{item_id}").status_code == 404
    assert graph.post("/root:/d.txt:/permanentDelete").status_code == 204
    assert drive.paths() == []
    assert drive.recycle_bin == ["a"]
    assert graph.delete("/root:/a").status_code == 404


def test_the_root_cannot_be_deleted(graph, drive, error):
    """The root is refused."""
    for reply in (graph.delete("/root"), graph.delete("/items/root"), graph.post("/root/permanentDelete")):
        assert error(reply)[:2] == (400, "invalidRequest")


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_if_match(graph, drive, error, method):
    """A change of an item with a stale tag is refused as resourceModified, with the current one it is done."""
    stale = drive.put("a.txt", b"x")["eTag"]
    current = drive.put("a.txt", b"y")["eTag"]
    body = {"name": "b.txt"} if method == "PATCH" else None
    for tag in (stale, current.strip('"'), f"W/{current}"):
        reply = graph.request(method, "/root:/a.txt", json=body, headers={"If-Match": tag})
        assert error(reply) == (412, "resourceModified", "ETag does not match current item's value")
    assert drive.paths() == ["a.txt"]
    assert graph.request(method, "/root:/a.txt", json=body, headers={"If-Match": current}).is_success


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (b"{", "application/json"),
        (b"[]", "application/json"),
        (b"\xff", "application/json"),
        (b"{}", "text/plain"),
        (b"[" * 100_000, "application/json"),
    ],
)
def test_bad_json(graph, drive, error, content, content_type):
    """A body that is not JSON object is a 400."""
    drive.put("a.txt", b"x")
    reply = graph.patch("/root:/a.txt", content=content, headers={"Content-Type": content_type})
    assert error(reply)[:2] == (400, "BadRequest")


def test_an_error_names_its_request(graph):
    """Every error repeats the ids that the headers carry."""
    reply = graph.get("/root:/no", headers={"client-request-id": "mine"})
    inner = reply.json()["error"]["innerError"]
    assert inner["client-request-id"] == reply.headers["client-request-id"] == "mine"
    assert inner["request-id"] == reply.headers["request-id"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", inner["date"])
