"""A manifest agrees with the folder after every run, whatever happened, and the run tells what did."""

from __future__ import annotations

import json
import random
from datetime import timedelta

import pytest
from any_acts import FOLDERS, acts_and, do, during
from examples import examples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_onedrive.emulator import Emulator
from airflow_provider_onedrive.emulator.faults import alter, status
from airflow_provider_onedrive.graph.client import Client
from airflow_provider_onedrive.graph.config.settings import Settings
from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError, LocalFileError, LocationError
from airflow_provider_onedrive.graph.tracking.manifests import item_of_row, row_of
from airflow_provider_onedrive.graph.tracking.tree import KINDS


@pytest.fixture
def tree(drive):
    drive.put_all(
        {"in/a.csv": b"1", "in/sub/b.csv": b"22", "in/sub/deep/c.csv": b"333", "out/d.csv": b"4", "e.csv": b""}
    )
    return drive


@pytest.fixture
def sync(client, tmp_path):
    """Sync ``myfiles/in`` and see that the manifest agrees with a listing; return what was done."""

    def run(location="myfiles/in", **how):
        synced = client.sync_folder(location, tmp_path / "manifest.jsonl", **how)
        assert shown(tmp_path / "manifest.jsonl") == listed(client, location)
        return synced

    return run


def shown(path):
    """Read a manifest as anybody may, line by line."""
    head, *lines = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    assert (head["format"], head["version"]) == ("onedrive-manifest", 1)
    return {line["id"]: (line["location"], line["path"], line["size"] * (not line["is_folder"])) for line in lines}


def listed(client, location):
    return {item.id: (item.location, item.path, item.size * (not item.is_folder)) for item in client.walk(location)}


def said(synced):
    return {
        kind: sorted(item.path for item in getattr(synced.changes, kind))
        for kind in KINDS
        if getattr(synced.changes, kind)
    }


def test_first_all_then_only_changes(sync, tree, onedrive_emulator):
    """Nothing changed costs two requests, and tells of nothing."""
    first = sync()
    assert (first.items, first.full_because) == (5, "there is no manifest yet")
    assert said(first) == {"created": ["in/a.csv", "in/sub", "in/sub/b.csv", "in/sub/deep", "in/sub/deep/c.csv"]}
    onedrive_emulator.requests.clear()
    client_requests = onedrive_emulator.requests
    second = sync()
    assert (second.items, second.full_because, said(second)) == (5, "", {})
    assert len(client_requests.matching(operation="delta")) == 1
    assert 0 <= second.cursor_age_seconds < 60


@pytest.mark.parametrize(
    ("act", "told"),
    [
        (lambda drive, _: drive.put("in/new.csv", b"n"), {"created": ["in/new.csv"]}),
        (lambda drive, _: drive.put("in/a.csv", b"other"), {"updated": ["in/a.csv"]}),
        (lambda drive, _: drive.delete("in/a.csv"), {"deleted": ["in/a.csv"]}),
        (
            lambda drive, _: drive.delete("in/sub"),
            {"deleted": ["in/sub", "in/sub/b.csv", "in/sub/deep", "in/sub/deep/c.csv"]},
        ),
        (lambda _, client: client.move("myfiles/in/a.csv", "myfiles/in/b.csv"), {"renamed": ["in/b.csv"]}),
        (lambda _, client: client.move("myfiles/in/a.csv", "myfiles/in/sub/"), {"moved": ["in/sub/a.csv"]}),
        (
            lambda _, client: client.move("myfiles/in/a.csv", "myfiles/in/sub/z.csv"),
            {"renamed": ["in/sub/z.csv"], "moved": ["in/sub/z.csv"]},
        ),
        (
            lambda _, client: client.move("myfiles/in/sub", "myfiles/in/new"),
            {"renamed": ["in/new"], "moved": ["in/new/b.csv", "in/new/deep", "in/new/deep/c.csv"]},
        ),
        (lambda _, client: client.move("myfiles/in/a.csv", "myfiles/out/"), {"deleted": ["in/a.csv"]}),
        (
            lambda _, client: client.move("myfiles/in/sub", "myfiles/out/"),
            {"deleted": ["in/sub", "in/sub/b.csv", "in/sub/deep", "in/sub/deep/c.csv"]},
        ),
        (lambda _, client: client.move("myfiles/out", "myfiles/in/"), {"created": ["in/out", "in/out/d.csv"]}),
        (lambda _, client: client.move("myfiles/out/d.csv", "myfiles/in/"), {"created": ["in/d.csv"]}),
        (lambda drive, _: drive.put("out/new.csv", b"n"), {}),
        (lambda drive, _: drive.delete("out"), {}),
    ],
)
def test_each_kind_of_change(sync, tree, client, act, told):
    """It is told by its kind, with what is in a folder; what happens elsewhere is not."""
    sync()
    act(tree, client)
    assert said(sync()) == told
    assert said(sync()) == {}


def test_out_and_back_again(sync, tree, client):
    """Between two runs nobody notices; over a run it has gone and is new."""
    sync()
    client.move("myfiles/in/sub", "myfiles/out/")
    client.move("myfiles/out/sub", "myfiles/in/")
    assert said(sync()) == {}
    client.move("myfiles/in/sub", "myfiles/out/")
    assert len(said(sync())["deleted"]) == 4
    client.move("myfiles/out/sub", "myfiles/in/")
    assert len(said(sync())["created"]) == 4


def test_a_new_folder_and_what_is_written_to_it_at_once(sync, tree, client):
    """A folder that comes from elsewhere while one of its files is changed comes with all of them."""
    client.save("myfiles/out/x.csv", content=b"x")
    sync()
    client.move("myfiles/out", "myfiles/in/")
    client.save("myfiles/in/out/x.csv", content=b"changed")
    assert said(sync()) == {"created": ["in/out", "in/out/d.csv", "in/out/x.csv"]}


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda path, drive: path.write_text("no manifest\n"), "it has no head of a manifest"),
        (lambda path, drive: path.write_text(path.read_text()[:-20]), "a row of it is no item"),
        (lambda path, drive: path.write_text(path.read_text().replace('"version": 1', '"version": 9')), "version 1"),
        (lambda path, drive: path.unlink(), "there is no manifest yet"),
        (lambda path, drive: drive.expire_delta_tokens(), "Graph no longer knows the cursor"),
        (
            lambda path, drive: path.write_text(path.read_text().replace("token=", "token=x")),
            "no longer knows the cursor",
        ),
    ],
    ids=["garbage", "cut", "version", "lost", "expired", "token"],
)
def test_a_manifest_that_is_of_no_use(sync, tree, tmp_path, spoil, why):
    """It is made anew and the reason is told; where the items are still known, so is what changed since."""
    sync()
    tree.put("in/new.csv", b"n")
    tree.delete("in/a.csv")
    spoil(tmp_path / "manifest.jsonl", tree)
    synced = sync()
    assert why in synced.full_because
    assert "in/new.csv" in said(synced)["created"]
    if "no longer knows" in why:
        assert said(synced) == {"created": ["in/new.csv"], "deleted": ["in/a.csv"]}


def test_a_cursor_that_leads_elsewhere(sync, tree, client, tmp_path, onedrive_emulator):
    """A manifest that somebody has changed sends no token to another host."""
    sync()
    manifest = tmp_path / "manifest.jsonl"
    manifest.write_text(manifest.read_text().replace(onedrive_emulator.graph_url, "https://evil.example"))
    with pytest.raises(ConfigurationError, match="leads to another host"):
        client.sync_folder("myfiles/in", manifest)


def test_a_full_listing_now_and_then(sync, tree):
    """As Microsoft advises; nothing is told that did not change."""
    sync()
    again = sync(full_every=timedelta(0))
    assert "the last complete listing is of" in again.full_because
    assert said(again) == {}
    assert sync(full_every=timedelta(days=1)).full_because == ""


def test_what_moves_while_all_is_listed(sync, tree, client, faults):
    """From a folder that is still to be listed to one that has been: it is neither deleted nor created."""
    sync()
    moves = during(lambda: client.move("myfiles/in/sub/b.csv", "myfiles/in/"))
    faults.add(operation="children", path="items", after=1, times=1, do=moves)
    assert said(sync(full_every=timedelta(0))) == {"moved": ["in/b.csv"]}
    assert said(sync()) == {}


@pytest.fixture
def vanish(client, faults):
    """Let a folder be missing in its next listing, and when it is read by its id; it is there all the time."""

    def add(location):
        faults.add(path=client.stat(location).id, times=6, do=status(404))

    return add


def test_folder_that_vanishes_for_a_moment_is_not_reported_as_deleted(client, sync, tree, vanish, tmp_path):
    """Its items stay in the manifest, and the next run lists everything: nothing of it is missing for ever."""
    sync()
    vanish("myfiles/in/sub")
    tree.put("in/sub/new.csv", b"n")
    tree.delete("in/a.csv")
    synced = client.sync_folder("myfiles/in", tmp_path / "manifest.jsonl", full_every=timedelta(0))
    assert (said(synced), synced.items) == ({"deleted": ["in/a.csv"]}, 4)
    again = sync()
    assert again.full_because == "the last run could not read all folders"
    assert said(again) == {"created": ["in/sub/new.csv"]}
    assert sync().full_because == ""


def test_folder_that_vanishes_during_the_first_listing_comes_later(client, tree, vanish, sync, tmp_path):
    """What could not be read is created in the next run."""
    vanish("myfiles/in/sub")
    first = client.sync_folder("myfiles/in", tmp_path / "manifest.jsonl")
    assert said(first) == {"created": ["in/a.csv", "in/sub"]}
    assert said(sync()) == {"created": ["in/sub/b.csv", "in/sub/deep", "in/sub/deep/c.csv"]}


def test_folder_that_arrives_and_vanishes_for_a_moment_comes_later(client, tree, vanish, sync, tmp_path):
    """Delta names only the folder, once: without another listing its items would be missing for ever."""
    sync()
    client.move("myfiles/out", "myfiles/in/")
    vanish("myfiles/in/out")
    assert said(client.sync_folder("myfiles/in", tmp_path / "manifest.jsonl")) == {"created": ["in/out"]}
    again = sync()
    assert (again.full_because, said(again)) == (
        "the last run could not read all folders",
        {"created": ["in/out/d.csv"]},
    )


def test_item_without_its_folder_is_not_reported_as_deleted(client, sync, tree, faults, tmp_path):
    """An event that does not say where its item is, as Graph sends it at times, is no event of a move to elsewhere."""
    sync()
    tree.put("in/a.csv", b"other")
    faults.add(operation="delta", do=alter(without=["parentReference"]))
    assert said(client.sync_folder("myfiles/in", tmp_path / "manifest.jsonl")) == {}
    again = sync()
    assert again.full_because == ""  # Graph is asked for the same changes again
    assert said(again) == {"updated": ["in/a.csv"]}


@pytest.mark.usefixtures("tree")
@pytest.mark.parametrize("page", [0, 1])
def test_listed_item_without_its_folder_comes_later(client, faults, sync, tmp_path, page):
    """It lies in the folder that is listed, and is never reported as deleted."""
    faults.add(operation="children", after=page, do=alter(without=["parentReference"], name=r"\.csv$"))
    first = client.sync_folder("myfiles/in", tmp_path / "manifest.jsonl")
    assert ["in/a.csv", "in/sub/b.csv"][page] in said(first)["created"]
    assert said(sync()) == {}
    faults.add(operation="children", after=page, do=alter(without=["parentReference"], name=r"\.csv$"))
    assert said(client.sync_folder("myfiles/in", tmp_path / "manifest.jsonl", full_every=timedelta(0))) == {}
    assert said(sync()) == {}


def test_folder_that_arrives_with_an_item_without_its_folder(client, tree, faults, sync, tmp_path):
    """The item lies in the folder that is listed."""
    sync()
    client.move("myfiles/out", "myfiles/in/")
    faults.add(operation="children", do=alter(without=["parentReference"]))
    assert said(client.sync_folder("myfiles/in", tmp_path / "manifest.jsonl")) == {
        "created": ["in/out", "in/out/d.csv"]
    }
    assert said(sync()) == {}


def test_folder_that_is_deleted_while_all_is_listed_is_reported(sync, tree, faults):
    """Delta proves that it has gone."""
    sync()
    faults.add(operation="children", path="items", after=1, times=1, do=during(lambda: tree.delete("in/sub")))
    deleted = ["in/sub", "in/sub/b.csv", "in/sub/deep", "in/sub/deep/c.csv"]
    synced = sync(full_every=timedelta(0))
    assert said(synced) == {"deleted": deleted}
    assert sync().full_because == ""


def test_another_folder_in_the_same_manifest(sync, tree):
    """The manifest is that of the new one then, and says so."""
    sync()
    assert "the manifest is of myfiles/in" in sync("myfiles/out").full_because


def test_the_folder_itself_is_renamed(sync, tree, client):
    """Its items have other paths, and are still the same items."""
    sync()
    client.move("myfiles/in", "myfiles/renamed")
    synced = sync("myfiles/renamed")
    assert synced.full_because == "the folder has moved"
    assert {kind: len(paths) for kind, paths in said(synced).items()} == {"moved": 5}


def test_a_whole_drive(sync, tree):
    """Its root is a folder as well."""
    sync("myfiles")
    tree.put("f.csv", b"f")
    assert said(sync("myfiles")) == {"created": ["f.csv"]}


def test_a_folder_that_is_not_there_and_a_file(client, tree, tmp_path):
    """Nothing is written then."""
    with pytest.raises(LocationError, match="is a file"):
        client.sync_folder("myfiles/in/a.csv", tmp_path / "m")
    assert not (tmp_path / "m").exists()


def test_a_manifest_that_cannot_be_written(client, tree, tmp_path):
    """The error names it; and one that may not be read is not taken for none."""
    (tmp_path / "file").write_text("")
    with pytest.raises((LocalFileError, ConfigurationError), match="file/m"):
        client.sync_folder("myfiles/in", tmp_path / "file/m")


def test_a_failure_leaves_the_old_manifest(sync, tree, client, tmp_path, faults):
    """It is replaced as a whole, at the end."""
    sync()
    before = (tmp_path / "manifest.jsonl").read_bytes()
    tree.put("in/new.csv", b"n")
    faults.add(operation="delta", times=None, do=status(500))
    with pytest.raises(Exception, match="Cannot sync"):
        client.sync_folder("myfiles/in", tmp_path / "manifest.jsonl")
    assert (tmp_path / "manifest.jsonl").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.jsonl"]
    faults.clear()
    assert said(sync()) == {"created": ["in/new.csv"]}


def test_a_line_goes_there_and_back(client, tree):
    """What is read of a manifest is what was written, down to the microsecond."""
    for item in client.walk("myfiles"):
        assert item_of_row(json.loads(json.dumps(row_of(item)))) == item


# --- anything at all


@pytest.fixture(scope="module")
def quiet_emulator():
    with Emulator() as emulator:
        yield emulator


@settings(max_examples=examples(25), deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(acts_and("sync"), min_size=1, max_size=14))
def test_whatever_happens(quiet_emulator, tmp_path_factory, acts):
    """After any acts, inside and outside, the manifest is what a listing says, and the changes are the difference."""
    quiet_emulator.reset()
    drive = quiet_emulator.drive()
    for name in FOLDERS:
        drive.folder(name)
    manifest = tmp_path_factory.mktemp("any") / "m.jsonl"
    known = json.loads(quiet_emulator.connection)
    fields = {"client_id": known["login"], "client_secret": known["password"], **known["extra"]}
    with Client(Settings.from_fields(fields, trusted_hosts=["localhost"])) as client:
        before = {}
        for act, one, two in [*acts, ("sync", 0, 0)]:
            if act == "sync":
                synced = client.sync_folder("myfiles/in", manifest)
                after = listed(client, "myfiles/in")
                assert shown(manifest) == after
                assert {item.id for item in synced.changes.created} == set(after) - set(before)
                assert {item.id for item in synced.changes.deleted} == set(before) - set(after)
                elsewhere = {key for key in set(after) & set(before) if after[key][1] != before[key][1]}
                assert {item.id for item in (*synced.changes.moved, *synced.changes.renamed)} == elsewhere
                before = after
            else:
                do(drive, client, act, random.Random(one), random.Random(two))
