"""Names are texts of other people: a terminal that shows them obeys nothing in them."""

from __future__ import annotations

import contextlib
import logging
import os
import pty
import re
import subprocess
import sys

import pytest

from airflow_provider_onedrive import cli
from airflow_provider_onedrive.commands import running
from airflow_provider_onedrive.emulator.faults import status

# OneDrive takes these in names: a control sequence of one character, marks that turn the direction of writing, and
# what the library of the progress bars takes for markup.
EVIL = ("red\x9b31m.csv", "gnp.\u202etxt.csv", "[red]x[bold].csv", "a\u2028b.csv")
OBEYED = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u2028\u2029]")


@pytest.fixture
def connection(onedrive_emulator, tmp_path):
    path = tmp_path / "connection.json"
    path.write_text(onedrive_emulator.connection)
    return f"@{path}"


@pytest.fixture
def drive(onedrive_emulator):
    drive = onedrive_emulator.drive()
    drive.put_all({f"evil/{name}": "x" for name in EVIL})
    return drive


@pytest.fixture
def program(connection, capsys):
    def run(command, *arguments):
        code = cli.main([command, "--connection", connection, *map(str, arguments)])
        out, err = capsys.readouterr()
        assert not OBEYED.search(out), ascii(out)
        assert not OBEYED.search(err), ascii(err)
        return code, out, err

    return run


def test_listing_shows_what_a_name_is(program, drive):
    """As ``ls`` of GNU does on a terminal: a character that it would obey is written as its number."""
    code, out, _ = program("ls", "myfiles/evil")
    assert (code, sorted(out.split("\n"))[1:]) == (
        0,
        sorted(
            [
                "myfiles/evil/red\\x9b31m.csv",
                "myfiles/evil/gnp.\\u202etxt.csv",
                "myfiles/evil/[red]x[bold].csv",
                "myfiles/evil/a\\u2028b.csv",
            ]
        ),
    )
    assert "\\x9b31m" in program("ls", "-l", "-r", "myfiles/")[1]


@pytest.mark.parametrize("name", EVIL)
def test_every_command_shows_it_so(program, drive, tmp_path, name):
    """The results of stat, get and put, of one file and of many, and the errors about it."""
    location = f"myfiles/evil/{name}"
    assert program("stat", location)[0] == 0
    assert program("get", location, tmp_path / "a")[0] == 0
    assert program("get", location, f"{tmp_path}/")[0] == 0
    assert (tmp_path / name).read_bytes() == b"x", "the file itself has its name"
    assert program("get", "myfiles/evil", tmp_path / "all")[0] == 0
    assert program("put", tmp_path / name, "myfiles/copies/", "--create-folders")[0] == 0
    code, _, err = program("put", tmp_path / name, location)
    assert (code, "exists" in err) == (1, True)
    assert program("get", location, f"{tmp_path}/")[0] == 1
    assert program("get", f"{location}/below", tmp_path / "b")[0] == 2, "nothing is below a file"


def test_local_name_in_an_error(program, drive, tmp_path):
    """A local file may have any name; OneDrive refuses this one."""
    folder = tmp_path / "up"
    folder.mkdir()
    (folder / "\x1b]0;title\x07\r\n.csv").write_bytes(b"x")
    assert program("put", folder, "myfiles/copies/", "--create-folders")[0] == 1
    assert program("put", folder / "missing\x1b[2J", "myfiles/copies/")[0] == 1


def test_answer_of_a_server_in_an_error(program, drive, onedrive_emulator):
    """Its message and its code, also where a proxy has written them."""
    onedrive_emulator.faults.add(path="root$", do=status(400, message="\x1b[2Jbad", code="\x1b]0;x\x07"))
    code, _, err = program("stat", "myfiles")
    assert (code, "\\x1b[2Jbad" in err) == (1, True)


def test_log_on_a_terminal(capsys):
    """Warnings name files too, and tracebacks hold their names."""
    with running._logging_to_stderr():
        error = ValueError("\x1b[31m")
        logging.getLogger("x").warning("%s vanished", "a\x1b[2J\nINFO: forged", exc_info=error)
    err = capsys.readouterr().err
    assert "WARNING: a\\x1b[2J\\nINFO: forged vanished\nValueError: \\x1b[31m" in err
    assert "\x1b" not in err


def test_terminal_that_lacks_a_character(capfd):
    """It shows the number in place of an error."""
    with os.fdopen(os.dup(2), "w", encoding="ascii") as stream:
        running._print("Überblick", stream)
    assert capfd.readouterr().err == "\\xdcberblick\n"


@pytest.mark.parametrize("name", EVIL)
def test_progress_bar(drive, connection, tmp_path, name):
    """Its title is the name, whose brackets are no markup."""
    main, terminal = pty.openpty()
    command = [sys.executable, "-m", "airflow_provider_onedrive.cli", "get", "--connection", connection]
    command += [f"myfiles/evil/{name}", str(tmp_path / "a")]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "200"}
    with subprocess.Popen(command, stderr=terminal, stdout=subprocess.PIPE, env=environment) as process:
        os.close(terminal)
        shown = b""
        with contextlib.suppress(OSError):  # the end of a terminal whose program has ended
            while piece := os.read(main, 4096):
                shown += piece
    os.close(main)
    assert process.returncode == 0, shown
    text = shown.decode()
    assert "\x9b" not in text
    assert "\u202e" not in text
    assert name.encode("unicode_escape").decode() in text
