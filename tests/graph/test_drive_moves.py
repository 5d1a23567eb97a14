"""Moves to another drive that Graph makes itself, and what becomes of them when its answers tell little."""

from __future__ import annotations

import asyncio

import pytest

from airflow_provider_onedrive.emulator.faults import Fault, alter, answer, drop_after, drop_before, status
from airflow_provider_onedrive.graph import TaskAttempt
from airflow_provider_onedrive.graph.protocol.errors import (
    AccessDenied,
    ConfigurationError,
    CopyUnfinished,
    LocationError,
    NameAlreadyExists,
    QuotaExceeded,
    ServiceUnavailable,
)
from airflow_provider_onedrive.graph.protocol.options import RelocateOptions

CONTENT, OLD = b"a,b\n1,2\n", b"x,y\n8,9\n"


@pytest.fixture
def client(connect):
    return connect()


@pytest.fixture
def drive(onedrive_emulator):
    drive = onedrive_emulator.drive()
    drive.put("in/a.csv", OLD)
    drive.put("in/a.csv", CONTENT)
    return drive


@pytest.fixture
def there(onedrive_emulator):
    """The drive of somebody else."""
    return onedrive_emulator.drive(onedrive_emulator.users[1])


@pytest.fixture
def move(onedrive_emulator, client, drive):
    """Move to the other drive; the source is a file unless another one is named."""
    assert drive.exists("in/a.csv")

    def run(source="in/a.csv", name="", **more):
        destination = f"users/{onedrive_emulator.users[1]}/{name}"
        return client.move(f"myfiles/{source}", destination, **{"cross_drive": "move", **more})

    return run


def sent(emulator, operation):
    return len(emulator.requests.matching(operation=operation))


def test_a_file_keeps_its_id_and_its_versions(move, drive, there, onedrive_emulator):
    """No copy, no deletion, nothing in a recycle bin."""
    before = drive.item("in/a.csv")["id"]
    item = move()
    assert (item.id, item.drive_id, item.outcome) == (before, there.id, "created")
    assert item.location == f"users/{onedrive_emulator.users[1]}/a.csv"
    assert (there.read("a.csv"), there.version_count("a.csv")) == (CONTENT, 2)
    assert (drive.paths(), drive.recycle_bin) == (["in/"], [])
    assert (sent(onedrive_emulator, "copy"), sent(onedrive_emulator, "delete")) == (0, 0)


def test_a_folder_goes_as_a_whole(move, drive, there):
    """With all that is in it, under the name that is wanted."""
    assert move("in", "out").is_folder
    assert there.read_all() == {"out/a.csv": CONTENT}
    assert drive.paths() == []


def test_the_default_is_a_copy(move, drive, there, onedrive_emulator):
    """Another id, and the source in the recycle bin."""
    item = move(cross_drive="copy")
    assert item.id == there.item("a.csv")["id"]
    assert drive.recycle_bin == ["in/a.csv"]
    assert [entry.status for entry in onedrive_emulator.requests.matching(operation="update")] == []


def test_a_service_that_moves_nothing(move, drive, there, onedrive_emulator):
    """A file is copied, compared and deleted; a folder is not."""
    onedrive_emulator.quirks.cross_drive_moves = "refused"
    move()
    assert (there.read("a.csv"), drive.recycle_bin) == (CONTENT, ["in/a.csv"])
    with pytest.raises(LocationError, match="only a file is moved to another drive"):
        move("in")
    assert drive.exists("in")


@pytest.mark.parametrize("code", [400, 405, 501])
def test_refusals_of_the_request(move, drive, there, onedrive_emulator, code):
    """Only these say that Graph moves nothing there."""
    onedrive_emulator.faults.add(do=status(code), operation="update")
    move()
    assert (there.read("a.csv"), drive.recycle_bin) == (CONTENT, ["in/a.csv"])


def test_a_refusal_of_another_kind(move, drive, there, onedrive_emulator):
    """It is an error, and nothing is copied."""
    onedrive_emulator.faults.add(do=status(403), operation="update")
    with pytest.raises(AccessDenied):
        move()
    assert (drive.read("in/a.csv"), there.paths()) == (CONTENT, [])


@pytest.mark.parametrize("fault", [drop_after(), answer(500), answer(504)], ids=str)
def test_an_answer_that_is_lost(move, drive, there, onedrive_emulator, fault):
    """The move goes on, and is found by the item's id."""
    onedrive_emulator.options.copy_poll_count = 0
    onedrive_emulator.faults.add(do=fault, operation="update")
    assert move().outcome == "created"
    assert (there.read("a.csv"), drive.paths(), drive.recycle_bin) == (CONTENT, ["in/"], [])


def test_a_move_that_is_answered_with_404(move, drive, there, onedrive_emulator):
    """Seen so: it was made all the same."""
    onedrive_emulator.quirks.cross_drive_moves = "missing"
    before = drive.item("in/a.csv")["id"]
    assert move().id == before
    assert (there.read("a.csv"), drive.recycle_bin) == (CONTENT, [])


@pytest.mark.parametrize("fault", [drop_before(), status(500), status(404)], ids=str)
def test_a_move_that_never_began(move, drive, there, onedrive_emulator, fault):
    """Nobody knows that, so it is an error with both places; nothing is copied, and a retry moves it."""
    item = drive.item("in/a.csv")
    rule = onedrive_emulator.faults.add(do=fault, operation="update", times=None)
    with pytest.raises(ServiceUnavailable, match="not clear whether") as caught:
        move()
    assert f"items/{drive.id}/{item['id']}" in str(caught.value)
    assert f"items/{there.id}/{item['id']}" in str(caught.value)
    assert (drive.read("in/a.csv"), there.paths(), drive.recycle_bin) == (CONTENT, [], [])
    assert rule.hits >= 1
    onedrive_emulator.faults.clear()
    assert move(attempt=TaskAttempt(retrying=True)).outcome == "created"


def test_a_retry_finds_what_was_moved(move, there):
    """An earlier attempt has moved it, and could not tell."""
    before = move().id
    item = move(attempt=TaskAttempt(retrying=True))
    assert (item.id, item.outcome) == (before, "already_there")
    assert there.paths() == ["a.csv"]


def test_a_monitor_that_is_gone(move, there, onedrive_emulator):
    """The two places tell that the item was moved."""
    onedrive_emulator.options.copy_poll_count = 0
    onedrive_emulator.faults.add(do=status(404), operation="monitor", times=None)
    move()
    assert there.read("a.csv") == CONTENT


def test_a_move_that_says_it_ended(move, drive, there, onedrive_emulator):
    """A monitor that is wrong is not believed."""
    ended = answer(200, body='{"status": "completed"}', done=False)
    onedrive_emulator.faults.add(do=ended, operation="monitor", times=None)
    with pytest.raises(ServiceUnavailable, match="not clear whether"):
        move()
    assert (drive.read("in/a.csv"), there.paths()) == (CONTENT, [])


def test_a_move_that_takes_too_long(move, drive, onedrive_emulator):
    """The wait ends, and the move goes on."""
    onedrive_emulator.options.copy_poll_count = 1000
    with pytest.raises(CopyUnfinished, match="The move itself goes on"):
        move(options=RelocateOptions(timeout_seconds=0))
    onedrive_emulator.finish_copies()
    assert not drive.exists("in/a.csv")


def test_a_full_drive(move, drive, there):
    """The monitor says why; the source stays."""
    there.quota_bytes = 1
    with pytest.raises(QuotaExceeded):
        move()
    assert drive.read("in/a.csv") == CONTENT


def test_when_the_name_is_taken(move, drive, there):
    """``if_exists`` means what it means elsewhere."""
    there.put("a.csv", OLD)
    with pytest.raises(NameAlreadyExists):
        move()
    assert move(if_exists="skip").outcome == "skipped"
    assert move(if_exists="rename").location.endswith("/a 1.csv")
    drive.put("in/a.csv", CONTENT)
    assert move(if_exists="replace").outcome == "replaced"
    assert there.read_all() == {"a.csv": CONTENT, "a 1.csv": CONTENT}
    assert there.recycle_bin == ["a.csv"]


def test_a_name_that_is_taken_meanwhile(move, drive, there, onedrive_emulator):
    """The monitor tells it."""

    class Taken(Fault):
        def before(self, request, context):
            there.put("a.csv", OLD)

    onedrive_emulator.faults.add(do=Taken(), operation="update")
    with pytest.raises(NameAlreadyExists):
        move()
    assert (drive.read("in/a.csv"), there.read("a.csv")) == (CONTENT, OLD)


def test_a_copied_source_that_is_elsewhere(move, drive, onedrive_emulator):
    """What is not where it was read is not deleted."""
    elsewhere = alter({"parentReference/id": "01OTHER"}, name="a.csv")
    onedrive_emulator.faults.add(do=elsewhere, path=drive.item("in/a.csv")["id"], method="GET", times=None)
    with pytest.raises(ServiceUnavailable, match="is not where it was when it was read; nothing was deleted"):
        move(cross_drive="copy")
    assert drive.recycle_bin == []


def test_another_word(move, drive):
    """It is refused before anything is sent."""
    with pytest.raises(ConfigurationError, match="cross_drive is 'copie'"):
        move(cross_drive="copie")
    assert drive.exists("in/a.csv")


def test_on_an_event_loop(connect_async, drive, there, onedrive_emulator):
    """The client for an event loop does the same."""
    before = drive.item("in/a.csv")["id"]

    async def whole():
        async with connect_async() as client:
            destination = f"users/{onedrive_emulator.users[1]}/"
            return await client.move("myfiles/in/a.csv", destination, cross_drive="move")

    assert asyncio.run(whole()).id == before
    assert there.exists("a.csv")
