"""Watching a folder: what is told, and what a death at any moment may cost."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from any_acts import during
from watching import AssetStatePlayed, Watching

from airflow_provider_onedrive.emulator import Emulator
from airflow_provider_onedrive.emulator.faults import status
from airflow_provider_onedrive.graph.client import AsyncClient, Client
from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError
from airflow_provider_onedrive.graph.tracking.selection import ChangeSelection
from airflow_provider_onedrive.graph.tracking.watch import Watch
from airflow_provider_onedrive.hooks.onedrive import OneDriveHook
from airflow_provider_onedrive.state.change_store import AssetStore, ChangeState
from airflow_provider_onedrive.state.change_tracker import AsyncChangeTracker
from airflow_provider_onedrive.triggers.clients import shared_client
from airflow_provider_onedrive.triggers.onedrive import OneDriveChangesTrigger

Start = Callable[..., Watching]


@pytest.fixture
def drive(onedrive_emulator: Emulator) -> Any:
    drive = onedrive_emulator.drive()
    drive.put_all({"in/a.csv": b"1", "in/sub/b.csv": b"22", "out/c.csv": b"333"})
    return drive


@pytest.fixture
def client(drive: Any) -> Iterator[Client]:
    with OneDriveHook().get_conn() as client:
        yield client


@pytest.fixture
def start(drive: Any, onedrive_emulator: Emulator) -> Iterator[Start]:
    """Start a watcher of ``myfiles/in``."""
    begun: list[Watching] = []

    def make(**given: Any) -> Watching:
        watching = Watching(onedrive_emulator, **given)
        begun.append(watching)
        return watching

    yield make
    for watching in begun:
        watching.close()


@pytest.fixture
def watching(start: Start, drive: Any) -> Watching:
    """A watcher that knows what is there."""
    return ready(start(on_start="emit_existing"))


def ready(watching: Watching) -> Watching:
    assert watching.changes() == ["created in/a.csv", "created in/sub/b.csv"]
    return watching


CHANGES: dict[str, tuple[Callable[[Any, Client], object], list[str]]] = {
    "a new file": (lambda drive, _: drive.put("in/new.csv", b"1"), ["created in/new.csv"]),
    "a new version": (lambda drive, _: drive.put("in/a.csv", b"new"), ["updated in/a.csv"]),
    "a file is deleted": (lambda drive, _: drive.delete("in/a.csv"), ["deleted in/a.csv"]),
    "a folder is deleted": (lambda drive, _: drive.delete("in/sub"), ["deleted in/sub/b.csv"]),
    "renamed": (lambda _, client: client.move("myfiles/in/a.csv", "myfiles/in/z.csv"), ["renamed in/z.csv"]),
    "moved within": (lambda _, client: client.move("myfiles/in/a.csv", "myfiles/in/sub/"), ["moved in/sub/a.csv"]),
    "moved in": (lambda _, client: client.move("myfiles/out/c.csv", "myfiles/in/"), ["created in/c.csv"]),
    "moved out": (lambda _, client: client.move("myfiles/in/a.csv", "myfiles/out/"), ["deleted in/a.csv"]),
    "a folder comes": (lambda _, client: client.move("myfiles/out", "myfiles/in/"), ["created in/out/c.csv"]),
    "a folder goes": (lambda _, client: client.move("myfiles/in/sub", "myfiles/out/"), ["deleted in/sub/b.csv"]),
    "a folder is renamed": (lambda _, client: client.move("myfiles/in/sub", "myfiles/in/bus"), ["moved in/bus/b.csv"]),
    "the folder itself goes": (
        lambda _, client: client.move("myfiles/in", "myfiles/old"),
        ["deleted in/a.csv", "deleted in/sub/b.csv"],
    ),
    "the folder itself is deleted": (
        lambda drive, _: drive.delete("in"),
        ["deleted in/a.csv", "deleted in/sub/b.csv"],
    ),
}


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("when", ["while it looks", "after a restart", "while the cursor is lost"])
def test_each_kind_of_change(watching: Watching, drive: Any, client: Client, name: str, when: str) -> None:
    """Told the same whether it looks on, was away meanwhile, or has to list all again."""
    act, told = CHANGES[name]
    if when == "after a restart":
        watching.settle()
        watching.restart()
    act(drive, client)
    if when == "while the cursor is lost":
        drive.expire_delta_tokens()
    assert watching.changes() == told


def test_what_an_event_holds(watching: Watching, drive: Any, client: Client) -> None:
    """Item dicts with what happened; the id is that of the same change, whenever it is told."""
    watching.settle()
    client.move("myfiles/in/a.csv", "myfiles/in/z.csv")
    event = watching.next()
    (change,) = event["changes"]
    assert {key: event[key] for key in ("location", "part", "parts", "counts")} == {
        "location": "myfiles/in",
        "part": 1,
        "parts": 1,
        "counts": {"created": 0, "updated": 0, "moved": 0, "renamed": 1, "deleted": 0},
    }
    assert (change["change"], change["path"], change["previous_path"]) == ("renamed", "in/z.csv", "in/a.csv")
    assert change["location"] == "myfiles/in/z.csv"
    assert change["web_url"].endswith("/Documents/in/z.csv")
    # Delta leaves out the cTag, and has the file's own address, not that of its editor.
    wanted = client.stat("myfiles/in/z.csv").to_dict() | {"ctag": None, "web_url": change["web_url"]}
    assert change.items() >= wanted.items()
    watching.restart()
    assert watching.next() == event


def test_items_at_the_first_poll(start: Start, drive: Any) -> None:
    """Nothing is told of it, unless it is asked for."""
    watching = start()
    watching.settle()
    drive.put("in/new.csv", b"1")
    assert watching.changes() == ["created in/new.csv"]


def test_items_since_a_time(start: Start, drive: Any, client: Client) -> None:
    """By the server's clock: what was created since, and what is older but was modified since."""
    threading.Event().wait(1.1)  # Graph's times have whole seconds
    moment = client.stat("myfiles/in/a.csv").modified_at + timedelta(seconds=1)
    drive.put("in/new.csv", b"1")
    drive.put("in/sub/b.csv", b"new")
    assert start(on_start=moment).changes() == ["created in/new.csv", "updated in/sub/b.csv"]


def test_a_folder_that_is_not_there_yet(start: Start, drive: Any) -> None:
    """It is waited for, and what is in it then is new."""
    watching = start(location="myfiles/later")
    watching.wait_for_requests(path="later", count=3)
    drive.put_all({"later/a.csv": b"1", "later/b/c.csv": b"2"})
    told = watching.changes()
    told += [] if len(told) == 2 else watching.changes()
    assert sorted(told) == ["created later/a.csv", "created later/b/c.csv"]


def test_the_folder_goes_and_comes_back(watching: Watching, client: Client) -> None:
    """Nothing of it is left meanwhile, and then all of it is new."""
    client.move("myfiles/in", "myfiles/old")
    assert watching.changes() == ["deleted in/a.csv", "deleted in/sub/b.csv"]
    client.move("myfiles/old", "myfiles/in")
    assert watching.changes() == ["created in/a.csv", "created in/sub/b.csv"]


def test_a_folder_above_is_renamed(start: Start, drive: Any, client: Client) -> None:
    """Delta tells of that folder alone."""
    drive.put("years/2026/in/a.csv", b"1")
    watching = start(location="myfiles/years/2026/in", on_start="emit_existing")
    assert watching.changes() == ["created years/2026/in/a.csv"]
    client.move("myfiles/years", "myfiles/old years")
    assert watching.changes() == ["deleted years/2026/in/a.csv"]


def test_another_folder_takes_the_name(watching: Watching, drive: Any, client: Client) -> None:
    """What is told belongs to the name, not to the id."""
    client.move("myfiles/in", "myfiles/old")
    drive.put("in/z.csv", b"1")
    told: list[str] = []
    while len(told) < 3:
        told += watching.changes()
    assert sorted(told) == ["created in/z.csv", "deleted in/a.csv", "deleted in/sub/b.csv"]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"file_pattern": "*.csv"}, ["created in/new.csv", "created in/x/deep.csv"]),
        ({"file_pattern": "x/*"}, ["created in/x/deep.csv", "created in/x/deep.txt"]),
        ({"regex": r"(?P<stem>ne)w\."}, ["created in/new.csv", "created in/new.txt"]),
        ({"recursive": False}, ["created in/new.csv", "created in/new.txt"]),
        ({"kind": "folder"}, ["created in/x"]),
        ({"kind": "any", "file_pattern": "x"}, ["created in/x"]),
        ({"ignore": ["*.csv"]}, ["created in/new.txt", "created in/x/deep.txt"]),
        ({"events": ["created"], "file_pattern": "new.csv"}, ["created in/new.csv"]),
    ],
)
def test_what_is_asked_for(start: Start, drive: Any, given: dict[str, Any], told: list[str]) -> None:
    watching = start(**given)
    watching.settle()
    drive.put_all({f"in/{name}": b"1" for name in ("new.csv", "new.txt", "x/deep.csv", "x/deep.txt")})
    assert watching.changes() == told


def test_what_begins_or_ceases_to_match(start: Start, drive: Any, client: Client) -> None:
    """A file that gets its real name when it is complete is new for who asks for that name."""
    watching = start(file_pattern="*.csv")
    watching.settle()
    drive.put("in/load.tmp", b"1")
    watching.settle()
    client.move("myfiles/in/load.tmp", "myfiles/in/load.csv")
    assert watching.changes() == ["created in/load.csv"]
    client.move("myfiles/in/load.csv", "myfiles/in/load.done")
    assert watching.changes() == ["deleted in/load.csv"]


def test_many_changes_come_in_several_events(start: Start, drive: Any) -> None:
    """None is left out, and each says which part it is."""
    watching = start(max_changes=4)
    watching.settle()
    drive.put_all({f"in/{number}.txt": b"1" for number in range(10)})
    events = [watching.next() for _ in range(3)]
    assert [(event["part"], event["parts"], len(event["changes"])) for event in events] == [
        (1, 3, 4),
        (2, 3, 4),
        (3, 3, 2),
    ]
    assert {change["name"] for event in events for change in event["changes"]} == {f"{n}.txt" for n in range(10)}
    assert len({event["id"] for event in events}) == 3
    watching.restart()  # the last part is not known to be durable
    assert [watching.next() for _ in range(3)] == events


# --- deaths, restarts and what is kept


@pytest.mark.parametrize("number", range(12))
def test_a_death_at_any_call_of_the_store(start: Start, drive: Any, number: int) -> None:
    """Nothing is lost; what was told and not kept is told again under the same id."""
    watching = start(on_start="emit_existing", max_changes=1)
    told: dict[str, str] = {}
    left = [number]

    def dies(name: str, key: str) -> None:
        del name, key
        if not left[0]:
            raise asyncio.CancelledError
        left[0] -= 1

    def listen(wanted: str) -> None:
        while wanted not in told.values():
            try:
                (change,) = watching.next()["changes"]
            except (asyncio.CancelledError, StopAsyncIteration):
                left[0] = -1
                watching.begin()
            else:
                shown = f"{change['change']} {change['path']}"
                assert told.setdefault(change["change_id"], shown) == shown

    watching.store.told = dies
    listen("created in/sub/b.csv")
    drive.put("in/a.csv", b"new")
    listen("updated in/a.csv")
    drive.delete("in/a.csv")
    listen("deleted in/a.csv")
    assert sorted(told.values()) == [
        *("created in/a.csv", "created in/sub/b.csv", "deleted in/a.csv", "updated in/a.csv"),
    ]


def test_many_items_are_kept_in_pieces(start: Start, drive: Any) -> None:
    """No text is larger than Airflow has for a small one, and what is obsolete is taken away."""
    drive.put_all({f"in/{number}/{name}.csv": b"1" for number in range(40) for name in range(50)})
    watching = start()
    watching.settle()
    assert len(watching.store.texts) > 3
    assert all(len(text) < 65_535 for text in watching.store.texts.values())
    for number in range(30):
        drive.delete(f"in/{number}")
        assert len(watching.changes()) == 50
    watching.settle()
    assert len(watching.store.texts) < 15
    watching.restart()
    drive.delete("in/39")
    assert len(watching.changes()) == 50


@pytest.mark.parametrize("text", ["", "{}", '{"version": 2}', "no JSON"])
def test_what_is_kept_cannot_be_read(start: Start, drive: Any, caplog: pytest.LogCaptureFixture, text: str) -> None:
    """It is said, and begun anew."""
    watching = start(on_start="emit_existing")
    watching.next()
    watching.settle()
    watching.kill()
    (name,) = (key for key in watching.store.texts if "." not in key)
    watching.store.texts[name] = text
    watching.begin()
    assert watching.changes() == ["created in/a.csv", "created in/sub/b.csv"]
    assert "The watch begins anew" in caplog.text


def test_a_lost_piece(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    watching = start(on_start="emit_existing")
    watching.next()
    watching.settle()
    watching.kill()
    (piece,) = (key for key in watching.store.texts if "base" in key)
    del watching.store.texts[piece]
    watching.begin()
    assert watching.changes() == ["created in/a.csv", "created in/sub/b.csv"]
    assert piece in caplog.text


def test_graph_is_away_for_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What happened meanwhile is told when it is back."""
    with Emulator(root=tmp_path / "drive") as emulator:
        for name, value in emulator.environment.items():
            monkeypatch.setenv(name, value)
        emulator.drive().put("in/a.csv", b"1")
        watching = Watching(emulator, on_start="emit_existing")
        watching.trigger.patience_seconds = 0.01
        assert watching.changes() == ["created in/a.csv"]
        watching.settle()
    port = urlsplit(emulator.graph_url).port or 0
    with Emulator(root=tmp_path / "drive", port=port) as emulator:
        for name, value in emulator.environment.items():
            monkeypatch.setenv(name, value)
        emulator.drive().put("in/b.csv", b"1")
        assert watching.changes() == ["created in/b.csv"]
    watching.close()


# --- errors


@pytest.mark.parametrize("code", [401, 403, 404, 429, 500, 503])
def test_polling_continues_after_every_error(
    watching: Watching, drive: Any, onedrive_emulator: Emulator, code: int
) -> None:
    """Whatever Graph says, it looks again, and what happened meanwhile is told."""
    watching.settle()
    watching.trigger.patience_seconds = 0.01
    fault = onedrive_emulator.faults.add(operation="delta", times=6, do=status(code, retry_after=0))
    watching.wait_for(lambda: fault.hits >= 2)
    drive.put("in/new.csv", b"1")
    assert watching.changes() == ["created in/new.csv"]


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Callable[[], str]:
    """What was logged so far: Airflow 2 logs the one way, Airflow 3 the other."""
    printed: list[str] = []

    def text() -> str:
        printed.append(capfd.readouterr().out)
        return "".join(printed) + caplog.text

    return text


def test_a_wrong_parameter_is_logged_and_waited_for(
    start: Start, onedrive_emulator: Emulator, log: Callable[[], str]
) -> None:
    """Nothing is raised in the triggerer, where it would begin anew every two seconds."""
    watching = start(events=["vanished"])
    watching.wait_for(lambda: "events is" in log())
    assert "No changes until this is fixed" in log()
    assert not onedrive_emulator.requests.matching(method="GET")


def test_a_connection_that_is_missing(start: Start, log: Callable[[], str], airflow_db: None) -> None:
    watching = start(onedrive_conn_id="nowhere")
    watching.wait_for(lambda: "Polling for changes failed" in log())


@pytest.mark.airflow3
def test_several_assets_have_one_watcher(start: Start, log: Callable[[], str]) -> None:
    """One of them is to be named; nothing is kept in memory alone."""
    watching = start()
    watching.trigger.asset_state_store = two_assets()  # type: ignore[attr-defined, assignment, unused-ignore]
    watching.wait_for(lambda: "Several assets have this watcher" in log())
    assert "asset_name" in log()


@pytest.mark.airflow3
def test_an_asset_is_named() -> None:
    """That one keeps it; another name is an error."""
    assert AssetStore(two_assets(), "one")
    with pytest.raises(ConfigurationError, match="'three'"):
        AssetStore(two_assets(), "three")


def two_assets() -> Any:
    from airflow.sdk import Asset  # noqa: PLC0415 - Airflow 3
    from airflow.sdk.execution_time.context import AssetStateStoreAccessors  # noqa: PLC0415 - as above

    return AssetStateStoreAccessors(inlets=[Asset("one"), Asset("two")])


@pytest.mark.parametrize("lists_again", ["the cursor is lost", "it is time"])
def test_what_moves_while_all_is_listed(
    start: Start, drive: Any, client: Client, onedrive_emulator: Emulator, lists_again: str
) -> None:
    """From a folder that is still to be listed to one that has been: it is neither deleted nor created."""
    watching = ready(start(on_start="emit_existing", full_every=0.0 if lists_again == "it is time" else None))
    watching.settle()
    moves = during(lambda: client.move("myfiles/in/sub/b.csv", "myfiles/in/"))
    onedrive_emulator.faults.add(operation="children", path="items", after=1, times=1, do=moves)
    if lists_again == "the cursor is lost":
        drive.expire_delta_tokens()
    assert watching.changes() == ["moved in/b.csv"]
    watching.settle()


# --- many watchers


def test_one_request_for_all_watchers_of_a_drive(drive: Any, onedrive_emulator: Emulator) -> None:
    """Twenty-five folders of one drive cost one delta an interval, wherever each of them had been."""

    async def follow() -> None:
        async with shared_client("onedrive_default") as client:
            followers = [await begun(client, f"myfiles/{number}") for number in range(25)]
            for number in range(25):
                drive.put(f"{number}/late.csv", b"1")
            await looks(client, followers)
            onedrive_emulator.requests.clear()
            drive.put("7/new.csv", b"1")
            told = await looks(client, followers)
            assert [len(each) for each in told] == [1 if number == 7 else 0 for number in range(25)]
            await looks(client, followers)
            assert len(onedrive_emulator.requests.matching(method="GET")) == 2

    async def begun(client: AsyncClient, location: str) -> AsyncChangeTracker:
        tracker = AsyncChangeTracker(
            Watch(location), ChangeSelection(), ChangeState("x"), AssetStore(AssetStatePlayed(), None)
        )
        await tracker.poll(client, fresh_seconds=0.0)
        return tracker

    async def looks(client: AsyncClient, followers: list[AsyncChangeTracker]) -> list[list[dict[str, Any]]]:
        """Let the first come a moment before the others."""
        first, *others = followers
        told = [await first.poll(client, fresh_seconds=0.0)]
        return told + await asyncio.gather(*(other.poll(client, fresh_seconds=600.0) for other in others))

    for number in range(25):
        drive.put(f"{number}/a.csv", b"1")
    asyncio.run(follow())


def test_its_parameters_survive_and_identify_it() -> None:
    """The stored form names the class where the documentation has it, and the times are plain."""
    given = {"location": "myfiles/in", "on_start": datetime(2026, 1, 1, tzinfo=UTC), "full_every": timedelta(hours=1)}
    classpath, kwargs = OneDriveChangesTrigger(**given).serialize()
    assert classpath == "airflow_provider_onedrive.triggers.onedrive.OneDriveChangesTrigger"
    assert json.loads(json.dumps(kwargs)) == kwargs
    assert OneDriveChangesTrigger(**kwargs).serialize() == (classpath, kwargs)
    assert OneDriveChangesTrigger(**kwargs, later="x").unknown == ["later"]


STORED_BY_VERSION_1: dict[str, Any] = {
    "location": "myfiles/in",
    "events": ["created"],
    "on_start": "ignore",
    "full_every": 86400.0,
    "poke_interval": 60.0,
    "version": 1,
}


def test_what_version_1_stored_is_understood() -> None:
    _, kwargs = OneDriveChangesTrigger(**STORED_BY_VERSION_1).serialize()
    assert kwargs.items() >= STORED_BY_VERSION_1.items()
