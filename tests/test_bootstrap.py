"""The making of an environment shows its progress, and fails in one sentence."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
from pathlib import Path

import psutil
import pytest

# Limits against hanging: on a busy machine each process that a test starts takes its time.
pytestmark = [pytest.mark.airflow3, pytest.mark.timeout(3600)]

ROOT = Path(__file__).parents[1]
# In the place of uv, which is found on PATH: it makes no environment, and its installation ends as the test says.
UV = """#!/bin/sh
case "$*" in
    *--help*) echo "--group" ;;
    venv*)
        for venv; do :; done
        mkdir -p "$venv/bin"
        printf '#!/bin/sh\\n' >"$venv/bin/python"
        chmod 700 "$venv/bin/python"
        ;;
    *) echo "Resolved 3 packages"; {end} ;;
esac
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "bin").mkdir()
    (tmp_path / "t").mkdir()
    return tmp_path


def bootstrap(folder: Path, end: str, stderr: int = subprocess.PIPE) -> subprocess.Popen[str]:
    """Start it with a `uv` whose installation ends with a command of sh."""
    (folder / "bin/uv").write_text(UV.replace("{end}", end))
    (folder / "bin/uv").chmod(0o700)
    return subprocess.Popen(
        ["sh", ROOT / "tools/bootstrap.sh", folder / "env", "3.3", "python3"],
        cwd=ROOT,
        env=os.environ | {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "TMPDIR": str(folder / "t")},
        stderr=stderr,
        text=True,
        start_new_session=True,
    )


def test_bootstrap_shows_each_step_in_a_log(folder: Path) -> None:
    """Each step has a line at once, and no file is left."""
    with bootstrap(folder, "exit 0") as process:
        _, output = process.communicate()
    assert process.returncode == 0, output
    steps = [re.sub(r"^\[ *\d+ s\] ", "", line).partition(": ")[0] for line in output.splitlines()]
    env = folder / "env"
    assert list(dict.fromkeys(steps)) == [
        f"Making {env}",
        f"Installing and compiling Airflow 3.3 and the package into {env}",
    ]
    assert list((folder / "t").iterdir()) == []


def test_failed_installation_is_one_sentence(folder: Path) -> None:
    """It has the reason, the file with the output and the next thing to do."""
    with bootstrap(folder, "echo 'error: Failed to fetch it'; echo '  caused by a time-out'; exit 2") as process:
        _, output = process.communicate()
    assert process.returncode == 1
    (log,) = (folder / "t").iterdir()
    last = output.splitlines()[-1]
    assert last.startswith("FAILED: Installing and compiling Airflow 3.3")
    assert f"ended with exit code 2 (error: Failed to fetch it); its output is in {log};" in last
    assert last.endswith("then run the same command again, which goes on from here.")
    assert "caused by a time-out" in log.read_text()


def test_full_disk_is_one_sentence(folder: Path) -> None:
    """Not even the output of a step can be written."""
    (folder / "t").rmdir()
    with bootstrap(folder, "exit 0") as process:
        _, output = process.communicate()
    assert process.returncode == 1
    assert output == (
        f"FAILED: Making {folder / 'env'}: no file can be written to {folder / 't'}; "
        "let the variable TMPDIR name a folder with space.\n"
    )


def test_interrupted_installation_leaves_nothing(folder: Path) -> None:
    """Ctrl-C reaches the whole process group, and ends the installation too."""
    with bootstrap(folder, f"touch {folder}/begun; exec tail -f {folder}/begun") as process:
        while not (folder / "begun").exists():
            assert process.poll() is None
        os.killpg(process.pid, signal.SIGINT)
        process.communicate()
    assert process.returncode == 130
    assert list((folder / "t").iterdir()) == []
    processes = psutil.process_iter(["cmdline"])
    assert [each for each in processes if f"{folder}/begun" in (each.info["cmdline"] or ())] == []


def test_bootstrap_rewrites_one_line_of_a_terminal(folder: Path) -> None:
    """The progress of a step is gone once the step is done."""
    reader, writer = pty.openpty()
    with bootstrap(folder, "exit 0", stderr=writer) as process:
        os.close(writer)
        output = b""
        try:
            while chunk := os.read(reader, 4096):
                output += chunk
        except OSError:  # the end of a terminal whose last writer is gone
            os.close(reader)
    assert process.returncode == 0
    assert b"\n" not in output
    assert output.endswith(b"\r\x1b[K")
    assert b"Installing and compiling Airflow 3.3" in output
