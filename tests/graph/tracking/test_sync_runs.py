"""The manifest keeps the last changes with the run that got them: an attempt that ends too early loses none."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from any_acts import FOLDERS, acts_and, do
from examples import examples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet
from upath import UPath

from airflow_provider_onedrive.emulator import Emulator
from airflow_provider_onedrive.graph.client import Client
from airflow_provider_onedrive.graph.config.settings import Settings
from airflow_provider_onedrive.graph.protocol.models import DriveItem
from airflow_provider_onedrive.graph.tracking import parquet as format_of_parquet
from airflow_provider_onedrive.graph.tracking.manifests import Head, open_manifest, write_manifest
from airflow_provider_onedrive.graph.tracking.sync import Synced
from airflow_provider_onedrive.graph.tracking.tree import KINDS

Sync = Callable[..., Synced]


def never(_run_key: str) -> bool:
    return False


def paths(synced: Synced) -> dict[str, list[str]]:
    lists = {kind: [item.path for item in getattr(synced.changes, kind)] for kind in KINDS}
    return {kind: each for kind, each in lists.items() if each}


@pytest.fixture
def tree(drive: Any) -> Any:
    drive.put_all({"in/a.csv": b"1", "in/b.csv": b"22", "in/sub/c.csv": b"333", "in/sub/deep/d.csv": b"4"})
    return drive


@pytest.fixture(params=["m.jsonl", "m.parquet", "memory"])
def manifest(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """A manifest of each format, and one in a store."""
    return UPath(f"memory://{tmp_path}/m.jsonl") if request.param == "memory" else tmp_path / request.param


@pytest.fixture
def sync(client: Client, tree: Any, manifest: Any) -> Sync:
    return lambda run_key=None, **kwargs: client.sync_folder("myfiles/in", manifest, run_key=run_key, **kwargs)


def change(drive: Any, client: Client) -> None:
    """Make changes of each kind."""
    drive.put("in/new.csv", b"n")
    drive.put("in/a.csv", b"other")
    drive.delete("in/b.csv")
    client.move("myfiles/in/sub", "myfiles/in/moved")


CHANGED = {
    "created": ["in/new.csv"],
    "updated": ["in/a.csv"],
    "moved": ["in/moved/c.csv", "in/moved/deep", "in/moved/deep/d.csv"],
    "renamed": ["in/moved"],
    "deleted": ["in/b.csv"],
}


def test_another_attempt_gets_the_same_changes(client: Client, tree: Any, sync: Sync, manifest: Any) -> None:
    """Also if more has changed meanwhile; that comes with the next run, and the attempt writes nothing."""
    first = sync("1")
    assert sync("1") == first
    change(tree, client)
    second = sync("2")
    assert paths(second) == CHANGED
    tree.put("in/late.csv", b"l")
    tree.delete("in/new.csv")
    content = manifest.read_bytes()
    assert [sync("2"), sync("2")] == [second, second]
    assert manifest.read_bytes() == content
    assert paths(sync("3")) == {"created": ["in/late.csv"], "deleted": ["in/new.csv"]}
    assert paths(sync("4")) == {}


def test_another_attempt_gets_the_same_although_a_listing_is_due(client: Client, tree: Any, sync: Sync) -> None:
    """The reason of a complete listing, and the age of the cursor, are the first attempt's too."""
    sync("1")
    change(tree, client)
    tree.expire_delta_tokens()
    second = sync("2")
    assert (paths(second), "no longer knows the cursor" in second.full_because) == (CHANGED, True)
    client.move("myfiles/in", "myfiles/elsewhere")
    client.move("myfiles/elsewhere", "myfiles/in")
    assert sync("2") == second


def test_run_that_never_succeeded_leaves_its_changes_to_the_next_one(client: Client, tree: Any, sync: Sync) -> None:
    """They come together with newer ones, as if the run had not been: an item that has gone again never was there."""
    asked = []
    sync("1")
    change(tree, client)
    sync("2")
    tree.delete("in/new.csv")
    tree.put("in/later.csv", b"l")
    client.move("myfiles/in/moved", "myfiles/in/sub")
    third = sync("3", has_succeeded=lambda key: bool(asked.append(key)))
    assert paths(third) == {"created": ["in/later.csv"], "updated": ["in/a.csv"], "deleted": ["in/b.csv"]}
    assert asked == ["2"]
    assert sync("3") == third
    assert paths(sync("4", has_succeeded=never)) == paths(third)


def test_first_run_that_never_succeeded(tree: Any, sync: Sync) -> None:
    """All items are new for the next one."""
    sync("1")
    tree.delete("in/a.csv")
    second = sync("2", has_succeeded=never)
    assert paths(second) == {"created": ["in/b.csv", "in/sub", "in/sub/c.csv", "in/sub/deep", "in/sub/deep/d.csv"]}
    assert sync("2") == second


def test_run_that_succeeded_keeps_its_changes(client: Client, tree: Any, sync: Sync) -> None:
    """The next run gets only what is new; nobody asks for a run that had no changes."""
    sync("1")
    change(tree, client)
    sync("2")
    assert paths(sync("3", has_succeeded=lambda _: True)) == {}
    assert paths(sync("4", has_succeeded=pytest.fail)) == {}


def test_calls_without_a_run_are_as_before(client: Client, tree: Any, sync: Sync, manifest: Any) -> None:
    """Each goes on where the last one ended, and the manifest keeps no changes; it is one that runs can continue."""
    sync("1")
    change(tree, client)
    assert paths(sync()) == CHANGED
    assert paths(sync()) == {}
    assert "delivery" not in head_of(manifest)
    tree.put("in/late.csv", b"l")
    late = sync("2", has_succeeded=pytest.fail)
    assert (paths(late), late.full_because) == ({"created": ["in/late.csv"]}, "")


def head_of(manifest: Any) -> Any:
    if str(manifest).endswith("parquet"):
        return json.loads(parquet.read_schema(manifest).metadata[b"onedrive-manifest"])
    return json.loads(manifest.read_bytes().splitlines()[0])


def test_first_run_does_not_double_the_manifest(client: Client, drive: Any, tmp_path: Path) -> None:
    """If all items are new, the head names none of them."""
    drive.put_all({f"in/{number}.csv": b"" for number in range(50)})
    client.sync_folder("myfiles/in", tmp_path / "m", run_key="1")
    assert head_of(tmp_path / "m")["delivery"]["before"] is None
    assert len(client.sync_folder("myfiles/in", tmp_path / "m", run_key="1").changes.created) == 50


@pytest.mark.parametrize("spoiled", ["", "x", "eJw=", 7, []])
def test_changes_that_cannot_be_read(client: Client, tree: Any, tmp_path: Path, spoiled: Any) -> None:
    """The manifest is damaged then, and everything is listed."""
    manifest = tmp_path / "m"
    for key in ("1", "2"):
        tree.put("in/a.csv", key.encode() * 5)
        client.sync_folder("myfiles/in", manifest, run_key=key)
    head, *rows = manifest.read_text().splitlines()
    damaged = json.loads(head)
    damaged["delivery"]["before"] = spoiled
    manifest.write_text("\n".join([json.dumps(damaged), *rows, ""]))
    synced = client.sync_folder("myfiles/in", manifest, run_key="2")
    assert "it has no head of a manifest" in synced.full_because
    assert len(synced.changes.created) == 6


def test_parquet_has_a_limit_of_its_own(client: Client, tree: Any, tmp_path: Path, monkeypatch: Any) -> None:
    """How long a head may be is for us to say, and not left to pyarrow."""
    client.sync_folder("myfiles/in", tmp_path / "m.parquet", run_key="1")
    monkeypatch.setattr(format_of_parquet, "_MAX_HEAD_BYTES", 10)
    with pytest.raises(OSError, match="size limit"), open_manifest(tmp_path / "m.parquet"):
        pass
    monkeypatch.undo()
    assert format_of_parquet._MAX_HEAD_BYTES > 10**9


@pytest.mark.full
def test_very_many_changes_in_parquet(client: Client, tree: Any, tmp_path: Path) -> None:
    """A head of more than 100 MB, which pyarrow refuses of itself, is read."""
    manifest = tmp_path / "m.parquet"
    client.sync_folder("myfiles/in", manifest, run_key="1")
    with open_manifest(manifest) as opened:
        assert opened is not None
        head, items = opened[0], list(opened[1])
    long = Head(head.folder, head.cursor, head.written_at, head.full_at + " " * 105_000_000, head.delivery)
    write_manifest(manifest, long, items)
    with open_manifest(manifest) as opened:
        assert opened is not None
        assert (opened[0] == long, list(opened[1])) == (True, items)


# --- anything at all


@pytest.fixture(scope="module")
def quiet_emulator() -> Any:
    with Emulator() as emulator:
        yield emulator


@settings(max_examples=examples(20), deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(acts_and("run", "run that is lost", "its retry"), min_size=2, max_size=14))
def test_whatever_is_lost(quiet_emulator: Emulator, tmp_path_factory: Any, acts: list[Any]) -> None:
    """After any acts and losses, the changes of the runs that succeeded lead from nothing to the present state."""
    quiet_emulator.reset()
    drive = quiet_emulator.drive()
    for name in FOLDERS:
        drive.folder(name)
    manifest = tmp_path_factory.mktemp("any") / "m.jsonl"
    with Client(client_settings(quiet_emulator)) as client:
        runs = Runs(client, manifest)
        for act, one, two in [*acts, ("run", 0, 0)]:
            if act == "run that is lost":
                runs.begin()
            elif act in ("run", "its retry"):
                runs.finish(is_new=act == "run")
            else:
                do(drive, client, act, random.Random(one), random.Random(two))
        assert runs.copy == {item.id: seen(item) for item in client.walk("myfiles/in")}


class Runs:
    """Runs of a sync, and a copy of the folder that takes the changes of those that succeed."""

    def __init__(self, client: Client, manifest: Path) -> None:
        self._client, self._manifest = client, manifest
        self._number, self._succeeded = 0, set[str]()
        self._last: Synced | None = None
        self.copy: dict[str, Any] = {}

    def begin(self) -> None:
        self._number += 1
        self._last = self._sync()

    def finish(self, *, is_new: bool) -> None:
        """Succeed with a new run, or with another attempt of the last one."""
        if is_new or self._last is None:
            self.begin()
        synced = self._sync()
        assert synced == self._last
        if str(self._number) not in self._succeeded:
            self.copy |= {item.id: seen(item) for kind, item in synced.changes.items() if kind != "deleted"}
            self.copy = {key: self.copy[key] for key in self.copy.keys() - {each.id for each in synced.changes.deleted}}
            self._succeeded.add(str(self._number))

    def _sync(self) -> Synced:
        key, has_succeeded = str(self._number), self._succeeded.__contains__
        return self._client.sync_folder("myfiles/in", self._manifest, run_key=key, has_succeeded=has_succeeded)


def seen(item: DriveItem) -> tuple[str, str | None]:
    return item.path, item.quick_xor_hash


def client_settings(emulator: Emulator) -> Settings:
    known = json.loads(emulator.connection)
    fields = {"client_id": known["login"], "client_secret": known["password"], **known["extra"]}
    return Settings.from_fields(fields, trusted_hosts=["localhost"])
