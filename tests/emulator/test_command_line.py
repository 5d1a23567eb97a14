"""``airflow-onedrive emulator``."""

from __future__ import annotations

import json
import re
import shlex
import signal
import socket
import ssl
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import httpx
import pytest
from patience import HANG_SECONDS

from airflow_provider_onedrive import cli
from airflow_provider_onedrive.emulator import command_line

ROOT = Path(__file__).parents[2]


class Program:
    """One run of the program: its output until it serves, and its end."""

    def __init__(self, *options, module="airflow_provider_onedrive.cli"):
        command = [sys.executable, "-W", "error", "-m", module, *(["emulator"] if module.endswith("cli") else [])]
        self.process = subprocess.Popen(
            [*command, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
        )

    def greeting(self):
        lines = []
        while not lines or not re.match(r"export AIRFLOW__ONEDRIVE__TRUSTED_HOSTS|Ctrl-C", lines[-1]):
            lines.append(self.process.stdout.readline())
            assert lines[-1], self.process.stderr.read()
        return "".join(lines)

    def stop(self, number=signal.SIGINT):
        self.process.send_signal(number)
        return self.end()

    def end(self):
        out, err = self.process.communicate(timeout=HANG_SECONDS)
        return self.process.returncode, out, err


@pytest.fixture
def program():
    started = []

    def start(*options, **more):
        started.append(Program(*options, **more))
        return started[-1]

    yield start
    for each in started:
        each.process.kill()
        each.process.communicate()


def fact(text, name):
    return re.search(rf"^{name}: +(\S+)$", text, re.MULTILINE)[1]


def connection(text):
    exports = [shlex.split(line)[1] for line in text.splitlines() if line.startswith("export AIRFLOW_CONN")]
    return json.loads(exports[0].partition("=")[2])


@pytest.mark.parametrize("module", ["airflow_provider_onedrive.cli", "airflow_provider_onedrive.emulator"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_it_prints(program, module, number):
    """It prints the connection, the page of all drives, the control path and its key; all work; a signal ends it."""
    run = program("--user", "x@fabrikam.example", module=module)
    text = run.greeting()
    context = ssl.create_default_context(cadata=connection(text)["extra"]["ca_certificate"])
    with httpx.Client(verify=context, trust_env=False) as client:
        assert "x@fabrikam.example" in client.get(fact(text, "Drives to look at")).text
        key = {"X-Emulator-Key": fact(text, "X-Emulator-Key")}
        files = {"path": "a/b.txt", "text": "1"}
        item = client.post(f"{fact(text, 'Control')}/files", json=files, headers=key).json()
        assert client.get(item["webUrl"]).status_code == 200
    status, out, err = run.stop(number)
    assert (status, out.strip(), err) == (0, "Stopped.", "")


def test_what_there_is(program):
    """Users, sites, libraries, groups and the personality follow the options, also after a reset."""
    options = ["--site", "/sites/Finance=Dokumente,Reports", "--site", "Plain", "--group", "Data Team"]
    run = program(*options, "--user", "c@contoso.example", "--personality", "personal", "--no-tls")
    text = run.greeting()
    with httpx.Client(verify=False, trust_env=False) as client:
        page = fact(text, "Drives to look at")
        before = client.get(page).text
        for name in ("c@contoso.example", "Finance / Dokumente", "Finance / Reports", "Plain / Documents", "Data Team"):
            assert name in before
        key = {"X-Emulator-Key": fact(text, "X-Emulator-Key")}
        assert client.post(f"{fact(text, 'Control')}/reset", headers=key).status_code == 200
        after = client.get(page).text
    assert re.findall("<bdi>.*?</bdi>", after) == re.findall("<bdi>.*?</bdi>", before)


def test_a_directory(program, tmp_path):
    """With a directory the data is there at the next start, and nothing is added twice."""
    options = ["--root", str(tmp_path / "store"), "--no-tls", "--site", "/sites/Finance", "--group", "Team"]
    for number in range(2):
        run = program(*options)
        text = run.greeting()
        assert f"is kept in {tmp_path / 'store'}" in text
        with httpx.Client(verify=False, trust_env=False) as client:
            key = {"X-Emulator-Key": fact(text, "X-Emulator-Key")}
            url = f"{fact(text, 'Control')}/files"
            item = client.post(url, json={"path": f"{number}.txt", "text": "x"}, headers=key).json()
            for earlier in range(number + 1):
                assert client.get(item["webUrl"].replace(f"{number}.txt", f"{earlier}.txt")).status_code == 200
        assert run.stop()[0] == 0


def test_a_script_of_faults(program, tmp_path):
    """The script is at work from the first request."""
    file = tmp_path / "faults.json"
    file.write_text(json.dumps([{"operation": "page", "times": 1, "do": {"status": 503}}]))
    text = program("--faults", str(file), "--no-tls").greeting()
    with httpx.Client(verify=False, trust_env=False) as client:
        assert [client.get(fact(text, "Drives to look at")).status_code for _ in range(2)] == [503, 200]


def test_without_tls(program):
    """With plain HTTP the program warns that Airflow's connection needs TLS, and prints the credentials."""
    text = program("--no-tls").greeting()
    assert fact(text, "Graph and Entra ID").startswith("http://")
    assert "export " not in text
    tenant, client_id, secret = re.search(r"tenant (\S+), client (\S+), secret (\S+)", text).groups()
    url = f"{fact(text, 'Graph and Entra ID')}/{tenant}/oauth2/v2.0/token"
    form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}
    form["scope"] = "https://graph.microsoft.com/.default"
    assert httpx.post(url, data=form, verify=False, trust_env=False).status_code == 200


def test_a_cloud(program):
    """The certificate is for the names of the cloud."""
    text = program("--cloud", "us_gov").greeting()
    extra = connection(text)["extra"]
    context = ssl.create_default_context(cadata=extra["ca_certificate"])
    port = httpx.URL(extra["graph_url"]).port
    with socket.create_connection(("127.0.0.1", port), timeout=HANG_SECONDS) as plain:
        context.wrap_socket(plain, server_hostname="graph.microsoft.us").close()


def test_other_machines(program):
    """Remote access prints a warning on the error output."""
    run = program("--allow-remote", "--host", "box.example")
    assert connection(run.greeting())["extra"]["graph_url"].startswith("https://box.example:")
    status, _, err = run.stop()
    assert status == 0
    assert err.startswith("Warning: other machines are let in.")


BAD_SCRIPTS = [
    ("[{]", "is not JSON: Expecting property name enclosed in double quotes in line 1, column 3"),
    ('[{"do": "drop"}]', "faults[0].do: unknown fault 'drop'; did you mean 'drop_after'?"),
    ('{"fault": []}', "unknown key 'fault'"),
]


@pytest.mark.parametrize(("script", "message"), BAD_SCRIPTS)
def test_a_bad_script(capsys, tmp_path, script, message):
    """An invalid script ends the program with its position and the reason."""
    file = tmp_path / "faults.json"
    file.write_text(script)
    assert command_line.main(["--faults", str(file), "--no-tls"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"The emulator cannot start: --faults {file}: ")
    assert message in err


def test_files_that_cannot_be_used(capsys, tmp_path):
    """So does a script that is not there, a directory that cannot be made, and one that belongs to something else."""
    tmp_path.joinpath("file").write_text("x")
    cases = [
        (["--faults", str(tmp_path / "none")], f"--faults: {tmp_path / 'none'}: No such file or directory"),
        (["--root", str(tmp_path / "file" / "x")], f"{tmp_path / 'file' / 'x'}: Not a directory"),
        (["--root", str(tmp_path)], f"{tmp_path} holds other things; the emulator needs a directory of its own."),
    ]
    for options, message in cases:
        assert command_line.main([*options, "--no-tls"]) == 1
        assert capsys.readouterr().err == f"The emulator cannot start: {message}\n"


@pytest.mark.parametrize("option", ["--port", "--store-port"])
def test_a_port_that_is_taken(capsys, option):
    """A port that is taken is named."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert command_line.main([option, str(port), "--no-tls"]) == 1
    assert capsys.readouterr().err == f"The emulator cannot start: port {port}: Address already in use\n"


def test_a_directory_that_is_in_use(program, capsys, tmp_path):
    """Two emulators do not share a directory."""
    program("--root", str(tmp_path / "store"), "--no-tls").greeting()
    assert command_line.main(["--root", str(tmp_path / "store"), "--no-tls"]) == 1
    assert "is in use by another emulator" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--allow-remote"], "--allow-remote and --host NAME are given together"),
        (["--host", "box"], "--allow-remote and --host NAME are given together"),
        (["--port", "65536"], "'65536' is no port"),
        (["--port", "-1"], "port"),
        (["--site", "=A"], "a site needs a path"),
        (["--strict", "--lenient"], "not allowed with argument"),
        (["--personality", "work"], "invalid choice: 'work'"),
        (["--cloud", "moon"], "invalid choice: 'moon'"),
        (["--nonsense"], "unrecognized arguments: --nonsense"),
    ],
)
def test_options_that_make_no_sense(capsys, options, message):
    """An invalid option prints the usage and the reason."""
    with pytest.raises(SystemExit) as end:
        cli.main(["emulator", *options])
    assert end.value.code == 2
    err = capsys.readouterr().err
    assert err.startswith("usage: airflow-onedrive emulator")
    assert message in err


@pytest.mark.parametrize("arguments", [[], ["emulate"], ["--nonsense"]])
def test_commands_that_do_not_exist(capsys, arguments):
    """Without a command, or with an unknown one, the program lists its commands."""
    with pytest.raises(SystemExit) as end:
        cli.main(arguments)
    assert end.value.code == 2
    assert "usage: airflow-onedrive" in capsys.readouterr().err


def test_help(capsys):
    """Help names the commands, and each command explains itself."""
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    assert "run a local OneDrive" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        cli.main(["emulator", "--help"])
    assert "--root DIR" in capsys.readouterr().out


def test_the_installed_program():
    """The package installs the program, and it is light until a command is run."""
    project = tomllib.loads(ROOT.joinpath("pyproject.toml").read_text(encoding="utf-8"))["project"]
    module, _, function = project["scripts"][cli.PROGRAM].partition(":")
    assert getattr(import_module(module), function) is cli.main
    heavy = "{'airflow', 'airflow_provider_onedrive.emulator'}"
    code = f"import sys, {module}; sys.exit(bool({heavy} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
