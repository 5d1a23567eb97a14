"""The command that compares a drive with the local OneDrive, here with some of the cases."""

from __future__ import annotations

import json
import signal
import threading
from dataclasses import dataclass

import pytest
from quick_retries import QUICK

from airflow_provider_onedrive import cli
from airflow_provider_onedrive.emulator.faults import Fault, status
from airflow_provider_onedrive.graph.client import BaseClient
from airflow_provider_onedrive.verification import table

SOME = ("upload_empty", "upload_large", "event_loop_reads", "missing_items", "permissions_of_a_file")


@dataclass(frozen=True)
class Interrupt(Fault):
    """Sends the main thread a Ctrl-C while it waits for the answer."""

    def before(self, *_: object) -> None:
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)


@pytest.fixture
def verify(onedrive_emulator, monkeypatch, tmp_path, capsys):
    """Run the command; return its exit code, what it printed and what it complained of."""
    monkeypatch.setattr(BaseClient, "retry_policy", QUICK)
    monkeypatch.setattr(table, "CASES", tuple(each for each in table.CASES if each.name in SOME))
    (tmp_path / "connection.json").write_text(onedrive_emulator.connection)

    def run(*arguments):
        given = ["--connection", f"@{tmp_path}/connection.json", "--folder", "myfiles/", *map(str, arguments)]
        code = cli.main(["verify", *given])
        return code, *capsys.readouterr()

    return run


def test_same_drive(verify, onedrive_emulator):
    """It says before what it does, then a line for each case, and the numbers at the end."""
    code, out, err = verify()
    assert code == 0
    lines = [line.split("  ")[0].strip() for line in out.splitlines()]
    assert lines == [
        "skipped",
        "skipped",
        "as expected upload_empty",
        "as expected event_loop_reads",
        "as expected missing_items",
    ]
    begin, end = err.splitlines()
    assert begin.startswith("3 cases run in the new folder myfiles/airflow-onedrive-verify-")
    assert "About 0 MiB are sent" in begin
    assert end == "2 skipped, 3 as expected."
    assert onedrive_emulator.drive().tree() == ""


def test_difference(verify, onedrive_emulator, tmp_path):
    """It is shown with what the local OneDrive does, has an exit code, and stands in the report."""
    onedrive_emulator.faults.add(times=None, do=status(404, message="It is not there."), path="nosuchthing|b.txt")
    code, out, err = verify("--report", tmp_path / "report.json", "--with-sharing")
    assert code == 6
    assert "by path: message: 'It is not there.', expected 'The resource could not be found.'" in out
    assert f"Please attach {tmp_path}/report.json to an issue" in err
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["service"], report["drive_type"], report["identity"]) == (
        "local OneDrive",
        "business",
        "application",
    )
    assert (report["is_complete"], report["items_left"]) == (True, 0)
    assert report["counts"] == {"skipped": 1, "as expected": 3, "differs": 1}
    (different,) = (each for each in report["cases"] if each["result"] == "differs")
    assert (different["case"], different["expected"]["by path"]["status"]) == ("missing_items", 404)


def test_json(verify):
    """One object a line."""
    code, out, _ = verify("--json")
    assert code == 0
    cases = [json.loads(line) for line in out.splitlines()]
    assert {each["case"]: each["result"] for each in cases} == {
        **dict.fromkeys(("upload_large", "permissions_of_a_file"), "skipped"),
        **dict.fromkeys(("upload_empty", "event_loop_reads", "missing_items"), "as expected"),
    }


def test_ctrl_c(verify, onedrive_emulator, tmp_path):
    """Nothing stays, and the report says that it is not whole."""
    onedrive_emulator.faults.add(times=1, do=Interrupt(), path="b.txt")
    code, _, err = verify("--report", tmp_path / "report.json")
    assert (code, onedrive_emulator.drive().tree()) == (130, "")
    assert "could not be deleted" not in err
    assert json.loads((tmp_path / "report.json").read_text())["is_complete"] is False


def test_what_is_left(verify, onedrive_emulator):
    """Its locations are printed, and the exit code says so."""
    onedrive_emulator.quirks.folders_on_hold = True
    code, _, err = verify()
    assert code == 6
    left = [line for line in err.splitlines() if line.startswith("It could not be deleted: myfiles/airflow-onedrive-")]
    assert len(left) == 7


def test_report_that_cannot_be_written(verify, onedrive_emulator, tmp_path):
    """The error names the file, before anything is sent that could change something."""
    code, _, err = verify("--report", tmp_path / "no" / "report.json")
    assert (code, f"{tmp_path}/no/report.json cannot be written" in err) == (1, True)
    assert onedrive_emulator.drive().recycle_bin == []
