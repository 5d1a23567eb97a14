"""What ``triggers.py`` lets wait in the triggerer beside our own sensor; the DAG and the triggerer import it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
from airflow.sdk import BaseOperator
from airflow.triggers.base import BaseTrigger, StartTriggerArgs, TaskSuccessEvent, TriggerEvent


class LeanTrigger(BaseTrigger):
    """Holds no more than ours of what the triggerer reads of its task, so that only the waiting is compared."""

    def render_template_fields(self, context: Any, jinja_env: Any = None) -> None:
        super().render_template_fields(context, jinja_env)
        for name in ("dag", "task"):
            context.pop(name)
        task_instance: Any = self.task_instance
        task_instance.task = None


class SleepTrigger(LeanTrigger):
    """Only sleeps: what a trigger costs that does nothing."""

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return "waiting_tasks.SleepTrigger", {}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        await asyncio.sleep(24 * 3600)
        yield TaskSuccessEvent()


class NaiveTrigger(LeanTrigger):
    """Looks for itself after each interval, with a client and a token of its own."""

    def __init__(self, folder: str, name: str, interval: float) -> None:
        super().__init__()
        self.folder = folder
        self.name = name
        self.interval = interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return "waiting_tasks.NaiveTrigger", {"folder": self.folder, "name": self.name, "interval": self.interval}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        url = f"{os.environ['WAITING_DRIVE_URL']}/root:/{self.folder}:/children"
        async with httpx.AsyncClient() as client:
            headers = {"Authorization": f"Bearer {await _token(client)}"}
            while not has(self.name, (await client.get(url, headers=headers)).json()):  # noqa: ASYNC110 - it polls
                await asyncio.sleep(self.interval)
        yield TaskSuccessEvent()


def has(name: str, listed: Any) -> bool:
    """Return whether a file is in a listing."""
    return any(item["name"] == name for item in listed["value"])


async def _token(client: httpx.AsyncClient) -> str:
    identity = {name: os.environ[f"WAITING_{name.upper()}"] for name in ("client_id", "client_secret", "scope")}
    answer = await client.post(os.environ["WAITING_TOKEN_URL"], data={"grant_type": "client_credentials", **identity})
    token: str = answer.json()["access_token"]
    return token


class Waits(BaseOperator):
    """Waits in the triggerer from its beginning to its end."""

    def __init__(self, *, trigger: str, trigger_kwargs: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.start_from_trigger = True
        self.start_trigger_args = StartTriggerArgs(
            trigger_cls=f"waiting_tasks.{trigger}",
            trigger_kwargs=trigger_kwargs,
            next_method="execute",
            timeout=timedelta(days=1),
        )

    def execute(self, context: Any) -> None:
        del context
