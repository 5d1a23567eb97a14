"""How an upload session becomes a file: deferred, with an unknown total, or elsewhere after a conflict."""

from __future__ import annotations

import socket

import pytest
from patience import HANG_SECONDS

UNIT = 320 * 1024
CONFLICT = "@microsoft.graph.conflictBehavior"
SOURCE = "@microsoft.graph.sourceUrl"


@pytest.fixture
def create(graph):
    """Create a session with a body and return its address."""

    def post(path="/root:/a.bin:", **body):
        reply = graph.post(f"{path}/createUploadSession", json=body)
        assert reply.status_code == 200, reply.text
        return reply.json()["uploadUrl"]

    return post


@pytest.fixture
def send(http):
    """Send a fragment, the total as text."""

    def put(url, start, content, total):
        place = f"bytes {start}-{start + len(content) - 1}/{total}"
        return http.put(url, content=content, headers={"Content-Range": place})

    return put


@pytest.mark.parametrize("body", [{"deferCommit": True}, {"item": {"deferCommit": True}}])
def test_a_deferred_commit(create, send, http, drive, body):
    """The last fragment is only accepted; an empty POST makes a file of it."""
    url = create(**body)
    accepted = send(url, 0, b"12345", 5)
    assert (accepted.status_code, accepted.json()["nextExpectedRanges"]) == (202, [])
    assert drive.paths() == []
    reply = http.post(url, content=b"")
    assert (reply.status_code, reply.json()["name"]) == (201, "a.bin")
    assert drive.read("a.bin") == b"12345"
    assert http.post(url, content=b"").status_code == 404


def test_a_deferred_commit_of_a_file_that_exists(create, send, http, drive):
    """Replacing answers 200."""
    drive.put("a.bin", b"old")
    url = create(deferCommit=True, **{CONFLICT: "replace"})
    send(url, 0, b"12345", 5)
    assert http.post(url, content=b"").status_code == 200


def test_a_commit_before_the_end(create, send, http, drive, error):
    """An incomplete session is not committed, and stays open."""
    url = create(deferCommit=True)
    assert error(http.post(url, content=b""))[:2] == (400, "invalidRequest")
    send(url, 0, b"x" * UNIT, 2 * UNIT)
    reply = http.post(url, content=b"")
    assert reply.json()["error"]["innerError"]["code"] == "uploadSessionIncomplete"
    assert http.post(url, content=b"x").status_code == 400
    assert drive.paths() == []


def test_a_personal_account_commits_by_put(create, send, http, graph, drive):
    """There the POST does not exist; a PUT to the file's own address with the session's does it."""
    drive._drive.personality = "personal"
    url = create(deferCommit=True)
    send(url, 0, b"123", 3)
    assert http.post(url, content=b"").status_code == 501
    reply = graph.put("/root:/a.bin", json={SOURCE: url})
    assert (reply.status_code, drive.read("a.bin")) == (201, b"123")


def test_an_unknown_total(create, send, http, drive):
    """``/*`` leaves the total open: the expected range has no end, and the commit completes the file."""
    url = create(deferCommit=True)
    accepted = send(url, 0, b"x" * UNIT, "*")
    assert accepted.json()["nextExpectedRanges"] == [f"{UNIT}-"]
    assert send(url, UNIT, b"yz", "*").status_code == 202
    assert http.post(url, content=b"").status_code == 201
    assert drive.item("a.bin")["size"] == UNIT + 2


def test_a_total_that_is_stated_late(create, send, drive):
    """The total may come with the last fragment, and then ends the session."""
    url = create()
    send(url, 0, b"x" * UNIT, "*")
    assert send(url, UNIT, b"y", UNIT + 1).status_code == 201
    assert drive.item("a.bin")["size"] == UNIT + 1


def test_nothing_comes_after_the_end(create, send, error):
    """A declared total cannot change."""
    url = create()
    send(url, 0, b"x" * UNIT, UNIT + 1)
    assert error(send(url, UNIT, b"yz", "*"))[:2] == (400, "invalidRequest")


def test_an_unknown_total_and_odd_fragments(create, send, http, emulator, error):
    """A fragment before the last that is not a multiple of 320 KiB fails at the commit, in strict mode."""
    url = create(deferCommit=True)
    send(url, 0, b"odd", "*")
    send(url, 3, b"x", "*")
    reply = http.post(url, content=b"")
    assert reply.json()["error"]["innerError"]["code"] == "uploadSessionFailed"
    emulator.options.strict = False
    assert http.post(url, content=b"").status_code == 201


@pytest.mark.parametrize("address", ["folder", "file"])
def test_recovery_from_a_conflict_at_the_commit(create, send, graph, drive, address):
    """The session stays after the 409; a PUT to the folder, or to the file, commits it under another name."""
    drive.folder("f")
    url = create("/root:/f/a.bin:")
    drive.put("f/a.bin", b"faster")
    assert send(url, 0, b"new", 3).status_code == 409
    body = {CONFLICT: "rename", SOURCE: url}
    if address == "folder":
        reply = graph.put("/root:/f", json=body | {"name": "a.bin"})
    else:
        reply = graph.put("/root:/f/a.bin", json=body)
    assert (reply.status_code, reply.json()["name"]) == (201, "a 1.bin")
    assert (drive.read("f/a.bin"), drive.read("f/a 1.bin")) == (b"faster", b"new")


@pytest.fixture
def refused(emulator, create, send):
    """Send all of a session whose commit is refused, and return its address."""

    def run(status=423, times=1, conflict="replace", **body):
        emulator.quirks.refused_commits, emulator.quirks.refused_commit_status = times, status
        url = create(**{CONFLICT: conflict}, **body)
        assert send(url, 0, b"x" * UNIT, UNIT + 3).status_code == 202
        assert send(url, UNIT, b"new", UNIT + 3).status_code == (202 if body else status)
        return url

    return run


@pytest.mark.parametrize(("status", "code"), [(423, "notAllowed"), (409, "nameAlreadyExists")])
def test_a_commit_that_is_refused_for_a_while(refused, send, http, status, code):
    """All bytes stay: no range is expected, a further byte is an overlap, and the commit succeeds later."""
    url = refused(status, times=3)
    assert http.get(url).json()["nextExpectedRanges"] == []
    assert send(url, UNIT, b"new", UNIT + 3).status_code == 416
    for _ in range(2):
        reply = http.post(url, content=b"")
        assert (reply.status_code, reply.json()["error"]["code"]) == (status, code)
    done = http.post(url, content=b"")
    assert (done.status_code, done.json()["size"]) == (201, UNIT + 3)
    assert http.get(url).status_code == 404


def test_a_deferred_commit_that_is_refused(refused, http):
    """A fragment that ends nothing does not count."""
    url = refused(deferCommit=True)
    assert [http.post(url, content=b"").status_code for _ in range(2)] == [423, 201]


@pytest.fixture(params=["business", "personal"])
def either(request, drive):
    """The drive, of either kind."""
    drive._drive.personality = request.param
    return drive


@pytest.mark.parametrize(("conflict", "name"), [("replace", "a.bin"), ("rename", "a 1.bin"), ("fail", None)])
def test_recovery_from_a_refused_commit(refused, graph, either, conflict, name):
    """A PUT with the upload URL commits it, with its own conflict behaviour and If-Match."""
    drive = either
    former = drive.put("a.bin", b"old")["eTag"]
    url = refused()
    current = drive.put("a.bin", b"newer")["eTag"]
    body = {SOURCE: url, CONFLICT: conflict}
    stale = graph.put("/root:/a.bin", json=body, headers={"If-Match": former})
    assert (stale.status_code, drive.read("a.bin")) == (412, b"newer")
    reply = graph.put("/root:/a.bin", json=body, headers={"If-Match": current})
    assert (reply.is_success, reply.json().get("name")) == (name is not None, name)
    assert (reply.status_code == 409) == (name is None)
    assert drive.read(name or "a.bin") == (b"x" * UNIT + b"new" if name else b"newer")


@pytest.mark.usefixtures("either")
def test_recovery_may_be_refused_too(refused, graph):
    """Every kind of commit request works."""
    url = refused(times=2)
    assert [graph.put("/root:/a.bin", json={SOURCE: url}).status_code for _ in range(2)] == [423, 201]


def test_recovery_may_meet_a_conflict_again(create, send, graph, drive, error):
    """Without another behaviour the conflict stays; with ``replace`` it is solved."""
    url = create()
    drive.put("a.bin", b"faster")
    send(url, 0, b"new", 3)
    assert error(graph.put("/root:/a.bin", json={SOURCE: url}))[:2] == (409, "nameAlreadyExists")
    stale = {"If-Match": '"{x},1"'}
    assert graph.put("/root:/a.bin", json={SOURCE: url, CONFLICT: "replace"}, headers=stale).status_code == 412
    assert graph.put("/root:/a.bin", json={SOURCE: url, CONFLICT: "replace"}).status_code == 200
    assert drive.read("a.bin") == b"new"


def test_recovery_by_id(create, send, graph, drive):
    """The file that is to be replaced can be named by its id."""
    url = create()
    item = drive.put("a.bin", b"faster")["id"]
    send(url, 0, b"new", 3)
    assert graph.put(f"/items/{item}", json={SOURCE: url, CONFLICT: "replace"}).status_code == 200


def test_commits_that_are_refused(create, graph, emulator):
    """No address, one of nothing, one of another drive, no bytes yet."""
    url = create()
    assert graph.put("/root:/b.bin", json={}).status_code == 400
    assert graph.put("/root:/b.bin", json={SOURCE: "https://[/x"}).status_code == 404
    assert graph.put("/root:/b.bin", json={SOURCE: url + "x"}).status_code == 404
    assert graph.put("/root:/b.bin", json={SOURCE: url}).status_code == 400
    assert graph.put("/root:/b.bin", json={SOURCE: url, "name": 5}).status_code == 400
    assert graph.put("/root:/no/b.bin", json={SOURCE: url}).status_code == 404
    other = emulator.drive(emulator.users[1])
    base = str(graph.base_url).replace(emulator.drive().id, other.id)
    assert graph.put(f"{base}root:/b.bin", json={SOURCE: url}).status_code == 404


def test_the_default_conflict_of_a_session(create, send, graph, drive, emulator):
    """The documented default is fail, as in strict mode; the lenient mode replaces."""
    drive.put("a.bin", b"old")
    assert graph.post("/root:/a.bin:/createUploadSession").status_code == 409
    emulator.options.strict = False
    assert send(create(), 0, b"new", 3).status_code == 200
    assert drive.read("a.bin") == b"new"


def test_expect_continue(create, emulator, tls, drive):
    """A client that sends Expect: 100-continue gets the interim answer."""
    url = create()
    port, path = url.removeprefix("https://localhost:").split("/", 1)
    head = f"PUT /{path} HTTP/1.1\r\nHost: localhost\r\nContent-Range: bytes 0-2/3\r\nContent-Length: 3\r\n"
    with (
        socket.create_connection(("127.0.0.1", int(port)), timeout=HANG_SECONDS) as plain,
        tls.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        connection.sendall(f"{head}Expect: 100-continue\r\n\r\n".encode())
        assert connection.recv(4096).startswith(b"HTTP/1.1 100 Continue\r\n")
        connection.sendall(b"abc")
        assert connection.recv(4096).startswith(b"HTTP/1.1 201 ")
    assert drive.read("a.bin") == b"abc"
