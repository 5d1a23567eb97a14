"""The quirk of OneDrive for Business to let an open upload session hold its name."""

from __future__ import annotations

import threading

import pytest

TAKEN = (409, "nameAlreadyExists", "An upload session already exists for this file")
CONFLICT = "@microsoft.graph.conflictBehavior"
SOURCE = "@microsoft.graph.sourceUrl"


@pytest.fixture
def quirks(emulator):
    emulator.quirks.sessions_hold_names = True
    return emulator.quirks


@pytest.fixture
def create(graph):
    """Create a session, which replaces by default."""

    def post(path="/root:/a.bin:", conflict="replace", **more):
        return graph.post(f"{path}/createUploadSession", json={"item": {CONFLICT: conflict}} | more)

    return post


@pytest.fixture
def finish(http):
    """Send all of a session's three bytes."""

    def put(url):
        return http.put(url, content=b"new", headers={"Content-Range": "bytes 0-2/3"})

    return put


def url_of(reply):
    assert reply.status_code == 200, reply.text
    return reply.json()["uploadUrl"]


def test_off(create, graph):
    """By default several sessions may exist for one name, and a PUT meanwhile."""
    url_of(create()), url_of(create())
    assert graph.put("/root:/a.bin:/content", content=b"x").status_code == 201


@pytest.mark.usefixtures("quirks")
@pytest.mark.parametrize("conflict", ["fail", "replace", "rename"])
def test_a_held_name(create, graph, error, conflict):
    """Another session or a PUT for a held name is refused, whatever its conflict behaviour and case."""
    url_of(create())
    assert error(create(conflict=conflict)) == TAKEN
    assert error(create("/root:/A.BIN:", conflict)) == TAKEN
    assert error(graph.put(f"/root:/a.bin:/content?{CONFLICT}={conflict}", content=b"x")) == TAKEN
    assert graph.get("/root:/a.bin").status_code == 404
    assert graph.get("/root/children").json()["value"] == []


@pytest.mark.usefixtures("quirks")
def test_a_held_file(create, graph, drive, error):
    """A file that is there can be read, but not be replaced, by its path or by its id."""
    item = f"/items/{drive.put('a.bin', b'old')['id']}"
    url_of(create(item))
    assert error(create()) == error(create(item)) == TAKEN
    assert error(graph.put("/root:/a.bin:/content", content=b"x")) == TAKEN
    assert error(graph.put(f"{item}/content", content=b"x")) == TAKEN
    assert graph.get("/root:/a.bin").json()["size"] == 3
    assert drive.read("a.bin") == b"old"


@pytest.mark.usefixtures("quirks")
def test_it_is_held_from_everybody(create, sign_in, emulator, drive, error):
    """The caller does not matter."""
    url_of(create())
    anna = sign_in(emulator.users[0])
    assert error(anna.put(f"/drives/{drive.id}/root:/a.bin:/content", content=b"x")) == TAKEN


@pytest.mark.usefixtures("quirks")
def test_what_is_not_held(create, graph, drive, emulator):
    """Other names, the same name elsewhere, and in the drive of a consumer."""
    drive.folder("f")
    url_of(create())
    url_of(create("/root:/b.bin:")), url_of(create("/root:/f/a.bin:"))
    assert graph.put("/root:/new/a.bin:/content", content=b"x").status_code == 201
    other = str(graph.base_url).replace(drive.id, emulator.drive(emulator.users[1]).id)
    assert graph.put(f"{other}root:/a.bin:/content", content=b"x").status_code == 201
    drive._drive.personality = "personal"
    url_of(create())


@pytest.mark.usefixtures("quirks")
def test_the_session_itself_commits(create, finish, graph, drive):
    """The holding session may commit; then the name is free."""
    assert finish(url_of(create())).status_code == 201
    assert finish(url_of(create())).status_code == 200
    assert graph.put("/root:/a.bin:/content", content=b"x").status_code == 200
    assert drive.version_count("a.bin") == 3


def test_a_refused_commit_holds_on(create, finish, graph, quirks, error):
    """The session stays, and the name with it, until it is committed after all."""
    quirks.refused_commits = 1
    url = url_of(create())
    assert finish(url).status_code == 423
    assert error(create()) == TAKEN
    assert graph.put("/root:/a.bin", json={SOURCE: url}).status_code == 201
    url_of(create())


@pytest.mark.usefixtures("quirks")
def test_cancelling_lets_go(create, http):
    """So does DELETE of the session."""
    assert http.delete(url_of(create())).status_code == 204
    url_of(create())


@pytest.mark.usefixtures("quirks")
def test_expiry_lets_go(create, emulator):
    """And the end of its time."""
    emulator.options.session_seconds = 0
    url_of(create())
    url_of(create())


@pytest.mark.usefixtures("quirks")
def test_only_one_of_many_gets_it(create):
    """Of several requests at the same time one gets the session."""
    statuses = []
    threads = [threading.Thread(target=lambda: statuses.append(create().status_code)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] + 7 * [409]
