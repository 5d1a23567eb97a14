"""What many ask at the same moment, as triggers do that wait for the same folder, is asked once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from copy import copy

from airflow_provider_onedrive.graph.protocol.errors import OneDriveError
from airflow_provider_onedrive.graph.protocol.messages import Request, Response

KEPT_SECONDS = 2.0
"""How long an answer is kept at most: one may be a page of a thousand items."""

_Asked = asyncio.Task[tuple[Response, float]]


class SingleFlight:
    """Shares answers among the tasks of one event loop.

    :param exchange: sends a request until there is an answer or no hope of one.
    """

    def __init__(self, exchange: Callable[[Request], Awaitable[Response]]) -> None:
        self._exchange = exchange
        self._asked: dict[object, _Asked] = {}

    async def ask(self, request: Request, fresh_seconds: float) -> Response:
        """Return the answer that somebody waits for already, or got so recently; else ask.

        :param fresh_seconds: how old an answer may be, at most :data:`KEPT_SECONDS`. A refusal is never kept.
        """
        if request.method != "GET" or request.preauthorized or request.sink is not None:
            return await self._exchange(request)
        key = (request.url, *sorted(request.headers.items()))
        asked = self._asked.get(key)
        if asked is None or not _is_fresh(asked, fresh_seconds):
            asked = self._begin(key, request)
        try:
            # Whoever no longer waits takes the answer from nobody else.
            response, _ = await asyncio.shield(asked)
        except OneDriveError as error:
            raise copy(error) from None  # a traceback belongs to one object, and several tasks would lengthen it
        return response

    async def aclose(self) -> None:
        """Ask for nothing any more."""
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
        if self._asked.get(key) is asked:
            del self._asked[key]


def _is_fresh(asked: _Asked, fresh_seconds: float) -> bool:
    """Say whether it may be waited for, or its answer taken."""
    if not asked.done():
        return True
    if asked.cancelled() or asked.exception() is not None:
        return False
    return asyncio.get_running_loop().time() - asked.result()[1] < fresh_seconds
