"""Every root of the grammar in every operator, in the sensor, and on the command line."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_onedrive import cli
from airflow_provider_onedrive.emulator import Emulator
from airflow_provider_onedrive.operators import onedrive as operators
from airflow_provider_onedrive.sensors.onedrive import OneDriveFileSensor
from airflow_provider_onedrive.triggers.onedrive import OneDriveFileTrigger

HOST = "contoso.sharepoint.com"
SITE = f"{HOST}/sites/Finance"
ROOTS = [
    *("myfiles", "shared by the connection", "shared by a shortcut", "users", "groups", "drives", "items"),
    *("sites", "browser", "sharing link"),
]


@pytest.fixture
def place(request: pytest.FixtureRequest, onedrive_emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> str:
    """Make a folder somewhere, and return its location."""
    onedrive_emulator.add_site("/sites/Finance", libraries=("Documents", "Reports"))
    library = onedrive_emulator.drive("sites/Finance/Reports")
    library.folder("in")
    own = onedrive_emulator.drive()
    own.folder("in")
    group = onedrive_emulator.add_group("Team")
    onedrive_emulator.drive("groups/Team").folder("in")
    own.shortcut("short", library, "in")
    connection = json.loads(onedrive_emulator.connection)
    connection["extra"]["shared"] = {"mapped": f"sites/{SITE}/Reports/in"}
    monkeypatch.setenv("AIRFLOW_CONN_ONEDRIVE_DEFAULT", json.dumps(connection))
    places = {
        "myfiles": "myfiles/in",
        "shared by the connection": "shared/mapped",
        "shared by a shortcut": "shared/short",
        "users": f"users/{onedrive_emulator.users[0]}/in",
        "groups": f"groups/{group}/in",
        "drives": f"drives/{library.id}/in",
        "items": f"items/{library.id}/{library.item('in')['id']}",
        "sites": f"sites/{SITE}/Reports/in",
        "browser": f"https://{SITE}/Reports/in",
        "sharing link": library.link("in", writes=True),
    }
    return places[request.param]


@pytest.fixture
def work(task_context: Any) -> Callable[..., Any]:
    """Run an operator by the end of its name."""

    def run(name: str, **kwargs: Any) -> Any:
        operator = getattr(operators, f"OneDrive{name}Operator")(task_id="task", **kwargs)
        return operator.execute(task_context())

    return run


def below(place: str, name: str) -> dict[str, Any]:
    """Name a file in the place: nothing can be written behind a link, so folder and name are said apart."""
    return {"location": place, "file_name": name}


@pytest.mark.parametrize("place", ROOTS, indirect=True)
def test_every_operator(place: str, work: Callable[..., Any], task_context: Any, tmp_path: Path) -> None:
    """Create, update, save, list, sync, download, wait, copy, move, make a folder, delete."""
    file = tmp_path / "a.txt"
    file.write_text("1")
    first = work("Upload", local_path=str(file), **below(place, "a.txt"))
    assert first["outcome"] == "created"
    file.write_text("22")
    assert work("Update", local_path=str(file), **below(place, "a.txt"))["size"] == 2
    assert work("Save", content="333", **below(place, "a.txt"))["size"] == 3
    assert [item["name"] for item in work("List", location=place)] == ["a.txt"]
    [change] = work("FolderSync", location=place, manifest=str(tmp_path / "manifest.jsonl"))
    assert (change["change"], change["id"]) == ("created", first["id"])
    assert work("Download", location=first, local_path=str(tmp_path / "back.txt"))["size"] == 3
    work(
        "Download",
        location=f"{place}/" if "?" not in place else place,
        local_path=str(tmp_path / "all"),
        recursive=True,
    )
    assert [each.read_text() for each in (tmp_path / "all").iterdir()] == ["333"]
    sensor = OneDriveFileSensor(task_id="wait", location=place, file_pattern="a*")
    assert [item["id"] for item in sensor.poke(task_context()).xcom_value] == [first["id"]]
    copy = work("Copy", location=first, destination=place, file_name="b.txt")
    folder = work("List", location=place, kind="folder")
    assert folder == []
    assert work("Move", location=copy, destination=place, file_name="c.txt")["name"] == "c.txt"
    if not place.startswith("https:"):  # behind which nothing can be named
        assert work("Move", location=f"{place}/c.txt", destination=f"{place}/d.txt")["name"] == "d.txt"
        assert work("Copy", location=f"{place}/d.txt", destination=f"{place}/c.txt")["name"] == "c.txt"
        assert len(work("Delete", location=f"{place}/d.txt")) == 1
        assert work("CreateFolder", location=f"{place}/new")["is_folder"]
    assert {item["name"] for item in work("List", location=place)} >= {"a.txt", "c.txt"}
    for item in work("List", location=place):
        assert len(work("Delete", location=item, recursive=True)) == 1
    assert work("List", location=place, kind="any") == []


@pytest.mark.parametrize("place", ROOTS, indirect=True)
def test_the_trigger(place: str, work: Callable[..., Any]) -> None:
    """In the triggerer the same locations lead to the same files."""
    made = work("Save", content="1", **below(place, "a.txt"))
    trigger = OneDriveFileTrigger(location=place, file_pattern="*.txt", poke_interval=0.01)

    async def events() -> list[Any]:
        return [event.payload async for event in trigger.run()]

    (event,) = asyncio.run(events())
    assert [item["id"] for item in event["items"]] == [made["id"]]


@pytest.mark.parametrize("place", ROOTS, indirect=True)
def test_the_command_line(place: str, work: Callable[..., Any], capsys: pytest.CaptureFixture[str]) -> None:
    """``ls`` and ``get`` understand them too."""
    work("Save", content="1", **below(place, "a.txt"))
    capsys.readouterr()
    assert cli.main(["ls", "--json", place]) == 0
    (item,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert item["name"] == "a.txt"
    assert cli.main(["stat", item["location"]]) == 0
