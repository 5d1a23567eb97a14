"""``ObjectStoragePath("onedrive://conn_id@…")`` of Airflow, on both of its lines."""

from __future__ import annotations

import json
import pickle
import shutil
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import fsspec
import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath
from airflow.providers.common.io.operators.file_transfer import FileTransferOperator
from forks_of_airflow import ForksOfAirflow
from object_store import ObjectStore
from upath import UPath

from airflow_provider_onedrive.emulator import Emulator
from airflow_provider_onedrive.filesystem import OneDriveFileSystem
from airflow_provider_onedrive.fs.onedrive import get_fs
from airflow_provider_onedrive.graph import ConfigurationError, ItemNotFound, LocationError

ROOT = "onedrive://onedrive_default@myfiles"
FIRST_PATH = """
import json, os, sys, warnings; warnings.simplefilter("ignore")
os.environ.update(json.loads(sys.argv[1]))
from airflow.providers.common.compat.sdk import ObjectStoragePath
folder = ObjectStoragePath("onedrive://onedrive_default@myfiles/Reports")
path = folder / "a.csv"
text = path.read_text()
path.copy(folder / "b.csv")
names, globbed = sorted(each.name for each in folder.iterdir()), [each.name for each in folder.glob("a*")]
path.unlink()
print(names, text, globbed, ObjectStoragePath(str(folder / "b.csv")).exists())
"""
NAMES = [
    "a b.csv",
    "a#b.csv",
    "100%.csv",
    "%20.csv",
    "a+b&c;d.csv",
    "u\u0308.csv",
    "\u00fc.csv",
    "a=b@c.csv",
    "a[1].csv",
]


pytestmark = pytest.mark.usefixtures("forgotten_filesystems")


def write_half(file: Any, content: Any) -> None:
    file.write(content)
    _ = 1 / 0


def test_entry_points_lead_to_it() -> None:
    """Those of the installed package: fsspec and UPath know the scheme without an import of ours."""
    (spec,) = entry_points(group="fsspec.specs", name="onedrive")
    (path,) = entry_points(group="universal_pathlib.implementations", name="onedrive")
    assert spec.load() is fsspec.get_filesystem_class("onedrive") is OneDriveFileSystem
    assert path.load() is type(UPath("onedrive://myfiles/a"))


def test_path_reads_writes_and_lists(drive: Any) -> None:
    """What every task does first."""
    path = ObjectStoragePath(f"{ROOT}/Reports")
    path.mkdir(parents=True, exist_ok=True)
    with (path / "a.csv").open("w") as file:
        file.write("1;2\n")
    assert drive.read("Reports/a.csv") == b"1;2\n"
    (path / "b").mkdir()
    (path / "b" / "c.bin").write_bytes(b"\x00")
    assert sorted(each.name for each in path.iterdir()) == ["a.csv", "b"]
    assert sorted(each.name for each in path.glob("**/*.bin")) == ["c.bin"]
    assert (path / "a.csv").read_text() == "1;2\n"
    assert ((path / "a.csv").exists(), (path / "b").is_dir(), (path / "no").exists()) == (True, True, False)
    assert ((path / "a.csv").stat().st_size, (path / "a.csv").size()) == (4, 4)
    (path / "a.csv").unlink()
    with pytest.raises(FileNotFoundError):
        (path / "a.csv").read_bytes()
    path.fs.rm(path.path, recursive=True)
    assert drive.paths() == []


@pytest.mark.parametrize("name", NAMES)
def test_name_survives_the_path(drive: Any, name: str) -> None:
    """As it stands in the URL, as a part of a path, and as the text of a path."""
    for path in (ObjectStoragePath(f"{ROOT}/{name}"), ObjectStoragePath(ROOT) / name):
        path.write_bytes(name.encode())
        assert (path.name, drive.read_all()) == (name, {name: name.encode()})
        again = ObjectStoragePath(str(path))
        assert (str(again), again.read_bytes()) == (str(path), name.encode())
        path.unlink()


def test_location_of_an_item_is_a_path(drive: Any) -> None:
    """As operators return it, also by its ids."""
    drive.put("Reports/a.csv", b"1")
    item = drive.item("Reports/a.csv")
    for location in ("myfiles/Reports/a.csv", f"items/{item['parentReference']['driveId']}/{item['id']}"):
        assert ObjectStoragePath(f"onedrive://onedrive_default@{location}").read_bytes() == b"1"


def test_default_connection_needs_no_name(drive: Any) -> None:
    """``onedrive://myfiles/…``, as in ``UPath``."""
    drive.put("a.csv", b"1")
    assert ObjectStoragePath("onedrive://myfiles/a.csv").read_bytes() == b"1"
    assert UPath("onedrive://myfiles/a.csv").read_bytes() == b"1"
    assert UPath("onedrive://myfiles/a.csv", conn_id="onedrive_default").read_bytes() == b"1"
    with fsspec.open("onedrive://onedrive_default@myfiles/a.csv") as file:
        assert file.read() == b"1"


def test_block_that_raises_publishes_nothing(drive: Any) -> None:
    """Through Airflow's own wrapper of files, and through that of UPath."""
    for kind in (ObjectStoragePath, UPath):
        for mode in ("wb", "w"):
            with pytest.raises(ZeroDivisionError), kind("onedrive://myfiles/a.csv").open(mode) as file:
                write_half(file, b"1" if mode == "wb" else "1")
    assert drive.paths() == []


def test_copy_of_a_broken_source_leaves_nothing(drive: Any, tmp_path: Path) -> None:
    """Airflow copies between stores block by block: a source that breaks must not leave its beginning."""
    (tmp_path / "a.bin").write_bytes(b"1" * 300_000)
    source, target = ObjectStoragePath(f"file://{tmp_path}/a.bin"), ObjectStoragePath(f"{ROOT}/b.bin")

    def broken(source: Any, target: Any) -> None:
        target.write(source.read(100_000))
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"), source.open("rb") as read, target.open("wb") as written:
        broken(read, written)
    assert drive.paths() == []


def test_move_and_rename_are_one_change(drive: Any, onedrive_emulator: Emulator) -> None:
    """Within a connection nothing is copied: the item keeps its id and its versions."""
    drive.put("a.csv", b"1")
    item_id = drive.item("a.csv")["id"]
    ObjectStoragePath(f"{ROOT}/a.csv").move(ObjectStoragePath(f"{ROOT}/x/b.csv"))
    ObjectStoragePath(f"{ROOT}/x/b.csv").rename(ObjectStoragePath(f"{ROOT}/x/c.csv"))
    assert drive.item("x/c.csv")["id"] == item_id
    assert len(onedrive_emulator.requests.matching(method="PATCH")) == 2
    assert onedrive_emulator.requests.matching(operation="download") == []


def test_copy_within_a_connection_is_on_the_server(drive: Any, onedrive_emulator: Emulator) -> None:
    """Of a file and of a folder."""
    drive.put("a/b.csv", b"1")
    ObjectStoragePath(f"{ROOT}/a/b.csv").copy(ObjectStoragePath(f"{ROOT}/c.csv"))
    ObjectStoragePath(f"{ROOT}/a").copy(ObjectStoragePath(f"{ROOT}/d"), recursive=True)
    assert drive.read_all() == {"a/b.csv": b"1", "c.csv": b"1", "d/b.csv": b"1"}
    assert onedrive_emulator.requests.matching(operation="download") == []


def test_copies_to_and_from_the_local_disk(drive: Any, tmp_path: Path) -> None:
    """Files and folders, by the verified transfers."""
    (tmp_path / "in" / "sub").mkdir(parents=True)
    (tmp_path / "in" / "a.csv").write_bytes(b"1")
    (tmp_path / "in" / "sub" / "b.csv").write_bytes(b"2")
    ObjectStoragePath(f"file://{tmp_path}/in/a.csv").copy(ObjectStoragePath(f"{ROOT}/x.csv"))
    ObjectStoragePath(f"file://{tmp_path}/in").copy(ObjectStoragePath(f"{ROOT}/in"), recursive=True)
    assert drive.read_all() == {"x.csv": b"1", "in/a.csv": b"1", "in/sub/b.csv": b"2"}
    ObjectStoragePath(f"{ROOT}/x.csv").copy(ObjectStoragePath(f"file://{tmp_path}/y.csv"))
    ObjectStoragePath(f"{ROOT}/in").copy(ObjectStoragePath(f"file://{tmp_path}/out"), recursive=True)
    assert (tmp_path / "y.csv").read_bytes() == b"1"
    assert (tmp_path / "out" / "sub" / "b.csv").read_bytes() == b"2"


def test_copies_to_and_from_s3(drive: Any, s3: ObjectStore) -> None:
    """Through this machine, by Airflow's own loop."""
    drive.put("a.csv", b"1" * 200_000)
    ObjectStoragePath(f"{ROOT}/a.csv").copy(ObjectStoragePath(s3.url("b.csv")))
    assert s3.objects() == {"b.csv": b"1" * 200_000}
    ObjectStoragePath(s3.url("b.csv")).move(ObjectStoragePath(f"{ROOT}/c.csv"))
    assert (drive.read("c.csv"), s3.objects()) == (b"1" * 200_000, {})


def test_file_transfer_operator_transfers(drive: Any, tmp_path: Path, task_context: Any) -> None:
    """Both ways, and it refuses to overwrite, as it does elsewhere."""
    (tmp_path / "a.csv").write_bytes(b"1")
    there, here = f"{ROOT}/Reports/a b#1.csv", f"file://{tmp_path}/b.csv"
    FileTransferOperator(task_id="up", src=f"file://{tmp_path}/a.csv", dst=there).execute(task_context())
    assert drive.read_all() == {"Reports/a b#1.csv": b"1"}
    FileTransferOperator(task_id="down", src=there, dst=here).execute(task_context())
    assert (tmp_path / "b.csv").read_bytes() == b"1"
    with pytest.raises(ValueError, match="already exists"):
        FileTransferOperator(task_id="again", src=here, dst=there).execute(task_context())
    with pytest.raises(FileNotFoundError):
        FileTransferOperator(task_id="no", src=f"{ROOT}/no.csv", dst=here, overwrite=True).execute(task_context())


def test_run_id_in_a_path_is_named(drive: Any) -> None:
    """What the XCom backend would write is refused with the name and the remedy."""
    with pytest.raises(LocationError, match=r"manual__2026-01-02T03:04:05\+00:00") as error:
        ObjectStoragePath(f"{ROOT}/xcom/manual__2026-01-02T03:04:05+00:00/x").open("wb")
    assert "ts_nodash" in str(error.value)


def test_connections_are_not_mixed(drive: Any) -> None:
    """A path of one connection is not for the filesystem of another."""
    fs = get_fs("onedrive_default")
    assert fs.ls("onedrive://onedrive_default@myfiles") == []
    for act in (fs.ls, fs.exists, fs.open, fs.rm, fs.find, fs.glob):
        with pytest.raises(ConfigurationError, match="names the connection 'other'"):
            act("onedrive://other@myfiles/a*")
    with pytest.raises(ConfigurationError, match="names the connection 'one'"):
        get_fs("one", {"conn_id": "other"})


def test_missing_connection_is_named_at_first_use() -> None:
    """Making the path asks nobody."""
    path = ObjectStoragePath("onedrive://no_such@myfiles/a.csv")
    assert path.name == "a.csv"
    with pytest.raises(Exception, match="no_such"):
        path.exists()


def test_pickle_holds_the_connection_and_no_secret(drive: Any, onedrive_emulator: Emulator) -> None:
    """Each process of dask looks up the connection by itself."""
    drive.put("a.csv", b"1")
    fs = get_fs("onedrive_default", {"permanent": True})
    assert fs.cat("myfiles/a.csv") == b"1"
    data = pickle.dumps(fs)
    assert onedrive_emulator.client_secret.encode() not in data
    again = pickle.loads(data)
    assert (again == fs, again.fsid, again.options.permanent) == (True, "onedrive-onedrive_default", True)
    for shown in (repr(fs), str(fs.storage_options), fs.to_json(), repr(fs.options)):
        assert onedrive_emulator.client_secret not in shown


def test_store_of_another_connection_is_another(drive: Any, onedrive_emulator: Emulator, monkeypatch: Any) -> None:
    """``samestore`` decides whether a copy stays on the server."""
    monkeypatch.setenv("AIRFLOW_CONN_OTHER", onedrive_emulator.connection)
    drive.put("a.csv", b"1")
    ours, other = ObjectStoragePath(f"{ROOT}/a.csv"), ObjectStoragePath("onedrive://other@myfiles/b.csv")
    assert get_fs("onedrive_default") != get_fs("other")
    ours.copy(other)
    assert drive.read_all() == {"a.csv": b"1", "b.csv": b"1"}


def test_read_blocks_are_large(drive: Any, onedrive_emulator: Emulator, tmp_path: Path) -> None:
    """Airflow copies by 64 KiB, and each of them would be a request."""
    drive.put("a.bin", b"1" * 12_000_000)
    with ObjectStoragePath(f"{ROOT}/a.bin").open("rb") as source, (tmp_path / "a.bin").open("wb") as target:
        shutil.copyfileobj(source, target)
    assert (tmp_path / "a.bin").stat().st_size == 12_000_000
    assert len(onedrive_emulator.requests.matching(operation="download")) <= 3


def test_missing_file_is_ours_and_pythons(drive: Any) -> None:
    """Code for any store catches it."""
    with pytest.raises(FileNotFoundError) as error:
        ObjectStoragePath(f"{ROOT}/no.csv").open("rb")
    assert isinstance(error.value, ItemNotFound)


def test_first_path_of_a_process_is_right(forks_of_airflow: ForksOfAirflow, onedrive_emulator: Emulator) -> None:
    """Before anything has loaded the filesystem; Airflow 2's paths then know less of the scheme, and do the same."""
    onedrive_emulator.drive().put("Reports/a.csv", b"1")
    code, output = forks_of_airflow.run(FIRST_PATH, json.dumps(dict(onedrive_emulator.environment)))
    assert (code, output.splitlines()[-1:]) == (0, ["['a.csv', 'b.csv'] 1 ['a.csv'] True"]), output
    assert onedrive_emulator.drive().read_all() == {"Reports/b.csv": b"1"}
