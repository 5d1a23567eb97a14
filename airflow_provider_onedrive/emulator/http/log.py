"""The request log."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import overload

from airflow_provider_onedrive.emulator.http import operations


@dataclass(frozen=True)
class LoggedRequest:
    """One request and how it ended.

    :param path: decoded, without the query.
    :param target: the request's target as it was sent; on the second origin it holds a secret.
    :param origin: ``graph``, ``store`` (the second origin) or ``login``.
    :param status: None when the connection was closed without an answer.
    :param received_bytes: bytes of the body that were read; ``sent_bytes`` those of the answer's body.
    """

    method: str
    path: str
    target: str
    origin: str
    status: int | None
    received_bytes: int
    sent_bytes: int
    # Tests assert with it that no bearer token reaches the second origin.
    had_authorization: bool

    @property
    def operation(self) -> str:
        """Return the operation, one of ``http.operations.OPERATIONS``."""
        return operations.operation(self.method, self.path, self.origin)

    @property
    def resource_units(self) -> int:
        """Return the cost in resource units. Requests to the login origin are free."""
        return operations.resource_units(self.operation, self.target.partition("?")[2])


@dataclass(frozen=True)
class Total:
    requests: int
    resource_units: int
    received_bytes: int
    sent_bytes: int


class RequestLog(Sequence[LoggedRequest]):
    """In the order in which the answers began."""

    def __init__(self) -> None:
        self._entries: list[LoggedRequest] = []
        self._lock = threading.Lock()

    @overload
    def __getitem__(self, index: int) -> LoggedRequest: ...
    @overload
    def __getitem__(self, index: slice) -> list[LoggedRequest]: ...
    def __getitem__(self, index: int | slice) -> LoggedRequest | list[LoggedRequest]:
        with self._lock:
            return self._entries[index]

    # A test compares the log with a list of requests.
    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and self[:] == list(other)

    __hash__ = None  # type: ignore[assignment]  # it changes

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        lines = (f"{entry.status} {entry.method} {entry.origin} {entry.path}" for entry in self[:])
        return "\n".join(("<RequestLog", *lines, ">"))

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()

    def matching(
        self,
        *,
        method: str | None = None,
        path: str | None = None,
        origin: str | None = None,
        operation: str | None = None,
    ) -> list[LoggedRequest]:
        """:param path: a regular expression that is searched in the decoded path."""
        return [
            entry
            for entry in self[:]
            if method in {None, entry.method}
            and origin in {None, entry.origin}
            and (path is None or re.search(path, entry.path))
            and (operation is None or operation == entry.operation)
        ]

    def total(
        self,
        *,
        method: str | None = None,
        path: str | None = None,
        origin: str | None = None,
        operation: str | None = None,
    ) -> Total:
        """Add up the requests that :meth:`matching` finds."""
        entries = self.matching(method=method, path=path, origin=origin, operation=operation)
        return Total(
            len(entries),
            sum(entry.resource_units for entry in entries),
            sum(entry.received_bytes for entry in entries),
            sum(entry.sent_bytes for entry in entries),
        )

    @contextmanager
    def measure(self) -> Iterator[RequestLog]:
        """Collect the requests of a block: the log that it yields is filled when the block ends."""
        begin, cost = len(self), RequestLog()
        try:
            yield cost
        finally:
            for entry in self[begin:]:
                cost.append(entry)

    def append(self, entry: LoggedRequest) -> None:
        with self._lock:
            self._entries.append(entry)

    # The entry is written before the body is sent, when the number of bytes is not certain yet.
    def correct(self, entry: LoggedRequest, sent_bytes: int) -> None:
        """Correct the number of bytes that were sent, if the client left early."""
        with self._lock:
            for index, candidate in enumerate(self._entries):
                if candidate is entry:
                    self._entries[index] = replace(entry, sent_bytes=sent_bytes)
