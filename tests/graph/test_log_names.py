"""Where a deployment wants no names in its log, no method of the clients shows one, whatever goes wrong."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from quick_retries import QUICK
from secret_names import FILE, FILES, FOLDER, LOCAL, NEW, OTHER, NameWatch, shown_by

from airflow_provider_onedrive.emulator.faults import drop_after, refuse, status
from airflow_provider_onedrive.graph.call_advice import PUBLIC_METHODS
from airflow_provider_onedrive.graph.client import AsyncClient, Client
from airflow_provider_onedrive.graph.config.deployment import DeploymentPolicy
from airflow_provider_onedrive.graph.config.settings import Settings
from airflow_provider_onedrive.graph.content.filters import Filters
from airflow_provider_onedrive.graph.protocol.errors import ItemNotFound, OneDriveError
from airflow_provider_onedrive.graph.protocol.hidden_names import HiddenNames, hidden_names
from airflow_provider_onedrive.graph.protocol.logs import logger
from airflow_provider_onedrive.graph.protocol.options import TransferOptions, UploadOptions

AT = f"myfiles/{FOLDER}"
Act = Callable[[Client, str, Path], Any]
ACTS: dict[str, Act] = {
    "children": lambda client, at, _: list(client.children(at)),
    "copied": lambda client, at, _: client.copied(
        f"{at}/{NEW}", client.start_copy(f"{at}/{FILE}", f"{at}/{NEW}").to_dict(), "01NONE"
    ),
    "copy": lambda client, at, _: client.copy(f"{at}/{FILE}", f"{at}/{NEW}"),
    "copy_progress": lambda client, at, _: client.copy_progress(
        client.start_copy(f"{at}/{FILE}", f"{at}/{NEW}").monitor_url
    ),
    "create_folder": lambda client, at, _: client.create_folder(f"{at}/{NEW}/{OTHER}"),
    "delete": lambda client, at, _: client.delete(f"{at}/{FILE}"),
    "delete_all": lambda client, at, _: client.delete_all(list(client.children(at))),
    "download": lambda client, at, path: client.download(f"{at}/{FILE}", path / "down" / LOCAL),
    "download_folder": lambda client, at, path: client.download_folder(
        f"{at}/", path / "down", recursive=True, options=TransferOptions(move=True)
    ),
    "exists": lambda client, at, _: client.exists(f"{at}/{FILE}"),
    "find": lambda client, at, _: list(client.find(at, Filters(f"**/{FILE[:8]}*"))),
    "move": lambda client, at, _: client.move(f"{at}/{FILE}", f"{at}/{NEW}"),
    "open": lambda client, at, _: client.open(f"{at}/{FILE}", "wb").close(),
    "read_bytes": lambda client, at, _: client.read_bytes(f"{at}/{FILE}"),
    "read_text": lambda client, at, _: client.read_text(f"{at}/{FILE}"),
    "request": lambda client, at, _: client.request("GET", f"/me/drive/root:/{FOLDER}:/children"),
    "save": lambda client, at, _: client.save(f"{at}/{FILE}", content=b"2"),
    "shared_folders": lambda client, *_: list(client.shared_folders()),
    "start_copy": lambda client, at, _: client.start_copy(f"{at}/{FILE}", f"{at}/{NEW}"),
    "stat": lambda client, at, _: client.stat(f"{at}/{FILE}"),
    "sync_folder": lambda client, at, path: client.sync_folder(at, path / "down" / LOCAL),
    "update": lambda client, at, path: client.update(f"{at}/{FILE}", local_path=path / "up" / LOCAL),
    "upload": lambda client, at, path: client.upload(
        f"{at}/", local_path=path / "up" / LOCAL, options=UploadOptions(single_put_bytes=0)
    ),
    "upload_folder": lambda client, at, path: client.upload_folder(
        f"{at}/", local_path=path / "up", recursive=True, if_exists="replace"
    ),
    "walk": lambda client, at, _: list(client.walk(at)),
}
WITHOUT_NAMES = {"aclose", "close", "stop"}
QUOTING = f"The resource '{FOLDER}/{FILE}' is not what it was."
FAULTS: dict[str, Any] = {
    "bad": status(400, message=QUOTING),
    "denied": status(403, message=QUOTING),
    "missing": status(404, message=QUOTING),
    "exists": status(409, "nameAlreadyExists", message=QUOTING),
    "changed": status(412, message=QUOTING),
    "locked": status(423, message=QUOTING),
    "away": status(503, message=QUOTING),
    "full": status(507, message=QUOTING),
    "hold": refuse("hold"),
    "dropped": drop_after(),
}
PLACES = {
    "right": AT,
    "a typing error": AT.replace("Vault", "Vualt"),
    "another case": AT.lower(),
    "no root": FOLDER,
    "encoded": f"myfiles/{FOLDER.replace(' ', '%20')}",
    "not allowed": f"myfiles/{FOLDER}|{FILE}",
    "too many slashes": f"myfiles//{FOLDER}",
    "a file": f"{AT}/{FILE}",
    "another drive": f"users/nobody@contoso.example/{FOLDER}",
    "a site": f"sites/contoso.sharepoint.com/sites/none/Documents/{FOLDER}",
    "of a website": f"https://contoso-my.sharepoint.com/personal/x/Documents/{FOLDER}",
}


@pytest.fixture
def settings(fields: dict[str, Any]) -> Settings:
    policy = DeploymentPolicy.from_options({"log_names": "ids"})
    return Settings.from_fields(fields, trusted_hosts=["localhost"], policy=policy)


@pytest.fixture
def quiet(settings: Settings) -> Iterator[Client]:
    """A client of a deployment without names in its log."""
    with Client(settings) as client:
        client.retry_policy = QUICK
        yield client


@pytest.fixture
def filled(drive: Any, tmp_path: Path) -> Any:
    for folder in ("up/sub", "down"):
        (tmp_path / folder).mkdir(parents=True)
    for path in (LOCAL, f"sub/{NEW}", OTHER):
        (tmp_path / "up" / path).write_bytes(b"local")
    drive.put_all(FILES)
    return drive


def _tried(act: Act, client: Client, at: str, path: Path) -> str:
    try:
        act(client, at, path)
    except OneDriveError as error:
        return shown_by(error)
    return ""


def test_table_has_every_method() -> None:
    assert set(ACTS) | WITHOUT_NAMES == set(PUBLIC_METHODS)


@pytest.mark.parametrize("name", ACTS)
def test_method_shows_no_name(quiet: Client, filled: Any, tmp_path: Path, name_watch: NameWatch, name: str) -> None:
    """Neither if it succeeds, nor if the location is wrong."""
    for kind, at in PLACES.items():
        name_watch.check(f"{name}, {kind}", _tried(ACTS[name], quiet, at, tmp_path))


@pytest.mark.parametrize("name", ACTS)
def test_refused_method_shows_no_name(  # noqa: PLR0917 - fixtures
    quiet: Client, filled: Any, faults: Any, tmp_path: Path, name_watch: NameWatch, share: Any, name: str
) -> None:
    """Nor if Graph refuses or fails, at the first request or at a later one, and quotes the name."""
    for kind, fault in share(list(ACTS).index(name), FAULTS.items()):
        for method in ("GET", None):
            faults.add(method=method, path="/v1.0/", times=3, do=fault)
            name_watch.check(f"{name}, {kind}", _tried(ACTS[name], quiet, AT, tmp_path))
            faults.clear()


@pytest.mark.parametrize("problem", ["missing", "a folder", "unreadable"])
def test_local_file_shows_no_name(
    quiet: Client, filled: Any, tmp_path: Path, name_watch: NameWatch, problem: str
) -> None:
    """Of a transfer, nor its path, nor that of the operating system's error."""
    path = tmp_path / "up" / ("none " + LOCAL if problem == "missing" else LOCAL)
    if problem == "a folder":
        path.unlink()
        path.mkdir()
    if problem == "unreadable":
        path.chmod(0)
    for act in (
        lambda: quiet.upload(f"{AT}/", local_path=path),
        lambda: quiet.download(f"{AT}/{FILE}", path / "x" / LOCAL),
        lambda: quiet.upload_folder(f"{AT}/", local_path=path),
        lambda: quiet.download_folder(f"{AT}/", path),
        lambda: quiet.upload(f"{AT}/", local_path=path, file_name=f"{NEW}/x"),
        lambda: quiet.sync_folder(AT, path / LOCAL),
    ):
        text = ""
        try:
            act()
        except OneDriveError as error:
            text = shown_by(error)
        name_watch.check(problem, text)


def test_event_loop_shows_no_name(settings: Settings, filled: Any, name_watch: NameWatch) -> None:
    async def act() -> None:
        async with AsyncClient(settings) as client:
            for at in (f"{AT}/{FILE}", f"{AT}/none {FILE}"):
                try:
                    await client.move(at, f"{AT}/{NEW}")
                    await client.stat(at)
                except OneDriveError as error:
                    name_watch.check(at, shown_by(error))

    asyncio.run(act())
    assert "move" in name_watch.seen


def test_stand_ins_join_lines(quiet: Client, filled: Any) -> None:
    """The same name has the same stand-in in each process; an item that was read is shown by its ids."""
    item = quiet.stat(f"{AT}/{FILE}")
    errors = []
    for name in (NEW, NEW.upper(), OTHER):
        with pytest.raises(ItemNotFound) as caught:
            quiet.stat(f"myfiles/none {FOLDER}/{name}")
        errors.append(caught.value.location)
    assert errors[0] == errors[1] != errors[2]
    assert hidden_names.without_names(f"{item.location} is there") == f"items/{item.drive_id}/{item.id} is there"
    with pytest.raises(OneDriveError, match=f"items/{item.drive_id}/{item.id}"):
        list(quiet.children(item.to_dict()))


def test_other_words_stay(quiet: Client, filled: Any) -> None:
    """What the error says, what Graph said, the ids, and the advice."""
    with pytest.raises(ItemNotFound) as caught:
        quiet.read_bytes(f"{AT.replace('Vault', 'Vualt')}/{FILE}")
    text = str(caught.value)
    assert "Did you mean" in text
    assert "404 itemNotFound" in text
    assert "request id" in text
    assert "myfiles/#" in text


def test_names_are_shown_otherwise(client: Client, filled: Any) -> None:
    with pytest.raises(ItemNotFound, match=f"myfiles/{FOLDER}/{NEW}"):
        client.stat(f"{AT}/{NEW}")


def test_short_name_is_no_part_of_a_word() -> None:
    """A file called "a" takes no letter out of the words."""
    names = HiddenNames()
    names.hide(is_wanted=True)
    names.add("a", "01")
    shown = names.without_names("a path has 'a' and b!01-a and 01.")
    assert shown == shown.replace(" a ", " ")
    assert "path has '#" in shown
    assert "b!01-a" in shown
    assert not shown.endswith("01.")


def test_traceback_shows_no_name(name_watch: NameWatch) -> None:
    """Of an error that nobody foresaw."""
    hidden_names.hide(is_wanted=True)
    hidden_names.add(FILE)
    try:
        {}[FILE]
    except KeyError:
        logger("airflow_provider_onedrive.graph.client").exception("It ended with %s", FILE)
    name_watch.check("a traceback")
    assert "KeyError" in name_watch.seen
    assert "Traceback" in name_watch.seen


def test_every_logger_hides() -> None:
    """No module makes its logger by itself, and so without the filter."""
    import airflow_provider_onedrive  # noqa: PLC0415 - only to find its files

    root = Path(airflow_provider_onedrive.__file__).parent
    allowed = {"logs.py", "auditing.py", "redaction.py", "running.py"}
    makers = {
        path.name
        for path in root.rglob("*.py")
        if "logging.getLogger(" in path.read_text() and "emulator" not in path.parts
    }
    assert makers <= allowed
    assert logging.getLogger("airflow_provider_onedrive.graph.protocol.driver").filters


def test_words_are_what_is_looked_for(client: Client, filled: Any, name_watch: NameWatch) -> None:
    """The tests above would see them."""
    with pytest.raises(ItemNotFound) as caught:
        client.stat(f"{AT}/{NEW}")
    with pytest.raises(AssertionError, match="stat"):
        name_watch.check("stat", shown_by(caught.value))
