"""Copies in progress, and the URLs on the second origin that report their progress.

https://learn.microsoft.com/graph/long-running-actions-overview
"""

from __future__ import annotations

import threading
import time
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from airflow_provider_onedrive.emulator.errors.problems import Problem, missing_item
from airflow_provider_onedrive.emulator.http.messages import Reply, Request, json_reply
from airflow_provider_onedrive.emulator.items.copying import Copying, original
from airflow_provider_onedrive.emulator.model import clock
from airflow_provider_onedrive.emulator.model.drive import Drive, Identity, Item
from airflow_provider_onedrive.emulator.options import Options

# The service sends this date in each result, as on Microsoft's page.
_NEVER = "0001-01-01T00:00:00Z"
_PARTLY = "Errors occurred during copy/move operation."


@dataclass
class CopyJob:
    """One copy. It is made when its monitor was polled often enough.

    :param poll_count: number of polls that are answered with "in progress".
    :param due: time of the monotonic clock at which it is made without a poll.
    :param name: name of the copy; None = the children of the source are copied under their own names.
    """

    source_drive: Drive
    source: Item
    drive: Drive
    parent: Item
    name: str | None
    conflict: str
    by: Identity
    keeps_versions: bool
    poll_count: int
    graph_url: str
    due: float | None = None
    operation: ClassVar[str] = "ItemCopy"
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    polled: int = 0
    ended: datetime | None = None
    result: dict[str, Any] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def poll(self) -> Reply:
        with self.lock:
            if self.ended is None and self.polled < self.poll_count:
                self.polled += 1
                # Documentation shows 202 or 200 for a completed copy; clients must decide by `status`.
                return json_reply(202, self._progress())
            self._end()
            return json_reply(200, self.result)

    def finish(self) -> None:
        """Do not wait for polls."""
        with self.lock:
            self._end()

    def _progress(self) -> dict[str, Any]:
        done = round(100 * (self.polled - 1) / self.poll_count, 1)
        status = "inProgress" if self.polled > 1 or self.poll_count == 1 else "notStarted"
        return {"operation": self.operation, "percentageComplete": done, "status": status}

    def _end(self) -> None:
        if self.ended is None:
            self.ended = clock.now()
            self.result = {
                "id": self.id,
                "createdDateTime": _NEVER,
                "lastActionDateTime": clock.text(self.ended),
                **self._outcome(),
            }

    def _outcome(self) -> dict[str, Any]:
        copying = Copying(self.drive, self.by, self.conflict, self.keeps_versions)
        try:
            item = self._copy(copying)
        except Problem as problem:
            return {"status": "failed", "error": {"code": problem.code, "message": problem.message}}
        # A tree that failed partly has no error.code, only details.
        if copying.problems:
            details = [
                {"code": problem.code, "message": problem.message, "target": name} for name, problem in copying.problems
            ]
            return {"status": "failed", "error": {"message": _PARTLY, "details": details}}
        item_id = self.drive.resource_id(item)
        return {
            "percentageComplete": 100.0,
            # Both spellings occur in the service's answers.
            "percentComplete": 100.0,
            "resourceId": item_id,
            "resourceLocation": f"{self.graph_url}/v1.0/drives/{self.drive.id}/items/{item_id}",
            "status": "completed",
        }

    def _copy(self, copying: Copying) -> Item:
        # One drive's lock at a time: two copies that cross each other do not wait for one another.
        with self.source_drive.lock:
            source = original(self.source_drive.get(self.source.id))
        with self.drive.change():
            parent = self.drive.get(self.parent.id)
            if self.name is not None:
                return copying.write(source, parent, self.name)
            for child in source.children:
                copying.try_write(child, parent)
            return parent


class Monitors:
    """All copies, by the id in their monitor's address."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._jobs: dict[str, CopyJob] = {}
        self._waiting: list[CopyJob] = []

    def add(self, job: CopyJob) -> None:
        self._jobs[job.id] = job
        if job.poll_count <= 0:
            job.finish()
        elif job.due is not None:
            self._waiting.append(job)

    def finish_due(self) -> None:
        """Make the copies whose time has come; called with each request, so it costs nothing while there are none."""
        while self._waiting and (due := self._waiting[0].due) is not None and due <= time.monotonic():
            self._waiting.pop(0).finish()

    def respond(self, request: Request) -> Reply:
        """Answer a request to a monitor.

        :raises Problem: 404, there is no copy of that id, or it ended too long ago.
        """
        job_id = request.path.rpartition("/")[2]
        job = self._jobs.get(job_id)
        if job is None or _is_over(job, self._options.monitor_seconds):
            self._jobs.pop(job_id, None)
            raise missing_item()
        return job.poll()

    def finish(self) -> None:
        for job in list(self._jobs.values()):
            job.finish()


def due(seconds: float | None) -> float | None:
    """Return when a job ends although nobody polls it."""
    return None if seconds is None else time.monotonic() + seconds


def url(store_url: str, job: CopyJob) -> str:
    return f"{store_url}{job.drive.web_path}/_api/v2.0/monitor/{job.id}"


def serves(path: str) -> bool:
    return "/_api/v2.0/monitor/" in path


def _is_over(job: CopyJob, lifetime_seconds: float) -> bool:
    return job.ended is not None and (clock.after(0) - job.ended).total_seconds() >= lifetime_seconds
