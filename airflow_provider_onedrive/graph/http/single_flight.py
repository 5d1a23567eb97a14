"""Sends the same request once for many tasks, such as triggers that wait for the same folder."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from copy import copy

from airflow_provider_onedrive.graph.protocol.errors import OneDriveError
from airflow_provider_onedrive.graph.protocol.messages import Request, Response

KEPT_SECONDS = 2.0
"""The longest time that an answer is kept: it may be a page of a thousand items."""

_Asked = asyncio.Task[tuple[Response, float]]


class SingleFlight:
    """Shares answers among the tasks of one event loop.

    :param exchange: sends a request until it has an answer or the retries end.
    """

    def __init__(self, exchange: Callable[[Request], Awaitable[Response]]) -> None:
        self._exchange = exchange
        self._asked: dict[object, _Asked] = {}

    async def ask(self, request: Request, fresh_seconds: float) -> Response:
        """Return the answer to the same request of another task, or send the request.

        :param fresh_seconds: the greatest age of an answer, at most :data:`KEPT_SECONDS`. An error is never kept.
        """
        # Only reads are alike; a link is a secret for one download, and a sink takes its bytes once.
        if request.method != "GET" or request.preauthorized or request.sink is not None:
            return await self._exchange(request)
        # With the headers, because "Prefer" changes what Graph does.
        key = (request.url, *sorted(request.headers.items()))
        asked = self._asked.get(key)
        if asked is None or not _is_fresh(asked, fresh_seconds):
            asked = self._begin(key, request)
        try:
            # Shielded: a task that is cancelled must not cancel the request of the others.
            response, _ = await asyncio.shield(asked)
        except OneDriveError as error:
            raise copy(error) from None  # a traceback belongs to one object, and several tasks would lengthen it
        return response

    async def aclose(self) -> None:
        """Cancel the requests that are under way."""
        open_ones = [asked for asked in self._asked.values() if not asked.done()]
        for asked in open_ones:
            asked.cancel()
        await asyncio.gather(*open_ones, return_exceptions=True)
        self._asked.clear()

    def _begin(self, key: object, request: Request) -> _Asked:
        asked = self._asked[key] = asyncio.create_task(self._timed(request))
        asked.add_done_callback(lambda _: self._forget_later(key, asked))
        return asked

    async def _timed(self, request: Request) -> tuple[Response, float]:
        return await self._exchange(request), asyncio.get_running_loop().time()

    def _forget_later(self, key: object, asked: _Asked) -> None:
        if asked.cancelled() or asked.exception() is not None:
            self._forget(key, asked)
        else:
            asyncio.get_running_loop().call_later(KEPT_SECONDS, self._forget, key, asked)

    def _forget(self, key: object, asked: _Asked) -> None:
        # A newer request may have taken the key meanwhile.
        if self._asked.get(key) is asked:
            del self._asked[key]


def _is_fresh(asked: _Asked, fresh_seconds: float) -> bool:
    """Return whether a request is under way, or its answer is recent enough."""
    if not asked.done():
        return True
    if asked.cancelled() or asked.exception() is not None:
        return False
    return asyncio.get_running_loop().time() - asked.result()[1] < fresh_seconds
