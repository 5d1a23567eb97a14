"""What docs/testing-your-dags.md shows works."""

from __future__ import annotations

import inspect
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pytest
from patience import HANG_SECONDS

from airflow_provider_onedrive.emulator import EmulatedDrive
from airflow_provider_onedrive.emulator.faults import KINDS

DOCS = Path(__file__).parent.parent / "docs"
DOCUMENT = (DOCS / "testing-your-dags.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", DOCUMENT, re.DOTALL | re.MULTILINE)


@pytest.fixture
def run_pytest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[], tuple[int, str]]:
    """Run pytest on the tests in a folder, in this process, which has Airflow and its database.

    It is a run of its own, with the plugins that are installed: nothing of this one's conftest.py files is known there.
    """
    monkeypatch.chdir(tmp_path)
    for name in ("PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT", "PYTEST_ADDOPTS"):
        monkeypatch.delenv(name, raising=False)
    # These belong to the process, of which the run around this one has taken possession.
    plugins = ("cacheprovider", "randomly", "xdist", "timeout", "faulthandler", "unraisableexception")
    options = [word for name in plugins for word in ("-p", f"no:{name}")]

    def run() -> tuple[int, str]:
        with capsys.disabled(), StringIO() as output, redirect_stdout(output):
            code = int(pytest.main(["-q", *options, "."]))
            return code, output.getvalue()

    return run


def test_the_examples_for_pytest(
    airflow_db: None, run_pytest: Callable[[], tuple[int, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first block of Python is a DAG, the others are a file of tests, and all of them pass."""
    dag, *tests = blocks("python")
    folder = Path(os.environ["AIRFLOW__CORE__DAGS_FOLDER"])
    file = folder / "monthly_report.py"
    file.write_text(dag, encoding="utf-8")
    tmp_path.joinpath("test_monthly_report.py").write_text("\n\n".join(tests), encoding="utf-8")
    monkeypatch.syspath_prepend(str(folder))
    try:
        code, output = run_pytest()
    finally:
        file.unlink()
        for name in ("monthly_report", "test_monthly_report"):
            sys.modules.pop(name, None)
    expected = len(re.findall("^def test_", "".join(tests), re.MULTILINE))
    assert code == 0, output
    assert f"{expected} passed" in output


@pytest.fixture
def program(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """The command of the page, in a directory with its script of faults."""
    tmp_path.joinpath("faults.json").write_text(blocks("json")[0])
    name, *options = shlex.split(blocks("sh")[0])
    assert name == "airflow-onedrive"
    command = [sys.executable, "-m", "airflow_provider_onedrive.cli", *options]
    environment = os.environ | {"PYTHONPATH": str(DOCS.parent)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=tmp_path, env=environment) as process:
        yield process
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=HANG_SECONDS)
    assert process.returncode == 0


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_the_commands(program: subprocess.Popen[str], tmp_path: Path) -> None:
    """The program starts as shown, and its control path takes what is shown."""
    text = ""
    while not re.search(r"^export AIRFLOW__ONEDRIVE", text, re.MULTILINE):
        text += program.stdout.readline() if program.stdout else ""
    known = dict(re.findall(r"^(Control|X-Emulator-Key): +(\S+)$", text, re.MULTILINE))
    run = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", blocks("sh")[1]],
        env={"PATH": os.environ["PATH"], "CONTROL": known["Control"], "KEY": known["X-Emulator-Key"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert '"a.pdf"' in run.stdout
    assert '"total"' in run.stdout
    assert "AIRFLOW_CONN_ONEDRIVE_DEFAULT" in run.stdout
    assert tmp_path.joinpath("onedrive", "emulator.sqlite").exists()


def test_every_block_is_run() -> None:
    """A block that is added has to be run here too."""
    assert [len(blocks(language)) for language in ("json", "sh")] == [1, 2]
    assert len(re.findall(r"^```\w", DOCUMENT, re.MULTILINE)) == len(blocks("python")) + 3


def test_the_helpers_exist() -> None:
    """Each helper of a drive and each fault that is named is there."""
    for name in set(re.findall(r"`drive\.(\w+)", DOCUMENT)):
        assert inspect.getattr_static(EmulatedDrive, name)
    (listed,) = re.findall(r"^- Faults: (.*)\.$", DOCUMENT, re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", listed)) == set(KINDS)


def test_the_pages_exist() -> None:
    """Each page that is linked is there."""
    for page in DOCS.glob("*.md"):
        for name in re.findall(r"\]\(([^):#]+)\)", page.read_text(encoding="utf-8")):
            assert (DOCS / name).exists()
