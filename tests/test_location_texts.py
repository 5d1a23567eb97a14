"""Every operator, sensor, trigger, transfer, client method and command reads the same text as the same item."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from watching import Watching

from airflow_provider_onedrive import cli
from airflow_provider_onedrive.emulator import Emulator
from airflow_provider_onedrive.graph.client import AsyncClient, Client
from airflow_provider_onedrive.graph.content.filters import Filters, split_location
from airflow_provider_onedrive.graph.protocol.errors import (
    LocationError,
    OneDriveError,
    error_from_dict,
)
from airflow_provider_onedrive.graph.protocol.location_parser import LocationParser
from airflow_provider_onedrive.graph.protocol.names import NAME_POLICIES, NamePolicy, repaired
from airflow_provider_onedrive.hooks.onedrive import OneDriveHook
from airflow_provider_onedrive.operators import onedrive as operators
from airflow_provider_onedrive.sensors.onedrive import OneDriveChangesSensor, OneDriveFileSensor
from airflow_provider_onedrive.state import change_store
from airflow_provider_onedrive.state.change_tracker import state_name
from airflow_provider_onedrive.triggers.onedrive import OneDriveChangesTrigger

BROWSER = "https://contoso-my.sharepoint.com/personal/anna_contoso_example/Documents/plain.csv"
TEXTS: Mapping[str, str | None] = {
    "myfiles/plain.csv": "plain.csv",
    "MYFILES/run: 7/a.csv": "run_ 7/a.csv",
    "myfiles/what<now>|.csv": "what_now__.csv",
    "myfiles/ padded /x.csv": "_padded_/x.csv",
    "myfiles/dot./x.csv": "dot_/x.csv",
    "myfiles/back\\slash.csv": "back_slash.csv",
    f"{BROWSER}?web=1": "plain.csv",
    "myfiles//empty.csv": None,
    "myfiles/a/../b.csv": None,
    "nowhere/a.csv": None,
}
"""Texts, and the path of the item they mean where names are repaired; None is a mistake that no policy repairs."""
PATHS = sorted({path for path in TEXTS.values() if path})
FOUND_IN_FOLDER = "inner.txt"
HOST = "https://contoso-my.sharepoint.com"
ADDRESSES = (
    f"{BROWSER}?csf=1&web=1",
    HOST + "/:{kind}:/r/personal/anna_contoso_example/Documents/plain.csv?csf=1&web=1&e=aBcDeF",
    f"{HOST}/my?id=%2Fpersonal%2Fanna_contoso_example%2FDocuments%2Fplain.csv&viewid=1-2&e=5:a",
    f" {BROWSER}?web=1\n",
    "{link}",
    "{link}?e=aBcDeF&csf=1&web=1",
)
"""Addresses of the item plain.csv as people paste them. ``{kind}`` is the letter that SharePoint has for its kind."""

Read = Callable[["Machine", str], str]


@dataclass
class Machine:
    """A worker with a connection to the emulator.

    :param tmp: an empty folder for each text.
    """

    emulator: Emulator
    drive: Any
    tmp: Path
    context: Callable[..., Any]
    capsys: pytest.CaptureFixture[str]

    def client(self) -> Client:
        return OneDriveHook().get_conn()

    def execute(self, name: str, **given: Any) -> Any:
        """Run an operator."""
        operator = getattr(operators, f"OneDrive{name}Operator")(task_id="task", **given)
        return operator.execute(self.context())

    def command(self, *arguments: object) -> Any:
        """Run a command, and return the first line of its JSON."""
        return self.printed(*arguments)[0]

    def printed(self, *arguments: object) -> list[Any]:
        """Run a command, and return each line of its JSON."""
        code = cli.main([str(arguments[0]), "--json", *map(str, arguments[1:])])
        out, err = self.capsys.readouterr()
        if code:
            assert code == 2, err
            raise LocationError(err.rpartition("airflow-onedrive: ")[2].strip(), advice="")
        return [json.loads(line) for line in out.splitlines()]

    def file(self, name: str = "new.csv") -> Path:
        path = self.tmp / "source" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"new")
        return path


READERS: dict[str, tuple[Read, str]] = {}
"""By name, a function that returns the path of the item a text means, and the kind of that item.

A kind is empty for a file; ``folder``; ``/`` for a folder whose text has to end so.
"""


def reads(name: str, kind: str = "") -> Callable[[Read], Read]:
    def register(read: Read) -> Read:
        READERS[name] = read, kind
        return read

    return register


def parent(item: Any) -> str:
    path = item["path"] if isinstance(item, Mapping) else item.path
    assert path.endswith(f"/{FOUND_IN_FOLDER}")
    return str(path.removesuffix(f"/{FOUND_IN_FOLDER}"))


def source_of(content: bytes) -> str:
    """Each file and each inner file holds its own path."""
    return content.decode().removesuffix(f"/{FOUND_IN_FOLDER}")


# Files, through the operators


@reads("upload")
def upload(machine: Machine, text: str) -> str:
    item = machine.execute("Upload", local_path=machine.file(), location=text, if_exists="replace")
    return str(item["path"])


@reads("update")
def update(machine: Machine, text: str) -> str:
    return str(machine.execute("Update", local_path=machine.file(), location=text)["path"])


@reads("save")
def save(machine: Machine, text: str) -> str:
    return str(machine.execute("Save", content="new", location=text)["path"])


@reads("delete")
def delete(machine: Machine, text: str) -> str:
    [item] = machine.execute("Delete", location=text)
    assert not machine.drive.exists(item["path"])
    return str(item["path"])


@reads("download")
def download(machine: Machine, text: str) -> str:
    machine.execute("Download", location=text, local_path=machine.tmp / "a")
    return source_of((machine.tmp / "a").read_bytes())


@reads("move")
def move(machine: Machine, text: str) -> str:
    item = machine.execute("Move", location=text, destination="myfiles/moved/", create_folders=True)
    return source_of(machine.drive.read(item["path"]))


@reads("move to")
def move_to(machine: Machine, text: str) -> str:
    machine.drive.put("source.csv", b"new")
    item = machine.execute("Move", location="myfiles/source.csv", destination=text, if_exists="replace")
    return str(item["path"])


@reads("copy")
def copy(machine: Machine, text: str) -> str:
    item = machine.execute("Copy", location=text, destination="myfiles/copied/", create_folders=True)
    return source_of(machine.drive.read(item["path"]))


@reads("copy to")
def copy_to(machine: Machine, text: str) -> str:
    machine.drive.put("source.csv", b"new")
    item = machine.execute("Copy", location="myfiles/source.csv", destination=text, if_exists="replace")
    return str(item["path"])


# Folders, through the operators


@reads("list", "folder")
def list_folder(machine: Machine, text: str) -> str:
    [item] = machine.execute("List", location=text)
    return parent(item)


@reads("create folder", "folder")
def create_folder(machine: Machine, text: str) -> str:
    return str(machine.execute("CreateFolder", location=text)["path"])


@reads("folder sync", "folder")
def folder_sync(machine: Machine, text: str) -> str:
    [item] = machine.execute("FolderSync", location=text, manifest=machine.tmp / "manifest")
    return parent(item)


@reads("upload of a folder", "/")
def upload_folder(machine: Machine, text: str) -> str:
    source = machine.file(FOUND_IN_FOLDER).parent
    [item] = machine.execute("Upload", local_path=f"{source}/", location=text, if_exists="replace")
    return parent(item)


@reads("download of a folder", "/")
def download_folder(machine: Machine, text: str) -> str:
    [item] = machine.execute("Download", location=text, local_path=f"{machine.tmp}/all/")
    return parent(item)


# Sensors and triggers


@reads("file sensor")
def file_sensor(machine: Machine, text: str) -> str:
    sensor = OneDriveFileSensor(task_id="wait", location=text, deferrable=False, timeout=20)
    [item] = sensor.execute(machine.context())
    return str(item["path"])


@reads("file sensor, deferred")
def deferred_file_sensor(machine: Machine, text: str) -> str:
    sensor = OneDriveFileSensor(task_id="wait", location=text, deferrable=True, timeout=20)
    trigger = sensor.trigger(machine.context(), time.time() + 20)
    [item] = sensor.execute_complete(machine.context(), first_event(trigger))
    return str(item["path"])


@reads("changes sensor", "folder")
def changes_sensor(machine: Machine, text: str) -> str:
    sensor = OneDriveChangesSensor(
        task_id="wait", location=text, on_start="emit_existing", deferrable=False, timeout=20, variable=state_name(text)
    )
    [item] = sensor.execute(machine.context())
    return parent(item)


@reads("changes trigger", "folder")
def changes_trigger(machine: Machine, text: str) -> str:
    """An error that cannot be cured never ends a watcher, so its text is asked of the trigger that ends."""
    given = {"location": text, "variable": state_name(text), "deadline": time.time() + 20}
    event = first_event(OneDriveChangesTrigger(**given, once=True))
    if event["status"] == "error":
        raise error_from_dict(event["error"])
    watching = Watching(machine.emulator, location=text, on_start="emit_existing")
    [change] = watching.next()["changes"]
    watching.close()
    return parent(change)


def first_event(trigger: Any) -> Any:
    async def ask() -> Any:
        return (await anext(trigger.run())).payload

    return asyncio.run(ask())


# The client


@reads("client.stat")
def client_stat(machine: Machine, text: str) -> str:
    with machine.client() as client:
        assert client.exists(text)
        return client.stat(text).path


@reads("client.open")
def client_open(machine: Machine, text: str) -> str:
    with machine.client() as client, client.open(text) as file:
        return source_of(file.read())


@reads("client.children", "folder")
def client_children(machine: Machine, text: str) -> str:
    with machine.client() as client:
        [item] = client.children(text)
        return parent(item)


@reads("client.walk", "folder")
def client_walk(machine: Machine, text: str) -> str:
    with machine.client() as client:
        [item] = client.walk(text)
        return parent(item)


@reads("client.find", "folder")
def client_find(machine: Machine, text: str) -> str:
    with machine.client() as client:
        [item] = client.find(text, Filters(file_pattern="*.txt"))
        return parent(item)


@reads("client.upload_folder", "folder")
def client_upload_folder(machine: Machine, text: str) -> str:
    source = machine.file(FOUND_IN_FOLDER).parent
    with machine.client() as client:
        [item] = client.upload_folder(text, local_path=source, if_exists="replace").done
        return parent(item)


@reads("client.download_folder", "folder")
def client_download_folder(machine: Machine, text: str) -> str:
    with machine.client() as client:
        [item] = client.download_folder(text, machine.tmp / "all").done
        return parent(item)


@reads("client.sync_folder", "folder")
def client_sync_folder(machine: Machine, text: str) -> str:
    with machine.client() as client:
        [item] = client.sync_folder(text, machine.tmp / "manifest").changes.created
        return parent(item)


def with_async_client(act: Callable[[AsyncClient], Any]) -> Any:
    async def run() -> Any:
        async with await OneDriveHook().get_async_conn() as client:
            return await act(client)

    return asyncio.run(run())


async def only(items: AsyncIterator[Any]) -> Any:
    [item] = [item async for item in items]
    return item


@reads("AsyncClient.stat")
def async_stat(machine: Machine, text: str) -> str:
    del machine
    return str(with_async_client(lambda client: client.stat(text)).path)


@reads("AsyncClient.children", "folder")
def async_children(machine: Machine, text: str) -> str:
    del machine
    return parent(with_async_client(lambda client: only(client.children(text))))


@reads("AsyncClient.walk", "folder")
def async_walk(machine: Machine, text: str) -> str:
    del machine
    return parent(with_async_client(lambda client: only(client.walk(text))))


@reads("AsyncClient.create_folder", "folder")
def async_create_folder(machine: Machine, text: str) -> str:
    del machine
    return str(with_async_client(lambda client: client.create_folder(text, exist_ok=True)).path)


@reads("AsyncClient.delete")
def async_delete(machine: Machine, text: str) -> str:
    del machine
    [item] = with_async_client(lambda client: client.delete(text))
    return str(item.path)


@reads("AsyncClient.move")
def async_move(machine: Machine, text: str) -> str:
    item = with_async_client(lambda client: client.move(text, "myfiles/moved/", create_folders=True))
    return source_of(machine.drive.read(item.path))


# Commands


@reads("put")
def put(machine: Machine, text: str) -> str:
    return str(machine.command("put", "--if-exists", "replace", machine.file(), text)["path"])


@reads("get")
def get(machine: Machine, text: str) -> str:
    machine.command("get", text, machine.tmp / "a")
    return source_of((machine.tmp / "a").read_bytes())


@reads("ls", "folder")
def ls(machine: Machine, text: str) -> str:
    return parent(machine.command("ls", text))


@reads("stat")
def stat(machine: Machine, text: str) -> str:
    return str(machine.command("stat", text)["path"])


class VariablesPlayed:
    """Airflow's Variables, as long as a test runs."""

    texts: dict[str, str]

    @classmethod
    def get(cls, key: str, default: Any) -> Any:
        return cls.texts.get(key, default)

    @classmethod
    def set(cls, key: str, value: str, description: str) -> None:
        assert description
        cls.texts[key] = value

    @classmethod
    def delete(cls, key: str) -> None:
        del cls.texts[key]


@pytest.fixture
def machine(
    onedrive_emulator: Emulator,
    tmp_path: Path,
    task_context: Callable[..., Any],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Machine:
    monkeypatch.setattr(VariablesPlayed, "texts", {}, raising=False)
    monkeypatch.setattr(change_store, "Variable", VariablesPlayed)
    return Machine(onedrive_emulator, onedrive_emulator.drive(), tmp_path, task_context, capsys)


def outcome(act: Callable[..., Any], *given: Any, **named: Any) -> Any:
    try:
        return act(*given, **named)
    except (OneDriveError, AirflowFailException) as error:
        return str(error)


def meaning(policy: NamePolicy, text: str, path: str | None) -> str:
    """Return the path of the item, or the text of the error that the parser of the connection raises."""
    try:
        LocationParser(policy).parse(text)
    except LocationError as error:
        return str(error)
    assert path is not None
    return path


@pytest.mark.parametrize("policy", NAME_POLICIES)
@pytest.mark.parametrize("name", READERS)
def test_text_means_same_item_everywhere(  # noqa: PLR0917 - fixtures
    machine: Machine, connection: Callable[..., None], share: Any, tmp_path: Path, policy: NamePolicy, name: str
) -> None:
    """The same item, or the same error in the same words."""
    connection(name_policy=policy)
    read, kind = READERS[name]
    outcomes, expected = {}, {}
    for number, text in enumerate(share(list(READERS).index(name), TEXTS)):
        path = TEXTS[text]
        begin_anew(machine, kind, tmp_path / str(number))
        given = f"{text}/" if kind == "/" else text
        outcomes[text] = outcome(read, machine, given)
        expected[text] = meaning(policy, given, path)
    assert outcomes == expected


def begin_anew(machine: Machine, kind: str, tmp: Path) -> None:
    for each in {path.partition("/")[0] for path in machine.drive.paths()}:
        machine.drive.delete(each)
    machine.drive.put_all({f"{each}/{FOUND_IN_FOLDER}" if kind else each: each for each in PATHS})
    machine.tmp = tmp
    machine.tmp.mkdir()


# Readers of the name of something new, which an address of an existing item is not; and how they say so.
NEEDS_NAME = {
    "create folder": "names no folder to create",
    "AsyncClient.create_folder": "names no folder to create",
    "move to": "names an item that exists",
    "copy to": "names an item that exists",
}


def pasted_texts(machine: Machine, name: str, kind: str, addresses: Iterable[str] = ADDRESSES) -> Iterator[str]:
    """Yield the addresses of the item; those of a folder also with a slash at the end."""
    link = machine.drive.link("plain.csv", writes=True)
    for address in addresses:
        text = address.format(link=link, kind="f" if kind else "x")
        # Only an upload of a folder needs no mark of one.
        if kind != "/" or "/:f:/" in text or name == "upload of a folder":
            yield text
        if kind:
            yield f"{text.rstrip()}/"


@pytest.mark.parametrize("name", READERS)
def test_pasted_address_means_its_item_everywhere(machine: Machine, share: Any, tmp_path: Path, name: str) -> None:
    """With any query, whose ``?`` makes no pattern of it, and for a folder with a slash at its end."""
    read, kind = READERS[name]
    addresses, outcomes = share(list(READERS).index(name), ADDRESSES), {}
    begin_anew(machine, kind, tmp_path / "first")
    for number in range(len(list(pasted_texts(machine, name, kind, addresses)))):
        begin_anew(machine, kind, tmp_path / str(number))
        text = list(pasted_texts(machine, name, kind, addresses))[number]
        outcomes[text] = outcome(read, machine, text)
        if "(sharing link)" in outcomes[text] and name in NEEDS_NAME:
            assert NEEDS_NAME[name] in outcomes.pop(text)
    assert outcomes == dict.fromkeys(outcomes, "plain.csv")


PATTERNS: Mapping[str, list[str]] = {
    "myfiles/run: 7/*.csv": ["run_ 7/a.csv"],
    "myfiles/**/a:b|?.csv": ["deep/a_b_1.csv", "deep/a_b_2.csv"],
    "myfiles/**/a.csv": ["run_ 7/a.csv"],
    "myfiles//*.csv": [],
}
"""Patterns, and the paths they match where names are repaired; none for a mistake that no policy repairs."""


def sensed(machine: Machine, text: str, pattern: Any = None) -> Any:
    sensor = OneDriveFileSensor(task_id="wait", location=text, file_pattern=pattern, timeout=20, deferrable=False)
    return sensor.execute(machine.context())


def triggered(machine: Machine, text: str, pattern: Any = None) -> Any:
    sensor = OneDriveFileSensor(task_id="wait", location=text, file_pattern=pattern, timeout=20, deferrable=True)
    event = first_event(sensor.trigger(machine.context(), time.time() + 20))
    return sensor.execute_complete(machine.context(), event)


def changed(machine: Machine, text: str, pattern: Any = None) -> Any:
    """Of a change the pattern is a parameter of its own, and is read in the same way."""
    folder, pattern = (text, pattern) if pattern else split_location(text)
    given = {"location": folder, "file_pattern": pattern, "on_start": "emit_existing", "variable": state_name(text)}
    sensor = OneDriveChangesSensor(task_id="wait", timeout=20, deferrable=False, **given)
    return sensor.execute(machine.context())


PLACERS: dict[str, Read] = {
    "upload": upload,
    "save": lambda machine, text: str(
        machine.execute("Save", local_path=machine.file("source.csv"), location=text)["path"]
    ),
    "move to": move_to,
    "copy to": copy_to,
    "put": put,
}
"""Readers of a target: if it is a folder, they put a file into it, under the file's own name."""


@pytest.mark.parametrize("name", PLACERS)
def test_file_goes_into_pasted_folder(machine: Machine, tmp_path: Path, name: str) -> None:
    """A slash at the end of an address, behind its query too, marks a folder, and so does the mark of SharePoint."""
    begin_anew(machine, "folder", tmp_path / "first")
    outcomes = {
        text: outcome(PLACERS[name], machine, text)
        for text in pasted_texts(machine, name, "folder")
        if "/:f:/" in text or text.endswith("/")
    }
    assert {path.rpartition("/")[0] for path in outcomes.values()} == {"plain.csv"}


PATTERN_READERS: dict[str, Callable[[Machine, str], Any]] = {
    "list": lambda machine, text: machine.execute("List", location=text, kind="file"),
    "delete": lambda machine, text: machine.execute("Delete", location=text),
    "download": lambda machine, text: machine.execute("Download", location=text, local_path=f"{machine.tmp}/all/"),
    "file sensor": sensed,
    "file sensor, deferred": triggered,
    "changes sensor": changed,
    "ls": lambda machine, text: machine.printed("ls", text),
}


@pytest.mark.parametrize("policy", NAME_POLICIES)
@pytest.mark.parametrize("name", PATTERN_READERS)
def test_pattern_matches_same_items_everywhere(
    machine: Machine, connection: Callable[..., None], tmp_path: Path, policy: NamePolicy, name: str
) -> None:
    """A pattern's names are read as any others: a character that no name has is an error, or is replaced."""
    connection(name_policy=policy)
    outcomes, expected = {}, {}
    for number, (text, paths) in enumerate(PATTERNS.items()):
        machine.tmp = tmp_path / str(number)
        machine.tmp.mkdir()
        machine.drive.put_all({each: each for several in PATTERNS.values() for each in several})
        items = outcome(PATTERN_READERS[name], machine, text)
        outcomes[text] = items if isinstance(items, str) else sorted(item["path"] for item in items)
        expected[text] = pattern_meaning(policy, text, paths)
    assert outcomes == expected


FOLDER_READERS: dict[str, Callable[[Machine, str, Any], Any]] = {
    "list": lambda machine, text, pattern: machine.execute("List", location=text, file_pattern=pattern, kind="file"),
    "delete": lambda machine, text, pattern: machine.execute("Delete", location=text, file_pattern=pattern),
    "download": lambda machine, text, pattern: machine.execute(
        "Download", location=text, file_pattern=pattern, local_path=f"{machine.tmp}/all/", recursive=True
    ),
    "file sensor": sensed,
    "file sensor, deferred": triggered,
    "changes sensor": changed,
}


@pytest.mark.parametrize("name", FOLDER_READERS)
def test_file_pattern_chooses_in_pasted_folder(machine: Machine, tmp_path: Path, name: str) -> None:
    """Whatever stands in its query, an address is a folder's for ``file_pattern``."""
    outcomes = {}
    for number in range(2 * len(ADDRESSES)):
        begin_anew(machine, "folder", tmp_path / str(number))
        text = list(pasted_texts(machine, name, "folder"))[number]
        items = outcome(FOLDER_READERS[name], machine, text, "*.TXT")
        outcomes[text] = items if isinstance(items, str) else [item["path"] for item in items]
    assert outcomes == {key: [f"plain.csv/{FOUND_IN_FOLDER}"] for key in outcomes}


NO_PATTERNS = (
    f"{BROWSER}/*.csv",
    f"{BROWSER}/inner.t?t",
    f"{BROWSER.removesuffix('.csv')}*",
    f"{BROWSER}?",
    f"{BROWSER}?web=1/*.csv",
    f"{BROWSER}//",
    "{link}/*",
    "{link}?",
    "{link}?e=aBcDeF/inner.txt",
)
"""Addresses with something behind them that is meant to narrow them."""


@pytest.mark.parametrize("name", PATTERN_READERS)
def test_pattern_behind_address_is_refused(machine: Machine, tmp_path: Path, name: str) -> None:
    """It is not ignored: the rest of the address alone would mean more. The error never shows a link."""
    begin_anew(machine, "folder", tmp_path / "first")
    link = machine.drive.link("plain.csv", writes=True)
    before = machine.drive.paths()
    for address in NO_PATTERNS:
        reason = outcome(PATTERN_READERS[name], machine, address.format(link=link))
        assert re.search("wildcard|followed by a path|empty name", reason), (address, reason)
        assert link.rpartition("/")[2] not in reason
    assert machine.drive.paths() == before


def pattern_meaning(policy: NamePolicy, text: str, paths: list[str]) -> Any:
    parser, (folder, pattern) = LocationParser(policy), split_location(text)
    try:
        parser.pattern(str(pattern))
        parser.parse(folder)
    except LocationError as error:
        return str(error)
    return paths


LOCAL_NAMES = (
    *("plain.csv", "a:b.csv", "what<now>|.csv", " a.csv", "a.csv ", "a.", "back\\slash", "CON", "~$a", "x_vti_y"),
)


@pytest.mark.parametrize("policy", NAME_POLICIES)
@pytest.mark.parametrize("name", LOCAL_NAMES)
def test_folder_upload_reads_local_name_like_single_upload(
    machine: Machine, connection: Callable[..., None], policy: NamePolicy, name: str
) -> None:
    """The same name in the drive, or a refusal for the same reason."""
    connection(name_policy=policy)
    path = machine.file(name)
    given = {"name": "Upload", "create_folders": True}
    single = outcome(machine.execute, local_path=path, location="myfiles/a/", **given)
    machine.drive.folder("a")
    machine.drive.delete("a")
    several = outcome(machine.execute, local_path=f"{path.parent}/", location="myfiles/a/", **given)
    if policy == "replace" or repaired(name) == name:
        assert [single["name"], several[0]["name"]] == [repaired(name)] * 2
    else:
        assert single in several


def test_folder_upload_refuses_sources_that_become_one_name(
    machine: Machine, connection: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    """The reason names both and is logged before anything is sent; with ``fail_fast`` nothing is sent at all."""
    connection(name_policy="replace")
    for name in ("a:b.csv", "a_b.csv", "plain.csv"):
        machine.file(name)
    given = {"name": "Upload", "local_path": f"{machine.tmp}/source/", "location": "myfiles/"}
    reason = "'a:b.csv' and 'a_b.csv' would both become 'a_b.csv'"
    assert reason in outcome(machine.execute, fail_fast=True, **given)
    assert machine.drive.paths() == []
    sent = len(machine.emulator.requests.matching(method="PUT"))
    caplog.clear()
    assert reason in outcome(machine.execute, **given)
    assert (sent, machine.drive.paths()) == (0, ["plain.csv"])
    texts = [record.getMessage() for record in caplog.records]
    assert next(at for at, text in enumerate(texts) if reason in text) < len(texts) - 1
