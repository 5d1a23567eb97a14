"""A DAG file is read again and again: importing from this package has to be light and quiet."""

from __future__ import annotations

import subprocess
import sys

from forks_of_airflow import ForksOfAirflow
from patience import HANG_SECONDS

BLOCKER = """
import builtins, sys

real_import = builtins.__import__

def guarded(name, globals=None, locals=None, fromlist=(), level=0):
    importer = (globals or {}).get("__name__", "")
    if name.partition(".")[0] in ("httpx", "msal") and importer.startswith("airflow_provider_onedrive"):
        raise ImportError(f"{importer} imports {name}")
    return real_import(name, globals, locals, fromlist, level)

builtins.__import__ = guarded
"""
DAG_FILE = """
import socket

def refuse(*args, **kwargs):
    raise AssertionError("reading a DAG file opened a socket")

socket.socket.connect = refuse

from airflow.providers.common.compat.sdk import DAG, BaseHook, ObjectStoragePath
from airflow_provider_onedrive.operators.onedrive import (
    OneDriveCopyOperator, OneDriveCreateFolderOperator, OneDriveDeleteOperator, OneDriveDownloadOperator,
    OneDriveListOperator, OneDriveMoveOperator, OneDriveSaveOperator, OneDriveUpdateOperator, OneDriveUploadOperator,
)
from airflow_provider_onedrive.sensors.onedrive import OneDriveFileSensor

def no_lookup(*args, **kwargs):
    raise AssertionError("reading a DAG file looked up a connection")

BaseHook.get_connection = no_lookup

for url in ("onedrive://finance@sites/contoso.sharepoint.com/sites/Finance/Reports/a.csv", "onedrive://myfiles/a.csv"):
    path = ObjectStoragePath(url)
    assert (path.name, path.parent / "a.csv") == ("a.csv", path)

with DAG("quiet", schedule=None):
    OneDriveUploadOperator(task_id="upload", local_path="/no/such/file", location="nonsense", if_exists="nonsense")
    OneDriveUpdateOperator(task_id="update", local_path="/no/such/file", location="")
    OneDriveSaveOperator(task_id="save", location="myfiles/{{ ds }}", content={"a": ["{{ ds }}"]})
    listing = OneDriveListOperator(task_id="list", location="myfiles/")
    OneDriveDownloadOperator.partial(task_id="download").expand(location=listing.output)
    OneDriveDeleteOperator(task_id="delete", location=None)
    OneDriveMoveOperator.partial(task_id="move", destination="").expand(location=listing.output)
    OneDriveCopyOperator(task_id="copy", location="", destination=None, if_exists="nonsense", deferrable=True)
    OneDriveCreateFolderOperator(task_id="folder", location="nonsense")
    OneDriveFileSensor(task_id="wait", location="myfiles/in/", file_pattern="", deferrable=True)
"""


def test_no_module_that_a_dag_imports_loads_httpx_or_msal(forks_of_airflow: ForksOfAirflow) -> None:
    """httpx and msal come with the first use of a client, never with an import."""
    names = (
        "operators.onedrive",
        "sensors.onedrive",
        "triggers.onedrive",
        "decorators.onedrive",
        "filesystem",
        "fs.onedrive",
        "fs.upath",
        "hooks.onedrive",
        "state.documents",
    )
    imports = f"import {', '.join(f'airflow_provider_onedrive.{name}' for name in names)}"
    code, output = forks_of_airflow.run(f"{BLOCKER}\n{imports}")
    assert code == 0, output


def test_the_import_blocker_blocks(forks_of_airflow: ForksOfAirflow) -> None:
    """The blocker of this file notices the module that does import httpx."""
    code, output = forks_of_airflow.run(f"{BLOCKER}\nimport airflow_provider_onedrive.graph.client")
    assert (code, "airflow_provider_onedrive.graph.client imports httpx" in output) == (1, True)


def test_reading_a_dag_file_does_no_io(forks_of_airflow: ForksOfAirflow) -> None:
    """Constructors only assign: nothing is looked up, checked or sent, whatever the parameters are."""
    code, output = forks_of_airflow.run(DAG_FILE)
    assert code == 0, output


def test_filesystem_imports_no_airflow() -> None:
    """pandas and DuckDB use it where no Airflow runs; the hook comes with the first use of a connection's id."""
    code = """
import sys
import fsspec
fs = fsspec.get_filesystem_class("onedrive")(conn_id="finance")
assert fs._strip_protocol("onedrive://finance@myfiles/a.csv") == "myfiles/a.csv"
assert not {"airflow", "httpx", "msal"} & sys.modules.keys(), sorted(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=HANG_SECONDS)
