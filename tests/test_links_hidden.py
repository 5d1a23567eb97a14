"""A sharing link, wherever a user puts it and whatever is wrong with it, is shown nowhere."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from airflow.providers.common.compat.sdk import DAG
from airflow_support import AIRFLOW_3
from product import classes_below, passed_on_by

from airflow_provider_onedrive import cli
from airflow_provider_onedrive.compat import BaseOperator, BaseTrigger
from airflow_provider_onedrive.decorators.onedrive import DecoratedOneDriveFileSensor
from airflow_provider_onedrive.emulator import Emulator
from airflow_provider_onedrive.graph.protocol.web_urls import sharing_token
from airflow_provider_onedrive.operators import onedrive as operators
from airflow_provider_onedrive.sensors.onedrive import OneDriveChangesSensor, OneDriveFileSensor
from airflow_provider_onedrive.triggers.onedrive import (
    OneDriveChangesTrigger,
    OneDriveCopyTrigger,
    OneDriveFileTrigger,
    OneDrivePauseTrigger,
)
from airflow_provider_onedrive.verification import table

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
TRIGGERS: dict[str, tuple[type[Any], dict[str, Any]]] = {
    "files": (OneDriveFileTrigger, {"location": "myfiles/", "deadline": 1.0}),
    "changes": (OneDriveChangesTrigger, {"location": "myfiles/", "deadline": 1.0, "once": True}),
    "copy": (OneDriveCopyTrigger, {"monitor": "", "copy": {}, "shown": "myfiles/to.csv"}),
    "pause": (OneDrivePauseTrigger, {"until": 0.0}),
}
COMMANDS = {
    "ls": ["myfiles/"],
    "stat": ["myfiles/there.csv"],
    "get": ["myfiles/there.csv", "{tmp}/got"],
    "put": ["{tmp}/a.csv", "myfiles/there.csv"],
    "doctor": [],
    # An app that nobody knows, because a sign-in that Entra lets begin waits for the user.
    "login": ["--client-id", "nobody"],
    "verify": ["--folder", "myfiles/there.csv"],
}
"""The commands, each with arguments that are right."""
_OPTION = re.compile(r"\[(--[a-z-]+) [A-Z@]")
# What these hold is content, a function, or passed to one.
NO_LOCATIONS = {"content", "check_fn", "python_callable", "op_args", "op_kwargs", "task_id"}


class Watch:
    """Knows a sharing link, and looks for its secret."""

    def __init__(self, emulator: Emulator, logged: Callable[[], str]) -> None:
        drive = emulator.drive()
        drive.put_all({"shared/a.csv": "a", "there.csv": "b"})
        self.link = drive.link("shared", writes=True)
        self.secret = self.link.rpartition("/")[2]
        self.logged = logged
        self.masked: Callable[[str], Any] = str
        """What Airflow does with a log before it is written."""

    def check(self, what: str, *shown: object) -> None:
        text = "\n".join((self.masked(self.logged()), *map(str, shown)))
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
def tasks(watch: Watch, share: Any, tmp_path: Path) -> Callable[[str], Iterator[tuple[str, Callable[..., Any]]]]:
    """Yield every mistake with a link in one operator: by its name, and a function that makes the task."""
    return lambda name: made_tasks(name, watch, tmp_path, share(list(OPERATORS).index(name), MISTAKES))


def made_tasks(name: str, watch: Watch, tmp: Path, mistakes: list[str]) -> Iterator[tuple[str, Callable[..., Any]]]:
    kind, given = OPERATORS[name]
    for number, parameter in enumerate(sorted(passed_on_by(kind) - NO_LOCATIONS)):
        folder = tmp / str(number)  # of its own, because a task may delete or move the file
        folder.mkdir()
        (folder / "a.csv").write_bytes(b"a")
        for mistake in tried_for(parameter, number, kind, mistakes):
            kwargs = {key: each.format(tmp=folder) if isinstance(each, str) else each for key, each in given.items()}
            kwargs[parameter] = MISTAKES[mistake](watch.link)
            yield (
                f"{name}: {parameter}, {mistake}",
                lambda task_id="task", kwargs=kwargs: kind(task_id=task_id, **kwargs),
            )


def tried_for(parameter: str, number: int, kind: type[Any], mistakes: list[str]) -> list[str]:
    """Choose the mistakes for one parameter: all where a link belongs, some in other texts, else none is made."""
    if parameter in ("location", "destination"):
        return mistakes
    return [*mistakes[number % 3 :: 3], "none"] if parameter in kind.template_fields else ["none"]


def shown_by(error: BaseException | None) -> str:
    """All that a log may show of an error: its text, its fields, and the chain of its causes."""
    chain = []
    while error is not None:
        chain += [str(error), repr(error), repr(vars(error))]
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\n".join(chain)


@pytest.mark.airflow3
@pytest.mark.parametrize("name", OPERATORS)
def test_no_task_shows_a_link(watch: Watch, run_task: Callable[..., Any], tasks: Any, name: str) -> None:
    """Not in the log, in an error and its causes, in XCom, or in a rendered template; for any parameter and mistake."""
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
def test_no_error_of_a_task_shows_a_link(watch: Watch, task_context: Callable[..., Any], tasks: Any, name: str) -> None:
    """Also where Airflow masks nothing, such as in a callback: the text of an error and its fields are without it."""
    for what, make in tasks(name):
        try:
            make().execute(task_context())
        except Exception as error:  # noqa: BLE001 - whatever it is, it may not show the link
            cause = error.__cause__
            watch.check(what, error, repr(error), vars(error), cause or "", vars(cause) if cause else "")


@pytest.mark.skipif(AIRFLOW_3, reason="Airflow 3's own task runner does it above")
@pytest.mark.parametrize("name", OPERATORS)
def test_no_dag_run_shows_a_link(watch: Watch, run_dag: Callable[..., Any], tasks: Any, name: str) -> None:
    """In Airflow 2: not in the log as it is written, in the rendered templates, or in XCom."""
    from airflow.models.renderedtifields import RenderedTaskInstanceFields  # noqa: PLC0415
    from airflow.models.xcom import XCom  # noqa: PLC0415 - Airflow 2
    from airflow.utils.log.secrets_masker import redact  # noqa: PLC0415
    from airflow.utils.session import create_session  # noqa: PLC0415

    watch.masked = redact
    with DAG(f"links_{name.replace(' ', '_')}", schedule=None) as dag:
        for number, (_, make) in enumerate(tasks(name)):
            with suppress(Exception):  # refused when the DAG is read, see below
                make(f"task_{number}")
    run = run_dag(dag)
    with create_session() as session:
        rendered = [str(each.rendered_fields) for each in session.query(RenderedTaskInstanceFields)]
        xcoms = [repr(each.value) for each in session.query(XCom).filter(XCom.run_id == run.run_id)]
    assert rendered
    watch.check(name, *rendered, *xcoms)


@pytest.mark.parametrize("name", TRIGGERS)
def test_no_trigger_shows_a_link(watch: Watch, name: str) -> None:
    """Not in its event, in the triggerer's log, or in its representation; for any parameter and mistake."""
    kind, given = TRIGGERS[name]

    async def run(trigger: Any) -> Any:
        with suppress(TimeoutError, StopAsyncIteration):
            async with asyncio.timeout(30):
                return (await anext(trigger.run())).payload

    for parameter in sorted(set(kind.names) - {"copy"}):  # what the operator itself has written there
        for mistake in MISTAKES if parameter == "location" else ["none", "without https"]:
            try:
                trigger = kind(**given | {parameter: MISTAKES[mistake](watch.link)})
            except Exception as error:  # noqa: BLE001 - whatever refuses it
                watch.check(f"{parameter}, {mistake}", shown_by(error))
                continue
            watch.check(f"{parameter}, {mistake}", asyncio.run(run(trigger)), trigger)


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_shows_a_link(
    watch: Watch, share: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """Neither on its output nor in its error; as any argument, as one too many, and as any option."""
    monkeypatch.chdir(tmp_path)  # where ``get`` puts a file without a path
    # One of the cases says as much of a link as a hundred do.
    monkeypatch.setattr(table, "CASES", [each for each in table.CASES if each.name == "stat_folder"])
    (tmp_path / "a.csv").write_bytes(b"a")
    right = [each.format(tmp=tmp_path) for each in COMMANDS[command]]
    for mistake in share(list(COMMANDS).index(command), MISTAKES):
        if isinstance(text := MISTAKES[mistake](watch.link), str):
            places = [[*right[:at], text, *right[at + 1 :]] for at in range(len(right))]
            for arguments in ([text], [*right, text], *places, [*right, f"--nothing={text}"]):
                with suppress(SystemExit):
                    cli.main([command, *arguments])
                watch.check(f"{command} {arguments}, {mistake}")
    for option in options_of(command, watch):
        for text in (watch.link, watch.link.removeprefix("https://")):
            with suppress(SystemExit):
                cli.main([command, *right, option, text])
            watch.check(f"{command} {option}")


def options_of(command: str, watch: Watch) -> list[str]:
    """Return the options of a command that take a value, as its help shows them."""
    with suppress(SystemExit):
        cli.main([command, "--help"])
    options = _OPTION.findall(re.sub(r"[|(]\s*--", "[--", watch.logged()))
    assert {"--connection"} <= set(options) or command == "login"
    return options


def test_program_hides_a_link_in_place_of_a_command(watch: Watch) -> None:
    with pytest.raises(SystemExit):
        cli.main([watch.link])
    watch.check("the program")


def test_every_class_and_command_is_tried() -> None:
    """Whoever adds one has to add it here."""
    assert {kind for kind, _ in OPERATORS.values()} == classes_below(BaseOperator)
    assert {kind for kind, _ in TRIGGERS.values()} == classes_below(BaseTrigger)
    assert set(COMMANDS) == set(cli.COMMANDS) - {"emulator"}  # which knows the links that it makes


def test_secret_is_what_is_looked_for(watch: Watch) -> None:
    """The tests above would see it."""
    logging.getLogger().warning("%s", watch.link)
    with pytest.raises(AssertionError, match="none"):
        watch.check("none")
    assert "Traceback" not in traceback.format_exc()
