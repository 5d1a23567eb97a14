"""The program as its users run it: in processes of its own, against the emulator."""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from signing_in import login, login_options

from airflow_provider_onedrive import cli
from airflow_provider_onedrive.commands import running
from airflow_provider_onedrive.emulator.faults import status
from airflow_provider_onedrive.graph.http import cooldown
from airflow_provider_onedrive.graph.http.cooldown import SharedBackoff, identity_of, shared_folder

HOST = "contoso.sharepoint.com"
PAUSE_SECONDS = 290  # a longer one is not waited for
COMMAND = [sys.executable, "-m", "airflow_provider_onedrive.cli"]


@pytest.fixture
def connection(onedrive_emulator, tmp_path):
    """A file with the emulator's connection, as --connection takes it."""
    path = tmp_path / "connection.json"
    path.write_text(onedrive_emulator.connection)
    return f"@{path}"


@pytest.fixture
def program(connection, capsys):
    """Run a command within this process; return its exit code, what it printed and what it complained of."""

    def run(command, *arguments, chosen=True):
        given = ["--connection", connection, *arguments] if chosen else arguments
        try:
            code = cli.main([command, *map(str, given)])
        except SystemExit as end:
            code = end.code
        out, err = capsys.readouterr()
        return code, out, err

    return run


@pytest.fixture
def drive(onedrive_emulator):
    drive = onedrive_emulator.drive()
    drive.put("Reports/a b #1.csv", b"abc")
    drive.put("Reports/2026/x.txt", b"x")
    return drive


def test_it_is_installed():
    """By its own name, which no other OneDrive client has."""
    path = Path(sys.executable).parent / "airflow-onedrive"
    said = subprocess.run([path, "--help"], capture_output=True, text=True, check=True).stdout
    assert all(name in said for name in cli.COMMANDS)


def test_help_loads_nothing_heavy():
    """Neither Airflow, nor msal, nor httpx, whatever the help is about."""
    code = (
        "import sys; from airflow_provider_onedrive import cli\n"
        "for command in ([], *([name] for name in cli.COMMANDS)):\n"
        "    try: cli.main([*command, '--help'])\n"
        "    except SystemExit as end: assert end.code == 0, command\n"
        "    heavy = {'airflow', 'msal', 'httpx', 'numpy', 'cryptography'} & set(sys.modules)\n"
        "    assert not heavy, (command, heavy)"
    )
    subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)


def test_ls(program, drive):
    """Locations one in each line, folders with a slash; the same dicts as in XCom as JSON."""
    assert program("ls", "myfiles/Reports")[:2] == (0, "myfiles/Reports/2026/\nmyfiles/Reports/a b #1.csv\n")
    code, out, _ = program("ls", "--json", "-r", "myfiles/")
    items = [json.loads(line) for line in out.splitlines()]
    assert (code, sorted(item["path"] for item in items)) == (
        0,
        ["Reports", "Reports/2026", "Reports/2026/x.txt", "Reports/a b #1.csv"],
    )
    assert program("ls", "myfiles/**/*.txt")[1] == "myfiles/Reports/2026/x.txt\n"


@pytest.mark.parametrize(("zone", "hours"), [("UTC", 0), ("Asia/Kolkata", 5.5), ("America/Phoenix", -7)])
def test_ls_long_shows_local_times(program, drive, monkeypatch, zone, hours):
    """Size and time in columns that scripts can split."""
    with monkeypatch.context() as changes:
        changes.setenv("TZ", zone)
        time.tzset()
        shown = program("ls", "-l", "myfiles/Reports/*.csv")[1]
    time.tzset()
    [item] = [json.loads(line) for line in program("ls", "--json", "myfiles/Reports/*.csv")[1].splitlines()]
    local = datetime.fromisoformat(item["modified_at"]) + timedelta(hours=hours)
    assert shown == f"              3  {local:%Y-%m-%d %H:%M}  myfiles/Reports/a b #1.csv\n"


def test_ls_shared(program, drive, onedrive_emulator):
    """What can be named behind shared."""
    onedrive_emulator.add_site("/sites/Finance")
    library = onedrive_emulator.drive("sites/Finance")
    library.put("In/a.txt", b"a")
    drive.shortcut("Team", library, "In")
    code, out, _ = program("ls", "shared")
    assert (code, out.startswith("shared/Team/  (shortcut: items/")) == (0, True)
    assert json.loads(program("ls", "shared", "--json")[1])["location"] == "shared/Team"
    assert program("ls", "shared/Team")[1] == "shared/Team/a.txt\n"


def test_stat(program, drive):
    """Everything that is known, for people and for programs."""
    code, out, _ = program("stat", "myfiles/Reports/a b #1.csv")
    assert code == 0
    assert "size                3\n" in out
    assert json.loads(program("stat", "--json", "myfiles/Reports")[1])["is_folder"] is True


def test_get_and_put(program, drive, tmp_path):
    """Files and folders both ways, with the same names."""
    assert program("get", "myfiles/Reports/a b #1.csv", tmp_path)[:2] == (0, f"{tmp_path}/a b #1.csv\n")
    assert (tmp_path / "a b #1.csv").read_bytes() == b"abc"
    code, out, _ = program("get", "myfiles/Reports/", tmp_path)
    assert (code, sorted(out.splitlines())) == (
        0,
        [f"{tmp_path}/Reports/2026/x.txt", f"{tmp_path}/Reports/a b #1.csv"],
    )
    assert program("get", "myfiles/Reports/*.csv", tmp_path / "only")[:2] == (0, f"{tmp_path}/only/a b #1.csv\n")
    assert program("put", tmp_path / "a b #1.csv", "myfiles/new/", "--create-folders")[1] == "myfiles/new/a b #1.csv\n"
    assert program("put", tmp_path / "Reports", "myfiles/copy/", "--create-folders")[0] == 0
    assert drive.read("copy/2026/x.txt") == b"x"
    assert json.loads(program("put", "--json", "--if-exists", "replace", __file__, "myfiles/new/")[1])["size"] > 0
    assert program("put", tmp_path / "a b #1.csv", tmp_path / "only", "myfiles/all", "--create-folders")[0] == 1
    assert program("put", __file__, tmp_path / "Reports", "myfiles/all", "--create-folders")[0] == 0
    assert drive.read("all/2026/x.txt") == b"x"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["stat", "Reports/x"], 2, "Did you mean 'myfiles/Reports/x'?"),
        (["stat", "myfiles/none.txt"], 3, "Cannot look at myfiles/none.txt"),
        (["get", "myfiles/none.txt"], 3, "myfiles/none.txt"),
        (["put", "/no/such/file", "myfiles/"], 1, "/no/such/file cannot be read"),
        (["put", __file__, "myfiles/Reports/a b #1.csv"], 1, "exists"),
        (["ls"], 0, ""),
        (["ls", "--no-such-option"], 2, "unrecognized arguments"),
    ],
)
def test_exit_codes(program, drive, arguments, code, said):
    """Scripts tell what happened by them; people read what is told on the standard error."""
    found, _, err = program(*arguments)
    assert (found, said in err) == (code, True), err


def test_a_busy_service_has_its_own_exit_code(program, drive, onedrive_emulator):
    """Trying again later may help."""
    onedrive_emulator.faults.add(origin="graph", times=None, do=status(503, retry_after=400))
    assert program("stat", "myfiles/Reports")[0] == 5


def test_a_refused_sign_in_has_its_own_exit_code(program, onedrive_emulator, tmp_path):
    """Somebody has to do something about the connection."""
    known = json.loads(onedrive_emulator.connection) | {"password": "wrong"}
    (tmp_path / "wrong.json").write_text(json.dumps(known))
    code, _, err = program("stat", "--connection", f"@{tmp_path}/wrong.json", "myfiles", chosen=False)
    assert (code, "client secret is wrong" in err) == (4, True)


@pytest.mark.parametrize("value", ['{"login": "x"}', "onedrive://x:SECRET@"])
def test_a_connection_on_the_command_line(program, value):
    """It is refused, and not repeated."""
    code, _, err = program("ls", "--connection", value, chosen=False)
    assert (code, "cannot be written on the command line" in err) == (2, True)
    assert "SECRET" not in err.replace(value, "")


def test_a_connection_from_the_standard_input(onedrive_emulator, drive):
    """Piped in, nobody else sees it."""
    done = subprocess.run(
        [*COMMAND, "ls", "--connection", "-", "myfiles/Reports"],
        input=onedrive_emulator.connection,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[0] == "myfiles/Reports/2026/"
    assert done.stderr == ""


@pytest.mark.parametrize("what", ["the extra", "the extra, three times", "all"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_connection_that_was_encoded_again(program, drive, onedrive_emulator, *, tmp_path, what, encoding):
    """Scripts write JSON text of JSON text; editors of Windows begin the file with a mark."""
    known = json.loads(onedrive_emulator.connection)
    for _ in range(3 if "three" in what else 1):
        known["extra"] = json.dumps(known["extra"])
    text = json.dumps(known)
    (tmp_path / "twice.json").write_text(json.dumps(text) if what == "all" else text, encoding=encoding)
    assert program("ls", "--connection", f"@{tmp_path}/twice.json", "myfiles/Reports", chosen=False)[0] == 0


@pytest.mark.parametrize("extra", ["no JSON", '"text"', "[]", 7])
def test_an_extra_that_is_no_object(program, onedrive_emulator, tmp_path, extra):
    """The error names it."""
    (tmp_path / "wrong.json").write_text(json.dumps(json.loads(onedrive_emulator.connection) | {"extra": extra}))
    code, _, err = program("ls", "--connection", f"@{tmp_path}/wrong.json", chosen=False)
    assert (code, "The connection's extra is not a JSON object" in err) == (2, True)


@pytest.mark.parametrize(
    ("text", "said"), [("[]", "not a JSON object"), ("no", "not a JSON object"), (None, "cannot be read: No such file")]
)
def test_a_connection_that_is_none(program, tmp_path, text, said):
    """The error says what a connection looks like."""
    path = tmp_path / "none.json"
    if text is not None:
        path.write_text(text)
    code, _, err = program("ls", "--connection", f"@{path}", chosen=False)
    assert (code, said in err) == (2, True)


def test_ctrl_c(onedrive_emulator, drive, connection):
    """It ends at once, with 130."""
    waits = threading.Event()
    onedrive_emulator.faults.add(origin="graph", times=None, do=status(503, retry_after=PAUSE_SECONDS))
    with subprocess.Popen(
        [*COMMAND, "stat", "--connection", connection, "myfiles/Reports"],
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_interrupts,  # noqa: PLW1509 - it only sets a signal's handler
    ) as process:
        try:
            while not onedrive_emulator.requests.matching(origin="graph"):
                waits.wait(0.02)
            process.send_signal(signal.SIGINT)
            assert process.wait(PAUSE_SECONDS) == 130
            assert "stopped" in process.stderr.read()
        finally:
            process.kill()


def heed_interrupts():
    """Undo what a shell does to its background jobs, which begin with interrupts ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_the_doctor(program, drive, onedrive_emulator):
    """Its findings, in colours where somebody looks, and as JSON."""
    code, out, _ = program("doctor", "--write")
    assert code == 0
    assert "ok      myfiles" in out
    onedrive_emulator.permissions = []
    code, out, _ = program("doctor", "--json")
    states = {finding["step"]: finding["state"] for finding in map(json.loads, out.splitlines())}
    assert (code, states["permissions"]) == (6, "failed")


@pytest.mark.parametrize("shares", [True, False])
def test_the_doctor_shows_and_clears_a_pause(program, connection, *, drive, tmp_path, monkeypatch, shares):
    """The pause that a task of this host began; with the option it is ended, and the other findings follow."""
    monkeypatch.setenv("AIRFLOW__ONEDRIVE__COOL_DOWN_FOLDER", str(tmp_path / "cool") if shares else "off")
    settings = running.settings_of(argparse.Namespace(connection=connection))
    SharedBackoff(identity_of(settings), shared_folder(str(tmp_path / "cool"))).pause(3000)
    cooldown.forget_all()  # the doctor is another process
    until = datetime.fromtimestamp(time.time() + 3000, UTC)
    code, out, _ = program("doctor")
    assert (code, f"A pause is in force until {until:%Y-%m-%d %H:}" in out) == ((6, True) if shares else (0, False))
    code, out, _ = program("doctor", "--clear-pause")
    assert (code, "was ended" in out, "There was none" in out) == (0, shares, not shares)
    code, out, _ = program("doctor")
    assert (code, "pause" in out) == (0, False)


@pytest.mark.parametrize("how", ["print", "output"])
def test_login(program, onedrive_emulator, *, tmp_path, how):
    """Somebody enters the code elsewhere; the connection that comes of it works, and its file is private."""
    path = tmp_path / "made.json"
    target = ["--output", path] if how == "output" else ["--print"]
    options = login_options(onedrive_emulator, tmp_path)
    options = login_options(onedrive_emulator, tmp_path)
    code, out = login(onedrive_emulator, [*options, *target])
    text = path.read_text() if how == "output" else out
    assert (code, json.loads(text)["extra"]["auth"]) == (0, "refresh_token")
    if how == "output":
        assert path.stat().st_mode & 0o777 == 0o600
        assert login(onedrive_emulator, [*options, *target])[0] == 1  # it is not overwritten
    (tmp_path / "again.json").write_text(text)
    assert program("ls", "--connection", f"@{tmp_path}/again.json", "myfiles/", chosen=False)[0] == 0
