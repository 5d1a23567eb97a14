"""Parts of `make demo` that can be tested without starting a whole Airflow; CI runs the whole."""

from __future__ import annotations

import errno
import io
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import psutil
import pytest
from airflow.configuration import conf

from demo import company, processes, report, settings, standalone, waiting
from demo.__main__ import sentence
from demo.progress import Progress
from demo.rest import RestClient
from demo.standalone import Standalone
from demo.waiting import DemoError, Waiting

# Limits against hanging: on a busy machine each process that a test starts takes its time.
pytestmark = [pytest.mark.airflow3, pytest.mark.timeout(3600)]

ROOT = Path(__file__).parents[1]
HEALTHY = {part: {"status": "healthy"} for part in ("metadatabase", "scheduler", "triggerer", "dag_processor")}

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
        assert len(processes.session_members(process.pid)) == 2
        processes.stop(process, term_grace_seconds=0.2)
        assert processes.session_members(process.pid) == []
        assert process.returncode == -signal.SIGKILL


def test_airflow_is_private(tmp_path: Path) -> None:
    """It listens on this machine only, and nobody comes in without the password."""
    own = settings.settings(tmp_path, tmp_path, port=12345)
    assert own["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert own["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS"] == "False"
    standalone.prepare(tmp_path, "password")
    assert "--skip-serve-logs" in (tmp_path / "bin" / "airflow").read_text()
    assert stat.S_IMODE((tmp_path / "passwords.json").stat().st_mode) == 0o600


def test_two_demos_share_no_secret(tmp_path: Path) -> None:
    """Keys are made anew for each start."""
    first, second = (settings.settings(tmp_path / name, tmp_path, port=1) for name in "ab")
    for name in ("AIRFLOW__CORE__FERNET_KEY", "AIRFLOW__API__SECRET_KEY", "AIRFLOW__API_AUTH__JWT_SECRET"):
        assert first[name] != second[name]


def test_patient_settings_exist_in_airflow() -> None:
    """A setting that Airflow renames would no longer keep a slow machine's tasks alive."""
    for name in settings.PATIENT:
        _, section, option = name.split("__")
        assert conf.has_option(section.lower(), option.lower()), name


def test_drive_table_marks_new_and_removed_paths() -> None:
    """The drive after the run shows what the run left and took."""
    lines = report.drive_table({"a/": 0, "a/new.csv": 1234}, before=["a/", "a/old.csv"]).splitlines()
    assert [line.split() for line in lines] == [["a/"], ["+", "1,234", "a/new.csv"], ["-", "a/old.csv"]]


def python_process(code: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True
    )


class Reacting(io.StringIO):
    """An output that does something once a text is written to it."""

    def __init__(self, text: str, react: Callable[[], object]) -> None:
        super().__init__()
        self._text, self._react = text, react

    def write(self, text: str) -> int:
        if self._text in text:
            self._react()
        return super().write(text)


@pytest.fixture(autouse=True)
def _quick_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "POLL_SECONDS", 0.05)


@pytest.fixture
def airflow(tmp_path: Path) -> Iterator[Standalone]:
    """A process that only waits, in the place of Airflow."""
    standalone.log_file(tmp_path).touch()
    standalone.ended_file(tmp_path).touch()
    with python_process("input()") as process:
        yield Standalone(
            tmp_path, standalone.free_port(), process, "the-password", ["the-password"], Progress(io.StringIO())
        )
        process.kill()


class Server:
    """A server that answers as it is told to: one of `answers` for each request, then always the last."""

    def __init__(self, port: int, *answers: Any) -> None:
        self.requests: list[tuple[str, Any]] = []
        self.stopping = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                server.requests.append((f"{self.command} {self.path}", json.loads(body) if body else None))
                server.answer(self, answers[min(len(server.requests), len(answers)) - 1])

            do_GET = do_POST = answer  # noqa: N815

            def log_message(self, *_: Any) -> None:
                """Print nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def answer(self, handler: BaseHTTPRequestHandler, answer: Any) -> None:
        if answer == "late":
            self.stopping.wait()
        if answer in ("late", "lost"):
            handler.close_connection = True
            return
        status, content = answer if isinstance(answer, tuple) else (200, answer)
        if status == "after stopping":
            self.stopping.wait()
            status = 200
        body = json.dumps(content).encode()
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    def close(self) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def serving(port: int, *answers: Any) -> Iterator[Server]:
    server = Server(port, *answers)
    try:
        yield server
    finally:
        server.close()


def test_late_lost_and_failed_answers_are_asked_again(airflow: Standalone) -> None:
    """A time-out, a connection that ends and a locked database are no failure."""
    answers = ("late", "lost", (500, "database is locked"), (503, ""), {"state": "success"})
    with serving(airflow.port, *answers) as server, RestClient(airflow, timeout_seconds=0.3) as rest:
        assert rest.run_state("dag", "run") == "success"
    assert len(server.requests) >= len(answers)


def test_progress_is_shown_while_an_answer_is_late(airflow: Standalone) -> None:
    """One request is enough where it only takes its time."""
    with serving(airflow.port, ("after stopping", {"state": "success"})) as server:
        airflow.progress = Progress(Reacting("waits for the API server", server.stopping.set))
        with RestClient(airflow) as rest:
            assert rest.run_state("dag", "run") == "success"
    assert len(server.requests) == 1


def test_end_of_airflow_is_noticed_while_an_answer_is_late(airflow: Standalone) -> None:
    """A request that will never be answered does not keep the demo."""
    with serving(airflow.port, "late"), RestClient(airflow) as rest:
        airflow.process.kill()
        with pytest.raises(DemoError, match=r"^Airflow ended with exit code -9$"):
            rest.run_state("dag", "run")


def test_refused_connection_is_asked_again(airflow: Standalone) -> None:
    """Airflow opens its port minutes after its start."""
    servers: list[Server] = []
    output = Reacting("ConnectError", lambda: servers.append(Server(airflow.port, HEALTHY)))
    airflow.progress = Progress(output)
    try:
        with RestClient(airflow) as rest:
            rest.wait_until_healthy()
    finally:
        for server in servers:
            server.close()
    assert "Starting Airflow: waits for the API server (ConnectError)" in output.getvalue()


def test_each_part_has_to_be_healthy_once(airflow: Standalone) -> None:
    """A busy part may be late with its next heartbeat when the last one is ready."""
    one_after_another = [
        HEALTHY | {"triggerer": {"status": None}, "scheduler": {"status": "unhealthy"}},
        HEALTHY | {"dag_processor": {"status": "unhealthy"}, "scheduler": {"status": "unhealthy"}},
        HEALTHY | {"metadatabase": {"status": "unhealthy"}},
    ]
    with serving(airflow.port, *one_after_another) as server, RestClient(airflow) as rest:
        rest.wait_until_healthy()
    assert len(server.requests) == 3
    assert isinstance(airflow.progress._output, io.StringIO)
    assert "waits for the scheduler, the triggerer\n" in airflow.progress._output.getvalue()


def test_run_is_started_once_though_the_answer_is_lost(airflow: Standalone) -> None:
    """The second request has the id of the first, which Airflow then refuses as taken."""
    with serving(airflow.port, "lost", (409, {"detail": "exists"})) as server, RestClient(airflow) as rest:
        run_id = rest.trigger("dag", {})
    assert [body["dag_run_id"] for _, body in server.requests] == [run_id, run_id]


def test_refused_request_is_a_sentence(airflow: Standalone) -> None:
    """Another answer below 500 is final."""
    with (
        serving(airflow.port, (403, {"detail": "Forbidden"})),
        RestClient(airflow) as rest,
        pytest.raises(DemoError, match=r"^Airflow refused GET /api/v2/dags/dag/dagRuns/run with 403: .*Forbidden"),
    ):
        rest.run_state("dag", "run")


def test_dag_that_cannot_be_imported_ends_the_waiting(airflow: Standalone) -> None:
    """The sentence has the file and the last line of the traceback."""
    errors = {"import_errors": [{"filename": "a.py", "stack_trace": "Traceback:\n  line 1\nNameError: x\n"}]}
    with (
        serving(airflow.port, HEALTHY, {"access_token": "t"}, errors) as server,
        RestClient(airflow) as rest,
        pytest.raises(DemoError, match=r"^Airflow cannot import a\.py: NameError: x$"),
    ):
        rest.prepare("dag")
    assert [request for request, _ in server.requests][1:] == ["POST /auth/token", "GET /api/v2/importErrors"]


def test_waiting_ends_when_airflow_ends(airflow: Standalone) -> None:
    """The error has the exit code and the last line of the output, without the password."""
    standalone.log_file(airflow.home).write_text("scheduler  | first\nstandalone | no the-password\n")
    airflow.process.kill()
    airflow.process.wait()
    with pytest.raises(DemoError, match=r"^Airflow ended with exit code -9 \(standalone \| no \*\*\*\)$"):
        airflow.waiting.until("Starting", lambda: None)


def test_waiting_ends_when_a_part_of_airflow_ends(airflow: Standalone, tmp_path: Path) -> None:
    """`airflow standalone` itself goes on without a part that has died."""
    part = tmp_path / "part"
    part.write_text(standalone.COMMAND.format(airflow="sh -c 'exit 7'", ended=standalone.ended_file(tmp_path)))
    assert subprocess.run(["sh", part, "triggerer"], check=False).returncode == 7
    standalone.log_file(airflow.home).write_text("triggerer  | out of memory\nscheduler  | fine\n")
    with pytest.raises(DemoError, match=r"^Airflow's triggerer ended with exit code 7 \(triggerer  \| out of memory"):
        airflow.waiting.until("Starting", lambda: None)


def test_waiting_goes_on_as_long_as_the_log_has_new_lines(tmp_path: Path) -> None:
    """The whole takes longer than the limit for standing still."""
    log = tmp_path / "log"
    log.touch()
    steps = iter(["one", "two", "three", "done"])

    def ask() -> bool:
        with log.open("a") as file:
            file.write(f"{(step := next(steps))}\n")
        return step == "done"

    assert Waiting(lambda: None, log, Progress(io.StringIO()), stall_seconds=0.1).until("Starting", ask)


def test_waiting_goes_on_as_long_as_tasks_change(tmp_path: Path) -> None:
    """Signs of progress count that are in no log."""
    (tmp_path / "log").touch()
    waiting = Waiting(lambda: None, tmp_path / "log", Progress(io.StringIO()), stall_seconds=0.1)
    states = iter([None, "queued", "running", "success"])

    def ask() -> bool:
        waiting.see(("task", state := next(states)))
        return state == "success"

    assert waiting.until("Running", ask)


def test_repetition_is_no_progress(tmp_path: Path) -> None:
    """Lines that differ in times and numbers only, and states that come and go, do not keep the waiting alive."""
    log = tmp_path / "log"
    log.touch()
    waiting = Waiting(lambda: None, log, Progress(io.StringIO()), stall_seconds=0.6)
    asked = []

    def ask() -> None:
        asked.append(len(asked))
        waiting.see("healthy" if len(asked) % 2 else "unhealthy")
        waiting.waits_for = "the scheduler"
        with log.open("a") as file:
            file.write(f"2026-12-01T00:00:0{len(asked)} heartbeat {len(asked)}\n")

    expected = r"^Starting: nothing new has happened for 1 s, the step waits for the scheduler$"
    with pytest.raises(DemoError, match=expected):
        waiting.until("Starting", ask)
    assert len(asked) >= 2


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_rewrites_one_line_of_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line is never longer than the terminal is wide, and a text removes it."""
    monkeypatch.setenv("COLUMNS", "30")
    progress = Progress(output := Terminal())
    progress.update("Starting Airflow", "waits for the scheduler")
    progress.update("Reading")
    progress.print("Ready")
    first, second, text = output.getvalue().removeprefix("\r\x1b[K").split("\r\x1b[K")
    assert first == "[   0 s] Starting Airflow: wa"
    assert second == "[   0 s] Reading"
    assert text == "\nReady\n"


def test_progress_in_a_plain_log_has_a_line_for_each_change() -> None:
    """The same again is shown only after the interval."""
    progress = Progress(output := io.StringIO(), interval_seconds=3600)
    for waits_for in ("a", "a", "b"):
        progress.update("Starting", waits_for)
    assert re.sub(r"\d+", "#", output.getvalue()) == "[   # s] Starting: a\n[   # s] Starting: b\n"
    progress = Progress(output := io.StringIO(), interval_seconds=0)
    for _ in range(3):
        progress.update("Starting")
    assert len(output.getvalue().splitlines()) == 3


def test_full_disk_is_a_sentence_with_advice() -> None:
    """Of an error of the system one sees the path, and the way out."""
    text = sentence(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/tmp/od-1/airflow.db"))
    assert text.startswith("[Errno 28] No space left on device: '/tmp/od-1/airflow.db': free some space")


# In the place of Airflow's own program, in an environment that has all the rest.
REFUSING = "#!/bin/sh\necho the database is broken\nexit 3\n"
HANGING = "#!/bin/sh\necho begun\nexec sleep 100000\n"


def demo_process(folder: Path, program: str) -> subprocess.Popen[str]:
    """Start the demo in an environment whose `airflow` is another program."""
    original = Path(sys.executable).parent
    (folder / "env/bin").mkdir(parents=True)
    (folder / "t").mkdir()
    shutil.copy(original.parent / "pyvenv.cfg", folder / "env")
    (folder / "env/lib").symlink_to(original.parent / "lib")
    (folder / "env/bin/python").symlink_to(Path(sys.executable).resolve())
    (folder / "env/bin/airflow").write_text(program)
    (folder / "env/bin/airflow").chmod(0o700)
    return subprocess.Popen(
        [folder / "env/bin/python", "-m", "demo"],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(folder / "t"), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def below(folder: Path) -> list[psutil.Process]:
    """Return the processes that work in a folder."""
    return [each for each in psutil.process_iter(["cwd"]) if (each.info["cwd"] or "").startswith(str(folder))]


def test_demo_whose_airflow_ends_fails_in_one_sentence(tmp_path: Path) -> None:
    """The log outlasts it, and nothing else does."""
    with demo_process(tmp_path, REFUSING) as process:
        output, _ = process.communicate()
    assert process.returncode == 1
    (log,) = (tmp_path / "t").iterdir()
    assert f"\nFAILED: Airflow ended with exit code 3 (the database is broken); Airflow's log is {log}.\n" in output
    assert "Traceback" not in output
    assert "the database is broken" in log.read_text()
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=lambda value: str(int(value))
)
def test_interrupted_demo_leaves_nothing(tmp_path: Path, number: signal.Signals, code: int) -> None:
    """Neither a process nor a file is left by Ctrl-C, or by an end from outside."""
    with demo_process(tmp_path, HANGING) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "waits for the API server" in line:
                break
        assert below(tmp_path)
        process.send_signal(number)
        output, _ = process.communicate()
    assert process.returncode == code
    assert "Traceback" not in output
    assert list((tmp_path / "t").iterdir()) == []
    assert below(tmp_path) == []
