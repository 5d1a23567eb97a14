"""An Airflow of its own for each test process, and ways to run a task: a plugin of the environments with Airflow.

Airflow reads its home when it is first imported, so the environment is made here, before any test module is loaded.
"""

# ruff: noqa: PLC0415 - Airflow must not be imported before its environment is made

from __future__ import annotations

import atexit
import itertools
import json
import multiprocessing
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import datetime
from importlib.metadata import version
from multiprocessing import forkserver
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from forks_of_airflow import ForksOfAirflow
from quick_retries import QUICK
from task_runner import TaskEnd, run_one_task

from airflow_provider_onedrive.graph.client import BaseClient
from airflow_provider_onedrive.graph.http import cooldown
from airflow_provider_onedrive.graph.tracking import conditions

_SUPPORT = str(Path(__file__).parent)
_HOME = Path(tempfile.mkdtemp(prefix="onedrive_airflow_home_"))
atexit.register(shutil.rmtree, _HOME, ignore_errors=True)
os.environ.update(
    {
        "AIRFLOW_HOME": str(_HOME),
        "AIRFLOW__CORE__FERNET_KEY": "dGhlIGtleSBvZiB0aGUgdGVzdHMgb25seSwgMzIgYnk=",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(_HOME / "dags"),
        "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__API_AUTH__JWT_SECRET": "for the tests of this process only".ljust(64, "."),
        "SQLALCHEMY_SILENCE_UBER_WARNING": "1",  # Airflow 2.11 uses SQLAlchemy 1
        "AIRFLOW__METRICS__TIMER_UNIT_CONSISTENCY": "True",  # Airflow 2.11 warns about its own default
    }
)
(_HOME / "dags").mkdir()


AIRFLOW_3 = int(version("apache-airflow").partition(".")[0]) >= 3

# What Airflow's own libraries say when Airflow imports them; nobody but Airflow can change that.
_AIRFLOW_3_WARNINGS = ("Using `httpx` with `starlette.testclient` is deprecated",)
_AIRFLOW_2_WARNINGS = (
    "'_app_ctx_stack' is deprecated",
    "'_request_ctx_stack' is deprecated",
    "'locked_cached_property' is deprecated",
    "The '__version__' attribute is deprecated",
    "in a future version of UPath this will be set to None",  # Airflow's own use of a path as a part of another
    "Could not find default for known protocol 'onedrive'",  # until something has opened a path of the scheme
    "Accessing jsonschema.draft4_format_checker is deprecated",
    "jsonschema.RefResolver is deprecated",
    "jsonschema.exceptions.RefResolutionError is deprecated",
)


def pytest_configure(config: pytest.Config) -> None:
    for text in _AIRFLOW_3_WARNINGS if AIRFLOW_3 else _AIRFLOW_2_WARNINGS:
        config.addinivalue_line("filterwarnings", f"ignore:{text}")


SLOW_TO_BEGIN = frozenset({"airflow_db", "processes", "s3_endpoint", "forks_of_airflow"})
"""Fixtures that take seconds in each process that needs one; Airflow's first DAG run takes some more."""


@pytest.hookimpl(trylast=True)  # after the tests were mixed
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # Of several processes the first gets the first part, so only that one needs them.
    items.sort(key=lambda item: SLOW_TO_BEGIN.isdisjoint(getattr(item, "fixturenames", ())))
    if AIRFLOW_3:
        return
    skip = pytest.mark.skip(reason="needs Airflow 3")
    for item in items:
        if item.get_closest_marker("airflow3"):
            item.add_marker(skip)


@pytest.fixture(autouse=True)
def _forgotten_secrets() -> Iterator[None]:
    """Airflow's masker becomes slower with every secret it is told, and each test has tokens of its own."""
    yield
    module = sys.modules.get("airflow.sdk.log" if AIRFLOW_3 else "airflow.utils.log.secrets_masker")
    if module is not None:
        masker = module._secrets_masker()
        masker.patterns, masker.replacer = set(), None


@pytest.fixture(autouse=True)
def _no_shared_cool_downs(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one test was asked to wait does not hold up the next, which has a folder of its own."""
    begin_without_cool_downs(monkeypatch)


@pytest.fixture(autouse=True)
def _quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Operators, sensors and triggers make clients of their own: these try as often as ever, without the waits."""
    monkeypatch.setattr(BaseClient, "retry_policy", QUICK)
    monkeypatch.setattr(conditions, "DOUBT_SECONDS", 0.01)


@pytest.fixture
def forget_cool_downs(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Let the pause pass that Graph asked for, as if it were later; in memory and in files."""
    return lambda: begin_without_cool_downs(monkeypatch)


_folders = itertools.count()


def begin_without_cool_downs(monkeypatch: pytest.MonkeyPatch) -> None:
    cooldown.forget_all()
    monkeypatch.setenv("AIRFLOW__ONEDRIVE__COOL_DOWN_FOLDER", str(_HOME / "cool_downs" / str(next(_folders))))


@pytest.fixture
def task_context() -> Callable[..., Any]:
    """What ``execute`` needs of a context: the task instance, whose ``xcoms`` are what it was given."""

    def make(try_number: int = 1, **changes: Any) -> dict[str, Any]:
        names = {"dag_id": "dag", "run_id": "manual__2026-01-02T03:04:05+00:00", "task_id": "task", "map_index": -1}
        xcoms: dict[str, Any] = {}
        ti = SimpleNamespace(try_number=try_number, xcoms=xcoms, **(names | changes))
        ti.xcom_push = lambda key, value: xcoms.update({key: value})
        return {"ti": ti}

    return make


@pytest.fixture(scope="session")
def airflow_db() -> None:
    """Airflow's database, made once per process."""
    from airflow.utils.db import initdb

    initdb()


@pytest.fixture(scope="session")
def forks_of_airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForksOfAirflow]:
    with ForksOfAirflow(tmp_path_factory.mktemp("forks")) as forks:
        yield forks


_PRELOADED = (
    *(f"airflow_provider_onedrive.{name}" for name in ("operators.onedrive", "graph.client", "emulator.faults")),
    # Airflow 2 has none of these; Airflow 3 imports the later ones when a task begins.
    *(f"airflow.sdk.{name}" for name in ("execution_time.supervisor", "crypto", "definitions.timetables.trigger")),
    *("airflow.api_fastapi.execution_api.datamodels.asset", "airflow.serialization.definitions.assets"),
    *("airflow.sdk.definitions.retry_policy", "airflow.sdk.execution_time.cache", "croniter", "jinja2.ext"),
    *("pytest", "try_tasks", "try_processes"),
)


@pytest.fixture(scope="session")
def processes() -> Any:
    """Make workers of their own, without a thread or a lock of the test's; what they import is imported once.

    Python has one fork server in a process, so all tests must ask for the same imports.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(_PRELOADED))  # what cannot be imported is left out
    with pytest.MonkeyPatch.context() as changes:
        changes.setenv("PYTHONPATH", os.pathsep.join(filter(None, (_SUPPORT, os.environ.get("PYTHONPATH")))))
        forkserver.ensure_running()
    return context


@pytest.fixture
def run_task() -> Callable[..., TaskEnd]:
    """Run one task through Airflow 3's real task runner; the API server is the only part that is played."""
    return run_one_task


@pytest.fixture
def run_dag(airflow_db: None) -> Callable[..., Any]:
    """Run a DAG of this process with ``dag.test()``, deferrals included."""
    return _run_dag


def _run_dag(dag: Any, logical_date: datetime | None = None) -> Any:
    if AIRFLOW_3:
        from airflow.dag_processing.bundles.manager import DagBundlesManager
        from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db

        DagBundlesManager().sync_bundles_to_db()  # type: ignore[no-untyped-call]
        bag = DagBag("/dev/null")
        bag.bag_dag(dag)
        sync_bag_to_db(bag, "dags-folder", None)
    if logical_date is None:
        return dag.test()
    return dag.test(**{"logical_date" if AIRFLOW_3 else "execution_date": logical_date})


@pytest.fixture
def connection(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Change fields of the emulator's connection for one test; None removes one."""

    def change(**fields: Any) -> None:
        known = json.loads(os.environ["AIRFLOW_CONN_ONEDRIVE_DEFAULT"])
        for name, value in fields.items():
            place = known if name in ("login", "password") else known["extra"]
            place[name] = value
        monkeypatch.setenv("AIRFLOW_CONN_ONEDRIVE_DEFAULT", json.dumps(known))

    return change


@pytest.fixture
def without_key(monkeypatch: pytest.MonkeyPatch) -> Any:
    """An Airflow without a Fernet key."""
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", "")
    forget = [module.get_fernet.cache_clear for module in _crypto() if hasattr(module.get_fernet, "cache_clear")]
    for module in _crypto():
        monkeypatch.setattr(module, "_fernet", None, raising=False)  # where older versions of Airflow remember it
    for each in forget:
        each()
    yield
    monkeypatch.undo()
    for each in forget:
        each()


def _crypto() -> list[Any]:
    from importlib import import_module

    found = []
    for name in ("airflow.sdk.crypto", "airflow.models.crypto"):
        try:
            found.append(import_module(name))
        except ImportError:
            continue
    return found
