"""What listings, walks, deletions and saves ask of the local OneDrive, and what they hold in memory."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest

from airflow_provider_onedrive.emulator.faults import Fault, status
from airflow_provider_onedrive.graph.client import Client
from airflow_provider_onedrive.graph.config.settings import Settings
from airflow_provider_onedrive.graph.content.filters import Filters
from airflow_provider_onedrive.graph.operations import Operations
from airflow_provider_onedrive.graph.protocol.errors import AccessDenied, ItemNotFound
from airflow_provider_onedrive.graph.protocol.messages import Response

CSV = Filters(file_pattern="*.csv")


@pytest.fixture
def operations(onedrive_emulator: Any) -> Any:
    """Count what was asked of Graph since the last call."""

    def count() -> dict[str, int]:
        names = [each.operation for each in onedrive_emulator.requests[:] if each.origin != "login"]
        onedrive_emulator.requests.clear()
        return {name: names.count(name) for name in dict.fromkeys(names)}

    return count


# --- requests


def test_saving_into_a_known_folder(client: Client, drive: Any, operations: Any) -> None:
    """Two requests cold, one for each file after it."""
    drive.folder("in")
    client.save("myfiles/in/1.csv", content=b"1")
    assert operations() == {"get": 1, "upload": 1}
    for number in range(3):
        client.save(f"myfiles/in/{number}.csv", content=b"2")
    client.upload("myfiles/in/3.csv", content=b"3")
    assert operations() == {"upload": 4}


def test_a_known_folder_that_was_made_anew(client: Client, drive: Any) -> None:
    """What was remembered is forgotten when it is wrong; a folder that is missing now is an error."""
    drive.folder("in")
    client.save("myfiles/in/1.csv", content=b"1")
    drive.delete("in")
    with pytest.raises(ItemNotFound, match="create_folders=True"):
        client.save("myfiles/in/2.csv", content=b"2")
    drive.folder("in")
    client.save("myfiles/in/2.csv", content=b"2")
    assert drive.paths() == ["in/", "in/2.csv"]


def test_thousands_of_children(client: Client, drive: Any, operations: Any, onedrive_emulator: Any) -> None:
    """A thousand on a page, and only the fields that are needed."""
    drive.put_all(dict.fromkeys((f"in/{number}.csv" for number in range(2001)), b""))
    assert sum(1 for _ in client.children("myfiles/in")) == 2001
    assert all("select=id" in each.target for each in onedrive_emulator.requests.matching(operation="children"))
    assert operations() == {"children": 3}


def test_a_whole_drive(client: Client, drive: Any, operations: Any) -> None:
    """A walk of a drive is one by delta, whatever its folders; each folder comes before what is in it."""
    drive.put_all(dict.fromkeys((f"{number % 200}/{number}.csv" for number in range(2000)), b""))
    found = [item.path for item in client.walk("myfiles")]
    assert sorted(found) == sorted(path.rstrip("/") for path in drive.paths())
    assert found.index("7") < found.index("7/7.csv")
    assert operations() == {"delta": 3}
    assert len(list(client.find("myfiles", CSV, recursive=True))) == 2000
    assert operations() == {"delta": 3}


def test_a_part_of_a_drive(client: Client, drive: Any, operations: Any) -> None:
    """Below a folder one request for each folder that holds something; pages and patterns are no matter."""
    drive.put_all(dict.fromkeys((f"in/{number % 20}/{number}.csv" for number in range(100)), b"") | {"in/empty/": None})
    assert len(list(client.walk("myfiles/in"))) == 121
    assert operations() == {"children": 21}
    found = list(client.find("myfiles/in", Filters(file_pattern="1?/*7.csv")))
    assert sorted(item.path for item in found) == [
        "in/17/17.csv",
        "in/17/37.csv",
        "in/17/57.csv",
        "in/17/77.csv",
        "in/17/97.csv",
    ]
    assert operations() == {"children": 21}


def test_a_thousand_deletions(client: Client, drive: Any, operations: Any) -> None:
    """Twenty in a request, after a listing of one."""
    drive.put_all(dict.fromkeys((f"in/{number}.csv" for number in range(1000)), b"") | {"in/keep.txt": b""})
    assert client.delete_all(list(client.find("myfiles/in", CSV))) == []
    asked = operations()
    assert asked.pop("delete") == 1000  # the parts of the batches
    assert asked == {"children": 2, "batch": 50}
    assert drive.paths() == ["in/", "in/keep.txt"]


# --- walks of what changes


def test_a_folder_that_goes_while_it_is_walked(client: Client, drive: Any, faults: Any) -> None:
    """It is left out; the folder one begins with has to be there."""
    drive.put_all({"in/x/a.csv": b"", "in/y/b.csv": b""})

    class Remove(Fault):
        def before(self, *_: object) -> None:
            if drive.exists("in/y"):
                drive.delete("in/y")

    faults.add(operation="children", after=1, do=Remove())
    assert "in/x/a.csv" in [item.path for item in client.walk("myfiles/in")]
    with pytest.raises(ItemNotFound, match="Cannot list myfiles/gone"):
        list(client.walk("myfiles/gone"))


def test_a_folder_that_may_not_be_read(client: Client, drive: Any, faults: Any) -> None:
    """A listing that lacks something is no listing. A drive that could be read may be refused for seconds."""
    drive.put_all({"in/x/a.csv": b"", "in/y/b.csv": b""})
    faults.add(operation="children", after=1, times=3, do=status(403))
    assert sorted(item.path for item in client.walk("myfiles/in")) == ["in/x", "in/x/a.csv", "in/y", "in/y/b.csv"]
    faults.add(operation="children", after=1, times=None, do=status(403))
    with pytest.raises(AccessDenied):
        list(client.walk("myfiles/in"))


def test_folder_that_seems_to_have_gone_is_read_again(client: Client, drive: Any, faults: Any) -> None:
    """One that is not found and yet is there is not left out: it is listed again, and else the walk fails."""
    drive.put_all({"in/x/a.csv": b"", "in/y/b.csv": b""})
    faults.add(operation="children", after=1, do=status(404))
    assert sorted(item.path for item in client.walk("myfiles/in")) == ["in/x", "in/x/a.csv", "in/y", "in/y/b.csv"]
    faults.add(operation="children", after=1, times=100, do=status(404))
    with pytest.raises(ItemNotFound):
        list(client.walk("myfiles/in"))


def test_deletions_of_what_changed(client: Client, drive: Any) -> None:
    """Only the version that was seen is deleted, and what has gone is fine."""
    drive.put_all({"a.csv": b"1", "b.csv": b"2", "c.csv": b"3"})
    found = sorted(client.find("myfiles", CSV), key=lambda item: item.name)
    drive.put("a.csv", b"new")
    drive.delete("b.csv")
    ((item, problem),) = client.delete_all(found)
    assert (item.name, getattr(problem, "status", None)) == ("a.csv", 412)
    assert drive.read_all() == {"a.csv": b"new"}


def test_parts_of_a_batch_that_are_refused(client: Client, drive: Any, faults: Any) -> None:
    """They are sent again, and all are deleted."""
    drive.put_all(dict.fromkeys((f"{number}.csv" for number in range(45)), b""))
    faults.add(operation="delete", every=7, do=status(503))
    assert client.delete_all(list(client.find("myfiles", CSV))) == []
    assert drive.paths() == []


def test_a_batch_that_fails(client: Client, drive: Any, faults: Any) -> None:
    """What it held is reported with the reason, and the other batches go on."""
    drive.put_all(dict.fromkeys((f"{number:02}.csv" for number in range(45)), b""))
    faults.add(operation="batch", do=status(403))
    failed = client.delete_all(list(client.find("myfiles", CSV)))
    assert len(failed) == len(drive.paths()) in (5, 20)
    assert {type(problem) for _, problem in failed} == {AccessDenied}


def test_kinds(client: Client, drive: Any, onedrive_emulator: Any) -> None:
    """A notebook and a shortcut are neither file nor folder."""
    drive.put_all({"a.csv": b"", "x/": None})
    drive.notebook("Notes")
    there = onedrive_emulator.drive("ben@contoso.example")
    there.put("shared/a.csv", b"1")
    drive.shortcut("Shared", there, "shared")
    names = {
        kind: sorted(item.name for item in client.find("myfiles", Filters(), kind=kind))
        for kind in ("file", "folder", "any")
    }
    assert names == {"file": ["a.csv"], "folder": ["x"], "any": ["Notes", "Shared", "a.csv", "x"]}


# --- memory


class Told(Operations):
    """Drives flows without a network: Graph has one huge folder, in pages of 1000."""

    def __init__(self, settings: Settings, data: list[dict[str, Any]], pages: int) -> None:
        super().__init__(settings)
        self._data, self._count, self._told = data, pages, 0

    def _wait(self, seconds: float) -> None:
        raise AssertionError

    def _drive(self, driver: Any) -> Any:
        with driver:
            while driver.request is not None:
                self._told += 1
                value = [{**each, "id": f"{self._told}-{each['id']}"} for each in self._data]
                link = {"@odata.nextLink": f"https://g/{self._told}"} if self._told < self._count else {}
                driver.answer(Response(200, {}, {"value": value, **link}))
            return driver.result

    def run_each(self, works: Any, at_once: int) -> Iterator[Any]:
        return ((number, work()) for number, work in enumerate(works))

    def run_all(self, flows: Any, at_once: int) -> None: ...

    def send_final(self, request: Any) -> None: ...


@pytest.mark.parametrize(
    ("location", "method"), [("drives/D/in", "children"), ("drives/D/in", "walk"), ("drives/D", "walk")]
)
def test_twenty_thousand_items(fields: dict[str, Any], samples: Any, location: str, method: str) -> None:
    """At the last of them not more is held than at the first, apart from the ids that a walk by delta knows."""
    settings = Settings.from_fields(fields, trusted_hosts=["localhost"])
    data = [samples.file(f"{number}.csv", item_id=f"{number}", parent="/in") for number in range(1000)]
    listing = getattr(Told(settings, data, pages=20), method)(location)
    next(listing)
    held = len(gc.get_objects())
    assert sum(1 for _ in islice(listing, 19_998)) == 19_998
    assert len(gc.get_objects()) < held + 1000
    assert len(list(listing)) == 1


def test_a_pattern_and_a_huge_folder(client: Client, drive: Any, operations: Any) -> None:
    """Who takes the first item waits for one page only."""
    drive.put_all(dict.fromkeys((f"in/{number}.csv" for number in range(3000)), b""))
    found = client.find("myfiles/in", CSV)
    assert operations() == {}
    assert next(found).name
    assert operations() == {"children": 1}
