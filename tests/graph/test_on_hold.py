"""Folders that a retention policy keeps as long as something is in them."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from airflow_provider_onedrive.emulator.faults import refuse, status
from airflow_provider_onedrive.graph import (
    Client,
    ConfigurationError,
    DeleteOptions,
    DeletionStopped,
    LocationError,
    OnHold,
    Throttled,
)
from airflow_provider_onedrive.graph.config.deployment import DeploymentPolicy
from airflow_provider_onedrive.graph.protocol.errors import error_from_dict

TREE = {"in/a/b/1.csv": b"1", "in/a/2.csv": b"2", "in/3.csv": b"3", "in/empty/": None, "out.csv": b"o"}
CONTENTS = DeleteOptions(on_hold="delete_contents")


@pytest.fixture
def held(onedrive_emulator, drive):
    """A drive with a tree in it, under a policy."""
    drive.put_all(TREE)
    onedrive_emulator.quirks.folders_on_hold = True
    return drive


def test_nothing_is_deleted_by_default(client, held):
    before = held.paths()
    with pytest.raises(OnHold) as caught:
        client.delete("myfiles/in", recursive=True)
    text = str(caught.value)
    assert "Cannot delete myfiles/in: Request was cancelled by event received" in text
    assert "Nothing was deleted. A retention policy or a hold keeps it: the compliance administrator" in text
    assert "on_hold='delete_contents'" in text
    assert "permission:" not in text
    assert (held.paths(), held.recycle_bin) == (before, [])


@pytest.mark.parametrize("permanent", [False, True])
def test_contents_go_first_where_asked(client, held, permanent):
    """The deepest first; each item is deleted by itself, which the policy lets pass."""
    deleted = client.delete("myfiles/in", recursive=True, permanent=permanent, options=CONTENTS)
    assert held.paths() == ["out.csv"]
    paths = [item.path for item in deleted]
    assert sorted(paths) == sorted(["in", "in/a", "in/a/b", "in/a/b/1.csv", "in/a/2.csv", "in/3.csv", "in/empty"])
    for path in paths:
        assert not [later for later in paths[paths.index(path) :] if later.startswith(f"{path}/")]


def test_asynchronous_client_deletes_contents_as_well(connect_async, held):
    async def delete():
        async with connect_async() as client:
            return await client.delete("myfiles/in", recursive=True, options=CONTENTS)

    assert len(asyncio.run(delete())) == 7
    assert held.paths() == ["out.csv"]


def test_folder_without_a_hold_goes_as_a_whole(client, drive, onedrive_emulator):
    drive.put_all(TREE)
    assert [item.path for item in client.delete("myfiles/in", recursive=True, options=CONTENTS)] == ["in"]
    assert [each.method for each in onedrive_emulator.requests].count("DELETE") == 1


def test_first_item_that_is_refused_ends_it(client, held):
    """A hold on a single item, which an order of the deletion does not get around."""
    held.hold("in/a/2.csv")
    with pytest.raises(DeletionStopped) as caught:
        client.delete("myfiles/in", recursive=True, options=CONTENTS)
    error = caught.value
    went, stayed = set(error.deleted), set(error.kept)
    assert "myfiles/in/a/2.csv" in stayed
    assert not went & stayed
    assert went | stayed == {f"myfiles/{path}" for path in ("in", *(p.strip("/") for p in held_before(held)))}
    left = {path.strip("/") for path in held.paths()}
    assert {path.removeprefix("myfiles/") for path in stayed} == left - {"out.csv"}
    assert f"myfiles/in/a/2.csv is refused after {len(went)} of 7 items were deleted" in str(error)
    assert "compliance administrator" in str(error)
    assert not error.is_retryable
    assert error_from_dict(error.to_dict()).kept == error.kept


def held_before(drive):
    return ["in/a", "in/a/b", *(path for path in TREE if path.startswith("in/"))]


def test_record_is_never_worked_around(client, held, faults):
    """A record is refused by itself: nothing else is tried on it, and nothing is deleted after it."""
    faults.add(operation="delete", path="/items/", after=1, times=1, do=refuse("record"))
    with pytest.raises(DeletionStopped, match=r"records manager.*nothing here works around that") as caught:
        client.delete("myfiles/in", recursive=True, options=CONTENTS)
    assert caught.value.deleted == []
    assert len(held.paths()) == len(TREE) + 3


def test_more_than_max_items_is_refused_before(client, held):
    before = held.paths()
    with pytest.raises(LocationError, match="holds more than 5 items"):
        client.delete("myfiles/in", recursive=True, options=DeleteOptions(5, on_hold="delete_contents"))
    assert held.paths() == before


def test_pause_that_is_too_long_can_be_retried(client, held, faults):
    """What passes is no refusal: a later attempt deletes the rest."""
    faults.add(operation="delete", after=2, times=None, do=status(429, retry_after=4000))
    with pytest.raises(Throttled, match=r"is refused after 1 of 7 items were deleted.*later attempt deletes the rest"):
        client.delete("myfiles/in", recursive=True, options=CONTENTS)
    assert len(held.paths()) == len(TREE) + 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"recursive": False, "options": CONTENTS}, "Pass recursive=True"),
        ({"recursive": True, "options": DeleteOptions(on_hold="force")}, "Use one of fail, delete_contents"),
    ],
)
def test_what_cannot_be_meant_is_refused(client, held, options, words):
    before = held.paths()
    with pytest.raises(ConfigurationError, match=words):
        client.delete("myfiles/in", **options)
    assert held.paths() == before


def test_deployment_has_to_allow_it(client, held, onedrive_emulator):
    """Without ``delete_on_hold`` nothing is sent."""
    settings = replace(client.settings, policy=DeploymentPolicy.from_options({"allow": ""}))
    with (
        Client(settings) as other,
        pytest.raises(ConfigurationError, match=r"on_hold='delete_contents' needs delete_on_hold.*nothing was sent"),
    ):
        other.delete("myfiles/in", recursive=True, options=CONTENTS)
    assert onedrive_emulator.requests == []
