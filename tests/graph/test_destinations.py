"""Errors about a missing destination name it, and what is there under a similar name."""

from __future__ import annotations

import asyncio

import pytest

from airflow_provider_onedrive.emulator.faults import status
from airflow_provider_onedrive.graph import ItemNotFound

ACTS = {
    "move": lambda client, destination: client.move("myfiles/a.csv", destination),
    "copy": lambda client, destination: client.copy("myfiles/a.csv", destination),
    "start_copy": lambda client, destination: client.start_copy("myfiles/a.csv", destination),
    "upload": lambda client, destination: client.upload(destination, content=b"x", file_name="new.csv"),
}


@pytest.fixture
def tree(drive):
    # The source lies beside a name that looks like it, which nobody means.
    drive.put_all({"a.csv": b"a", "A1.csv": b"b", "Reports/2026/x.csv": b"x"})
    return drive


@pytest.mark.parametrize("name", ACTS)
@pytest.mark.parametrize(
    ("destination", "words"),
    [
        ("myfiles/Report/", r"Did you mean 'Reports'\? 'Report' is not there\."),
        ("myfiles/Reports/2026/May/", "Cannot find the folder myfiles/Reports/2026/May"),
        ("myfiles/Reports%20/", "Cannot find the folder"),
        ("myfiles/Repotrs/2026/", r"Did you mean 'Reports'\?"),
    ],
)
def test_missing_destination_is_named(client, tree, name, destination, words):
    """The folder, and not the source; how to have it made stays said."""
    with pytest.raises(ItemNotFound, match=words) as caught:
        ACTS[name](client, destination)
    text = str(caught.value)
    assert f"Cannot find the folder {destination.rstrip('/')}" in text
    assert "create_folders=True" in text
    assert "a.csv" not in text.partition("(404")[0]
    assert "A1.csv" not in text


@pytest.mark.parametrize(("name", "operation", "words"), [("move", "update", "move to"), ("copy", "copy", "copy to")])
def test_write_that_stays_missing_names_the_destination(*, client, tree, faults, name, operation, words):
    """Source and folder could be read, and the write is 404 for longer than a moment."""
    rule = faults.add(operation=operation, times=None, do=status(404))
    with pytest.raises(ItemNotFound, match=rf"Cannot {words} myfiles/Reports/: .*was there a moment ago") as caught:
        ACTS[name](client, "myfiles/Reports/")
    assert "Did you mean" not in str(caught.value)
    assert rule.hits > 3
    assert tree.read("a.csv") == b"a"


def test_write_names_the_source_that_has_gone_meanwhile(client, tree, faults):
    faults.add(operation="update", times=None, do=status(404))
    faults.add(operation="get", path="/items/", times=None, do=status(404))
    with pytest.raises(ItemNotFound, match=r"Cannot move myfiles/a\.csv"):
        client.move("myfiles/a.csv", "myfiles/Reports/")


def test_upload_session_that_stays_missing_names_the_file(client, tree, faults):
    faults.add(operation="create_session", times=None, do=status(404))
    with pytest.raises(ItemNotFound, match=r"Cannot upload to myfiles/Reports/new\.csv"):
        client.upload("myfiles/Reports/new.csv", content=b"x" * 11 * 1024 * 1024)


@pytest.mark.parametrize("wanted", ["2025", "2027", "report"])
def test_other_number_is_no_typing_error(client, tree, wanted):
    with pytest.raises(ItemNotFound) as caught:
        client.stat(f"myfiles/Reports/{wanted}/x.csv")
    assert "Did you mean" not in str(caught.value)


ASYNC_ACTS = {
    **{name: ACTS[name] for name in ("move", "start_copy")},
    "stat": lambda client, destination: client.stat(destination),
    "delete": lambda client, destination: client.delete(f"{destination}x.csv"),
}


@pytest.mark.parametrize("name", ASYNC_ACTS)
def test_event_loop_names_what_was_meant_too(connect_async, tree, name):
    """With the similar name, and with the folder and not the source where something goes into it."""

    async def act():
        async with connect_async() as client:
            await ASYNC_ACTS[name](client, "myfiles/Report/")

    with pytest.raises(ItemNotFound, match=r"Did you mean 'Reports'\? 'Report' is not there\.") as caught:
        asyncio.run(act())
    assert "A1.csv" not in str(caught.value)
