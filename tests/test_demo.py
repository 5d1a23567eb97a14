"""Parts of `make demo` that can be tested without starting an Airflow; CI runs the whole."""

from __future__ import annotations

import io
import re
import signal
import stat
import subprocess
import sys
import zipfile
from pathlib import Path
from xml.etree import ElementTree as ET

from demo import company, report, standalone

# A program with a child in a process group of its own, both deaf to SIGTERM.
STUBBORN = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    os.setpgid(0, 0)
    print("ready", flush=True)
time.sleep(600)
"""


def test_the_workbook_is_made_of_parts_that_exist() -> None:
    """Every part is XML, and every part that the package names is there."""
    with zipfile.ZipFile(io.BytesIO(company.workbook(["Team", "Budget"]))) as archive:
        parts = {name: ET.fromstring(archive.read(name)) for name in archive.namelist()}
    named = {override.get("PartName", "").lstrip("/") for override in parts["[Content_Types].xml"][1:]}
    assert named <= set(parts)
    assert [text.text for text in parts["xl/worksheets/sheet1.xml"].iter(f"{{{company.SPREADSHEET}}}t")] == [
        "Team",
        "Budget",
    ]


def test_the_pdf_has_its_objects_where_it_says() -> None:
    """The table of offsets leads to the objects, and startxref to the table."""
    pdf = company.pdf("Lease")
    offsets = [int(entry) for entry in re.findall(rb"^(\d{10}) 00000 n $", pdf, re.MULTILINE)]
    assert [pdf[offset:].split(b"\n")[0] for offset in offsets] == [b"%d 0 obj" % n for n in range(1, len(offsets) + 1)]
    start = int(pdf.rsplit(b"startxref\n")[1].split()[0])
    assert pdf[start:].startswith(b"xref\n")


def test_the_video_has_its_size() -> None:
    """There is one file of 64 MiB."""
    assert len(company.video()) == 64 * 1024 * 1024


def test_stopping_ends_the_whole_session() -> None:
    """Processes that changed their group and do not listen are ended all the same."""
    with subprocess.Popen([sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        assert len(standalone.session_members(process.pid)) == 2
        standalone.stop(process, term_grace_seconds=0.2)
        assert standalone.session_members(process.pid) == []
        assert process.returncode == -signal.SIGKILL


def test_airflow_is_private(tmp_path: Path) -> None:
    """It listens on this machine only, and nobody comes in without the password."""
    settings = standalone.settings(tmp_path, tmp_path, port=12345)
    assert settings["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert settings["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS"] == "False"
    assert "--skip-serve-logs" in (tmp_path / "bin" / "airflow").read_text()
    standalone.write_private(tmp_path / "passwords.json", "{}")
    assert stat.S_IMODE((tmp_path / "passwords.json").stat().st_mode) == 0o600


def test_two_demos_share_no_secret(tmp_path: Path) -> None:
    """Keys are made anew for each start."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first, second = (standalone.settings(tmp_path / name, tmp_path, port=1) for name in "ab")
    for name in ("AIRFLOW__CORE__FERNET_KEY", "AIRFLOW__API__SECRET_KEY", "AIRFLOW__API_AUTH__JWT_SECRET"):
        assert first[name] != second[name]


def test_what_is_new_and_what_is_gone_is_marked() -> None:
    """The drive after the run shows what the run left and took."""
    lines = report.drive_table({"a/": 0, "a/new.csv": 1234}, before=["a/", "a/old.csv"]).splitlines()
    assert [line.split() for line in lines] == [["a/"], ["+", "1,234", "a/new.csv"], ["-", "a/old.csv"]]
