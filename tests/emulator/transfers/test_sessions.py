"""Upload sessions and their fragments."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

UNIT = 320 * 1024
CONFLICT = "@microsoft.graph.conflictBehavior"


@pytest.fixture
def create(graph):
    """Create a session and return its address."""

    def post(path="/root:/a.bin:", conflict=None, headers=None, **item):
        body = {"item": item | ({CONFLICT: conflict} if conflict else {})}
        reply = graph.post(f"{path}/createUploadSession", json=body, headers=headers)
        return reply.json()["uploadUrl"] if reply.is_success else reply

    return post


@pytest.fixture
def send(http):
    """Send a fragment: ``size`` bytes from ``start`` of ``total``."""

    def put(url, start, size, total, letter=b"x", **headers):
        place = {"Content-Range": f"bytes {start}-{start + size - 1}/{total}"}
        return http.put(url, content=letter * size, headers=place | headers)

    return put


def test_a_whole_session(create, send, drive, http, emulator):
    """Fragments in order complete a file; each answer has the next expected range."""
    url = create(fileSystemInfo={"lastModifiedDateTime": "2020-01-02T03:04:05Z"})
    assert url.startswith(f"{emulator.store_url}/")
    assert http.get(url).json()["nextExpectedRanges"] == ["0-"]
    first = send(url, 0, UNIT, UNIT + 10)
    assert (first.status_code, first.json()["nextExpectedRanges"]) == (202, [f"{UNIT}-{UNIT + 9}"])
    assert http.get(url).json() == first.json()
    assert drive.paths() == []
    last = send(url, UNIT, 10, UNIT + 10, b"y")
    assert (last.status_code, last.json()["name"], last.json()["size"]) == (201, "a.bin", UNIT + 10)
    assert last.json()["fileSystemInfo"]["lastModifiedDateTime"] == "2020-01-02T03:04:05Z"
    assert last.json()["eTag"].endswith(',1"')
    assert last.json()["createdBy"]["application"]["id"] == emulator.client_id
    assert drive.read("a.bin") == b"x" * UNIT + b"y" * 10
    assert drive.version_count("a.bin") == 1


def test_the_session_is_gone_when_it_ended(create, send, http, error):
    """After the commit and after DELETE the address is 404."""
    done, cancelled = create(), create("/root:/b.bin:")
    assert send(done, 0, 5, 5).status_code == 201
    assert http.delete(cancelled).status_code == 204
    for url in (done, cancelled, cancelled.replace("tempauth=v1.", "tempauth=v1.x"), cancelled.replace("v1.", "v2.")):
        expected = (404, "itemNotFound", "The upload session was not found")
        assert error(send(url, 0, 5, 5)) == error(http.get(url)) == error(http.delete(url)) == expected


@pytest.mark.parametrize(
    ("conflict", "status"), [(None, 409), ("fail", 409), ("replace", 200), ("rename", 201), ("other", 400)]
)
def test_conflict_at_creation(create, send, drive, conflict, status):
    """A taken name is refused at once with fail, the default; other behaviours apply at the commit."""
    drive.put("a.bin", b"old")
    url = create(conflict=conflict)
    if status in {400, 409}:
        assert url.status_code == status
        return
    reply = send(url, 0, 5, 5)
    assert reply.status_code == status
    assert drive.paths() == (["a.bin"] if status == 200 else ["a 1.bin", "a.bin"])
    assert reply.json()["eTag"].endswith(',2"' if status == 200 else ',1"')


def test_conflict_at_commit(create, send, drive, http, error):
    """A name that was taken meanwhile is a 409 at the last fragment; the session stays and can be cancelled."""
    url = create()
    drive.put("A.bin", b"faster")
    assert error(send(url, 0, 5, 5))[:2] == (409, "nameAlreadyExists")
    assert http.get(url).json()["nextExpectedRanges"] == []
    assert http.delete(url).status_code == 204
    assert drive.read("a.bin") == b"faster"


def test_session_by_id(create, send, drive, error):
    """A file named by id is replaced; a folder is refused; a deleted item is 404."""
    item_id = drive.put("f/a.bin", b"old")["id"]
    url, late = create(f"/items/{item_id}"), create(f"/items/{item_id}")
    assert send(url, 0, 5, 5).json()["id"] == item_id
    assert drive.read("f/a.bin") == b"xxxxx"
    assert create(f"/items/{item_id}", conflict="fail").status_code == 409
    assert error(create(f"/items/{drive.item('f')['id']}"))[:2] == (400, "invalidRequest")
    drive.delete("f")
    assert error(send(late, 0, 5, 5))[:2] == (404, "itemNotFound")
    assert drive.paths() == []


def test_missing_folders_are_made(create, send, drive):
    """A session is made with the folders above its file."""
    url = create("/root:/no/deep/a.bin:")
    assert drive.paths() == ["no/", "no/deep/"]
    assert send(url, 0, 5, 5).status_code == 201
    assert drive.paths()[-1] == "no/deep/a.bin"


def test_sessions_that_need_folders(create, send, drive, emulator, error):
    """On request a session needs a folder that exists; at the commit it always does."""
    emulator.quirks.sessions_need_folders = True
    drive.put("f/x", b"")
    for path in ("/root:/no/a.bin:", "/root:/f/x/a.bin:"):
        assert error(create(path))[:2] == (404, "itemNotFound")
    url = create(f"/items/{drive.item('f')['id']}:/new.bin:")
    drive.delete("f")
    assert error(send(url, 0, 5, 5))[:2] == (404, "itemNotFound")


@pytest.mark.parametrize(
    ("path", "item", "expected"),
    [
        ("/root:/a|b:", {}, (400, "invalidRequest")),
        ("/root:/a.bin:", {"name": "b.bin"}, (400, "invalidRequest")),
        ("/root:/a.bin:", {"fileSystemInfo": {"lastModifiedDateTime": "x"}}, (400, "invalidRequest")),
        ("/root", {}, (400, "invalidRequest")),
        ("/items/01ABC", {}, (404, "itemNotFound")),
    ],
)
def test_refused_sessions(create, error, path, item, expected):
    """A session whose commit cannot succeed is refused at creation."""
    assert error(create(path, **item))[:2] == expected


def test_bodies_that_clients_send(graph, drive):
    """No body, a conflict beside the item and its other prefix are taken."""
    drive.put("a.bin", b"old")
    for body in ({CONFLICT: "replace"}, {"item": {"@name.conflictBehavior": "replace", "name": "a.bin"}}):
        assert graph.post("/root:/a.bin:/createUploadSession", json=body).status_code == 200
    assert graph.post("/root:/new.bin:/createUploadSession").status_code == 200
    assert graph.post("/root:/new.bin:/createUploadSession", json={}).status_code == 200
    assert graph.post("/root:/new.bin:/createUploadSession", json={"item": []}).status_code == 400
    assert graph.post("/root:/new.bin:/createUploadSession", json={"item": "x"}).status_code == 400


def test_if_match(create, send, drive, error):
    """A stale tag is refused at creation, and again at the commit."""
    stale = drive.put("a.bin", b"1")["eTag"]
    url = create(conflict="replace", headers={"If-Match": stale})
    drive.put("a.bin", b"2")
    assert error(send(url, 0, 5, 5))[:2] == (412, "notAllowed")
    assert error(create(conflict="replace", headers={"If-Match": stale}))[:2] == (412, "notAllowed")
    assert drive.read("a.bin") == b"2"


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ((0, UNIT, 3 * UNIT), (416, "invalidRange", "fragmentOverlap")),
        ((10, UNIT, 3 * UNIT), (416, "invalidRange", "fragmentOverlap")),
        ((2 * UNIT, UNIT, 3 * UNIT), (416, "invalidRange", "fragmentOutOfOrder")),
        ((UNIT, UNIT, 4 * UNIT), (400, "invalidRequest", None)),
        ((UNIT, 3 * UNIT, 3 * UNIT), (400, "invalidRequest", None)),
    ],
)
def test_fragments_out_of_order(create, send, http, place, expected):
    """A fragment begins where the last one ended, and the total stays; a refusal changes nothing."""
    url = create()
    accepted = send(url, 0, UNIT, 3 * UNIT)
    reply = send(url, *place)
    problem = reply.json()["error"]
    assert (reply.status_code, problem["code"], problem["innerError"].get("code")) == expected
    assert http.get(url).json()["nextExpectedRanges"] == accepted.json()["nextExpectedRanges"]


@pytest.mark.parametrize(
    "place",
    [None, "", "bytes 0-4", "bytes 0-5/*", "bytes 0--1/0", "bytes 4-0/5", "bytes 0-5/5", "bytes 0-9/10", "0-4/5"],
)
def test_malformed_ranges(create, http, error, place):
    """A Content-Range that is missing, malformed or of another length is a 400."""
    headers = {} if place is None else {"Content-Range": place}
    assert error(http.put(create(), content=b"12345", headers=headers))[:2] == (400, "invalidRequest")


def test_fragments_need_a_length(create, http, error):
    """A fragment of unknown length is refused."""
    reply = http.put(create(), content=iter([b"12345"]), headers={"Content-Range": "bytes 0-4/5"})
    assert error(reply)[:2] == (411, "lengthRequired")


def test_fragments_end_at_60_mib(create, send, http, error):
    """A fragment above 60 MiB is too large, and the connection stays usable."""
    url, size = create(), 60 * 1024 * 1024 + UNIT
    assert error(send(url, 0, size, 2 * size))[:2] == (413, "requestTooLarge")
    assert http.get(url).json()["nextExpectedRanges"] == ["0-"]


@pytest.mark.parametrize("strict", [True, False])
def test_fragments_that_are_no_multiples(create, send, drive, emulator, strict):
    """A fragment that is not a multiple of 320 KiB is accepted, and the commit fails in strict mode."""
    emulator.options.strict = strict
    url = create()
    assert send(url, 0, UNIT + 1, UNIT + 5).status_code == 202
    assert send(url, UNIT + 1, 4, UNIT + 5).status_code == (400 if strict else 201)
    assert drive.exists("a.bin") is not strict


def test_expiry(create, send, http, emulator, error):
    """Each fragment extends the session; an expired session is missing."""
    emulator.options.session_seconds = 100
    url = create()
    emulator.options.session_seconds = 10_000
    expires = datetime.fromisoformat(send(url, 0, UNIT, 2 * UNIT).json()["expirationDateTime"])
    assert expires > datetime.now(UTC) + timedelta(seconds=9_000)
    emulator.options.session_seconds = 0
    send(url, UNIT, 100, 2 * UNIT)
    assert error(http.get(url))[:2] == (404, "itemNotFound")


@pytest.mark.parametrize(("personality", "seconds"), [("business", 15 * 60), ("personal", 5 * 24 * 3600)])
def test_lifetime(create, send, drive, personality, seconds):
    """It is 15 minutes for work or school and days for consumers, from the last fragment on, with milliseconds."""
    drive._drive.personality = personality
    text = send(create(), 0, UNIT, 2 * UNIT).json()["expirationDateTime"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", text)
    remaining = datetime.fromisoformat(text) - datetime.now(UTC)
    assert timedelta(seconds=seconds / 2) < remaining <= timedelta(seconds=seconds)


def test_the_item_of_the_last_fragment(create, send, http, drive):
    """SharePoint's own API answers: its download URL has another name, and its context is another."""
    item = send(create(), 0, 5, 5).json()
    assert item["@odata.context"].endswith("/personal/anna_contoso_example/_api/v2.0/$metadata#items/$entity")
    assert "@microsoft.graph.downloadUrl" not in item
    assert http.get(item["@content.downloadUrl"]).content == drive.read("a.bin")


def test_a_token_on_an_upload_address(create, send, drive, emulator):
    """A bearer token on a fragment is a leak: 401 in strict mode, and nothing is kept."""
    url = create()
    assert send(url, 0, 5, 5, Authorization=f"Bearer {emulator.token()}").status_code == 401
    assert len(emulator.leaks) == 1
    assert drive.paths() == []
    assert send(url, 0, 5, 5).status_code == 201


def test_large_sessions_leave_memory(create, send, drive):
    """A file of several large fragments is put together in order."""
    url, size = create(), 16 * UNIT
    for index, letter in enumerate((b"a", b"b", b"c")):
        last = send(url, index * size, size, 3 * size, letter)
    assert last.status_code == 201
    assert drive.read("a.bin") == b"a" * size + b"b" * size + b"c" * size
