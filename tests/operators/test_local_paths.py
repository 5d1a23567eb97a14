"""The local side of operators: names with the characters of patterns, and stores that are not installed."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_onedrive import compat
from airflow_provider_onedrive.emulator import Emulator
from airflow_provider_onedrive.graph.content.paths import split_local_path
from airflow_provider_onedrive.operators import onedrive as operators

Context = Callable[..., Any]
NAMES = ("what?.csv", "all*.csv", "*", "?", "[a]?.csv")


@pytest.fixture
def drive(onedrive_emulator: Emulator) -> Any:
    return onedrive_emulator.drive()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files that the names would match as patterns as well."""
    for name in (*NAMES, "whatever.csv", "whats.csv", "allies.csv", "x"):
        (tmp_path / name).write_text(name)
    return tmp_path


def upload(context: Context, **given: Any) -> Any:
    return operators.OneDriveUploadOperator(task_id="task", **given).execute(context())


@pytest.mark.parametrize("name", NAMES)
def test_file_that_exists_as_it_is_written_is_that_file(
    drive: Any, folder: Path, task_context: Context, name: str
) -> None:
    """Although its name is a pattern, too; OneDrive needs another name for it."""
    item = upload(task_context, local_path=f"{folder}/{name}", location="myfiles/", file_name="new.csv")
    assert (item["name"], drive.paths(), drive.read("new.csv")) == ("new.csv", ["new.csv"], name.encode())


@pytest.mark.parametrize("name", NAMES)
def test_its_name_is_refused_or_replaced(
    drive: Any, folder: Path, task_context: Context, connection: Context, name: str
) -> None:
    """As any other name that OneDrive does not accept: by the connection's policy."""
    with pytest.raises(AirflowFailException, match=r"does not allow|not a name"):
        upload(task_context, local_path=f"{folder}/{name}", location="myfiles/")
    connection(name_policy="replace")
    upload(task_context, local_path=f"{folder}/{name}", location="myfiles/")
    assert drive.paths() == [name.replace("?", "_").replace("*", "_")]


def test_element_of_a_list_is_read_alike(drive: Any, folder: Path, task_context: Context, connection: Context) -> None:
    """Beside patterns, which match as before."""
    connection(name_policy="replace")
    upload(task_context, local_path=[f"{folder}/what?.csv", f"{folder}/al*es.csv"], location="myfiles/")
    assert sorted(drive.paths()) == ["allies.csv", "what_.csv"]


def test_folder_that_exists_as_it_is_written(drive: Any, folder: Path, task_context: Context) -> None:
    (folder / "in*").mkdir()
    (folder / "in*/a.csv").write_text("a")
    (folder / "inner").mkdir()
    (folder / "inner/b.csv").write_text("b")
    upload(task_context, local_path=f"{folder}/in*/", location="myfiles/")
    assert drive.paths() == ["a.csv"]


def test_pattern_without_such_a_file_is_a_pattern(drive: Any, folder: Path, task_context: Context) -> None:
    upload(task_context, local_path=f"{folder}/what*.csv", location="myfiles/", regex="what(ever|s)")
    assert sorted(drive.paths()) == ["whatever.csv", "whats.csv"]


@pytest.mark.parametrize("path", ["~nobody/*", "a\0*", "n" * 5000 + "*", "s3://bucket/*", None, 7, Path("*")])
def test_any_path_is_split(path: Any) -> None:
    """What cannot exist is a pattern, or no text at all."""
    pattern = split_local_path(path)[1]
    assert (pattern is None) is (not isinstance(path, str))


@pytest.mark.parametrize("name", NAMES)
def test_put_takes_it_as_well(
    onedrive_emulator: Emulator, drive: Any, folder: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """A shell has read the pattern before."""
    from airflow_provider_onedrive import cli  # noqa: PLC0415 - only here

    (folder / "connection.json").write_text(onedrive_emulator.connection)
    arguments = ["put", "--connection", f"@{folder}/connection.json", "--json", f"{folder}/{name}", "myfiles/x.csv"]
    assert cli.main(arguments) == 0
    assert json.loads(capsys.readouterr().out)["path"] == "x.csv"
    assert drive.read("x.csv") == name.encode()


# Stores that are not installed


@pytest.mark.parametrize(
    ("scheme", "package"),
    [
        ("sftp", r"Install apache-airflow-providers-sftp\[sshfs\] on the workers"),
        ("ssh", r"Install apache-airflow-providers-sftp\[sshfs\] on the workers"),
        ("gs", "Install apache-airflow-providers-google on the workers"),
        ("abfs", "Install apache-airflow-providers-microsoft-azure on the workers"),
        ("nobody", "Copy the file to a local path"),
    ],
)
@pytest.mark.parametrize("name", ["upload", "upload of a list", "upload of a pattern", "save", "download", "sync"])
def test_store_that_is_not_installed(drive: Any, task_context: Context, name: str, scheme: str, package: str) -> None:
    """The error names the package, ends the task, and shows no password."""
    drive.put("a.csv", b"a")
    url = f"{scheme}://anna:SECRET@host/a.csv"
    acts: dict[str, Callable[[], Any]] = {
        "upload": lambda: upload(task_context, local_path=url, location="myfiles/b.csv"),
        "upload of a list": lambda: upload(task_context, local_path=[url], location="myfiles/"),
        "upload of a pattern": lambda: upload(task_context, local_path=f"{url}/*.csv", location="myfiles/"),
        "save": lambda: operators.OneDriveSaveOperator(
            task_id="task", local_path=url, location="myfiles/b.csv"
        ).execute(task_context()),
        "download": lambda: operators.OneDriveDownloadOperator(
            task_id="task", location="myfiles/a.csv", local_path=url
        ).execute(task_context()),
        "sync": lambda: operators.OneDriveFolderSyncOperator(task_id="task", location="myfiles/", manifest=url).execute(
            task_context()
        ),
    }
    said = rf"no installed package brings Airflow the store {scheme}://.*{package}"
    with pytest.raises(AirflowFailException, match=said) as caught:
        acts[name]()
    assert "SECRET" not in str(caught.value)
    assert drive.paths() == ["a.csv"]


def test_store_whose_library_is_missing(drive: Any, task_context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """The provider may be there without the extra that it needs for this."""
    assert compat.has_store("s3")
    monkeypatch.setitem(sys.modules, "s3fs", None)
    drive.put("a.csv", b"a")
    operator = operators.OneDriveDownloadOperator(task_id="t", location="myfiles/a.csv", local_path="s3://bucket/a")
    with pytest.raises(AirflowFailException, match=r"Install apache-airflow-providers-amazon\[s3fs\] on the workers"):
        operator.execute(task_context())
