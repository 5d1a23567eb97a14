"""A manifest as Parquet: the same as in JSON Lines, for those who read it with pandas and the like."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime

import pytest
from pyarrow import parquet

from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError
from airflow_provider_onedrive.graph.tracking.manifests import open_manifest


@pytest.fixture
def place(tmp_path, drive):
    drive.put_all({"in/a.csv": b"1", "in/sub/100% #1 (ä)+.csv": b"22", "in/empty/": None})
    return tmp_path / "manifest.parquet"


def read(place):
    with open_manifest(place) as (head, items):
        return head, list(items)


def test_it_holds_the_same(client, place, tmp_path):
    """Each item as it is, and where delta goes on."""
    client.sync_folder("myfiles/in", place, full_every=None)
    client.sync_folder("myfiles/in", tmp_path / "manifest.jsonl", full_every=None)
    head, items = read(place)
    other_head, other_items = read(tmp_path / "manifest.jsonl")
    assert items == other_items
    assert len(items) == 4
    assert (head.folder, bool(head.cursor)) == (other_head.folder, True)


def test_others_can_read_it(client, place):
    """The columns have types; times are times."""
    client.sync_folder("myfiles/in", place)
    table = parquet.read_table(place)
    rows = {row["path"]: row for row in table.to_pylist()}
    assert set(rows) == {"in/a.csv", "in/sub", "in/sub/100% #1 (ä)+.csv", "in/empty"}
    file = rows["in/sub/100% #1 (ä)+.csv"]
    assert (file["size"], file["is_folder"], file["location"]) == (2, False, "myfiles/in/sub/100% #1 (ä)+.csv")
    assert isinstance(file["modified_at"], datetime)
    assert file["modified_at"].astimezone(UTC) == client.stat(file["location"]).modified_at
    assert set(client.stat(file["location"]).to_dict()) <= set(table.schema.names)


def test_first_all_then_only_changes(client, place, drive):
    """As with JSON Lines."""
    assert len(client.sync_folder("myfiles/in", place).changes.created) == 4
    drive.put("in/a.csv", b"new")
    drive.delete("in/sub")
    synced = client.sync_folder("myfiles/in", place)
    assert synced.full_because == ""
    assert synced.changes.counts() == {"created": 0, "updated": 1, "moved": 0, "renamed": 0, "deleted": 2}
    assert [item.path for item in read(place)[1]] == ["in/a.csv", "in/empty"]


def test_an_empty_folder(client, place, drive):
    drive.folder("nothing")
    assert client.sync_folder("myfiles/nothing", place).items == 0
    assert read(place)[1] == []


@pytest.mark.parametrize("content", [b"", b"no Parquet", b"PAR1" + b"x" * 50 + b"PAR1"])
def test_what_is_no_manifest(client, place, content):
    """It is made anew, and said."""
    place.write_bytes(content)
    assert "it has no head of a manifest" in client.sync_folder("myfiles/in", place).full_because


def test_the_parquet_of_somebody_else(client, place):
    """It has rows, and no head."""
    client.sync_folder("myfiles/in", place)
    parquet.write_table(parquet.read_table(place).replace_schema_metadata({}), place)
    assert "it has no head of a manifest" in client.sync_folder("myfiles/in", place).full_because


def test_without_pyarrow(client, place, monkeypatch):
    """What to install is said, and nothing is left behind."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ConfigurationError, match="pip install pyarrow"):
        client.sync_folder("myfiles/in", place)
    assert list(place.parent.iterdir()) == []


def test_the_head_is_json(client, place):
    client.sync_folder("myfiles/in", place)
    head = json.loads(parquet.read_schema(place).metadata[b"onedrive-manifest"])
    assert (head["format"], head["version"]) == ("onedrive-manifest", 1)
