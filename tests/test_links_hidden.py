"""A sharing link, wherever a user puts it and whatever is wrong with it, is shown nowhere."""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_onedrive import cli
from airflow_provider_onedrive.decorators.onedrive import DecoratedOneDriveFileSensor
from airflow_provider_onedrive.emulator import Emulator
from airflow_provider_onedrive.graph.protocol.web_urls import sharing_token
from airflow_provider_onedrive.operators import onedrive as operators
from airflow_provider_onedrive.sensors.onedrive import OneDriveChangesSensor, OneDriveFileSensor
from airflow_provider_onedrive.triggers.onedrive import OneDriveChangesTrigger, OneDriveFileTrigger

MISTAKES: dict[str, Callable[[str], Any]] = {
    "leads nowhere": lambda link: f"{link}{'A' * 8}",
    "a pattern behind": lambda link: f"{link}/*.csv",
    "a path behind": lambda link: f"{link}/a/b.csv",
    "a path behind its query": lambda link: f"{link}?e=abc/x.csv",
    "a question mark behind": lambda link: f"{link}?",
    "without https": lambda link: link.removeprefix("https://"),
    "plain http": lambda link: link.replace("https", "http"),
    "a wrong scheme": lambda link: link.replace("https", "htps"),
    "one slash": lambda link: link.replace("//", "/"),
    "backslashes": lambda link: link.replace("/", "\\"),
    "brackets": lambda link: f"<{link}?e=1>",
    "markdown": lambda link: f"[the folder]({link}?e=1)",
    "quotes": lambda link: f'"{link}"',
    "a root before": lambda link: f"myfiles/{link}",
    "a root and a pattern": lambda link: f"myfiles/{link}/*.csv",
    "a site before": lambda link: link.replace("https://", "sites/"),
    "a drive before": lambda link: f"drives/{link}",
    "encoded": lambda link: quote(link, safe=""),
    "in another address": lambda link: f"https://teams.microsoft.com/l/file/1?objectUrl={quote(link, safe='')}%2Fx",
    "twice": lambda link: f"{link} {link}",
    "as a token": sharing_token,
    "in a list": lambda link: [link],
    "in a dict": lambda link: {"location": link, "drive_id": "b!x", "id": "01X"},
    "in a dict without ids": lambda link: {"location": link},
    "in a template": lambda link: link + "{{ nobody.has_this }}",
    # At the end, because what they name is then moved or deleted.
    "blanks around": lambda link: f" {link}\r\n",
    "none": lambda link: link,
}

OPERATORS: dict[str, tuple[type[Any], dict[str, Any]]] = {
    "upload": (operators.OneDriveUploadOperator, {"local_path": "{tmp}/a.csv", "location": "myfiles/new/"}),
    "update": (operators.OneDriveUpdateOperator, {"local_path": "{tmp}/a.csv", "location": "myfiles/there.csv"}),
    "save": (operators.OneDriveSaveOperator, {"content": "x", "location": "myfiles/saved.csv"}),
    "delete": (operators.OneDriveDeleteOperator, {"location": "myfiles/there.csv"}),
    "list": (operators.OneDriveListOperator, {"location": "myfiles/"}),
    "download": (operators.OneDriveDownloadOperator, {"location": "myfiles/there.csv", "local_path": "{tmp}/b.csv"}),
    "move": (operators.OneDriveMoveOperator, {"location": "myfiles/there.csv", "destination": "myfiles/to.csv"}),
    "copy": (operators.OneDriveCopyOperator, {"location": "myfiles/there.csv", "destination": "myfiles/to.csv"}),
    "create folder": (operators.OneDriveCreateFolderOperator, {"location": "myfiles/folder"}),
    "folder sync": (operators.OneDriveFolderSyncOperator, {"location": "myfiles/", "manifest": "{tmp}/manifest"}),
    "file sensor": (OneDriveFileSensor, {"location": "myfiles/there.csv", "timeout": 0.01, "deferrable": False}),
    "decorated sensor": (
        DecoratedOneDriveFileSensor,
        {"location": "myfiles/there.csv", "timeout": 0.01, "python_callable": len},
    ),
    "changes sensor": (
        OneDriveChangesSensor,
        {"location": "myfiles/", "timeout": 0.01, "deferrable": False, "on_start": "emit_existing"},
    ),
}
COMMANDS = ["ls", "stat", "get", "put"]
# What these hold is content, a function, or passed to one.
NO_LOCATIONS = {"content", "check_fn", "python_callable", "op_args", "op_kwargs", "task_id"}


def parameters_of(kind: type[Any]) -> list[str]:
    """The parameters that this package gives an operator or a sensor."""
    ours = [each for each in kind.__mro__ if each.__module__.startswith("airflow_provider_onedrive")]
    named = {
        name
        for each in ours
        for name, parameter in inspect.signature(vars(each).get("__init__", object.__init__)).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    }
    takes = set(inspect.signature(kind.__init__).parameters)
    return sorted(((named & takes) | {"onedrive_conn_id"}) - NO_LOCATIONS)


class Watch:
    """Knows a sharing link, and looks for its secret."""

    def __init__(self, emulator: Emulator, logged: Callable[[], str]) -> None:
        drive = emulator.drive()
        drive.put_all({"shared/a.csv": "a", "there.csv": "b"})
        self.link = drive.link("shared", writes=True)
        self.secret = self.link.rpartition("/")[2]
        self._logged = logged

    def check(self, what: str, *shown: object) -> None:
        text = "\n".join((self._logged(), *map(str, shown)))
        at = text.find(self.secret)
        assert at < 0, f"{what}: {text[max(at - 1500, 0) : at + 200]}"
        assert sharing_token(self.link)[8:] not in text, what


@pytest.fixture
def watch(onedrive_emulator: Emulator, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Watch:
    """All that is logged, at DEBUG, by whichever logging Airflow uses."""
    caplog.set_level(logging.DEBUG)

    def logged() -> str:
        text = caplog.text + "".join(capfd.readouterr())
        caplog.clear()
        return text

    return Watch(onedrive_emulator, logged)


@pytest.fixture
def tasks(watch: Watch, share: Any, tmp_path: Path) -> Callable[[str], Iterator[tuple[str, Callable[[], Any]]]]:
    """Yield every mistake with a link in one operator: by its name, and a function that makes the task."""
    return lambda name: made_tasks(name, watch, tmp_path, share(list(OPERATORS).index(name), MISTAKES))


def made_tasks(name: str, watch: Watch, tmp: Path, mistakes: list[str]) -> Iterator[tuple[str, Callable[[], Any]]]:
    kind, given = OPERATORS[name]
    for parameter in parameters_of(kind):
        for mistake in mistakes if parameter in ("location", "destination") else ["none"]:
            kwargs = {key: each.format(tmp=tmp) if isinstance(each, str) else each for key, each in given.items()}
            kwargs[parameter] = MISTAKES[mistake](watch.link)
            yield f"{name}: {parameter}, {mistake}", lambda kwargs=kwargs: kind(task_id="task", **kwargs)


def shown_by(error: BaseException | None) -> str:
    """All that a log may show of an error: its text, its fields, and the chain of its causes."""
    chain = []
    while error is not None:
        chain += [str(error), repr(error), repr(vars(error))]
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\n".join(chain)


@pytest.mark.airflow3
@pytest.mark.parametrize("name", OPERATORS)
def test_no_task_shows_a_link(
    watch: Watch, run_task: Callable[..., Any], tasks: Any, tmp_path: Path, name: str
) -> None:
    """Not in the log, in an error and its causes, in XCom, or in a rendered template; for any parameter and mistake."""
    (tmp_path / "a.csv").write_bytes(b"a")
    for what, make in tasks(name):
        try:
            task = make()
        except Exception as error:  # noqa: BLE001 - whatever refuses it when the DAG is read
            watch.check(what, shown_by(error))
            continue
        task.dag = DAG("dag", schedule=None)
        end = run_task(task)
        watch.check(what, "" if end.error is None else str(end.error), end.xcoms, json.dumps(end.rendered), end.sent)


@pytest.mark.usefixtures("airflow_db")  # where Airflow 2 keeps the Variable that a sensor names
@pytest.mark.parametrize("name", OPERATORS)
def test_no_error_of_a_task_shows_a_link(
    watch: Watch, task_context: Callable[..., Any], tasks: Any, tmp_path: Path, name: str
) -> None:
    """Also where Airflow masks nothing, such as in a callback: the text of an error and its fields are without it."""
    (tmp_path / "a.csv").write_bytes(b"a")
    for what, make in tasks(name):
        try:
            make().execute(task_context())
        except Exception as error:  # noqa: BLE001 - whatever it is, it may not show the link
            cause = error.__cause__
            watch.check(what, error, repr(error), vars(error), cause or "", vars(cause) if cause else "")


@pytest.mark.parametrize("kind", [OneDriveFileTrigger, OneDriveChangesTrigger])
def test_no_trigger_shows_a_link(watch: Watch, kind: type[Any]) -> None:
    """Not in its event, in the triggerer's log, or in its representation."""

    async def run(trigger: Any) -> Any:
        with suppress(TimeoutError, StopAsyncIteration):
            async with asyncio.timeout(30):
                return (await anext(trigger.run())).payload

    own = {"once": True} if kind is OneDriveChangesTrigger else {}
    for parameter in ("location", "file_pattern", "regex", "ignore", "onedrive_conn_id"):
        for mistake, made in MISTAKES.items() if parameter == "location" else [("none", MISTAKES["none"])]:
            trigger = kind(**({"location": "myfiles/", "deadline": 1.0, **own} | {parameter: made(watch.link)}))
            watch.check(f"{parameter}, {mistake}", asyncio.run(run(trigger)), trigger)


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_shows_a_link(
    watch: Watch, share: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """Neither on its output nor in its error."""
    monkeypatch.chdir(tmp_path)  # where ``get`` puts a file without a path
    (tmp_path / "a.csv").write_bytes(b"a")
    for mistake in share(COMMANDS.index(command), MISTAKES):
        if isinstance(text := MISTAKES[mistake](watch.link), str):
            before = [str(tmp_path / "a.csv")] if command == "put" else []
            after = [str(tmp_path / "got")] if command == "get" else []
            for arguments in ([*before, text, *after], [text, "myfiles/x"] if command == "put" else [text]):
                with suppress(SystemExit):
                    cli.main([command, *arguments])
                watch.check(f"{command}, {mistake}")


def test_secret_is_what_is_looked_for(watch: Watch) -> None:
    """The tests above would see it."""
    logging.getLogger().warning("%s", watch.link)
    with pytest.raises(AssertionError, match="none"):
        watch.check("none")
    assert "Traceback" not in traceback.format_exc()
