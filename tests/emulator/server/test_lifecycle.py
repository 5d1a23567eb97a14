"""Starting and stopping: from Python, from pytest, from the command line."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import shlex
import signal
import socket
import ssl
import subprocess
import sys
import textwrap
import threading
import time
from urllib.parse import urlsplit

import httpx
import pytest
from patience import HANG_SECONDS, MUCH_LONGER_SECONDS

from airflow_provider_onedrive.emulator import EmulatedDrive, Emulator
from airflow_provider_onedrive.emulator.faults import Fault, delay, status


def test_connection(emulator):
    """The connection is complete: identity, addresses, certificate, and the first user's drive."""
    fields = json.loads(emulator.connection)
    assert fields["conn_type"] == "onedrive"
    assert (fields["login"], fields["password"]) == (emulator.client_id, emulator.client_secret)
    assert fields["extra"] == {
        "tenant_id": emulator.tenant_id,
        "myfiles": "anna@contoso.example",
        "graph_url": emulator.graph_url,
        "authority_url": emulator.authority_url,
        "ca_certificate": emulator.ca_certificate,
    }
    assert emulator.environment == {
        "AIRFLOW_CONN_ONEDRIVE_DEFAULT": emulator.connection,
        "AIRFLOW__ONEDRIVE__TRUSTED_HOSTS": "localhost",
    }


def test_start_and_stop_leave_nothing(tmp_path):
    """A start is light; a stopped emulator has no thread, no socket and no port, though clients are still connected."""
    before = set(threading.enumerate())
    emulator = Emulator(users=["x@fabrikam.example"], page_size=3)
    begin = time.process_time()
    emulator.start()
    assert time.process_time() - begin < 0.5
    port = urlsplit(emulator.graph_url).port
    with httpx.Client(verify=ssl.create_default_context(cadata=emulator.ca_certificate), trust_env=False) as client:
        assert client.get(emulator.graph_url).status_code == 200
        with socket.create_connection(("127.0.0.1", port)):
            emulator.stop()
    assert set(threading.enumerate()) <= before  # of another test may end meanwhile
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
    emulator.stop()
    gc.collect()


def test_starts_again_on_the_same_ports():
    """Ports can be chosen, are free at once after a stop, and a port that is taken is an error."""
    with Emulator() as emulator:
        ports = {"port": urlsplit(emulator.graph_url).port, "store_port": urlsplit(emulator.store_url).port}
        with pytest.raises(OSError, match="in use"):
            Emulator(**ports).start()
    for _ in range(2):
        with Emulator(**ports) as emulator:
            assert urlsplit(emulator.graph_url).port == ports["port"]


def test_several_at_once():
    """Two emulators in one process know nothing of each other."""
    with Emulator() as one, Emulator() as two:
        one.drive().put("a", b"1")
        assert two.drive().paths() == []
        assert one.ca_certificate != two.ca_certificate


def test_stop_ends_a_delay(eventually):
    """Stopping does not wait for a delayed answer."""
    emulator = Emulator().start()
    rule = emulator.faults.add(do=delay(MUCH_LONGER_SECONDS))
    context = ssl.create_default_context(cadata=emulator.ca_certificate)
    errors = []

    def ask():
        try:
            httpx.get(emulator.graph_url, verify=context, trust_env=False, timeout=MUCH_LONGER_SECONDS)
        except httpx.TransportError as error:
            errors.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    eventually(lambda: rule.hits)
    begin = time.monotonic()
    emulator.stop()
    thread.join()
    assert time.monotonic() - begin < HANG_SECONDS
    assert len(errors) == 1


def test_starting_twice(server):
    """An emulator that runs cannot be started again."""
    with pytest.raises(RuntimeError, match="runs already"):
        server.start()


def test_nothing_before_start():
    """An emulator that was not started raises an error."""
    with pytest.raises(RuntimeError, match="not started"):
        _ = Emulator().graph_url


def test_reset(emulator, http):
    """A reset empties drives, log, faults and sessions, and brings the options back."""
    emulator.drive().put("a", b"1")
    emulator.add_user("carla@contoso.example")
    emulator.faults.add(do=status(500))
    emulator.options.strict = False
    drive_id = emulator.drive().id
    emulator.reset()
    assert emulator.drive().paths() == []
    assert emulator.drive().id != drive_id
    assert emulator.options.strict
    assert emulator.users == ["anna@contoso.example", "ben@contoso.example"]
    assert http.get(emulator.authority_url).status_code == 200


def test_a_drive_as_tests_see_it(emulator):
    """Filling and reading a drive needs no request."""
    drive: EmulatedDrive = emulator.drive("BEN@contoso.example")
    drive.put("/a/b.txt", b"1")
    drive.put("a/B.txt", b"22")
    drive.folder("c/d/")
    assert drive.paths() == ["a/", "a/b.txt", "c/", "c/d/"]
    assert (drive.read("a/b.txt"), drive.version_count("a/b.txt")) == (b"22", 2)
    assert drive.item("A/b.TXT")["name"] == "b.txt"
    assert drive.exists("c")
    drive.delete("a")
    assert not drive.exists("a/b.txt")
    assert drive.recycle_bin == ["a"]
    assert len(emulator.requests) == 0


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        (lambda drive: drive.read("no"), FileNotFoundError),
        (lambda drive: drive.read("f"), IsADirectoryError),
        (lambda drive: drive.put("f", b""), IsADirectoryError),
        (lambda drive: drive.put("f/x/y", b""), NotADirectoryError),
        (lambda drive: drive.delete("no"), FileNotFoundError),
    ],
)
def test_mistakes_of_a_test(drive, action, expected):
    """Impossible content raises an ordinary Python error."""
    drive.put("f/x", b"")
    with pytest.raises(expected):
        action(drive)


def test_unknown_users(emulator):
    """An unknown user, or one without a drive, is a LookupError."""
    emulator.add_user("new@contoso.example", provisioned=False)
    for upn in ("new@contoso.example", "nobody@contoso.example"):
        with pytest.raises(LookupError):
            emulator.drive(upn)


class Mistake(Fault):
    def before(self, *_):
        raise ZeroDivisionError


def test_a_mistake_of_our_own_is_answered(emulator, graph, error, capfd, eventually):
    """When the emulator itself fails the client gets a 500 without a traceback, and the traceback is on stderr."""
    emulator.faults.add(do=Mistake())
    assert error(graph.get("/root"))[:2] == (500, "generalException")
    assert graph.get("/root").status_code == 200
    assert [entry.status for entry in emulator.requests] == [500, 200]
    shown = []
    eventually(lambda: shown.append(capfd.readouterr().err) or "ZeroDivisionError" in "".join(shown))


def test_light_to_import():
    """pytest loads the plugin in every run: it imports no Airflow, no TLS and no server until the fixture is used."""
    code = """
        import sys, airflow_provider_onedrive.emulator.plugin as plugin
        heavy = {"airflow", "trustme", "cryptography", "httpx", "msal", "ssl", "http.server"} & set(sys.modules)
        own = {name for name in sys.modules if name.startswith("airflow_provider_onedrive.emulator.")}
        heavy |= own - {plugin.__name__}
        sys.exit(repr(heavy) if heavy else 0)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True)


def test_fixture(tmp_path):
    """The pytest fixture brings a fresh, strict emulator to each test and points Airflow at it."""
    tmp_path.joinpath("test_it.py").write_text(
        textwrap.dedent(
            """
            import os, pytest
            @pytest.mark.parametrize("number", range(3))
            def test_fresh(onedrive_emulator, number):
                assert onedrive_emulator.drive().paths() == []
                assert onedrive_emulator.options.strict
                assert os.environ["AIRFLOW_CONN_ONEDRIVE_DEFAULT"] == onedrive_emulator.connection
                assert os.environ["AIRFLOW__ONEDRIVE__TRUSTED_HOSTS"] == "localhost"
                onedrive_emulator.drive().put("a", b"1")
                onedrive_emulator.options.strict = False
            def test_without():
                assert "AIRFLOW_CONN_ONEDRIVE_DEFAULT" not in os.environ
            """
        )
    )
    inherited = {name: value for name, value in os.environ.items() if "ONEDRIVE" not in name}
    plugins = ["-p", "airflow_provider_onedrive.emulator.plugin", "-p", "xdist", "-p", "no:cacheprovider"]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n2", "-W", "error", *plugins, "."],
        env=inherited | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "4 passed" in run.stdout


@pytest.fixture
def command():
    """Start the emulator as a program."""
    started = []

    def start(*options):
        arguments = [sys.executable, "-W", "error", "-m", "airflow_provider_onedrive.emulator", *options]
        started.append(subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def exports(process):
    """Read up to the last line to paste, and return the text and the variables."""
    lines = []
    while not lines or not lines[-1].startswith("export AIRFLOW__ONEDRIVE__TRUSTED_HOSTS"):
        lines.append(process.stdout.readline())
    found = dict(shlex.split(line)[1].split("=", 1) for line in lines if line.startswith("export "))
    return "".join(lines), json.loads(found["AIRFLOW_CONN_ONEDRIVE_DEFAULT"])


@contextlib.contextmanager
def signed_in(connection):
    """Sign in with nothing but the connection."""
    extra = connection["extra"]
    context = ssl.create_default_context(cadata=extra["ca_certificate"])
    with httpx.Client(verify=context, trust_env=False, base_url=f"{extra['graph_url']}/v1.0") as client:
        form = {"grant_type": "client_credentials", "scope": f"{extra['graph_url']}/.default"}
        form |= {"client_id": connection["login"], "client_secret": connection["password"]}
        reply = client.post(f"{extra['authority_url']}/{extra['tenant_id']}/oauth2/v2.0/token", data=form)
        client.headers["Authorization"] = f"Bearer {reply.json()['access_token']}"
        yield client


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_command_line(command, number):
    """The program prints the connection, serves, and ends cleanly on a signal."""
    process = command("--user", "x@fabrikam.example", "--user", "o'neil@fabrikam.example")
    text, connection = exports(process)
    assert "for tests only" in text
    assert connection["extra"]["myfiles"] == "x@fabrikam.example"
    with signed_in(connection) as client:
        assert client.get("/users/o'neil@fabrikam.example/drive").status_code == 200
        process.send_signal(number)
        out, err = process.communicate(timeout=HANG_SECONDS)
    assert (process.returncode, err) == (0, "")
    assert out.endswith("Stopped.\n")


@pytest.mark.parametrize(("options", "status"), [((), 200), (("--lenient",), 200), (("--strict",), 401)])
def test_command_line_strictness(command, options, status):
    """The program is lenient by default."""
    _, connection = exports(command(*options))
    with signed_in(connection) as client:
        item = client.put(f"/users/{connection['extra']['myfiles']}/drive/root:/a:/content", content=b"x").json()
        assert client.get(item["@microsoft.graph.downloadUrl"]).status_code == status


def test_command_line_with_a_port_that_is_taken(command):
    """A port that is taken ends the program with one line and no traceback."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = command("--port", str(taken.getsockname()[1]))
        out, err = process.communicate(timeout=HANG_SECONDS)
    assert process.returncode == 1
    assert err.startswith("The emulator cannot start: ")
    assert err.count("\n") == 1
    assert out == ""


def test_command_line_without_the_extra():
    """Without trustme the program names the extra to install."""
    code = """
        import sys
        sys.modules["trustme"] = None
        from airflow_provider_onedrive.emulator.__main__ import main
        sys.exit(main([]))
    """
    run = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "airflow-provider-onedrive[emulator]" in run.stderr
    assert "Traceback" not in run.stderr
