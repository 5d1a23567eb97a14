"""A client that lives for long keeps to its allowed locations, whatever is moved meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_onedrive.emulator.faults import status
from airflow_provider_onedrive.graph.client import Client
from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError
from airflow_provider_onedrive.graph.protocol.options import DeleteOptions

OUTSIDE = "lies outside of the connection's allowed_locations"
ROOT = "is one of the connection's allowed_locations, which are neither deleted nor moved"


@pytest.fixture
def filled(drive: Any) -> Any:
    for path in ("in/a.csv", "in/deep/b.csv", "in/deep/er/c.csv", "out/d.csv", "also/e.csv"):
        drive.put(path, path.encode())
    return drive


@pytest.fixture
def limited(connect: Callable[..., Client], filled: Any) -> Client:
    """A client that has read something before, as one of a sensor has."""
    client = connect(allowed_locations=["myfiles/in", "myfiles/also"])
    assert client.stat("myfiles/in/deep/er/c.csv").size
    return client


def by_id(drive: Any, path: str) -> dict[str, Any]:
    return {"drive_id": drive.id, "id": drive.item(path)["id"]}


READS: list[tuple[str, Callable[[Client, Any], object]]] = [
    ("stat", lambda client, location: client.stat(location)),
    ("read_bytes", lambda client, location: client.read_bytes(location)),
    ("save", lambda client, location: client.save(location, content=b"x")),
    ("delete", lambda client, location: client.delete(location)),
    ("delete_permanent", lambda client, location: client.delete(location, permanent=True)),
    ("move", lambda client, location: client.move(location, "myfiles/in/")),
    ("copy", lambda client, location: client.copy(location, "myfiles/in/")),
]


@pytest.mark.parametrize(("name", "act"), READS, ids=[name for name, _ in READS])
def test_folder_that_was_moved_out_is_outside(
    limited: Client, client: Client, filled: Any, name: str, act: Callable[[Client, Any], object]
) -> None:
    """The parents that an earlier operation has read are not those of now."""
    client.move("myfiles/in/deep", "myfiles/out/")
    with pytest.raises(ConfigurationError, match=OUTSIDE):
        act(limited, by_id(filled, "out/deep/er/c.csv"))
    assert filled.read("out/deep/er/c.csv") == b"in/deep/er/c.csv", name
    assert sorted(filled.read_all("in")) == ["in/a.csv"]


def test_folder_that_was_moved_in_is_inside(limited: Client, client: Client, filled: Any) -> None:
    """Both ways: a refusal is not remembered either."""
    with pytest.raises(ConfigurationError, match=OUTSIDE):
        limited.stat(by_id(filled, "out/d.csv"))
    client.move("myfiles/out", "myfiles/in/")
    assert limited.stat(by_id(filled, "in/out/d.csv")).name == "d.csv"


def test_event_loop_forgets_too(connect_async: Any, client: Client, filled: Any) -> None:
    """The client of triggers lives for days."""

    async def look() -> None:
        async with connect_async(allowed_locations=["myfiles/in"]) as limited:
            item = await limited.stat("myfiles/in/deep/er/c.csv")
            await asyncio.to_thread(client.move, "myfiles/in/deep", "myfiles/out/")
            with pytest.raises(ConfigurationError, match=OUTSIDE):
                await limited.stat(item.to_dict())
            with pytest.raises(ConfigurationError, match=ROOT):
                await limited.delete("myfiles/in", recursive=True)
            with pytest.raises(ConfigurationError, match=ROOT):
                await limited.move("myfiles/in", "myfiles/in/", file_name="x")

    asyncio.run(look())


def test_allowed_location_is_what_has_its_name_now(limited: Client, client: Client, filled: Any) -> None:
    """If the folder itself is moved away, and another one takes its name."""
    client.move("myfiles/in", "myfiles/out/old")
    filled.put("in/new.csv", b"n")
    assert limited.stat("myfiles/in/new.csv").size == 1
    with pytest.raises(ConfigurationError, match=OUTSIDE):
        limited.stat(by_id(filled, "out/old/a.csv"))
    filled.delete("in")
    with pytest.raises(ConfigurationError, match="names myfiles/in, which does not exist"):
        limited.stat(by_id(filled, "out/old/a.csv"))


def test_upload_does_not_follow_a_folder_out(limited: Client, client: Client, filled: Any) -> None:
    """The id of a folder is remembered for some seconds where nothing limits the connection."""
    limited.save("myfiles/in/deep/x.csv", content=b"x")
    client.move("myfiles/in/deep", "myfiles/out/")
    filled.put("in/deep/new.csv", b"n")
    limited.save("myfiles/in/deep/y.csv", content=b"y")
    assert (filled.exists("out/deep/y.csv"), filled.read("in/deep/y.csv")) == (False, b"y")


def test_copy_is_read_inside_only(limited: Client, filled: Any) -> None:
    """The ids of a copy come from XCom, and from a monitor."""
    inside, outside = by_id(filled, "in"), by_id(filled, "out")
    started = {"name": "d.csv", "outcome": "created", "is_repeated": False}
    copies = [
        (started | {"drive_id": filled.id, "folder_id": outside["id"]}, None),
        (started | {"drive_id": filled.id, "folder_id": inside["id"]}, by_id(filled, "out/d.csv")["id"]),
    ]
    for copy, item_id in copies:
        with pytest.raises(ConfigurationError, match=rf"What was copied to myfiles/in/? {OUTSIDE}") as refused:
            limited.copied("myfiles/in/", copy, item_id)
        assert "d.csv" not in str(refused.value)
    copy = limited.start_copy("myfiles/in/a.csv", "myfiles/in/deep/")
    while not (progress := limited.copy_progress(copy.monitor_url)).is_ended:
        pass
    assert limited.copied("myfiles/in/deep/", copy.to_dict(), progress.item_id).location == "myfiles/in/deep/a.csv"


@pytest.mark.parametrize("location", ["myfiles/in", "myfiles/in/", "MYFILES/In", "by_id"])
def test_allowed_location_is_neither_deleted_nor_moved(limited: Client, filled: Any, location: str) -> None:
    """However it is named: its limit would go with it."""
    before, named = filled.paths(), by_id(filled, "in") if location == "by_id" else location
    for act in (
        lambda: limited.delete(named, recursive=True),
        lambda: limited.delete(named, recursive=True, options=DeleteOptions(dry_run=True)),
        lambda: limited.delete(named, recursive=True, permanent=True),
        lambda: limited.move(named, "myfiles/also/"),
        lambda: limited.delete_all([limited.stat(named)]),
    ):
        with pytest.raises(ConfigurationError, match=ROOT):
            act()
    assert filled.paths() == before
    limited.copy("myfiles/in", "myfiles/also/")
    limited.delete("myfiles/also/in", recursive=True)


@pytest.mark.parametrize("permanent", [True, False])
def test_items_that_were_moved_after_their_listing_stay(
    limited: Client, client: Client, filled: Any, *, permanent: bool
) -> None:
    """A deletion of many compares where each is now, or is bound to the version that was listed."""
    listed = list(limited.children("myfiles/in/deep/er"))
    client.move("myfiles/in/deep/er/c.csv", "myfiles/out/")
    if permanent:
        with pytest.raises(ConfigurationError, match=OUTSIDE):
            limited.delete_all(listed, permanent=True)
    else:
        assert len(limited.delete_all(listed)) == 1
    assert filled.read("out/c.csv") == b"in/deep/er/c.csv"


def test_id_that_is_not_found_for_a_moment_is_looked_for_again(limited: Client, filled: Any, faults: Any) -> None:
    """A 404 at the check and none afterwards must not show what lies outside."""
    item = by_id(filled, "out/d.csv")
    faults.add(operation="get", times=1, do=status(404))
    with pytest.raises(ConfigurationError, match=OUTSIDE):
        limited.stat(item)


@pytest.mark.parametrize("location", ["myfiles/in", "myfiles/in/new/x.csv", "myfiles/in/deep/er/x.csv"])
@pytest.mark.parametrize("after", range(6))
def test_allowed_location_that_is_not_found_for_a_moment_allows(
    limited: Client, faults: Any, location: str, after: int
) -> None:
    """Neither it nor what lies in it is judged by the folder above it, at whichever request the 404 comes."""
    faults.add(operation="get", path=r"/root:/in(/deep|/deep/er|/new)?:?$", after=after, times=1, do=status(404))
    assert str(limited.address(location)) == location


def test_missing_item_outside_stays_outside(limited: Client, filled: Any) -> None:
    """Also below a file, of which is not shown that it is there."""
    for location in ("myfiles/out/x.csv", "myfiles/out/d.csv/x.csv", "myfiles/nowhere/x.csv"):
        with pytest.raises(ConfigurationError, match=OUTSIDE):
            limited.stat(location)


def test_check_costs_little(limited: Client, onedrive_emulator: Any) -> None:
    """One look at the item, one at the location that allows it, and one at each folder between them."""
    onedrive_emulator.requests.clear()
    limited.stat("myfiles/in/a.csv")
    assert len(onedrive_emulator.requests.matching(origin="graph")) == 3
    onedrive_emulator.requests.clear()
    limited.stat("myfiles/in/deep/er/c.csv")
    assert len(onedrive_emulator.requests.matching(origin="graph")) == 5
