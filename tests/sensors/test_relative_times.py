"""A relative time is the same wherever the wait begins: on a worker, or in the triggerer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pendulum
import pytest
from airflow.providers.common.compat.sdk import DAG, TaskDeferred
from in_the_triggerer import instance_in_the_triggerer

from airflow_provider_onedrive.emulator import Emulator
from airflow_provider_onedrive.sensors.onedrive import OneDriveChangesSensor, OneDriveFileSensor
from airflow_provider_onedrive.triggers.onedrive import OneDriveChangesTrigger, OneDriveFileTrigger

START = pendulum.datetime(2026, 1, 1, tz="Europe/Berlin")
SCHEDULED = {"logical_date": "2026-02-28T23:00:00Z", "data_interval_start": "2026-02-28T23:00:00Z"}
SCHEDULED["data_interval_end"] = "2026-03-30T22:00:00Z"
BY_AN_ASSET: dict[str, str] = {"run_after": "2026-03-29T22:00:00Z"}


def deferred_by(sensor: Any, context: Any) -> dict[str, Any]:
    """Return what a sensor that defers hands to the trigger, as it is stored."""
    with pytest.raises(TaskDeferred) as caught:
        sensor.execute(context)
    kwargs = caught.value.trigger.serialize()[1]
    assert json.loads(json.dumps(kwargs)) == kwargs
    return kwargs


@pytest.mark.airflow3
@pytest.mark.parametrize("run", [SCHEDULED, BY_AN_ASSET], ids=["scheduled", "by an asset"])
@pytest.mark.parametrize(
    ("newer_than", "scheduled", "by_an_asset"),
    [
        (timedelta(days=1), "2026-03-29T22:00:00+00:00", "2026-03-28T22:00:00+00:00"),
        (pendulum.duration(months=1), "2026-02-27T23:00:00+00:00", "2026-02-27T23:00:00+00:00"),
        ("P1M", "2026-02-27T23:00:00+00:00", "2026-02-27T23:00:00+00:00"),
        ("P1D", "2026-03-29T22:00:00+00:00", "2026-03-28T23:00:00+00:00"),  # the clocks change on the 29th
        ("{{ 'PT2H' }}", "2026-03-30T20:00:00+00:00", "2026-03-29T20:00:00+00:00"),
        ("{{ dag.start_date }}", "2025-12-31T23:00:00+00:00", "2025-12-31T23:00:00+00:00"),
        ("2026-01-01", "2026-01-01T00:00:00+00:00", "2026-01-01T00:00:00+00:00"),
    ],
)
def test_worker_and_triggerer_agree(
    onedrive_emulator: Emulator, run: dict[str, str], newer_than: Any, scheduled: str, by_an_asset: str
) -> None:
    """With the same run, a sensor that defers stores what the triggerer makes of one that it starts."""
    with DAG("times", schedule=None, start_date=START) as dag:
        given: dict[str, Any] = {"location": "myfiles/a.csv", "newer_than": newer_than, "deferrable": True}
        on_a_worker = OneDriveFileSensor(task_id="worker", **given)
        in_the_triggerer = OneDriveFileSensor(task_id="triggerer", start_from_trigger=True, **given)
    context = instance_in_the_triggerer(dag, "worker", **run).get_template_context()
    on_a_worker.render_template_fields(context)
    stored = deferred_by(on_a_worker, context)["newer_than"]
    assert in_the_triggerer.start_trigger_args is not None
    trigger = OneDriveFileTrigger(**(in_the_triggerer.start_trigger_args.trigger_kwargs or {}))
    trigger.task_instance = instance_in_the_triggerer(dag, "triggerer", **run)
    trigger.render_template_fields(trigger.task_instance.get_template_context())
    assert stored == trigger.newer_than == (scheduled if run is SCHEDULED else by_an_asset)


@pytest.mark.airflow3
def test_a_template_that_renders_no_time_ends_the_wait(onedrive_emulator: Emulator) -> None:
    """In the triggerer, too, the error is the parameter's own."""
    with DAG("times", schedule=None) as dag:
        given: dict[str, Any] = {"location": "myfiles/a.csv", "newer_than": "{{ 'an hour' }}", "deferrable": True}
        sensor = OneDriveFileSensor(task_id="wait", start_from_trigger=True, **given)
    assert sensor.start_trigger_args is not None
    trigger = OneDriveFileTrigger(**(sensor.start_trigger_args.trigger_kwargs or {}))
    trigger.task_instance = instance_in_the_triggerer(dag, "wait")
    trigger.render_template_fields(trigger.task_instance.get_template_context())
    event = asyncio.run(first_event(trigger))
    assert event["error"]["message"].startswith("newer_than is 'an hour', which is not an ISO 8601 time.")


async def first_event(trigger: Any) -> Any:
    return (await anext(trigger.run())).payload


@pytest.mark.parametrize("newer_than", ["PT1H", timedelta(hours=1), pendulum.duration(hours=1)])
def test_a_time_that_counts_back_from_now_stands_still(
    onedrive_emulator: Emulator, task_context: Callable[..., Any], newer_than: Any
) -> None:
    """Where a run has neither data interval nor run_after, all looks of a wait still mean the same time."""
    before = datetime.now(UTC)
    sensor = OneDriveFileSensor(task_id="wait", location="myfiles/a.csv", newer_than=newer_than, deferrable=True)
    sensor.poke(task_context())
    after = datetime.now(UTC)
    stored = deferred_by(sensor, task_context())["newer_than"]
    assert before <= datetime.fromisoformat(stored) + timedelta(hours=1) <= after
    waiting = OneDriveFileTrigger(location="myfiles/a.csv", newer_than=newer_than)
    assert waiting._condition.selection.filters.newer_than == waiting._condition.selection.filters.newer_than


@pytest.mark.parametrize(
    "stored", ["2026-03-30T21:00:00+00:00", "2026-03-30T23:00:00+02:00", "2026-03-30 21:00:00", "2026-03-30T21:00"]
)
def test_what_former_versions_stored_is_read(stored: str) -> None:
    waiting = OneDriveFileTrigger(location="myfiles/a.csv", newer_than=stored)
    assert waiting.serialize()[1]["newer_than"] == stored
    assert waiting._condition.selection.filters.newer_than == datetime(2026, 3, 30, 21, tzinfo=UTC)


def test_a_relative_start_of_the_changes_sensor(
    onedrive_emulator: Emulator, task_context: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It counts back from the run's data interval, and reaches the trigger as a time."""
    run = {"data_interval_end": START, "dag": SimpleNamespace(timezone=START.timezone)}
    sensor = OneDriveChangesSensor(task_id="wait", location="myfiles/in", on_start="P1M", deferrable=True)
    trigger = sensor.trigger({**task_context(), **run}, 0.0)
    assert trigger.serialize()[1]["on_start"] == "2025-11-30T23:00:00+00:00"


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ({"on_start": timedelta(days=1)}, {"on_start": "PT24H0.000000S"}),
        ({"on_start": "emit_existing"}, {"on_start": "emit_existing"}),
        ({"on_start": datetime(2026, 1, 1, tzinfo=UTC)}, {"on_start": "2026-01-01T00:00:00+00:00"}),
        ({"full_every": timedelta(hours=1), "poke_interval": timedelta(minutes=5)}, {"full_every": 3600.0}),
        ({"full_every": "PT1H"}, {"full_every": "PT1H"}),
        ({"full_every": "1h", "on_start": "now", "poke_interval": "often"}, {"full_every": "1h", "on_start": "now"}),
    ],
)
def test_a_watcher_stores_plain_values(given: dict[str, Any], stored: dict[str, Any]) -> None:
    """Whatever it is given, making it does not fail: what is wrong is found when it runs."""
    kwargs = OneDriveChangesTrigger(location="myfiles/in", **given).serialize()[1]
    assert {name: kwargs[name] for name in stored} == stored
    assert json.loads(json.dumps(kwargs)) == kwargs
    assert OneDriveChangesTrigger(**kwargs).serialize()[1] == kwargs
