"""Transfers of many files against the local OneDrive."""

from __future__ import annotations

import os
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from upath import UPath

from airflow_provider_onedrive.emulator.faults import Fault, alter, drop_after, status
from airflow_provider_onedrive.graph.client import Client
from airflow_provider_onedrive.graph.content.filters import Filters
from airflow_provider_onedrive.graph.content.transfer_plan import Report
from airflow_provider_onedrive.graph.flows.session_state import TaskAttempt
from airflow_provider_onedrive.graph.protocol.errors import (
    ConfigurationError,
    FilesFailed,
    FilesRefused,
    ItemNotFound,
    LocalFileError,
    LocationError,
)
from airflow_provider_onedrive.graph.protocol.options import DownloadOptions, TransferOptions, UploadOptions
from airflow_provider_onedrive.graph.transfers.bulk import raise_for


def choice(filters: Filters = Filters(), *, recursive: bool = False, **options: Any) -> dict[str, Any]:
    """Return the keywords of a transfer."""
    return {"filters": filters, "recursive": recursive, "options": TransferOptions(**options)}


ALL = choice(recursive=True)
MIRROR = choice(recursive=True, delete_extra=True)
MOVE = choice(recursive=True, move=True)
TREE = {"a.csv": b"1", "b.txt": b"", "x/c.csv": b"333", "x/y/100% #1 ä.csv": b"4444"}
MORE = {f"{number}.csv": b"%d" % number for number in range(30)}
"""More than are looked for one by one."""


def write(folder: Path, contents: dict[str, bytes]) -> Path:
    for path, content in contents.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder


def read(folder: Path) -> dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def below(drive: Any, folder: str = "in") -> dict[str, bytes]:
    return {path.removeprefix(f"{folder}/"): content for path, content in drive.read_all(folder).items()}


def asked(onedrive_emulator: Any) -> dict[str, int]:
    """Count what was asked of Graph and of its store since the last call."""
    log = [each for each in onedrive_emulator.requests[:] if each.origin != "login"]
    onedrive_emulator.requests.clear()
    names = [each.operation for each in log]
    return {name: names.count(name) for name in dict.fromkeys(names)}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write(tmp_path / "source", TREE)


@pytest.fixture
def filled(drive: Any) -> Any:
    drive.put_all({f"in/{path}": content for path, content in TREE.items()})
    return drive


# --- up


def test_a_folder_up(client: Client, drive: Any, source: Path) -> None:
    """Every file where it lay, empty ones too; the folders below are made."""
    drive.folder("in")
    report = client.upload_folder("myfiles/in/", local_path=source, **ALL)
    assert below(drive) == TREE
    assert sorted(item.location for item in report.done) == sorted(f"myfiles/in/{path}" for path in TREE)
    assert ({item.outcome for item in report.done}, report.failed) == ({"created"}, [])


@pytest.mark.parametrize(
    ("how", "paths"),
    [
        (choice(), {"a.csv", "b.txt"}),
        (choice(Filters(file_pattern="*.csv")), {"a.csv"}),
        (choice(Filters(file_pattern="x/**", exclude="*#*"), recursive=True), {"x/c.csv"}),
        (choice(Filters(regex=r"\.csv$", min_size=3), recursive=True), {"x/c.csv", "x/y/100% #1 ä.csv"}),
        (choice(recursive=True, keep_directory_structure=False), {"a.csv", "b.txt", "c.csv", "100% #1 ä.csv"}),
    ],
)
def test_some_files_up(client: Client, drive: Any, source: Path, how: dict[str, Any], paths: set[str]) -> None:
    """What the filters choose, at its place or in one folder."""
    drive.folder("in")
    client.upload_folder("myfiles/in", local_path=source, **how)
    assert set(below(drive)) == paths


def test_files_of_some_age_up(client: Client, drive: Any, source: Path) -> None:
    """Times are those of the local files."""
    os.utime(source / "a.csv", (0, datetime(2026, 1, 2, tzinfo=UTC).timestamp()))
    window = Filters(newer_than=datetime(2026, 1, 1, tzinfo=UTC), older_than=datetime(2026, 1, 3, tzinfo=UTC))
    client.upload_folder("myfiles", local_path=source, filters=window, recursive=True)
    assert drive.paths() == ["a.csv"]


def test_the_target_is_made_only_when_asked(client: Client, drive: Any, source: Path) -> None:
    """A missing target is an error, nothing is made for a transfer of nothing, and for a dry run neither."""
    with pytest.raises(ItemNotFound, match="create_folders=True"):
        client.upload_folder("myfiles/new/in", local_path=source, **ALL)
    making = {"create_folders": True}
    with pytest.raises(LocationError, match="No file was chosen"):
        client.upload_folder("myfiles/new/in", local_path=source, filters=Filters(file_pattern="*.pdf"), **making)
    planned = client.upload_folder(
        "myfiles/new/in", local_path=source, **choice(recursive=True, dry_run=True), **making
    ).planned
    assert (len(planned), drive.paths()) == (4, [])
    client.upload_folder("myfiles/new/in", local_path=source, **ALL, **making)
    assert below(drive, "new/in") == TREE


def test_a_target_that_is_a_file(client: Client, drive: Any, source: Path) -> None:
    """It is said before anything is sent."""
    drive.put("in", b"1")
    with pytest.raises(LocationError, match="myfiles/in is a file, and a folder is meant"):
        client.upload_folder("myfiles/in", local_path=source, **ALL, create_folders=True)


def test_one_file_that_fails_does_not_stop_the_rest(client: Client, drive: Any, faults: Any, source: Path) -> None:
    """The others arrive, and the report says which one did not, and why."""
    faults.add(operation="upload", path=r"/c\.csv", times=None, do=status(403))
    report = client.upload_folder("myfiles", local_path=source, **ALL)
    assert set(drive.read_all()) == set(TREE) - {"x/c.csv"}
    assert [path for path, _, _ in report.failed] == ["x/c.csv"]
    with pytest.raises(FilesRefused, match=r"1 files could not be uploaded, 3 could: x/c\.csv: .*Access denied"):
        raise_for(report, "uploaded")


def test_what_may_pass_is_told_from_what_never_will(client: Client, faults: Any, source: Path) -> None:
    """One file that a retry may cure is enough for a retry."""
    faults.add(operation="upload", path=r"/c\.csv", times=None, do=status(403))
    faults.add(operation="upload", path=r"/a\.csv", times=None, do=status(500))
    with pytest.raises(FilesFailed, match="2 files"):
        raise_for(client.upload_folder("myfiles", local_path=source, **ALL), "uploaded")


def test_stopping_at_the_first_that_fails(client: Client, drive: Any, faults: Any, source: Path) -> None:
    """With ``fail_fast`` one after the other, nothing is sent behind it, and what arrived is reported."""
    faults.add(operation="upload", path=r"/b\.txt", times=None, do=status(403))
    report = client.upload_folder(
        "myfiles", local_path=source, recursive=True, options=TransferOptions(fail_fast=True, max_concurrent=1)
    )
    assert [path for path, _, _ in report.failed] == ["b.txt"]
    assert [item.name for item in report.done] == ["a.csv"]


def test_a_refused_name_stops_where_that_is_asked(client: Client, drive: Any, tmp_path: Path) -> None:
    """With ``fail_fast`` a plan with a refusal sends nothing."""
    write(tmp_path, {"a.csv": b"1", "b:c": b"2"})
    assert client.upload_folder("myfiles", local_path=tmp_path, options=TransferOptions(fail_fast=True)).done == []
    assert drive.paths() == []


def test_names_that_onedrive_refuses(
    client: Client, drive: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is reported with the reason and nothing is asked for it; the rest goes on."""
    write(tmp_path, dict.fromkeys(["ok.csv", "a:b.csv", "CON", "x /c.csv", "~$d.docx", "dot."], b"1"))
    monkeypatch.chdir(tmp_path)  # the path of a socket may not be long
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        report = client.upload_folder("myfiles", local_path=tmp_path, **ALL)
    reasons = {path: reason for path, reason, _ in report.failed}
    assert set(reasons) == {"a:b.csv", "CON", "x /c.csv", "~$d.docx", "dot.", "socket"}
    assert "':'" in reasons["a:b.csv"]
    assert "reserved name" in reasons["CON"]
    assert "start or end with a space" in reasons["x /c.csv"]
    assert drive.paths() == ["ok.csv"]


def test_two_files_of_one_name(client: Client, onedrive_emulator: Any, tmp_path: Path) -> None:
    """They are reported before anything is sent, and neither is."""
    write(tmp_path, {"a.csv": b"1", "A.CSV": b"2", "x/b.csv": b"3", "y/B.csv": b"4", "z.csv": b"5"})
    report = client.upload_folder(
        "myfiles", local_path=tmp_path, **choice(recursive=True, keep_directory_structure=False)
    )
    assert sorted(path for path, _, _ in report.failed) == ["A.CSV", "a.csv", "x/b.csv", "y/B.csv"]
    assert onedrive_emulator.drive().paths() == ["z.csv"]
    assert asked(onedrive_emulator)["upload"] == 1


def test_paths_near_the_limit(client: Client, drive: Any, tmp_path: Path) -> None:
    """400 characters from the root of the drive on pass, one more is refused before anything is sent."""
    drive.folder("in")
    folder = "/".join(["f" * 99] * 3)
    write(tmp_path, {f"{folder}/{'a' * 97}": b"1", f"{folder}/{'b' * 98}": b"2"})
    report = client.upload_folder("myfiles/in", local_path=tmp_path, **ALL)
    assert [len(item.path) for item in report.done] == [400]
    ((path, reason, _),) = report.failed
    assert path.endswith("b")
    assert "more than 400 characters" in reason
    assert read(tmp_path).keys() - below(drive).keys() == {path}
    client.download_folder("myfiles/in", tmp_path / "back", **ALL)
    assert read(tmp_path / "back") == below(drive)


def test_a_file_where_a_folder_is_needed(client: Client, drive: Any, source: Path) -> None:
    """What belongs into that folder fails, and says why; the rest goes on."""
    drive.put("x", b"a file")
    report = client.upload_folder("myfiles", local_path=source, **ALL)
    assert sorted(path for path, _, _ in report.failed) == ["x/c.csv", "x/y/100% #1 ä.csv"]
    assert "myfiles/x is a file, and a folder is meant" in report.failed[0][1]
    assert drive.paths() == ["a.csv", "b.txt", "x"]


def test_a_file_that_has_gone(client: Client, drive: Any, faults: Any, source: Path) -> None:
    """One that somebody takes away while others are sent is reported; the next try will not look for it."""

    class TakeAway(Fault):
        def before(self, *_: object) -> None:
            (source / "b.txt").unlink()

    faults.add(operation="upload", path=r"/a\.csv", do=TakeAway())
    report = client.upload_folder("myfiles", local_path=source, **choice(recursive=True, max_concurrent=1))
    assert [(path, is_retryable) for path, _, is_retryable in report.failed] == [("b.txt", True)]
    assert "has gone since its folder was read" in report.failed[0][1]
    assert set(drive.read_all()) == set(TREE) - {"b.txt"}


@pytest.mark.parametrize("number", [1, 30])
@pytest.mark.parametrize(
    ("if_exists", "content", "outcome"),
    [
        ("skip", b"other", "skipped"),
        ("skip_if_same", b"other", "replaced"),
        ("skip_if_same", b"0", "skipped"),
        ("replace", b"0", "replaced"),
        ("rename", b"0", "renamed"),
    ],
)
def test_when_a_name_is_taken(  # noqa: PLR0917 - fixtures
    client: Client, drive: Any, tmp_path: Path, number: int, if_exists: str, content: bytes, outcome: str
) -> None:
    """``if_exists`` means the same for few files and for many, as it does for one."""
    write(tmp_path, dict(list(MORE.items())[:number]))
    drive.put("in/0.csv", content)
    report = client.upload_folder("myfiles/in", local_path=tmp_path, **ALL, if_exists=if_exists)
    outcomes = {item.name: item.outcome for item in report.done} | {step.path: "skipped" for step in report.skipped}
    assert outcomes.pop("0 1.csv" if outcome == "renamed" else "0.csv") == outcome
    assert set(outcomes.values()) <= {"created"}
    assert drive.read("in/0.csv") == (content if outcome in ("skipped", "renamed") else b"0")


def test_a_name_that_is_taken_is_a_failure(client: Client, drive: Any, source: Path) -> None:
    """By default nothing is overwritten."""
    drive.put("a.csv", b"other")
    report = client.upload_folder("myfiles", local_path=source, **ALL)
    assert [path for path, _, _ in report.failed] == ["a.csv"]
    assert drive.read("a.csv") == b"other"


@pytest.mark.parametrize("if_exists", ["skip", "skip_if_same"])
def test_somebody_is_quicker(client: Client, drive: Any, faults: Any, tmp_path: Path, if_exists: str) -> None:
    """A file that appears between the look and the sending is treated as if it had been there."""
    drive.folder("in")

    class PutFirst(Fault):
        def before(self, *_: object) -> None:
            drive.put("in/7.csv", b"7")

    faults.add(operation="upload", do=PutFirst())
    report = client.upload_folder("myfiles/in", local_path=write(tmp_path, MORE), if_exists=if_exists)
    assert report.failed == []
    assert below(drive) == MORE


def test_a_notebook_is_no_file(client: Client, drive: Any, tmp_path: Path) -> None:
    """Nothing is written over it."""
    drive.notebook("in/Notes")
    report = client.upload_folder(
        "myfiles/in", local_path=write(tmp_path, {**MORE, "Notes": b"1"}), if_exists="skip_if_same"
    )
    assert [path for path, _, _ in report.failed] == ["Notes"]


@pytest.mark.parametrize("if_exists", ["fail", "replace", "rename", "skip_if_same"])
@pytest.mark.parametrize(("number", "there"), [(30, 25), (3, 2)])
def test_a_retry_sends_only_what_is_missing(  # noqa: PLR0917 - fixtures
    client: Client, drive: Any, onedrive_emulator: Any, tmp_path: Path, number: int, there: int, if_exists: str
) -> None:
    """What an earlier try has sent is compared and left, whatever ``if_exists`` says."""
    files = list(MORE.items())[:number]
    write(tmp_path, dict(files) | {"x/y.csv": b"1"})
    drive.put_all({f"in/{path}": content for path, content in files[:there]})
    report = client.upload_folder(
        "myfiles/in", local_path=tmp_path, **ALL, if_exists=if_exists, attempt=TaskAttempt(retrying=True)
    )
    assert (len(report.done), len(report.skipped), report.failed) == (number - there + 1, there, [])
    cost = asked(onedrive_emulator)
    assert cost.pop("get") == 1 or if_exists == "rename"  # where another name is looked for
    assert cost == {"children": 1, "create_folder": 1, "upload": number - there + 1}


def test_a_retry_does_not_take_other_content_for_its_own(client: Client, drive: Any, tmp_path: Path) -> None:
    """With ``fail`` a file of the same name and size is a conflict on a later try too."""
    drive.put("in/7.csv", b"x")
    report = client.upload_folder(
        "myfiles/in", local_path=write(tmp_path, MORE), **ALL, attempt=TaskAttempt(retrying=True)
    )
    assert [path for path, _, _ in report.failed] == ["7.csv"]
    assert drive.read("in/7.csv") == b"x"


def test_lost_answers(client: Client, drive: Any, faults: Any, source: Path) -> None:
    """What arrived without an answer is found, and not sent twice."""
    faults.add(operation="upload", times=3, do=drop_after())
    report = client.upload_folder("myfiles", local_path=source, **ALL)
    assert (drive.read_all(), report.failed) == (TREE, [])


def test_large_and_small_files(client: Client, drive: Any, tmp_path: Path) -> None:
    """Large files go by upload sessions; one that fails leaves no session behind."""
    write(tmp_path, {"large.bin": os.urandom(700_000), "small.bin": b"1"})
    sending = choice(upload=UploadOptions(single_put_bytes=1000, fragment_bytes=327_680))
    client.upload_folder("myfiles", local_path=tmp_path, **sending)
    assert drive.read_all() == read(tmp_path)


def test_a_session_of_a_file_that_fails_is_ended(
    client: Client, onedrive_emulator: Any, faults: Any, tmp_path: Path
) -> None:
    """An open session would hold the name for a day."""
    write(tmp_path, {"large.bin": os.urandom(700_000)})
    faults.add(operation="fragment", after=1, times=None, do=status(403))
    sending = choice(upload=UploadOptions(single_put_bytes=1000, fragment_bytes=327_680))
    assert client.upload_folder("myfiles", local_path=tmp_path, **sending).failed
    assert asked(onedrive_emulator)["session_cancel"] == 1


def test_links_up(client: Client, drive: Any, source: Path, tmp_path: Path) -> None:
    """They are left out unless asked."""
    write(tmp_path / "elsewhere", {"d.csv": b"5"})
    (source / "link").symlink_to(tmp_path / "elsewhere")
    client.upload_folder("myfiles/", local_path=source, **ALL)
    assert drive.read_all() == TREE
    client.upload_folder(
        "myfiles/", local_path=source, **choice(recursive=True, follow_symlinks=True), if_exists="skip_if_same"
    )
    assert drive.read_all() == {**TREE, "link/d.csv": b"5"}


@pytest.mark.parametrize("name", ["missing", "source/a.csv"])
def test_a_source_that_is_no_folder(client: Client, source: Path, name: str) -> None:
    """Nothing is asked of Graph."""
    with pytest.raises(LocalFileError, match="is not a folder"):
        client.upload_folder("myfiles", local_path=source.parent / name, **ALL)


@pytest.mark.parametrize(("count", "pages"), [(110, 1), pytest.param(1100, 2, marks=pytest.mark.full)])
def test_requests_of_many_files(  # noqa: PLR0917 - fixtures
    client: Client, drive: Any, onedrive_emulator: Any, tmp_path: Path, count: int, pages: int
) -> None:
    """Up with one request each, seen to be there with one for a thousand, and down with one each."""
    many = {f"{number % 10}/{number}.csv": b"%d" % number for number in range(count)}
    source = write(tmp_path / "source", many)
    client.upload_folder("myfiles", local_path=source, **ALL)
    assert asked(onedrive_emulator) == {"get": 1, "create_folder": 10, "upload": count}
    again = client.upload_folder("myfiles", local_path=source, **ALL, if_exists="skip_if_same")
    assert (len(again.skipped), asked(onedrive_emulator)) == (count, {"get": 1, "delta": pages})
    client.download_folder("myfiles", tmp_path / "back", **ALL)
    assert asked(onedrive_emulator) == {"get": 1, "children": 11, "download": count}
    assert read(tmp_path / "back") == drive.read_all() == many


# --- down


def test_a_folder_down(client: Client, filled: Any, tmp_path: Path) -> None:
    """Every file where it lay; the local folder is made."""
    report = client.download_folder("myfiles/in/", tmp_path / "new", **ALL)
    assert read(tmp_path / "new") == TREE
    assert {item.local_path for item in report.done} == {str(tmp_path / "new" / path) for path in TREE}


@pytest.mark.parametrize(
    ("how", "paths"),
    [
        (choice(), {"a.csv", "b.txt"}),
        (choice(Filters(file_pattern="**/*.csv", exclude="a*"), recursive=True), {"x/c.csv", "x/y/100% #1 ä.csv"}),
        (choice(recursive=True, keep_directory_structure=False), {"a.csv", "b.txt", "c.csv", "100% #1 ä.csv"}),
        (choice(Filters(max_size=1)), {"a.csv", "b.txt"}),
    ],
)
def test_some_files_down(client: Client, filled: Any, tmp_path: Path, how: dict[str, Any], paths: set[str]) -> None:
    """What the filters choose, at its place or in one folder."""
    client.download_folder("myfiles/in", tmp_path, **how)
    assert set(read(tmp_path)) == paths


def test_a_link_that_has_expired(client: Client, filled: Any, onedrive_emulator: Any, tmp_path: Path) -> None:
    """The links of the listing are used; an expired one is replaced."""
    asked(onedrive_emulator)

    class Revoke(Fault):
        def before(self, *_: object) -> None:
            onedrive_emulator.revoke_download_urls()

    onedrive_emulator.faults.add(operation="download", do=Revoke())
    client.download_folder("myfiles/in", tmp_path, **choice(recursive=True, max_concurrent=1))
    assert read(tmp_path) == TREE


def test_a_file_that_changes_after_it_was_listed(
    client: Client, filled: Any, onedrive_emulator: Any, tmp_path: Path
) -> None:
    """What comes is one whole version, and the report is about that one."""

    class Change(Fault):
        def before(self, *_: object) -> None:
            filled.put("in/a.csv", b"2")

    onedrive_emulator.faults.add(operation="download", path="", do=Change())
    report = client.download_folder("myfiles/in", tmp_path, **choice(recursive=True, max_concurrent=1))
    assert (tmp_path / "a.csv").read_bytes() == b"2"
    assert {item.name: item.etag for item in report.done}["a.csv"] == filled.item("in/a.csv")["eTag"]


def test_a_file_that_goes_after_it_was_listed(
    client: Client, filled: Any, onedrive_emulator: Any, tmp_path: Path
) -> None:
    """It is reported, may have come back by the next try, and the rest goes on."""

    class Remove(Fault):
        def before(self, *_: object) -> None:
            filled.delete("in/x/c.csv")

    onedrive_emulator.faults.add(operation="download", do=Remove())
    report = client.download_folder("myfiles/in", tmp_path, **choice(recursive=True, max_concurrent=1))
    assert [(path, is_retryable) for path, _, is_retryable in report.failed] == [("x/c.csv", True)]
    assert set(read(tmp_path)) == set(TREE) - {"x/c.csv"}


def test_a_folder_that_goes_while_it_is_walked(
    client: Client, filled: Any, onedrive_emulator: Any, tmp_path: Path
) -> None:
    """It is as if it had never been there."""

    class Remove(Fault):
        def before(self, *_: object) -> None:
            filled.delete("in/x/y")

    onedrive_emulator.faults.add(operation="children", after=2, do=Remove())
    client.download_folder("myfiles/in", tmp_path, **ALL)
    assert set(read(tmp_path)) == {"a.csv", "b.txt", "x/c.csv"}


def test_one_file_that_cannot_be_fetched(client: Client, filled: Any, tmp_path: Path) -> None:
    """A directory of its name, a notebook: each is reported, the rest goes on."""
    (tmp_path / "a.csv").mkdir()
    filled.notebook("in/Notes")
    report = client.download_folder("myfiles/in", tmp_path, **ALL)
    reasons = {path: reason for path, reason, _ in report.failed}
    assert set(reasons) == {"a.csv", "Notes"}
    assert "notebook" in reasons["Notes"]
    assert set(read(tmp_path)) == set(TREE) - {"a.csv"}


def test_a_shortcut_is_reported(client: Client, onedrive_emulator: Any, tmp_path: Path) -> None:
    """What lies on another drive is not taken for a file of this one."""
    there = onedrive_emulator.drive("ben@contoso.example")
    there.put("shared/a.csv", b"1")
    onedrive_emulator.drive().shortcut("Shared", there, "shared")
    report = client.download_folder("myfiles", tmp_path, **choice(recursive=True, if_none="skip"))
    assert [(path, reason) for path, reason, _ in report.failed] == [("Shared", "it is a shortcut to another drive")]


def test_a_linked_directory_leads_nowhere(client: Client, filled: Any, tmp_path: Path) -> None:
    """Nothing is written through a link, and a link that has a file's name is replaced."""
    target, elsewhere = tmp_path / "target", tmp_path / "elsewhere"
    elsewhere.mkdir()
    target.mkdir()
    (target / "x").symlink_to(elsewhere)
    (target / "a.csv").symlink_to(elsewhere / "a.csv")
    report = client.download_folder("myfiles/in", target, **ALL)
    assert sorted(path for path, _, _ in report.failed) == ["x/c.csv", "x/y/100% #1 ä.csv"]
    assert "symbolic link" in report.failed[0][1]
    assert (list(elsewhere.iterdir()), (target / "a.csv").is_symlink()) == ([], False)


def test_a_name_that_no_file_system_takes(client: Client, drive: Any, tmp_path: Path) -> None:
    """It is reported before it is fetched."""
    drive.put_all({"ä" * 130: b"1", "a.csv": b"2"})
    report = client.download_folder("myfiles", tmp_path, **ALL)
    assert ([item.name for item in report.done], len(report.failed)) == (["a.csv"], 1)
    assert "longer than file systems take" in report.failed[0][1]


@pytest.mark.parametrize(
    ("if_exists", "content", "left"),
    [("replace", b"0", b"1"), ("skip", b"0", b"0"), ("skip_if_same", b"0", b"1"), ("skip_if_same", b"1", b"1")],
)
def test_when_a_local_name_is_taken(  # noqa: PLR0917 - fixtures
    client: Client, filled: Any, tmp_path: Path, if_exists: str, content: bytes, left: bytes
) -> None:
    """As for one file."""
    write(tmp_path, {"a.csv": content})
    report = client.download_folder("myfiles/in", tmp_path, **ALL, if_exists=if_exists)
    assert (read(tmp_path), report.failed) == ({**TREE, "a.csv": left}, [])


def test_a_retry_fetches_only_what_is_missing(
    client: Client, filled: Any, onedrive_emulator: Any, tmp_path: Path
) -> None:
    """What an earlier try has fetched is compared and left."""
    write(tmp_path, {path: TREE[path] for path in ("a.csv", "x/c.csv")})
    report = client.download_folder("myfiles/in", tmp_path, **ALL, if_exists="fail", attempt=TaskAttempt(retrying=True))
    assert sorted((item.outcome or "", item.name) for item in report.done) == [
        ("", "100% #1 ä.csv"),
        ("", "b.txt"),
        ("already_there", "a.csv"),
        ("already_there", "c.csv"),
    ]
    assert report.transferred_bytes == 4


# --- mirror


def test_a_mirror_up(client: Client, filled: Any, tmp_path: Path) -> None:
    """What the source has not goes to the recycle bin, and nothing else changes."""
    write(tmp_path, {"a.csv": b"1", "new.csv": b"2"})
    report = client.upload_folder("myfiles/in", local_path=tmp_path, **MIRROR, if_exists="skip_if_same")
    assert (below(filled), len(report.skipped)) == ({"a.csv": b"1", "new.csv": b"2"}, 1)
    assert sorted(report.deleted) == sorted(set(TREE) - {"a.csv"})
    assert len(filled.recycle_bin) == 3


def test_a_mirror_down(client: Client, filled: Any, tmp_path: Path) -> None:
    """Local files that OneDrive has not are deleted, links are left."""
    write(tmp_path, {"a.csv": b"1", "x/old.csv": b"2"})
    (tmp_path / "link").symlink_to("a.csv")
    report = client.download_folder("myfiles/in", tmp_path, **MIRROR)
    assert (report.deleted, read(tmp_path)) == (["x/old.csv"], {**TREE, "link": b"1"})


def test_mirror_sees_a_target_that_is_overlooked_at_first(
    client: Client, drive: Any, onedrive_emulator: Any, tmp_path: Path
) -> None:
    """One 404 of the target does not prove that there is nothing in it to be deleted."""
    drive.put_all({"in/a.csv": b"1", "in/old.csv": b"2"})
    onedrive_emulator.quirks.missing_folders = 1
    source = write(tmp_path, {"a.csv": b"1"})
    report = client.upload_folder(
        "myfiles/in", local_path=source, **MIRROR, if_exists="skip_if_same", create_folders=True
    )
    assert (report.deleted, below(drive)) == (["old.csv"], {"a.csv": b"1"})


def test_mirror_keeps_files_below_a_folder_that_vanishes_for_a_moment(
    client: Client, filled: Any, faults: Any, tmp_path: Path
) -> None:
    """Nobody knows which files it has; what other folders lack is deleted all the same."""
    write(tmp_path, {"x/y/old.csv": b"1", "x/old.csv": b"2", "z/old.csv": b"3"})
    faults.add(path=client.stat("myfiles/in/x").id, times=6, do=status(404))
    report = client.download_folder("myfiles/in", tmp_path, **MIRROR)
    assert (report.deleted, report.failed) == (["z/old.csv"], [])
    assert set(read(tmp_path)) == {"a.csv", "b.txt", "x/old.csv", "x/y/old.csv"}


ALIKE = [("\u00c4.csv", "\u00e4.CSV"), ("\u00fc.csv", "u\u0308.csv"), ("x/a.csv", "X/a.csv")]


@pytest.mark.parametrize(("path", "other"), ALIKE)
@pytest.mark.parametrize("is_there", [True, False])
def test_mirror_deletes_a_local_file_of_another_case_or_form_in_one_run(  # noqa: PLR0917 - fixtures
    client: Client, drive: Any, tmp_path: Path, path: str, other: str, is_there: bool
) -> None:
    """On a disk that has a file for each name, the one of exactly the source's name stays."""
    drive.put(f"in/{path}", b"1")
    write(tmp_path, {other: b"2"} | ({path: b"3"} if is_there else {}))
    report = client.download_folder("myfiles/in", tmp_path, **MIRROR)
    assert (report.deleted, read(tmp_path)) == ([other], {path: b"1"})


@pytest.mark.parametrize(("path", "other"), ALIKE)
def test_mirror_deletes_all_local_files_that_the_source_has_not(
    client: Client, drive: Any, tmp_path: Path, path: str, other: str
) -> None:
    """In one run, and with the limit of both."""
    drive.put("in/b.csv", b"1")
    write(tmp_path, {path: b"2", other: b"3"})
    with pytest.raises(LocationError, match="2 files of the target"):
        client.download_folder("myfiles/in", tmp_path, **choice(recursive=True, delete_extra=True, max_delete=1))
    report = client.download_folder("myfiles/in", tmp_path, **MIRROR)
    assert (sorted(report.deleted), read(tmp_path)) == (sorted((path, other)), {"b.csv": b"1"})


def test_mirror_keeps_a_file_whose_disk_takes_both_names_for_one(client: Client, drive: Any, tmp_path: Path) -> None:
    """A hard link stands for such a disk: what has arrived is never deleted under another name."""
    drive.put("in/a.csv", b"1")
    write(tmp_path, {"A.csv": b"1"})
    (tmp_path / "a.csv").hardlink_to(tmp_path / "A.csv")
    report = client.download_folder("myfiles/in", tmp_path, if_exists="skip", **MIRROR)
    assert (report.deleted, read(tmp_path)) == ([], {"a.csv": b"1", "A.csv": b"1"})


@pytest.mark.parametrize("recursive", [False, True])
@pytest.mark.parametrize("kinds", [{"file": None}, {"folder": {}}], ids=["none", "both"])
def test_item_of_no_kind_is_reported(  # noqa: PLR0917 - fixtures
    client: Client, drive: Any, faults: Any, tmp_path: Path, recursive: bool, kinds: dict[str, Any]
) -> None:
    """It may be a file that was meant, or a folder that holds some."""
    drive.put_all({"in/a.csv": b"1", "in/odd.csv": b"2"})
    faults.add(operation="children", times=None, do=alter(kinds, name="odd"))
    report = client.download_folder("myfiles/in", tmp_path, recursive=recursive)
    assert [path for path, _, _ in report.failed] == ["odd.csv"]
    assert read(tmp_path) == {"a.csv": b"1"}


def test_what_a_mirror_would_do(client: Client, filled: Any, onedrive_emulator: Any, tmp_path: Path) -> None:
    """A dry run says it, and changes nothing on either side."""
    write(tmp_path, {"a.csv": b"other", "b:c": b""})
    for work in (client.upload_folder, client.download_folder):
        how = choice(recursive=True, delete_extra=True, dry_run=True)
        planned = work("myfiles/in", local_path=tmp_path, **how).to_dict()["planned"]
        assert {step["action"] for step in planned} >= {"transfer", "delete"}
    assert below(filled) == TREE
    assert read(tmp_path) == {"a.csv": b"other", "b:c": b""}
    assert set(asked(onedrive_emulator)) == {"get", "children"}


def test_a_mirror_has_a_guard(client: Client, filled: Any, onedrive_emulator: Any, tmp_path: Path) -> None:
    """More superfluous files than ``max_delete`` stop everything before it begins, and so does an empty source."""
    with pytest.raises(LocationError, match="No file was chosen"):
        client.upload_folder("myfiles/in", local_path=tmp_path, **MIRROR)
    write(tmp_path, {"a.csv": b"1"})
    with pytest.raises(LocationError, match=r"Cannot upload to myfiles/in: 3 files of the target"):
        client.upload_folder(
            "myfiles/in", local_path=tmp_path, **choice(recursive=True, delete_extra=True, max_delete=2)
        )
    with pytest.raises(LocationError, match="more than 3 files"):
        client.download_folder("myfiles/in", tmp_path, **choice(recursive=True, max_items=3))
    assert below(filled) == TREE
    assert read(tmp_path) == {"a.csv": b"1"}


@pytest.mark.parametrize("filters", [Filters(), Filters(file_pattern="*.csv")])
def test_a_mirror_of_nothing_has_to_be_allowed(client: Client, filled: Any, tmp_path: Path, filters: Filters) -> None:
    """An empty folder, or one of whose files none is chosen, in either direction; the error says what to pass."""
    empty, full = write(tmp_path / "empty", {"d.txt": b"4"} if filters.file_pattern else {}), tmp_path / "full"
    empty.mkdir(exist_ok=True)
    filled.folder("empty")
    write(full, TREE)
    how = choice(recursive=True, delete_extra=True, if_none="skip", filters=filters)
    message = r"No file of the source was chosen, and so \d files .*allow_empty_source=True"
    with pytest.raises(LocationError, match=message):
        client.upload_folder("myfiles/in", local_path=empty, **how)
    with pytest.raises(LocationError, match=message):
        client.download_folder("myfiles/empty", full, **how)
    assert (below(filled), read(full)) == (TREE, TREE)
    how = choice(recursive=True, delete_extra=True, allow_empty_source=True, filters=filters)
    left = {path: content for path, content in TREE.items() if not filters.match_path(path)}
    client.upload_folder("myfiles/in", local_path=empty, **how)
    client.download_folder("myfiles/empty", full, **how)
    assert (below(filled), read(full)) == (left, left)


@pytest.mark.parametrize("name", ["bad:name.csv", "a.csv"])
def test_a_mirror_deletes_nothing_when_something_failed(
    client: Client, filled: Any, faults: Any, tmp_path: Path, name: str
) -> None:
    """What looks superfluous may be all there is."""
    faults.add(operation="upload", times=None, do=status(403))
    report = client.upload_folder("myfiles/in", local_path=write(tmp_path, {name: b"1"}), **MIRROR, if_exists="replace")
    assert (report.deleted, len(report.failed)) == ([], 1)
    assert below(filled) == TREE


def test_a_mirror_of_a_tree_that_cannot_be_read(client: Client, filled: Any, tmp_path: Path) -> None:
    """A folder whose content nobody knows is reported, whatever the filters say, and nothing is deleted."""
    write(tmp_path, {"a.csv": b"1"})
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff")).mkdir()
    how = choice(recursive=True, delete_extra=True, filters=Filters(file_pattern="*.csv"))
    report = client.upload_folder("myfiles/in", local_path=tmp_path, **how, if_exists="replace")
    assert ([path for path, _, _ in report.failed], below(filled)) == (["?"], TREE)


def test_a_mirror_leaves_what_changed_meanwhile(client: Client, filled: Any, faults: Any, tmp_path: Path) -> None:
    """A superfluous file is deleted only in the version that was seen."""

    class Change(Fault):
        def before(self, *_: object) -> None:
            filled.put("in/x/c.csv", b"new")

    faults.add(operation="batch", do=Change())
    report = client.upload_folder(
        "myfiles/in", local_path=write(tmp_path, {"a.csv": b"1"}), **MIRROR, if_exists="replace"
    )
    assert [path for path, _, _ in report.failed] == ["x/c.csv"]
    assert sorted(report.deleted) == ["b.txt", "x/y/100% #1 ä.csv"]
    assert below(filled) == {"a.csv": b"1", "x/c.csv": b"new"}


# --- move


def test_a_move_up(client: Client, drive: Any, source: Path) -> None:
    """Sources go when their copies are verified."""
    report = client.upload_folder("myfiles", local_path=source, **MOVE)
    assert (drive.read_all(), read(source), report.kept) == (TREE, {}, [])


def test_a_move_down(client: Client, filled: Any, tmp_path: Path) -> None:
    """Sources go to the recycle bin when their copies are verified."""
    report = client.download_folder("myfiles/in", tmp_path, **MOVE)
    assert (read(tmp_path), below(filled), report.kept) == (TREE, {}, [])
    assert len(filled.recycle_bin) == 4


def test_what_fails_is_not_moved(client: Client, filled: Any, faults: Any, source: Path, tmp_path: Path) -> None:
    """Its source stays, in both directions; the others go."""
    faults.add(operation="upload", path=r"/c\.csv", times=None, do=status(403))
    client.upload_folder("myfiles/out", local_path=source, **MOVE, create_folders=True)
    assert set(read(source)) == {"x/c.csv"}
    (tmp_path / "target" / "a.csv").mkdir(parents=True)
    client.download_folder("myfiles/in", tmp_path / "target", **MOVE)
    assert set(below(filled)) == {"a.csv"}


@pytest.mark.parametrize("number", [1, 30])
def test_a_move_does_not_take_any_file_for_the_copy(client: Client, drive: Any, tmp_path: Path, number: int) -> None:
    """With ``skip`` what is there may be something else: the source is kept, unless it is the same."""
    write(tmp_path, dict(list(MORE.items())[:number]) | {"other.csv": b"mine"})
    drive.put_all({"in/other.csv": "theirs"})
    report = client.upload_folder("myfiles/in", local_path=tmp_path, **MOVE, if_exists="skip")
    assert report.kept == [("other.csv", "a file is there")]
    assert read(tmp_path) == {"other.csv": b"mine"}
    write(tmp_path, {"other.csv": b"mine"})
    report = client.download_folder("myfiles/in", tmp_path, **MOVE, if_exists="skip")
    assert ("other.csv", "a file is there") in report.kept
    assert drive.read("in/other.csv") == b"theirs"


def test_a_move_goes_on_where_it_ended(client: Client, drive: Any, tmp_path: Path) -> None:
    """What an earlier try sent is compared, and its source goes."""
    write(tmp_path, MORE)
    drive.put_all({f"in/{path}": content for path, content in MORE.items()})
    report = client.upload_folder("myfiles/in", local_path=tmp_path, **MOVE, attempt=TaskAttempt(retrying=True))
    assert (len(report.skipped), read(tmp_path), report.kept) == (30, {}, [])


def test_a_move_keeps_what_cannot_be_compared(
    client: Client, drive: Any, onedrive_emulator: Any, tmp_path: Path
) -> None:
    """SharePoint rewrites Office files, PDF and HTML: whether they arrived whole nobody can say."""
    onedrive_emulator.quirks.rewrite_office = True
    write(tmp_path, {"a.html": b"1", "b.csv": b"2"})
    report = client.upload_folder("myfiles", local_path=tmp_path, **MOVE)
    assert [path for path, _ in report.kept] == ["a.html"]
    assert "SharePoint rewrote it" in report.kept[0][1]
    assert (set(read(tmp_path)), report.failed) == ({"a.html"}, [])


def test_a_move_keeps_what_changed_after_it_was_sent(client: Client, drive: Any, faults: Any, source: Path) -> None:
    """A source that somebody writes to meanwhile is not deleted."""

    class Write(Fault):
        def before(self, *_: object) -> None:
            (source / "a.csv").write_bytes(b"new")

    faults.add(operation="upload", path=r"/c\.csv", do=Write())
    report = client.upload_folder("myfiles", local_path=source, **choice(recursive=True, move=True, max_concurrent=1))
    assert [(path, is_retryable) for path, _, is_retryable in report.failed] == [("a.csv", True)]
    assert read(source) == {"a.csv": b"new"}


def test_a_move_of_what_has_gone_already(client: Client, drive: Any, faults: Any, source: Path) -> None:
    """A source that somebody else takes away after it was sent need not be deleted."""

    class TakeAway(Fault):
        def before(self, *_: object) -> None:
            (source / "a.csv").unlink()

    faults.add(operation="upload", path=r"/c\.csv", do=TakeAway())
    report = client.upload_folder("myfiles", local_path=source, **choice(recursive=True, move=True, max_concurrent=1))
    assert (read(source), report.failed, drive.read_all()) == ({}, [], TREE)


def test_a_move_down_keeps_what_changed_after_it_was_fetched(
    client: Client, filled: Any, faults: Any, tmp_path: Path
) -> None:
    """The version that was fetched is deleted, and no other."""

    class Change(Fault):
        def before(self, *_: object) -> None:
            filled.put("in/a.csv", b"new")

    faults.add(operation="batch", do=Change())
    report = client.download_folder("myfiles/in", tmp_path, **MOVE)
    assert [path for path, _, _ in report.failed] == ["a.csv"]
    assert below(filled) == {"a.csv": b"new"}


def test_a_move_without_verification_is_refused(client: Client, source: Path, tmp_path: Path) -> None:
    """In both directions, before anything is asked."""
    with pytest.raises(ConfigurationError, match="only what was verified"):
        client.upload_folder("myfiles", local_path=source, **choice(move=True, upload=UploadOptions(verify=False)))
    with pytest.raises(ConfigurationError, match="only what was verified"):
        client.download_folder("myfiles", tmp_path, **choice(move=True, download=DownloadOptions(verify=False)))


# --- object stores


def test_an_object_store(client: Client, drive: Any) -> None:
    """A tree of objects up, down and moved."""
    place = UPath("memory://bucket")
    try:
        for path, content in TREE.items():
            place.fs.pipe_file(f"/bucket/from/{path}", content)
        client.upload_folder("myfiles/in", local_path=place / "from", **ALL, create_folders=True)
        assert below(drive) == TREE
        client.download_folder("myfiles/in", place / "to", **ALL)
        assert {path: place.fs.cat_file(f"/bucket/to/{path}") for path in TREE} == TREE
        client.upload_folder("myfiles/in", local_path=place / "to", **MOVE, if_exists="skip_if_same")
        assert place.fs.find("/bucket/to") == []
    finally:
        place.fs.store.clear()


def test_a_local_folder_as_a_url(client: Client, drive: Any, source: Path, tmp_path: Path) -> None:
    """``file://`` is the local disk, links and all."""
    (source / "link").symlink_to("a.csv")
    client.upload_folder("myfiles/in", local_path=UPath(f"file://{source}"), **ALL, create_folders=True)
    assert below(drive) == TREE
    client.download_folder("myfiles/in", UPath(f"file://{tmp_path}/back"), **ALL)
    assert read(tmp_path / "back") == TREE


# --- personal drives


def test_a_personal_drive(onedrive_emulator: Any, client: Client, tmp_path: Path, source: Path) -> None:
    """Up, compared, mirrored and moved down: hashes and eTags are others there."""
    onedrive_emulator.add_user("cara@outlook.example", personality="personal")
    place, drive = "users/cara@outlook.example", onedrive_emulator.drive("cara@outlook.example")
    client.upload_folder(f"{place}/in", local_path=source, **ALL, create_folders=True)
    assert below(drive) == TREE
    client.upload_folder(f"{place}/in", local_path=write(source, MORE), **MIRROR, if_exists="skip_if_same")
    assert len(client.upload_folder(f"{place}/in", local_path=source, **MIRROR, if_exists="skip_if_same").skipped) == 34
    client.download_folder(place, tmp_path / "target", **MOVE)
    assert read(tmp_path / "target" / "in") == {**TREE, **MORE}
    assert drive.read_all() == {}


# --- reports


def test_links_stay_secret(client: Client, filled: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Whoever has a link may read the file: it is in no report and no log."""
    caplog.set_level("DEBUG", "airflow_provider_onedrive")
    planned = client.download_folder("myfiles/in", tmp_path, **choice(recursive=True, dry_run=True))
    done = client.download_folder("myfiles/in", tmp_path, **ALL)
    assert "download.aspx" not in f"{planned!r} {done!r} {planned.to_dict()} {done.to_dict()} {caplog.text}"
    assert all(step.entry.content.url or not step.entry.size for step in planned.planned)


def test_how_far_it_is(client: Client, drive: Any, source: Path, caplog: pytest.LogCaptureFixture) -> None:
    """One line at the end with the sums, and a warning for each file that failed."""
    caplog.set_level("INFO")
    write(source, {"b:c": b""})
    client.upload_folder("myfiles", local_path=source, **ALL)
    (line,) = [record.getMessage() for record in caplog.records if "of 4 files" in record.getMessage()]
    assert line.startswith("Done: upload to myfiles, 4 of 4 files, ")
    assert "8 bytes sent" in line
    assert [record.getMessage().partition(":")[0] for record in caplog.records if record.levelname == "WARNING"] == [
        "b"
    ]


def test_many_failures_are_summed_up() -> None:
    """The error shows the first twenty; the report in XCom has more of them."""
    report = Report()
    for number in range(25):
        report.fail(f"{number}.csv", "no")
    with pytest.raises(FilesRefused, match=r"25 files could not be uploaded, 0 could: 0\.csv: no; .* and 5 more"):
        raise_for(report, "uploaded")
