"""Moves and copies in an emulator that fails, forgets, is late, or has others in it."""

from __future__ import annotations

import asyncio
import json
import logging

import pytest
from fault_scene import MemoryKeeper

from airflow_provider_onedrive.emulator.faults import NONE, Fault, drop_after, drop_before, status
from airflow_provider_onedrive.graph.flows.session_state import TaskAttempt
from airflow_provider_onedrive.graph.protocol.errors import (
    AccessDenied,
    BadRequest,
    CopyUnfinished,
    ItemNotFound,
    LocationError,
    NameAlreadyExists,
    OneDriveError,
    PreconditionFailed,
    QuotaExceeded,
    ServiceUnavailable,
    SourceMissing,
    VerificationFailed,
)
from airflow_provider_onedrive.graph.protocol.options import RelocateOptions

CONTENT, OLD = b"a,b\n1,2\n", b"x,y\n8,9\n"
PERSONAL = "pat@outlook.example"
DIFFICULT = "Q1 100% #1 (ä)+'&=@!.csv"
FAULTS = [drop_before(), drop_after(), status(500), status(503, retry_after=0), status(429, retry_after=0), status(504)]
COPY_STEPS = [("get", 0), ("get", 1), ("get", 2), ("copy", 0), ("monitor", 0), ("monitor", 1), ("get", 3)]
MOVE_STEPS = [("get", 0), ("get", 1), ("update", 0)]
ACROSS_STEPS = [*COPY_STEPS, ("delete", 0)]
PERSONALITIES = pytest.mark.parametrize("personality", ["business", "personal"])


class Met(Fault):
    """Does something when a request comes, and lets it pass, or lets another fault have it."""

    def __init__(self, act, then=NONE):
        self.act, self.then = act, then

    def before(self, request, context):
        self.act()
        self.then.before(request, context)


@pytest.fixture
def place(onedrive_emulator, connect):
    """Give a client and the drive that is its ``myfiles``."""

    def make(personality="business"):
        if personality == "personal":
            onedrive_emulator.add_user(PERSONAL, personality="personal")
            return connect(myfiles=PERSONAL), onedrive_emulator.drive(PERSONAL)
        return connect(), onedrive_emulator.drive()

    return make


@pytest.fixture
def other(onedrive_emulator):
    """A drive of somebody else, and its location."""
    user = onedrive_emulator.users[1]
    return onedrive_emulator.drive(user), f"users/{user}"


@pytest.fixture
def count(onedrive_emulator):
    """Count requests of one kind."""
    return lambda operation: len(onedrive_emulator.requests.matching(operation=operation))


# --- every fault at every step


@pytest.mark.pairwise
@PERSONALITIES
@pytest.mark.parametrize("fault", FAULTS, ids=repr)
@pytest.mark.parametrize(("operation", "after"), COPY_STEPS)
@pytest.mark.parametrize("if_exists", ["fail", "rename"])
def test_one_copy(place, onedrive_emulator, faults, *, personality, fault, operation, after, if_exists):
    """Whatever happens to any request, there is one copy with every byte, also when a first one comes late."""
    client, drive = place(personality)
    drive.put("in/a.csv", CONTENT)
    drive.folder("out")
    rule = faults.add(operation=operation, after=after, do=fault)
    item = client.copy("myfiles/in/a.csv", "myfiles/out/", if_exists=if_exists)
    onedrive_emulator.finish_copies()
    assert (item.location, item.outcome, rule.hits) == ("myfiles/out/a.csv", "created", 1)
    assert drive.read_all() == {"in/a.csv": CONTENT, "out/a.csv": CONTENT}
    assert item.id == drive.item("out/a.csv")["id"]
    assert drive.recycle_bin == []
    assert len(onedrive_emulator.leaks) == 0


@pytest.mark.pairwise
@PERSONALITIES
@pytest.mark.parametrize("fault", FAULTS[:4], ids=repr)
@pytest.mark.parametrize("operation", ["get", "copy", "monitor", "delete"])
@pytest.mark.parametrize("if_exists", ["fail", "rename", "replace", "skip"])
def test_one_copy_where_the_name_is_taken(
    place, onedrive_emulator, faults, *, personality, fault, operation, if_exists
):
    """What was there stays, or is in the recycle bin; the copy is whole, and there is one."""
    client, drive = place(personality)
    drive.put("in/a.csv", CONTENT)
    drive.put("out/a.csv", OLD)
    faults.add(operation=operation, do=fault)
    if if_exists == "fail":
        with pytest.raises(NameAlreadyExists):
            client.copy("myfiles/in/a.csv", "myfiles/out/")
    else:
        item = client.copy("myfiles/in/a.csv", "myfiles/out/", if_exists=if_exists)
        assert item.outcome == {"rename": "renamed", "replace": "replaced", "skip": "skipped"}[if_exists]
    onedrive_emulator.finish_copies()
    renamed = {"out/a 1.csv": CONTENT} if if_exists == "rename" else {}
    kept = CONTENT if if_exists == "replace" else OLD
    assert drive.read_all() == {"in/a.csv": CONTENT, "out/a.csv": kept, **renamed}
    assert drive.recycle_bin == (["out/a.csv"] if if_exists == "replace" else [])


@pytest.mark.pairwise
@PERSONALITIES
@pytest.mark.parametrize("fault", FAULTS[:4], ids=repr)
@pytest.mark.parametrize(("operation", "after"), MOVE_STEPS)
@pytest.mark.parametrize("if_exists", ["fail", "rename", "replace", "skip"])
@pytest.mark.parametrize("is_taken", [False, True], ids=["free", "taken"])
def test_one_move(place, faults, *, personality, fault, operation, after, if_exists, is_taken):
    """The item is here or there, the same one; what was in the way stays, or is in the recycle bin."""
    client, drive = place(personality)
    moved = drive.put("in/a.csv", CONTENT)["id"]
    drive.put_all({"out/a.csv": OLD} if is_taken else {"out/": None})
    rule = faults.add(operation=operation, after=after, do=fault)
    if is_taken and if_exists == "fail":
        with pytest.raises(NameAlreadyExists):
            client.move("myfiles/in/a.csv", "myfiles/out/")
    else:
        client.move("myfiles/in/a.csv", "myfiles/out/", if_exists=if_exists)
    assert rule.hits == 1
    stays = is_taken and if_exists in ("fail", "skip")
    path = "in/a.csv" if stays else "out/a 1.csv" if is_taken and if_exists == "rename" else "out/a.csv"
    assert drive.item(path)["id"] == moved
    old = {"out/a.csv": OLD} if is_taken and if_exists != "replace" else {}
    assert drive.read_all() == {path: CONTENT, **old}
    assert drive.recycle_bin == (["out/a.csv"] if is_taken and if_exists == "replace" else [])
    assert drive.version_count(path) == 1


@pytest.mark.parametrize("fault", FAULTS, ids=repr)
@pytest.mark.parametrize(("operation", "after"), ACROSS_STEPS)
def test_one_move_to_another_drive(client, drive, other, onedrive_emulator, faults, *, fault, operation, after):
    """There is one file, there, and the source is in its recycle bin."""
    drive.put("in/a.csv", CONTENT)
    there, location = other
    rule = faults.add(operation=operation, after=after, do=fault)
    item = client.move("myfiles/in/a.csv", f"{location}/b.csv")
    onedrive_emulator.finish_copies()
    assert (item.location, item.outcome, rule.hits) == (f"{location}/b.csv", "created", 1)
    assert (there.read_all(), drive.read_all()) == ({"b.csv": CONTENT}, {})
    assert drive.recycle_bin == ["in/a.csv"]


@pytest.mark.pairwise
@pytest.mark.parametrize("code", [400, 403, 404, 409, 412, 423, 500, 503, 507])
@pytest.mark.parametrize("operation", ["get", "update", "copy", "monitor", "delete"])
@pytest.mark.parametrize("where", ["here", "elsewhere"])
def test_nothing_is_lost(client, drive, other, faults, *, code, operation, where):
    """Whatever goes on failing, the content is in a drive, under the old or the new name."""
    drive.put("in/a.csv", CONTENT)
    drive.folder("out")
    there, location = other
    faults.add(operation=operation, times=None, do=status(code))
    destination = "myfiles/out/" if where == "here" else f"{location}/"
    try:
        client.move("myfiles/in/a.csv", destination, if_exists="replace")
    except OneDriveError:
        assert CONTENT in [*drive.read_all().values()]
    else:
        assert CONTENT in [*drive.read_all().values(), *there.read_all().values()]


@pytest.mark.parametrize("copy_poll_count", [0, 1, 3])
def test_a_lost_answer_and_a_copy_at_once(client, drive, onedrive_emulator, faults, count, *, copy_poll_count):
    """What has appeared is not asked for again; what has not is, and is there once."""
    onedrive_emulator.options.copy_poll_count = copy_poll_count
    drive.put("a.csv", CONTENT)
    drive.folder("out")
    faults.add(operation="copy", do=drop_after())
    assert client.copy("myfiles/a.csv", "myfiles/out/").outcome == "created"
    assert count("copy") == (1 if copy_poll_count == 0 else 2)
    onedrive_emulator.finish_copies()
    assert drive.paths() == ["a.csv", "out/", "out/a.csv"]


def test_a_copy_that_comes_late(client, drive, onedrive_emulator, faults):
    """The first copy ends while the second is under way: its name is taken by our own work."""
    drive.put("a.csv", CONTENT)
    drive.folder("out")
    faults.add(operation="copy", do=drop_after())
    faults.add(operation="monitor", do=Met(onedrive_emulator.finish_copies))
    assert client.copy("myfiles/a.csv", "myfiles/out/").outcome == "created"
    assert drive.paths() == ["a.csv", "out/", "out/a.csv"]


# --- monitors


@pytest.mark.parametrize("code", [400, 401, 403, 404])
@pytest.mark.parametrize("is_made", [True, False], ids=["made", "not made"])
def test_a_monitor_that_is_gone(client, drive, onedrive_emulator, faults, count, *, code, is_made):
    """The destination says whether the copy was made; else it is asked for again."""
    drive.put("a.csv", CONTENT)
    drive.folder("out")
    act = onedrive_emulator.finish_copies if is_made else int
    rule = faults.add(operation="monitor", do=Met(act, status(code)))
    assert client.copy("myfiles/a.csv", "myfiles/out/").outcome == "created"
    onedrive_emulator.finish_copies()
    assert drive.paths() == ["a.csv", "out/", "out/a.csv"]
    assert (count("copy"), rule.hits) == (1 if is_made else 2, 1)


def test_monitors_that_are_never_there(client, drive, faults, count):
    """The copy is asked for a few times and no more."""
    drive.put("a.csv", CONTENT)
    faults.add(operation="monitor", times=None, do=status(404))
    with pytest.raises(CopyUnfinished, match=r"Cannot copy myfiles/a\.csv: The monitor of the copy is gone") as caught:
        client.copy("myfiles/a.csv", "myfiles/b.csv")
    assert caught.value.is_retryable
    assert count("copy") == 4


def test_a_monitor_that_fails(client, drive, faults, onedrive_emulator):
    """It is asked again some times; then a later try finds the copy, or asks for it."""
    drive.put("a.csv", CONTENT)
    drive.folder("out")
    rule = faults.add(operation="monitor", times=7, do=status(503))
    with pytest.raises(ServiceUnavailable):
        client.copy("myfiles/a.csv", "myfiles/out/")
    assert rule.hits == 7
    onedrive_emulator.finish_copies()
    assert client.copy("myfiles/a.csv", "myfiles/out/", attempt=TaskAttempt(retrying=True)).outcome == "already_there"


def test_time_is_up(client, drive, onedrive_emulator):
    """The wait ends, the copy does not; a later try asks for it again, and there is one."""
    onedrive_emulator.options.copy_poll_count = 10**6
    drive.put("a.csv", CONTENT)
    with pytest.raises(CopyUnfinished):
        client.copy("myfiles/a.csv", "myfiles/b.csv", options=RelocateOptions(timeout_seconds=0))
    onedrive_emulator.options.copy_poll_count = 1
    item = client.copy("myfiles/a.csv", "myfiles/b.csv", attempt=TaskAttempt(retrying=True))
    onedrive_emulator.finish_copies()
    assert item.outcome == "created"
    assert drive.read_all() == {"a.csv": CONTENT, "b.csv": CONTENT}


def test_stopping(client, drive, onedrive_emulator, faults):
    """The wait for a copy ends when the client is stopped."""
    onedrive_emulator.options.copy_poll_count = 10**6
    drive.put("a.csv", CONTENT)
    faults.add(operation="monitor", after=3, do=Met(client.stop))
    with pytest.raises(OneDriveError, match="The task was stopped"):
        client.copy("myfiles/a.csv", "myfiles/b.csv")
    assert len(onedrive_emulator.requests.matching(operation="monitor")) == 4


def test_a_copy_that_fails_on_the_server(client, drive, onedrive_emulator, faults):
    """The monitor's reason becomes the error: here the source goes while it is copied."""
    drive.put("a.csv", CONTENT)
    faults.add(operation="monitor", do=Met(lambda: drive.delete("a.csv")))
    with pytest.raises(ItemNotFound, match=r"Cannot copy myfiles/a\.csv"):
        client.copy("myfiles/a.csv", "myfiles/b.csv")
    drive.put("a.csv", CONTENT)
    drive.quota_bytes = len(CONTENT)
    with pytest.raises(QuotaExceeded):
        client.copy("myfiles/a.csv", "myfiles/b.csv")


def test_a_tree_that_is_copied_in_part(client, drive):
    """What could not be copied is named, and it is said that a part remains."""
    drive.put("in/" + "x" * 390, CONTENT)
    drive.put("in/ok.csv", CONTENT)
    with pytest.raises(BadRequest, match="A part of the copy can remain"):
        client.copy("myfiles/in", "myfiles/" + "y" * 100)


# --- others are there too


@pytest.mark.parametrize("if_exists", ["fail", "rename", "replace", "skip"])
def test_a_name_that_is_taken_meanwhile(client, drive, onedrive_emulator, faults, *, if_exists):
    """Between the look and the copy somebody else takes the name: the monitor tells, and ``if_exists`` decides."""
    drive.put("a.csv", CONTENT)
    faults.add(operation="copy", do=Met(lambda: drive.put("b.csv", OLD)))
    if if_exists == "fail":
        with pytest.raises(NameAlreadyExists):
            client.copy("myfiles/a.csv", "myfiles/b.csv")
    else:
        client.copy("myfiles/a.csv", "myfiles/b.csv", if_exists=if_exists)
    renamed = {"b 1.csv": CONTENT} if if_exists == "rename" else {}
    taken = CONTENT if if_exists == "replace" else OLD
    assert drive.read_all() == {"a.csv": CONTENT, "b.csv": taken, **renamed}
    assert drive.recycle_bin == (["b.csv"] if if_exists == "replace" else [])


def test_a_file_that_changes_before_it_makes_way(client, drive, faults):
    """Only a version that was seen goes; then the newer one is seen, and goes too."""
    drive.put("a.csv", CONTENT)
    drive.put("b.csv", OLD)
    faults.add(operation="delete", do=Met(lambda: drive.put("b.csv", b"newer")))
    assert client.move("myfiles/a.csv", "myfiles/b.csv", if_exists="replace").outcome == "replaced"
    assert drive.read_all() == {"b.csv": CONTENT}
    assert drive.recycle_bin == ["b.csv"]


def test_a_source_that_changes_while_it_goes_to_another_drive(client, drive, other, faults):
    """It is not deleted; the copy stays too, and the error says where."""
    drive.put("a.csv", CONTENT)
    there, location = other
    faults.add(operation="delete", do=Met(lambda: drive.put("a.csv", b"newer")))
    with pytest.raises(PreconditionFailed, match=f"the copy is {location}/a.csv"):
        client.move("myfiles/a.csv", f"{location}/")
    assert (drive.read_all(), there.read_all()) == ({"a.csv": b"newer"}, {"a.csv": CONTENT})


def test_a_copy_that_somebody_changes_at_once(client, drive, other, faults):
    """What is not the same as the source does not make the source go."""
    drive.put("a.csv", CONTENT)
    there, location = other
    faults.add(operation="get", after=3, do=Met(lambda: there.put("a.csv", OLD)))
    with pytest.raises(VerificationFailed):
        client.move("myfiles/a.csv", f"{location}/")
    assert drive.read_all() == {"a.csv": CONTENT}


@pytest.mark.parametrize("reads", [1, 3])
def test_hashes_that_come_late(client, drive, other, onedrive_emulator, reads):
    """They are waited for before the source goes."""
    onedrive_emulator.quirks.hash_missing_reads = reads
    drive.put("a.csv", CONTENT)
    there, location = other
    client.move("myfiles/a.csv", f"{location}/")
    assert (drive.read_all(), there.read_all()) == ({}, {"a.csv": CONTENT})


def test_an_editor_that_only_opens_the_source(client, drive, other, onedrive_emulator):
    """Its eTag moves: the source stays this time, and a later try finishes."""
    drive.put("a.csv", CONTENT)
    there, location = other
    onedrive_emulator.quirks.editor_opens = 1
    with pytest.raises(PreconditionFailed):
        client.move("myfiles/a.csv", f"{location}/")
    assert drive.read_all() == {"a.csv": CONTENT}
    assert client.move("myfiles/a.csv", f"{location}/", attempt=TaskAttempt(retrying=True)).outcome == "already_there"
    assert (drive.read_all(), there.read_all()) == ({}, {"a.csv": CONTENT})


@pytest.mark.parametrize("do", ["move", "copy"])
def test_locked_files_are_waited_for(client, drive, onedrive_emulator, do):
    """A file that is open is moved, or makes way, when it is closed."""
    drive.put("a.csv", CONTENT)
    drive.put("b.csv", OLD)
    onedrive_emulator.quirks.locked_writes = 2
    getattr(client, do)("myfiles/a.csv", "myfiles/b.csv", if_exists="replace")
    assert drive.read("b.csv") == CONTENT


@pytest.mark.parametrize("do", ["move", "copy"])
def test_folders_that_are_not_visible_at_once(client, drive, onedrive_emulator, do):
    """New folders on the way are waited for."""
    drive.put("a.csv", CONTENT)
    onedrive_emulator.quirks.invisible_reads = 2
    item = getattr(client, do)("myfiles/a.csv", "myfiles/new/er/", create_folders=True)
    assert item.location == "myfiles/new/er/a.csv"
    assert drive.read("new/er/a.csv") == CONTENT


# --- later tries


@pytest.mark.pairwise
@PERSONALITIES
@pytest.mark.parametrize("if_exists", ["fail", "rename", "replace", "skip"])
@pytest.mark.parametrize("as_dict", [False, True], ids=["text", "dict"])
def test_a_later_move(place, *, personality, if_exists, as_dict):
    """What an earlier try has moved is found, by its name or by its id, and nothing is done."""
    client, drive = place(personality)
    drive.put("in/a.csv", CONTENT)
    drive.folder("out")
    location = client.stat("myfiles/in/a.csv").to_dict() if as_dict else "myfiles/in/a.csv"
    client.move(location, "myfiles/out/", if_exists=if_exists)
    item = client.move(location, "myfiles/out/", if_exists=if_exists, attempt=TaskAttempt(retrying=True))
    assert (item.location, item.outcome) == ("myfiles/out/a.csv", "already_there")
    with pytest.raises(ItemNotFound):
        client.move("myfiles/in/a.csv", "myfiles/out/", if_exists=if_exists)
    assert (drive.read_all(), drive.recycle_bin) == ({"out/a.csv": CONTENT}, [])


def test_a_later_move_to_a_name_like_others(client, drive, faults):
    """Its id was kept before it was moved, so it is told from the files that had such names before."""
    drive.put_all({"in/a.csv": CONTENT, "out/a.csv": CONTENT, "out/a 2.csv": CONTENT})
    keeper = MemoryKeeper()
    faults.add(operation="update", after=1, do=drop_after())
    faults.add(operation="get", after=3, times=None, do=status(400))
    attempts = [TaskAttempt(retrying=more, has_another=True, keeper_of=lambda _: keeper) for more in (False, True)]
    with pytest.raises(OneDriveError):
        client.move("myfiles/in/a.csv", "myfiles/out/", if_exists="rename", attempt=attempts[0])
    faults.clear()
    item = client.move("myfiles/in/a.csv", "myfiles/out/", if_exists="rename", attempt=attempts[1])
    assert (item.location, item.outcome, keeper.state) == ("myfiles/out/a 1.csv", "already_there", None)
    assert drive.read_all() == dict.fromkeys(("out/a.csv", "out/a 1.csv", "out/a 2.csv"), CONTENT)


@pytest.mark.parametrize("as_dict", [False, True], ids=["text", "dict"])
def test_a_later_move_to_another_drive(client, drive, other, as_dict):
    """The id is gone there; the name, and what the dict says of the content, are enough."""
    drive.put("a.csv", CONTENT)
    there, location = other
    source = client.stat("myfiles/a.csv").to_dict() if as_dict else "myfiles/a.csv"
    client.move(source, f"{location}/")
    assert client.move(source, f"{location}/", attempt=TaskAttempt(retrying=True)).outcome == "already_there"
    there.put("a.csv", b"somebody else's")
    if as_dict:
        with pytest.raises(SourceMissing):
            client.move(source, f"{location}/", attempt=TaskAttempt(retrying=True))


@PERSONALITIES
@pytest.mark.parametrize("if_exists", ["fail", "rename", "replace", "skip"])
def test_a_later_copy(place, onedrive_emulator, count, *, personality, if_exists):
    """What an earlier try has copied is found, and no second copy is asked for."""
    client, drive = place(personality)
    drive.put("in/a.csv", CONTENT)
    drive.folder("in/sub")
    drive.put("in/sub/b.csv", CONTENT)
    drive.folder("out")
    for name in ("a.csv", "sub"):
        client.copy(f"myfiles/in/{name}", "myfiles/out/", if_exists=if_exists)
        item = client.copy(
            f"myfiles/in/{name}", "myfiles/out/", if_exists=if_exists, attempt=TaskAttempt(retrying=True)
        )
        assert item.outcome == "already_there"
    assert count("copy") == 2
    assert sorted(path for path in drive.paths() if path.startswith("out")) == [
        *("out/", "out/a.csv", "out/sub/", "out/sub/b.csv")
    ]


def test_a_later_copy_while_the_first_is_under_way(client, drive, onedrive_emulator):
    """The second meets the first one's end and takes it for its own."""
    onedrive_emulator.options.copy_poll_count = 3
    drive.put("a.csv", CONTENT)
    client.start_copy("myfiles/a.csv", "myfiles/b.csv")
    second = client.start_copy("myfiles/a.csv", "myfiles/b.csv", attempt=TaskAttempt(retrying=True))
    onedrive_emulator.finish_copies()
    assert isinstance(client.copy_progress(second.monitor_url).error, NameAlreadyExists)
    assert client.copy("myfiles/a.csv", "myfiles/b.csv", attempt=TaskAttempt(retrying=True)).outcome == "already_there"


# --- what there is to move and copy


@PERSONALITIES
@pytest.mark.parametrize("do", ["move", "copy"])
def test_difficult_names(place, *, personality, do):
    """Names go as they are, from one folder to another and as new ones."""
    client, drive = place(personality)
    drive.put(f"100% in/{DIFFICULT}", CONTENT)
    drive.folder("out #1")
    item = getattr(client, do)(f"myfiles/100% in/{DIFFICULT}", "myfiles/out #1/")
    assert item.location == f"myfiles/out #1/{DIFFICULT}"
    item = getattr(client, do)(item.to_dict(), "myfiles/out #1/", file_name=f"new {DIFFICULT}")
    assert item.location == f"myfiles/out #1/new {DIFFICULT}"
    assert drive.read(item.path) == CONTENT


@PERSONALITIES
@pytest.mark.parametrize("do", ["move", "copy"])
def test_folders(place, *, personality, do):
    """A folder goes with all that is in it; an empty one too."""
    client, drive = place(personality)
    drive.put_all({"in/a/b/c.csv": CONTENT, "in/empty/": None, "out/": None})
    for name in ("a", "empty"):
        item = getattr(client, do)(f"myfiles/in/{name}", "myfiles/out/")
        assert (item.location, item.is_folder) == (f"myfiles/out/{name}", True)
    assert drive.read_all("out") == {"out/a/b/c.csv": CONTENT}
    assert drive.exists("in/a") is (do == "copy")


@pytest.mark.parametrize("do", ["move", "copy"])
def test_folders_with_the_same_name(client, drive, do):
    """They are not merged, and none makes way."""
    drive.put_all({"in/a/1.csv": CONTENT, "out/a/2.csv": OLD})
    for if_exists in ("fail", "replace"):
        with pytest.raises(NameAlreadyExists):
            getattr(client, do)("myfiles/in/a", "myfiles/out/", if_exists=if_exists)
    assert getattr(client, do)("myfiles/in/a", "myfiles/out/", if_exists="skip").outcome == "skipped"
    assert getattr(client, do)("myfiles/in/a", "myfiles/out/", if_exists="rename").location == "myfiles/out/a 1"
    assert drive.read_all("out") == {"out/a 1/1.csv": CONTENT, "out/a/2.csv": OLD}
    assert drive.recycle_bin == []


@pytest.mark.parametrize("do", ["move", "copy"])
def test_into_itself(client, drive, do):
    """Refused before anything is made, whatever the locations are written in."""
    drive.put("a/b/c.csv", CONTENT)
    item = client.stat("myfiles/a").to_dict()
    by_drive = f"drives/{drive.id}"
    for location, destination in (
        ("myfiles/a", "myfiles/a/"),
        ("myfiles/a", "myfiles/A/new/"),
        (item, "myfiles/a/new/"),
        (f"{by_drive}/a", "myfiles/a/b/"),
        (item, f"{by_drive}/a/b/x"),
    ):
        with pytest.raises(LocationError, match="cannot go into itself"):
            getattr(client, do)(location, destination, create_folders=True)
    assert drive.paths() == ["a/", "a/b/", "a/b/c.csv"]


def test_a_folder_to_another_drive(client, drive, other):
    """It can be copied; it is not moved, and nothing is touched."""
    drive.put("a/b.csv", CONTENT)
    there, location = other
    with pytest.raises(LocationError, match="only a file is moved to another drive"):
        client.move("myfiles/a", f"{location}/")
    assert there.paths() == []
    client.copy("myfiles/a", f"{location}/")
    assert (there.read_all(), drive.read_all()) == ({"a/b.csv": CONTENT}, {"a/b.csv": CONTENT})


@pytest.mark.parametrize("do", ["move", "copy"])
def test_what_may_not_be_written(client, drive, other, do):
    """A drive one may not write to is said, and the source stays."""
    drive.put("a.csv", CONTENT)
    there, location = other
    there.deny = True
    with pytest.raises(AccessDenied):
        getattr(client, do)("myfiles/a.csv", f"{location}/")
    assert drive.read_all() == {"a.csv": CONTENT}


@pytest.mark.parametrize("do", ["move", "copy"])
def test_errors_say_what_and_where(client, drive, do):
    """What was tried, on which location, and what to do."""
    drive.put("a.csv", CONTENT)
    with pytest.raises(ItemNotFound, match=rf"Cannot {do} myfiles/A\.CSX"):
        getattr(client, do)("myfiles/A.CSX", "myfiles/out/")
    with pytest.raises(ItemNotFound, match=r"Cannot find the folder myfiles/out/"):
        getattr(client, do)("myfiles/a.csv", "myfiles/out/")


# --- on an event loop, and what is shown


def test_on_an_event_loop(connect_async, drive, other):
    """The client for an event loop moves, starts copies and asks how far they are."""
    drive.put("a.csv", CONTENT)
    _, location = other

    async def whole():
        async with connect_async() as client:
            started = await client.start_copy("myfiles/a.csv", "myfiles/b.csv")
            progress = [await client.copy_progress(started.monitor_url) for _ in range(2)]
            moved = await client.move("myfiles/a.csv", f"{location}/c.csv")
            with pytest.raises(SourceMissing, match=r"Cannot move myfiles/a\.csv"):
                await client.move("myfiles/a.csv", f"{location}/c.csv")
            return progress, moved

    (first, last), moved = asyncio.run(whole())
    assert (first.is_ended, last.is_ended) == (False, True)
    assert last.item_id == drive.item("b.csv")["id"]
    assert moved.location == f"{location}/c.csv"


def test_a_copy_in_two_steps(client, drive):
    """What the first step says of itself is enough for the last one."""
    drive.put("a.csv", CONTENT)
    drive.folder("out")
    started = client.start_copy("myfiles/a.csv", "myfiles/out/", file_name="b.csv")
    while not (progress := client.copy_progress(started.monitor_url)).is_ended:
        pass
    kept = json.loads(json.dumps(started.to_dict()))
    item = client.copied("myfiles/out/", kept, progress.item_id, file_name="b.csv")
    assert (item.location, item.outcome) == ("myfiles/out/b.csv", "created")


@pytest.mark.parametrize("code", [None, 400, 401, 403, 404, 409, 429, 500, 507])
def test_no_monitor_is_shown(client, drive, onedrive_emulator, faults, caplog, *, code):
    """Neither in a log nor in an error: whoever has its address may ask it."""
    for name in ("httpx", "httpcore.http11", "httpcore.connection", "airflow_provider_onedrive"):
        caplog.set_level(logging.DEBUG, logger=name)
    drive.put("a.csv", CONTENT)
    if code:
        faults.add(operation="monitor", times=None, do=status(code))
    shown = ""
    try:
        shown += repr(client.copy("myfiles/a.csv", "myfiles/b.csv").to_dict())
    except OneDriveError as error:
        shown += f"{error} {error!r} {vars(error)} {error.__cause__} {error.__context__!r} {error.to_dict()}"
    shown += "".join(f"{record.getMessage()} {record.args} {record.exc_text}" for record in caplog.records)
    paths = {request.path for request in onedrive_emulator.requests.matching(operation="monitor")}
    assert paths
    assert [path for path in paths if path in shown or path.rpartition("/")[2] in shown] == []
    assert not any(request.had_authorization for request in onedrive_emulator.requests.matching(operation="monitor"))


@pytest.mark.parametrize("do", ["move", "copy"])
def test_one_line_is_logged(client, drive, caplog, do):
    """What was done, where it is now, and the request id to ask Microsoft about."""
    drive.put("a.csv", CONTENT)
    with caplog.at_level(logging.INFO):
        getattr(client, do)("myfiles/a.csv", "myfiles/b.csv")
    [line] = [line for line in caplog.messages if line.startswith("Done")]
    assert line.startswith(f"Done (created): {do} myfiles/b.csv, {len(CONTENT)} bytes")
