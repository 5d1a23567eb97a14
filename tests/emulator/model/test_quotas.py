"""How much a drive may hold."""

from __future__ import annotations

import pytest

FULL = (507, "quotaLimitReached")


def test_quota_of_a_drive(v1, drive):
    """A drive reports its quota, the used bytes and those in the recycle bin."""
    drive.put("a.txt", b"12345")
    drive.put("b.txt", b"123")
    drive.delete("b.txt")
    drive.quota_bytes = 1000
    quota = v1.get(f"/drives/{drive.id}?select=quota").json()["quota"]
    assert quota == {"total": 1000, "used": 5, "remaining": 995, "deleted": 3, "state": "normal"}


@pytest.mark.parametrize(
    ("used", "state"),
    [
        (0, "normal"),
        (900, "normal"),
        (901, "nearing"),
        (990, "nearing"),
        (991, "critical"),
        (1000, "critical"),
        (1001, "exceeded"),
    ],
)
def test_states(v1, drive, used, state):
    """Less than a tenth, less than a hundredth, nothing."""
    drive.put("a.txt", bytes(used))
    drive.quota_bytes = 1000
    quota = v1.get(f"/drives/{drive.id}").json()["quota"]
    assert (quota["state"], quota["remaining"]) == (state, max(0, 1000 - used))


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        ("whole", {"total": 1000, "used": 5, "remaining": 995, "deleted": 0, "state": "normal"}),
        ("without_remaining", {"total": 1000, "used": 5, "deleted": 0, "state": "normal"}),
        ("zero_remaining", {"total": 1000, "used": 5, "remaining": 0, "deleted": 0, "state": "normal"}),
        ("absent", None),
    ],
)
def test_a_drive_that_reports_less(graph, v1, drive, shown, expected):
    """Some drives report part of their quota, none, or 0 remaining bytes; the limit does not depend on it."""
    drive.put("a.txt", b"12345")
    drive.quota_bytes, drive.quota_shown = 1000, shown
    assert graph.get("?$select=quota").json().get("quota") == expected
    assert graph.get("").json().get("quota") == expected
    assert graph.put("/root:/b.txt:/content", content=bytes(995)).status_code == 201
    assert graph.put("/root:/c.txt:/content", content=b"x").status_code == 507
    drive.quota_bytes = 2000
    assert drive.quota_shown == shown


def test_writes_over_the_quota(graph, drive, error):
    """A PUT that is too large is refused and leaves everything as it was; one that makes less of a file is not."""
    drive.put("a.txt", b"12345")
    drive.quota_bytes = 8
    assert error(graph.put("/root:/b.txt:/content", content=b"1234"))[:2] == FULL
    assert error(graph.put("/root:/new/folder/b.txt:/content", content=b"1234"))[:2] == FULL
    assert error(graph.put("/root:/a.txt:/content", content=b"123456789"))[:2] == FULL
    assert drive.paths() == ["a.txt"]
    assert drive.read("a.txt") == b"12345"
    assert graph.put("/root:/a.txt:/content", content=b"12345678").status_code == 200
    drive.quota_bytes = 4
    assert graph.put("/root:/a.txt:/content", content=b"123456").status_code == 200
    assert error(graph.post("/root/children", json={"name": "x", "folder": {}}))[:2] == FULL


def test_a_session_with_a_file_size(graph, drive, error):
    """A fileSize over the quota is refused at the session's creation; replaced bytes do not count."""
    drive.put("a.txt", b"12345")
    drive.quota_bytes = 8
    path = "/root:/{}:/createUploadSession"

    def create(name, size, conflict):
        item = {"fileSize": size, "@microsoft.graph.conflictBehavior": conflict}
        return graph.post(path.format(name), json={"item": item})

    assert error(create("b.txt", 4, "fail"))[:2] == FULL
    assert create("b.txt", 3, "fail").status_code == 200
    assert create("a.txt", 8, "replace").status_code == 200
    assert error(create("a.txt", 8, "rename"))[:2] == FULL
    assert error(create("b.txt", "much", "fail"))[:2] == (400, "invalidRequest")


def test_a_session_that_does_not(graph, drive, http, error):
    """Otherwise the commit is refused, and the session stays."""
    drive.quota_bytes = 2
    session = graph.post("/root:/a.txt:/createUploadSession", json={}).json()
    reply = http.put(session["uploadUrl"], content=b"abc", headers={"Content-Range": "bytes 0-2/3"})
    assert error(reply)[:2] == FULL
    assert drive.paths() == []
    assert http.get(session["uploadUrl"]).status_code == 200
