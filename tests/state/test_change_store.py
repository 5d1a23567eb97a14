"""What is kept of a watched folder, and what the version before kept."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError
from airflow_provider_onedrive.graph.protocol.models import DriveItem
from airflow_provider_onedrive.graph.tracking.watch import FolderSnapshot
from airflow_provider_onedrive.state.change_store import ChangeState, VariableStore, Write, run

STORED_BY_VERSION_1 = Path(__file__).with_name("change_store_1.json")
THEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class InMemory(VariableStore):
    """A store of a test."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    def read(self, key: str) -> str | None:
        return self.texts.get(key)

    def write(self, key: str, text: str | None) -> None:
        if text is None:
            del self.texts[key]
        else:
            self.texts[key] = text


def item(number: int, **more: Any) -> DriveItem:
    given: dict[str, Any] = {"is_folder": False, "mime_type": "text/csv", "parent_id": "folder"} | more
    return DriveItem(
        location=f"myfiles/in/{number}.csv",
        drive_id="b!drive",
        id=f"id{number}",
        name=f"{number}.csv",
        path=f"in/{number}.csv",
        size=number,
        etag=f'"{number}"',
        ctag=None,
        created_at=THEN,
        modified_at=THEN,
        client_modified_at=None,
        web_url=None,
        hashes={"quickXorHash": "x"},
        **given,
    )


def known(*numbers: int) -> FolderSnapshot:
    folder = replace(item(0), id="folder", is_folder=True, mime_type=None, parent_id="root")
    items = {f"id{number}": item(number) for number in numbers}
    return FolderSnapshot(folder, "https://graph.example/delta?token=1", THEN, {"folder": ("in", "root")}, items)


def test_what_version_1_kept_is_gone_on_with() -> None:
    """Items as they once were, what has changed since, and what is still to be told."""
    store = InMemory()
    store.texts = json.loads(STORED_BY_VERSION_1.read_text(encoding="utf-8"))
    state = ChangeState("onedrive_changes_x")
    assert run(store, state.load()) == known(1, 3)
    assert state.queue == [{"change": "created", "change_id": "c", "path": "in/3.csv"}]
    assert state.handed == {"run": ["dag", "run", "task", -1], "count": 1}


def test_what_is_written_is_what_version_1_wrote() -> None:
    """The other way round: whoever goes back a version can read it."""
    store, state = InMemory(), ChangeState("onedrive_changes_x")
    first = known(1, 2)
    run(store, state.save(first))
    state.queue = [{"change": "created", "change_id": "c", "path": "in/3.csv"}]
    state.handed = {"run": ["dag", "run", "task", -1], "count": 1}
    kept = {"id1": first.items["id1"], "id3": item(3)}
    run(store, state.save(replace(first, items=kept)))
    stored = json.loads(STORED_BY_VERSION_1.read_text(encoding="utf-8"))
    assert store.texts.keys() == stored.keys()
    assert json.loads(store.texts["onedrive_changes_x"]) == json.loads(stored["onedrive_changes_x"])


def test_only_what_changed_is_written() -> None:
    """And nothing but the head where nothing did."""
    state, before = ChangeState("x"), known(*range(1000))
    assert len(list(state.save(before))) > 1
    (head,) = state.save(replace(before, cursor="other"))
    assert isinstance(head, Write)
    assert head.key == "x"
    after = replace(before, items={**before.items, "id5": item(5)})
    assert [step.key for step in state.save(after)] == ["x.3.journal.0", "x"]


@pytest.mark.parametrize("died_after", range(5))
def test_it_is_whole_wherever_it_ends(died_after: int) -> None:
    """The old or the new."""
    store, state, old = InMemory(), ChangeState("x"), known(1, 2)
    run(store, state.save(old))
    state.queue = [{"change": "deleted"}]
    new = replace(old, items={"id1": old.items["id1"]})
    for number, step in enumerate(state.save(new)):
        if number == died_after:
            break
        assert isinstance(step, Write)
        store.write(step.key, step.text)
    again = ChangeState("x")
    found = run(store, again.load())
    assert (found, again.queue) in ((old, []), (new, [{"change": "deleted"}]))


def test_name_of_a_variable_is_no_address() -> None:
    """Airflow would log it, and it may be a sharing link."""
    with pytest.raises(ConfigurationError, match="variable is an address") as caught:
        ChangeState("https://contoso.sharepoint.com/:f:/s/Team/SECRET")
    assert "SECRET" not in str(caught.value)
