"""What a case gets: a client, a folder of its own in the drive and one on this machine."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import repeat
from pathlib import Path
from typing import Any

from airflow_provider_onedrive.graph.client import AsyncClient, Client
from airflow_provider_onedrive.graph.protocol.addresses import item_url, quote_name
from airflow_provider_onedrive.graph.protocol.fields import required
from airflow_provider_onedrive.graph.protocol.messages import T
from airflow_provider_onedrive.graph.protocol.models import DriveItem
from airflow_provider_onedrive.verification.exchange import Answer, send
from airflow_provider_onedrive.verification.facts import Facts

NAMES = frozenset(
    {
        *("a.txt", "b.txt", "c.txt", "a 1.txt", "in", "in 1", "out", "new", "below", "root", "case", "other.txt"),
        *("A.TXT", "a.docx"),
    }
)
"""The names that a report may show: those of the files and folders that cases make."""


@dataclass(frozen=True)
class Patience:
    """How something is waited for that the service does later, such as a change in delta.

    :param seconds: the longest wait.
    :param pause_seconds: between two questions; the first pauses are shorter.
    """

    seconds: float = 60.0
    pause_seconds: float = 2.0

    def pauses(self) -> Iterator[float]:
        """Yield the pauses before the second and each later question."""
        yield from (self.pause_seconds / 16, self.pause_seconds / 8, self.pause_seconds / 4, self.pause_seconds / 2)
        yield from repeat(self.pause_seconds)


@dataclass
class Workspace:
    """The surroundings of one case.

    :param parent: the folder of the whole run, in which each case has one.
    :param local: a folder on this machine.
    :param connect_async: makes a client for an event loop.
    """

    client: Client
    parent: DriveItem
    name: str
    local: Path
    facts: Facts
    connect_async: Callable[[], AsyncClient]
    patience: Patience = Patience()
    _folder: DriveItem | None = None
    _sessions: list[str] = field(default_factory=list, repr=False)

    @property
    def folder(self) -> DriveItem:
        """The folder of this case; it is made when it is first needed."""
        if self._folder is None:
            # An earlier request may have made it although its answer was lost.
            self._folder = self.client.create_folder(f"{self.parent.location}/{self.name}", exist_ok=True)
        return self._folder

    @property
    def drive_url(self) -> str:
        return item_url(self.parent.drive_id, "x").removesuffix("/items/x")

    def at(self, path: str) -> str:
        """Return the location of a file or folder of this case."""
        return f"{self.folder.location}/{path}"

    def url(self, action: str = "", *, item_id: str = "") -> str:
        """Return the path of an item by its id; without one of the folder of this case."""
        return item_url(self.folder.drive_id, item_id or self.folder.id, action)

    def url_of(self, name: str, action: str = "") -> str:
        """Return the path of an item by its name in the folder of this case."""
        return f"{self.url()}:/{quote_name(name)}{f':/{action}' if action else ''}"

    def send(self, method: str, url: str, *, json: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        """Send a request to Graph, as it is."""
        return send(self.client, method, url, json=json, headers=headers)

    def put(self, name: str, content: bytes, query: str = "", headers: Mapping[str, str] | None = None) -> Answer:
        """Send a file in one request, as it is."""
        headers = {"Content-Type": "application/octet-stream", **(headers or {})}
        return send(self.client, "PUT", self.url_of(name, "content") + query, headers=headers, content=content)

    def open_session(self, name: str, conflict: str | None = "replace") -> Answer:
        """Begin an upload session; it is cancelled after the case, whatever becomes of it."""
        item = {} if conflict is None else {"item": {"@microsoft.graph.conflictBehavior": conflict}}
        answer = self.send("POST", self.url_of(name, "createUploadSession"), json=item)
        self.keep_session(answer)
        return answer

    def keep_session(self, answer: Answer) -> None:
        """Remember a session that has begun, so that it is cancelled after the case."""
        if upload_url := answer.text("uploadUrl"):
            self._sessions.append(upload_url)

    def fragment(self, session: Answer, content: bytes, first: int, total: int) -> Answer:
        """Send a fragment of a file."""
        span = f"bytes {first}-{first + len(content) - 1}/{total}"
        headers = {"Content-Range": span}
        return send(self.client, "PUT", _upload_url(session), headers=headers, content=content, preauthorized=True)

    def of_session(self, method: str, session: Answer) -> Answer:
        """Ask for the status of a session (GET), or cancel it (DELETE)."""
        return send(self.client, method, _upload_url(session), preauthorized=True)

    def cancel_sessions(self) -> None:
        """Cancel the sessions that are still open: each would hold the name of its file until it expires."""
        while self._sessions:
            send(self.client, "DELETE", self._sessions.pop(), preauthorized=True)

    def eventually(self, read: Callable[[], T], is_enough: Callable[[T], bool]) -> T:
        """Ask again until the answer is enough, or the patience has ended; return the last answer."""
        end, pauses = time.monotonic() + self.patience.seconds, self.patience.pauses()
        while True:
            answer = read()
            if is_enough(answer) or time.monotonic() >= end:
                return answer
            time.sleep(next(pauses))

    def on_event_loop(self, act: Callable[[AsyncClient], Awaitable[T]]) -> T:
        """Run a coroutine with a client of its own."""

        async def run() -> T:
            async with self.connect_async() as client:
                return await act(client)

        return asyncio.run(run())


def _upload_url(session: Answer) -> str:
    """Return the URL of a session; it is a secret.

    :raises UnreadableAnswer: if there is none, because the session was refused.
    """
    return required(session.body, "uploadUrl", str)
