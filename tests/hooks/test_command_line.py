"""The program in an installed Airflow, whose connections it reads and writes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from signing_in import login, login_options

from airflow_provider_onedrive import cli
from airflow_provider_onedrive.emulator import Emulator


@pytest.mark.parametrize("options", [[], ["--conn-id", "onedrive_default"]], ids=["default", "named"])
def test_ls_reads_a_connection_of_airflow(
    onedrive_emulator: Emulator, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    """--conn-id, which is onedrive_default where nothing is said."""
    onedrive_emulator.drive().put("Reports/a.csv", b"abc")
    assert cli.main(["ls", *options, "myfiles/Reports"]) == 0
    assert capsys.readouterr().out == "myfiles/Reports/a.csv\n"


@pytest.mark.usefixtures("airflow_db")
def test_login_stores_a_connection_in_airflow(onedrive_emulator: Emulator, tmp_path: Path) -> None:
    """The connection is in Airflow's database, and no process was given its token as an argument."""
    options = login_options(onedrive_emulator, tmp_path)
    assert login(onedrive_emulator, [*options, "--store", "stored_by_login"])[0] == 0
    listed = subprocess.run(
        [sys.executable, "-m", "airflow", "connections", "get", "stored_by_login", "-o", "json"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    connection = json.loads(listed[listed.index("[") :])[0]
    assert (connection["conn_type"], connection["login"]) == ("onedrive", onedrive_emulator.client_id)
