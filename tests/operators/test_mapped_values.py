"""What a mapped task gets from another one is data, and never a template; texts of the DAG are templates."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_onedrive.emulator import Emulator
from airflow_provider_onedrive.operators.onedrive import OneDriveDownloadOperator, OneDriveSaveOperator
from airflow_provider_onedrive.sensors.onedrive import OneDriveFileSensor

RunDag = Callable[..., Any]

EVIL = "{{ var.value.secret }}.csv"
SECRET = "the-secret"


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_SECRET", SECRET)


@task
def names() -> list[str]:
    return [EVIL]


@task
def dicts() -> list[dict[str, Any]]:
    return [{"file_name": EVIL, "content": EVIL}]


@task
def one() -> dict[str, Any]:
    return {"file_name": EVIL, "content": EVIL}


def save(**kwargs: Any) -> Any:
    return OneDriveSaveOperator.partial(task_id="save", **kwargs)


FOLDER = "myfiles/{{ 'in' }}/"
CALLS: dict[str, Callable[[], Any]] = {
    "expand": lambda: save(location=FOLDER, content="{{ 'x' }}").expand(file_name=names()),
    "expand_kwargs": lambda: save(location=FOLDER).expand_kwargs(dicts()),
    "expand_kwargs_map": lambda: save(location=FOLDER).expand_kwargs(names().map(_as_dict)),
    "expand_kwargs_element": lambda: save(location=FOLDER).expand_kwargs([one()]),
    "expand_kwargs_override": lambda: save(location=FOLDER, content="{{ 'y' }}").expand_kwargs(dicts(), strict=False),
    "partial": lambda: save(location=FOLDER, file_name=one()["file_name"]).expand(content=["{{ 'x' }}"]),
    "default_args": lambda: OneDriveSaveOperator.partial(task_id="save").expand_kwargs(dicts()),
    "not_mapped": lambda: OneDriveSaveOperator(
        task_id="save", location=FOLDER, file_name=one()["file_name"], content="{{ 'x' }}"
    ),
}


def _as_dict(name: str) -> dict[str, str]:
    return {"file_name": name, "content": name}


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize("name", CALLS)
def test_value_from_xcom_is_not_rendered(
    *, onedrive_emulator: Emulator, run_dag: RunDag, name: str, native: bool
) -> None:
    """The file gets the name that it has, and the folder that the DAG's template makes."""
    drive = onedrive_emulator.drive()
    drive.folder("in")
    with DAG(
        f"mapped_{name}_{native}",
        schedule=None,
        start_date=datetime(2026, 1, 1, tzinfo=UTC),
        render_template_as_native_obj=native,
        default_args={"location": FOLDER} if name == "default_args" else {},
    ) as dag:
        CALLS[name]()
    assert run_dag(dag).state == "success"
    is_kwargs = name.startswith(("expand_kwargs", "default_args"))
    assert drive.read_all("in") == {f"in/{EVIL}": EVIL.encode() if is_kwargs else b"x"}


def test_text_of_the_dag_is_rendered(onedrive_emulator: Emulator, run_dag: RunDag) -> None:
    """In lists of ``expand`` and in dicts of ``expand_kwargs`` as well."""
    drive = onedrive_emulator.drive()
    with DAG("mapped_texts", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        OneDriveSaveOperator.partial(task_id="one", location="myfiles/").expand(
            file_name=["{{ 'a' }}.csv", "b.csv"], content=["{{ 'x' }}"]
        )
        OneDriveSaveOperator.partial(task_id="two", location="myfiles/").expand_kwargs(
            [{"file_name": "{{ 'c' }}.csv", "content": "{{ 'y' }}"}]
        )
    assert run_dag(dag).state == "success"
    assert drive.read_all("") == {"a.csv": b"x", "b.csv": b"x", "c.csv": b"y"}


def test_items_that_were_listed_are_not_rendered(onedrive_emulator: Emulator, run_dag: RunDag, tmp_path: Any) -> None:
    """Operators and sensors alike; the local path too."""
    drive = onedrive_emulator.drive()
    drive.put(f"in/{EVIL}", b"1")

    @task
    def downloads() -> list[dict[str, Any]]:
        return [{"location": f"myfiles/in/{EVIL}", "local_path": f"{tmp_path}/{EVIL}"}]

    @task
    def waits() -> list[dict[str, Any]]:
        return [{"location": f"myfiles/in/{EVIL}"}]

    with DAG("mapped_items", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        OneDriveDownloadOperator.partial(task_id="download").expand_kwargs(downloads())
        OneDriveFileSensor.partial(task_id="wait", poke_interval=0.01, timeout=20).expand_kwargs(waits())
    assert run_dag(dag).state == "success"
    assert [path.name for path in tmp_path.iterdir()] == [EVIL]


def test_arguments_of_a_decorated_sensor_are_not_rendered(onedrive_emulator: Emulator, run_dag: RunDag) -> None:
    """One by one: those of the DAG are."""
    onedrive_emulator.drive().put("a.csv", b"1")
    received: list[tuple[str, str]] = []

    @task
    def arguments() -> list[dict[str, Any]]:
        return [{"name": EVIL}]

    with DAG("mapped_arguments", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:

        @task.onedrive_sensor(location="myfiles/a.csv", poke_interval=0.01, timeout=20)
        def is_there(files: list[dict[str, Any]], name: str, own: str) -> bool:
            received.append((name, own))
            return True

        is_there.partial(own="{{ 'own' }}").expand_kwargs(arguments())
    assert run_dag(dag).state == "success"
    assert received == [(EVIL, "own")]
