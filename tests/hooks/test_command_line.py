"""The program in an installed Airflow, whose connections it reads and writes."""

from __future__ import annotations

from pathlib import Path

import pytest
from airflow.models import Connection
from airflow.utils.session import create_session
from signing_in import login, login_options
from sqlalchemy import select

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
    with create_session() as session:
        stored = session.scalars(select(Connection).filter_by(conn_id="stored_by_login")).one()  # noqa: AIR311 - its row
        assert (stored.conn_type, stored.login) == ("onedrive", onedrive_emulator.client_id)
