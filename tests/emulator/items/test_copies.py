"""Copies and the monitor on the second origin."""

from __future__ import annotations

import pytest

CONFLICT = "@microsoft.graph.conflictBehavior"


@pytest.fixture
def copy(graph, http):
    """Copy, poll the monitor until the copy has ended, and return its last answer."""

    def run(path, query="", **body):
        reply = graph.post(f"/root:/{path}:/copy{query}", json=body)
        assert (reply.status_code, reply.content) == (202, b""), reply.text
        while (answer := http.get(reply.headers["Location"])).status_code == 202:
            assert answer.json()["status"] in {"notStarted", "inProgress"}
        return answer.json()

    return run


def test_a_copy_and_its_monitor(graph, http, drive, emulator):
    """A copy is in progress for the configured number of polls; no clock decides."""
    emulator.options.copy_poll_count = 3
    drive.put("a.txt", b"1")
    target = drive.folder("b")["id"]
    reply = graph.post("/root:/a.txt:/copy", json={"parentReference": {"id": target}, "name": "c.txt"})
    monitor = reply.headers["Location"]
    assert monitor.startswith(emulator.store_url)
    polls = [http.get(monitor) for _ in range(5)]
    assert [poll.status_code for poll in polls] == [202, 202, 202, 200, 200]
    assert [poll.json()["status"] for poll in polls][:4] == ["notStarted", "inProgress", "inProgress", "completed"]
    assert polls[1].json() == {"operation": "ItemCopy", "percentageComplete": 33.3, "status": "inProgress"}
    done = polls[3].json()
    assert done["resourceId"] == drive.item("b/c.txt")["id"]
    assert graph.get(done["resourceLocation"]).json()["name"] == "c.txt"
    assert (done["percentageComplete"], done["createdDateTime"]) == (100.0, "0001-01-01T00:00:00Z")
    assert polls[4].json() == done


def test_the_copy_is_not_there_before_its_end(graph, http, drive, emulator):
    """Without polls the copy does not appear; a test can complete all copies."""
    drive.put("a.txt", b"1")
    graph.post("/root:/a.txt:/copy", json={"name": "b.txt"})
    assert drive.paths() == ["a.txt"]
    emulator.finish_copies()
    assert drive.paths() == ["a.txt", "b.txt"]


def test_a_copy_that_nobody_asks_for(graph, drive, emulator):
    """With a time limit the next request after it finds the copy: here the limit is 0."""
    emulator.options.copy_seconds = 0
    drive.put("a.txt", b"1")
    graph.post("/root:/a.txt:/copy", json={"name": "b.txt"})
    assert graph.get("/root:/b.txt").json()["size"] == 1


def test_a_copy_at_once(graph, drive, emulator):
    """With no polls the copy is made while the request is answered."""
    emulator.options.copy_poll_count = 0
    drive.put("a.txt", b"1")
    graph.post("/root:/a.txt:/copy", json={"name": "b.txt"})
    assert drive.read("b.txt") == b"1"


def test_a_copy_is_a_new_item(copy, drive, graph):
    """A copy has its own id, time and single version."""
    drive.put("a.txt", b"1")
    drive.put("a.txt", b"22")
    graph.patch("/root:/a.txt", json={"fileSystemInfo": {"lastModifiedDateTime": "2001-01-01T00:00:00Z"}})
    copy("a.txt", name="b.txt")
    item = drive.item("b.txt")
    assert item["id"] != drive.item("a.txt")["id"]
    assert not item["fileSystemInfo"]["lastModifiedDateTime"].startswith("2001")
    assert (drive.read("b.txt"), drive.version_count("b.txt")) == (b"22", 1)


def test_versions_are_copied_on_request(copy, drive):
    """All versions are copied on request, but not together with a new name."""
    drive.folder("b")
    drive.put("a.txt", b"1")
    drive.put("a.txt", b"22")
    copy("a.txt", includeAllVersionHistory=True, parentReference={"id": drive.item("b")["id"]})
    copy("a.txt", includeAllVersionHistory=True, name="c.txt")
    assert (drive.version_count("b/a.txt"), drive.version_count("c.txt")) == (2, 1)


def test_a_folder_is_copied_whole(copy, drive):
    """All descendants are copied."""
    drive.put("a/b/c.txt", b"1")
    drive.folder("a/empty")
    copy("a", name="z")
    assert [path for path in drive.paths() if path.startswith("z")] == ["z/", "z/b/", "z/b/c.txt", "z/empty/"]


@pytest.mark.parametrize("query", ["", f"?{CONFLICT}=fail"])
def test_a_name_conflict_is_reported_by_the_monitor(copy, drive, query):
    """The request is accepted, and the monitor reports that the name exists."""
    drive.put("a.txt", b"1")
    drive.put("b.txt", b"2")
    answer = copy("a.txt", query, name="b.txt")
    assert answer["status"] == "failed"
    assert answer["error"] == {"code": "nameAlreadyExists", "message": "Name already exists"}
    assert drive.read("b.txt") == b"2"


def test_replace_takes_the_history_along(copy, drive):
    """The file that was there goes with its id and its versions."""
    drive.put("a.txt", b"1")
    drive.put("b.txt", b"2")
    old = drive.put("b.txt", b"3")["id"]
    copy("a.txt", f"?{CONFLICT}=replace", name="b.txt")
    assert (drive.read("b.txt"), drive.version_count("b.txt")) == (b"1", 1)
    assert drive.item("b.txt")["id"] != old
    assert drive.recycle_bin == []


def test_replace_does_not_replace_folders(copy, drive):
    """For folders ``replace`` behaves as ``fail``."""
    drive.put("a/1.txt")
    drive.folder("b")
    assert copy("a", f"?{CONFLICT}=replace", name="b")["error"]["code"] == "nameAlreadyExists"


def test_rename_numbers_the_copy(copy, drive):
    """The lowest free number is appended."""
    drive.put("a.txt", b"1")
    drive.put("d.d/x")
    copy("a.txt", f"?{CONFLICT}=rename")
    copy("d.d", f"?{CONFLICT}=rename")
    assert drive.paths() == ["a 1.txt", "a.txt", "d.d 1/", "d.d 1/x", "d.d/", "d.d/x"]


def test_a_personal_account_does_not_know_the_conflict_behaviour(copy, drive):
    """It is passed over, and the copy fails."""
    drive._drive.personality = "personal"
    drive.put("a.txt")
    assert copy("a.txt", f"?{CONFLICT}=rename")["error"]["code"] == "nameAlreadyExists"


def test_children_only(copy, graph, http, drive):
    """The children are copied without their folder, also those of the root."""
    drive.put("a/1.txt", b"1")
    drive.put("a/b/2.txt", b"2")
    target = drive.folder("z")["id"]
    answer = copy("a", childrenOnly=True, parentReference={"id": target})
    assert (answer["status"], answer["resourceId"]) == ("completed", target)
    assert [path for path in drive.paths() if path.startswith("z")] == ["z/", "z/1.txt", "z/b/", "z/b/2.txt"]


def test_a_tree_that_is_copied_in_part(copy, drive):
    """Items that could be copied remain; the error has details and no code."""
    drive.put("a/1.txt", b"1")
    drive.put("a/2.txt", b"2")
    drive.put("z/1.txt", b"other")
    answer = copy("a", childrenOnly=True, parentReference={"id": drive.item("z")["id"]})
    assert answer["status"] == "failed"
    assert answer["error"] == {
        "message": "Errors occurred during copy/move operation.",
        "details": [{"code": "nameAlreadyExists", "message": "Name already exists", "target": "1.txt"}],
    }
    assert (drive.read("z/1.txt"), drive.read("z/2.txt")) == (b"other", b"2")


def test_a_copy_that_becomes_too_long(copy, drive):
    """A path below the copy may be too long although the copy's is not."""
    drive.put("a/" + "x" * 390, b"1")
    drive.put("a/ok.txt", b"2")
    answer = copy("a", name="y" * 100)
    assert [detail["code"] for detail in answer["error"]["details"]] == ["invalidRequest"]
    assert drive.read("y" * 100 + "/ok.txt") == b"2"


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("/root", {"name": "x"}, "Cannot copy the root folder."),
        ("/root:/a.txt:", {"childrenOnly": True}, "childrenOnly option is not valid for file items."),
        ("/root:/b:", {"childrenOnly": True, "name": "x"}, "Cannot use name parameter alongside childrenOnly."),
        ("/root:/b:", {"parentReference": "x"}, None),
        ("/root:/b:", {"name": 5}, None),
        ("/root:/b:", {"childrenOnly": "yes"}, None),
        ("/root:/b:", {"parentReference": {"id": "FILE"}}, None),
    ],
)
def test_copies_that_are_refused_at_once(graph, drive, path, body, expected):
    """A request that cannot succeed is refused at once."""
    drive.put("a.txt")
    drive.folder("b")
    if body.get("parentReference") == {"id": "FILE"}:
        body = {"parentReference": {"id": drive.item("a.txt")["id"]}}
    reply = graph.post(f"{path}/copy", json=body)
    problem = reply.json()["error"]
    assert (reply.status_code, problem["code"]) == (400, "invalidRequest")
    assert expected in {None, problem["message"]}


def test_a_folder_is_not_copied_into_itself(graph, drive):
    """It would have no end."""
    below = drive.folder("a/b")["id"]
    assert graph.post("/root:/a:/copy", json={"parentReference": {"id": below}}).status_code == 400


def test_copies_without_a_source_or_a_target(graph, drive):
    """Both must be there."""
    drive.put("a.txt")
    assert graph.post("/root:/no.txt:/copy", json={"name": "x"}).status_code == 404
    assert graph.post("/root:/a.txt:/copy", json={"parentReference": {"id": "no"}}).status_code == 404
    for drive_id, status in ((f"b!{'x' * 64}", 404), ("no", 400)):
        body = {"parentReference": {"driveId": drive_id, "id": "no"}}
        assert graph.post("/root:/a.txt:/copy", json=body).status_code == status


def test_a_source_that_goes_meanwhile(graph, http, drive):
    """The monitor reports that the source was deleted."""
    drive.put("a.txt")
    monitor = graph.post("/root:/a.txt:/copy", json={"name": "b.txt"}).headers["Location"]
    drive.delete("a.txt")
    assert http.get(monitor).status_code == 202
    assert http.get(monitor).json()["error"]["code"] == "itemNotFound"


def test_a_copy_to_another_drive(copy, emulator, drive):
    """A copy may leave the drive, which a move may not."""
    other = emulator.drive(emulator.users[1])
    drive.put("a/b.txt", b"1")
    reference = {"driveId": other.id, "id": other.item()["id"]}
    assert copy("a", parentReference=reference)["status"] == "completed"
    assert other.read("a/b.txt") == b"1"


def test_the_monitor_wants_no_token(graph, http, drive, emulator):
    """A bearer there is a leak, and refused in strict mode."""
    drive.put("a.txt")
    monitor = graph.post("/root:/a.txt:/copy", json={"name": "b.txt"}).headers["Location"]
    headers = {"Authorization": f"Bearer {emulator.token()}"}
    assert http.get(monitor, headers=headers).status_code == 401
    assert len(emulator.leaks) == 1
    emulator.options.strict = False
    assert http.get(monitor, headers=headers).status_code == 202


def test_a_monitor_ends_some_time(graph, http, drive, emulator):
    """A poll after the end of its life, or of an unknown copy, is 404."""
    drive.put("a.txt")
    monitor = graph.post("/root:/a.txt:/copy", json={"name": "b.txt"}).headers["Location"]
    emulator.finish_copies()
    assert http.get(monitor).status_code == 200
    emulator.options.monitor_seconds = 0
    assert http.get(monitor).status_code == 404
    assert http.get(monitor[:-4]).status_code == 404


def test_a_shortcut_is_not_copied(sign_in, emulator, drive, http):
    """A shortcut is refused by itself, and listed in the details if its siblings are copied."""
    anna, ben = emulator.users
    other, client = emulator.drive(ben), sign_in(anna, "Files.ReadWrite.All")
    emulator.open_drive(other, anna)
    drive.put("a.txt")
    body = {"name": "s", "remoteItem": {"id": other.folder("x")["id"], "parentReference": {"driveId": other.id}}}
    assert client.post("/me/drive/root/children", json=body).status_code == 201
    assert client.post("/me/drive/root:/s:/copy", json={"name": "t"}).status_code == 400
    body = {"childrenOnly": True, "parentReference": {"id": drive.folder("b/c")["id"]}}
    assert client.post("/me/drive/root/copy", json=body).status_code == 400
    emulator.options.copy_poll_count = 0
    body = {"childrenOnly": True, "parentReference": {"driveId": other.id, "id": other.item()["id"]}}
    answer = http.get(client.post("/me/drive/root/copy", json=body).headers["Location"]).json()
    assert [detail["target"] for detail in answer["error"]["details"]] == ["s"]
    assert other.exists("a.txt")
