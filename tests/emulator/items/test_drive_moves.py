"""Moves to another drive."""

from __future__ import annotations

import pytest

PREFER = {"Prefer": "respond-async"}


@pytest.fixture
def library(emulator):
    emulator.add_site("/sites/finance")
    return emulator.drive("sites/finance")


@pytest.fixture
def body(library):
    return {"parentReference": {"driveId": library.id, "id": library.folder("in")["id"]}}


@pytest.fixture
def ended(http):
    """Poll the monitor of a move until it has ended, and return its last answer."""

    def poll(reply):
        assert (reply.status_code, reply.content) == (202, b""), reply.text
        while (answer := http.get(reply.headers["Location"])).status_code == 202:
            assert answer.json()["operation"] == "ItemMove"
        return answer.json()

    return poll


def test_without_the_header(graph, drive, body, error):
    """It is refused, and the answer names the header."""
    drive.put("a.txt", b"1")
    status, code, message = error(graph.patch("/root:/a.txt", json=body))
    assert (status, code) == (400, "invalidRequest")
    assert message.startswith("Requested move requires an async response, add 'Prefer: respond-async' to allow")
    assert drive.exists("a.txt")


def test_a_file(graph, drive, library, body, ended):
    """It keeps its id and its versions; nothing goes to the recycle bin."""
    item = drive.put("a.txt", b"1")
    drive.put("a.txt", b"2")
    answer = ended(graph.patch("/root:/a.txt", json={**body, "name": "b.txt"}, headers=PREFER))
    assert (answer["status"], answer["resourceId"]) == ("completed", item["id"])
    assert library.item("in/b.txt")["id"] == item["id"]
    assert (library.read("in/b.txt"), library.version_count("in/b.txt")) == (b"2", 2)
    assert (drive.paths(), drive.recycle_bin) == ([], [])


def test_a_folder(graph, drive, library, body, ended):
    """It goes with all that is below it, and delta of both drives tells it."""
    drive.put("a/b/c.txt", b"12")
    link = graph.get("/root/delta?token=latest").json()["@odata.deltaLink"]
    ended(graph.patch("/root:/a", json=body, headers=PREFER))
    assert library.paths() == ["in/", "in/a/", "in/a/b/", "in/a/b/c.txt"]
    assert (library.item("in")["size"], drive.item()["size"]) == (2, 0)
    gone = [each for each in graph.get(link).json()["value"] if "deleted" in each]
    assert {each["id"] for each in gone} == {library.item(path)["id"] for path in ("in/a", "in/a/b", "in/a/b/c.txt")}


def test_a_taken_name(graph, drive, library, body, ended):
    """The monitor tells it, and nothing is moved."""
    drive.put("a.txt", b"1")
    library.put("in/A.txt", b"2")
    answer = ended(graph.patch("/root:/a.txt", json=body, headers=PREFER))
    assert (answer["status"], answer["error"]["code"]) == ("failed", "nameAlreadyExists")
    assert (drive.read("a.txt"), library.read("in/A.txt")) == (b"1", b"2")


def test_a_full_drive(graph, drive, library, body, ended):
    """A move that does not fit leaves both drives as they were."""
    drive.put("a/b.txt", b"12345")
    library.quota_bytes = 4
    before = drive.item("a/b.txt")
    assert ended(graph.patch("/root:/a", json=body, headers=PREFER))["error"]["code"] == "quotaLimitReached"
    assert drive.item("a/b.txt")["id"] == before["id"]
    assert library.paths() == ["in/"]


@pytest.mark.parametrize("headers", [PREFER, {}])
def test_a_service_that_refuses(graph, drive, emulator, body, headers):
    """Microsoft's page says that no move crosses drives."""
    drive.put("a.txt", b"1")
    emulator.quirks.cross_drive_moves = "refused"
    assert graph.patch("/root:/a.txt", json=body, headers=headers).status_code == 400
    assert drive.exists("a.txt")


def test_a_move_that_is_answered_with_404(graph, drive, library, emulator, body):
    """Seen once: the move was made all the same."""
    drive.put("a.txt", b"1")
    emulator.quirks.cross_drive_moves = "missing"
    assert graph.patch("/root:/a.txt", json=body, headers=PREFER).status_code == 404
    assert not drive.exists("a.txt")
    assert library.read("in/a.txt") == b"1"


@pytest.mark.parametrize(
    ("path", "change", "expected"),
    [
        ("/root", {}, (400, "invalidRequest")),
        ("/root:/none.txt", {}, (404, "itemNotFound")),
        ("/root:/a.txt", {"name": 1}, (400, "invalidRequest")),
        ("/root:/a.txt", {"parentReference": {"driveId": f"b!{'x' * 64}", "id": "root"}}, (404, "itemNotFound")),
    ],
)
def test_moves_that_are_refused(graph, body, error, path, change, expected):  # noqa: PLR0917 - three are parameters
    """What cannot be moved, or not there, is refused at once."""
    graph.put("/root:/a.txt:/content", content=b"1")
    assert error(graph.patch(path, json=body | change, headers=PREFER))[:2] == expected


def test_another_version(graph, drive, body):
    """If-Match counts before anything begins."""
    tag = drive.put("a.txt", b"1")["eTag"]
    drive.put("a.txt", b"2")
    assert graph.patch("/root:/a.txt", json=body, headers=PREFER | {"If-Match": tag}).status_code == 412


def test_who_may_not_write_there(sign_in, drive, library, error):
    """A user needs permission in the other drive, too."""
    drive.put("a.txt", b"1")
    anna = sign_in("anna@contoso.example", "Files.ReadWrite")
    body = {"parentReference": {"driveId": library.id, "id": library.item()["id"]}}
    assert error(anna.patch("/me/drive/root:/a.txt", json=body, headers=PREFER))[:2] == (403, "accessDenied")
