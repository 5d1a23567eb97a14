"""Writing with a simple PUT, and reading through the second origin."""

from __future__ import annotations

import time

import pytest

CONFLICT = "@microsoft.graph.conflictBehavior"


def test_create_and_replace(graph, drive):
    """A new file is 201; replacing is 200, keeps the id and counts eTag, cTag and versions up by one."""
    created, replaced = (graph.put("/root:/a.txt:/content", content=text) for text in (b"one", b"three"))
    assert (created.status_code, replaced.status_code) == (201, 200)
    before, after = created.json(), replaced.json()
    assert after["id"] == before["id"]
    assert after["eTag"] == before["eTag"].replace(",1", ",2") == replaced.headers["ETag"]
    assert after["cTag"] == before["cTag"].replace(",1", ",2")
    assert after["size"] == 5
    assert after["file"]["hashes"] != before["file"]["hashes"]
    assert drive.version_count("a.txt") == 2


def test_by_id_and_below_an_id(graph, drive):
    """A file is replaced by its id and created below the id of a folder."""
    item_id, folder_id = drive.put("a.txt", b"1")["id"], drive.folder("f")["id"]
    assert graph.put(f"/items/{item_id}/content", content=b"2").status_code == 200
    assert graph.put(f"/items/{folder_id}:/b.txt:/content", content=b"3").status_code == 201
    assert [drive.read(path) for path in ("a.txt", "f/b.txt")] == [b"2", b"3"]


def test_empty_file(graph, drive, http):
    """An empty body makes an empty file, and it is downloaded as one."""
    assert graph.put("/root:/empty:/content", content=b"").json()["size"] == 0
    reply = http.get(graph.get("/root:/empty:/content").headers["Location"])
    assert (reply.status_code, reply.content, reply.headers["Content-Length"]) == (200, b"", "0")


def test_missing_folders_are_created(graph, drive):
    """A PUT by path creates the folders above, silently, as the service does."""
    drive.folder("A")
    assert graph.put("/root:/a/b/c.txt:/content", content=b"1").status_code == 201
    assert drive.paths() == ["A/", "A/b/", "A/b/c.txt"]


@pytest.mark.parametrize(
    ("conflict", "status", "paths"),
    [
        (None, 200, ["a.tar.gz"]),
        ("replace", 200, ["a.tar.gz"]),
        ("fail", 409, ["a.tar.gz"]),
        ("rename", 201, ["a.tar 1.gz", "a.tar.gz"]),
        ("skip", 400, ["a.tar.gz"]),
    ],
)
def test_conflicts(graph, drive, conflict, status, paths):
    """A taken name is replaced unless the query refuses it."""
    drive.put("a.tar.gz", b"old")
    reply = graph.put("/root:/a.tar.gz:/content", params={CONFLICT: conflict} if conflict else {}, content=b"new")
    assert reply.status_code == status
    assert drive.paths() == paths
    assert drive.read("a.tar.gz") == (b"new" if status == 200 else b"old")


def test_rename_takes_the_lowest_free_number(graph, drive):
    """Numbers that were freed are used again."""
    for name in ("a.txt", "a 1.txt", "a 3.txt"):
        drive.put(name, b"")
    assert graph.put(f"/root:/a.txt:/content?{CONFLICT}=rename", content=b"").json()["name"] == "a 2.txt"


@pytest.mark.parametrize("conflict", ["fail", "replace"])
def test_a_folder_is_in_the_way(graph, drive, error, conflict):
    """A file does not replace a folder, nor does a folder come where a file is."""
    drive.put("f/x", b"1")
    query = f"{CONFLICT}={conflict}"
    assert error(graph.put(f"/root:/f:/content?{query}", content=b"1"))[:2] == (409, "nameAlreadyExists")
    assert error(graph.put(f"/root:/f/x/y:/content?{query}", content=b"1"))[:2] == (409, "nameAlreadyExists")
    assert error(graph.put(f"/items/{drive.item('f')['id']}/content", content=b"1"))[:2] == (400, "invalidRequest")
    assert error(graph.put("/root/content", content=b"1"))[:2] == (400, "invalidRequest")
    assert drive.paths() == ["f/", "f/x"]


def test_preconditions(graph, drive, error):
    """A stale If-Match is refused as notAllowed and writes nothing; If-None-Match: * demands absence."""
    stale = drive.put("a.txt", b"1")["eTag"]
    current = drive.put("a.txt", b"2")["eTag"]
    for headers in ({"If-Match": stale}, {"If-None-Match": "*"}):
        reply = graph.put("/root:/a.txt:/content", content=b"3", headers=headers)
        assert error(reply) == (412, "notAllowed", "ETag does not match current item's value")
    assert graph.put("/root:/x/b.txt:/content", content=b"3", headers={"If-Match": current}).status_code == 412
    assert drive.paths() == ["a.txt"]
    assert drive.read("a.txt") == b"2"
    assert graph.put("/root:/a.txt:/content", content=b"3", headers={"If-Match": current}).status_code == 200
    assert graph.put("/root:/b.txt:/content", content=b"3", headers={"If-None-Match": "*"}).status_code == 201


def test_missing_id(graph, error):
    """An id that does not exist is not created."""
    assert error(graph.put("/items/01ABC/content", content=b"1"))[:2] == (404, "itemNotFound")
    assert error(graph.put("/items/01ABC:/a.txt:/content", content=b"1"))[:2] == (404, "itemNotFound")


def test_chunked_body(graph, drive):
    """A body of unknown length is taken."""
    assert graph.put("/root:/a.txt:/content", content=iter([b"ab", b"c" * 300_000])).status_code == 201
    assert drive.read("a.txt") == b"ab" + b"c" * 300_000


def test_get_redirects_to_the_second_origin(graph, drive, emulator, http):
    """Content is fetched elsewhere, without a token, at an address of short life."""
    drive.put("a b/ü.csv", b"1,2")
    reply = graph.get("/root:/a%20b/%C3%BC.csv:/content")
    assert (reply.status_code, reply.content) == (302, b"")
    assert reply.headers["Location"].startswith(f"{emulator.store_url}/")
    for url in (reply.headers["Location"], drive.item("a b/ü.csv")["@microsoft.graph.downloadUrl"]):
        content = http.get(url)
        assert (content.status_code, content.content, content.headers["Content-Type"]) == (200, b"1,2", "text/csv")


def test_get_content_of_what_has_none(graph, drive, error):
    """A folder has no content, and a missing file is missing."""
    drive.put("f/a.docx", b"1")
    assert error(graph.get("/root:/f:/content"))[:2] == (400, "invalidRequest")
    assert error(graph.get("/root:/f/no:/content"))[:2] == (404, "itemNotFound")


def test_content_not_modified(graph, drive):
    """If-None-Match spares the download."""
    headers = {"If-None-Match": drive.put("a", b"1")["cTag"]}
    assert graph.get("/root:/a:/content", headers=headers).status_code == 304


@pytest.fixture
def url(drive):
    return drive.put("a.bin", bytes(range(256)) * 10_000)["@microsoft.graph.downloadUrl"]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (None, (200, 0, 2_560_000)),
        ("bytes=0-0", (206, 0, 1)),
        ("bytes=1000000-", (206, 1_000_000, 2_560_000)),
        ("bytes=-10", (206, 2_559_990, 2_560_000)),
        ("bytes=-9999999", (206, 0, 2_560_000)),
        ("bytes=2559999-9999999", (206, 2_559_999, 2_560_000)),
        ("bytes=5-4", (200, 0, 2_560_000)),
        ("bytes=0-1,5-6", (200, 0, 2_560_000)),
        ("lines=0-1", (200, 0, 2_560_000)),
    ],
)
def test_ranges(http, drive, url, asked, expected):
    """A range is served as 206; an unreadable one returns the whole file."""
    status, start, stop = expected
    reply = http.get(url, headers={"Range": asked} if asked else {})
    assert reply.status_code == status
    assert reply.content == drive.read("a.bin")[start:stop]
    if status == 206:
        assert reply.headers["Content-Range"] == f"bytes {start}-{stop - 1}/2560000"


def test_range_beyond_the_end(http, url, error):
    """A range after the end is 416 with the file's size."""
    for asked in ("bytes=2560000-", "bytes=-0"):
        reply = http.get(url, headers={"Range": asked})
        assert error(reply)[:2] == (416, "invalidRange")
        assert reply.headers["Content-Range"] == "bytes */2560000"


def test_range_of_a_file_that_changed(http, graph, drive, url):
    """If-Range with the tag of an earlier content brings the whole new file."""
    tag = drive.item("a.bin")["eTag"]
    assert http.get(url, headers={"Range": "bytes=1-2", "If-Range": tag}).status_code == 206
    drive.put("a.bin", b"new")
    assert http.get(url, headers={"Range": "bytes=1-2", "If-Range": tag}).content == b"new"


def test_download_addresses_end(http, drive, emulator, error, url):
    """A download address is refused when its time is over, when it was revoked or changed; the item's end is a 404."""
    emulator.options.download_url_seconds = 0
    expired = drive.item("a.bin")["@microsoft.graph.downloadUrl"]
    changed = url.replace("tempauth=v1.", "tempauth=v1.x")
    for address in (expired, changed, url.partition("?")[0]):
        assert error(http.get(address))[:2] == (401, "unauthenticated")
    drive.delete("a.bin")
    assert error(http.get(url))[:2] == (404, "itemNotFound")
    emulator.revoke_download_urls()
    assert error(http.get(url))[:2] == (401, "unauthenticated")


@pytest.mark.parametrize(("strict", "status"), [(True, 401), (False, 200)])
def test_a_token_on_the_second_origin_is_a_leak(http, emulator, url, strict, status):
    """An Authorization header there is always recorded, and refused in strict mode."""
    emulator.options.strict = strict
    assert http.get(url).status_code == 200
    assert emulator.leaks == []
    assert http.get(url, headers={"Authorization": f"Bearer {emulator.token()}"}).status_code == status
    assert [(leak.method, leak.status, leak.had_authorization) for leak in emulator.leaks] == [("GET", status, True)]


def test_graph_does_not_live_on_the_second_origin(http, emulator, error):
    """The second origin serves the issued URLs and the pages of drives only."""
    for path in ("/v1.0", "/v1.0/me/drive", "/personal/anna_contoso_example/_api/v2.0/drive/root"):
        assert error(http.get(f"{emulator.store_url}{path}"))[:2] == (404, "itemNotFound")


def test_a_large_file(graph, drive, http):
    """Eight MiB go up by PUT and come down by download."""
    data = b"0123456789abcdef" * 65536 * 8
    assert graph.put(
        "/root:/big:/content", content=iter([data[i : i + 2**20] for i in range(0, len(data), 2**20)])
    ).is_success
    assert drive.read("big") == data
    assert http.get(drive.item("big")["@microsoft.graph.downloadUrl"]).content == data


def test_too_large_for_a_put(graph, drive, error):
    """A simple PUT ends at 250 MiB; a larger Content-Length is refused."""
    reply = graph.put("/root:/a:/content", content=_zeros(251), headers={"Content-Length": str(251 * 2**20)})
    assert error(reply)[:2] == (413, "requestTooLarge")
    assert drive.paths() == []


def _zeros(mebibytes):
    return (bytes(2**20) for _ in range(mebibytes))


def test_whole_seconds(graph):
    """A new item has the current time."""
    created = graph.put("/root:/a:/content", content=b"").json()["createdDateTime"]
    moments = [time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - back)) for back in range(60)]
    assert created in moments


def test_content_of_a_child(graph, drive, http):
    """``children/{name}/content`` is another address of the same."""
    folder = drive.folder("a b")["id"]
    assert graph.put(f"/items/{folder}/children/c d.txt/content", content=b"1").status_code == 201
    assert graph.put("/root:/a b:/children/c d.txt/content", content=b"2").status_code == 200
    location = graph.get("/root:/a b:/children/C D.txt/content").headers["Location"]
    assert http.get(location).content == drive.read("a b/c d.txt") == b"2"
