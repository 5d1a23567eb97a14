"""Tokens on an event loop, which nothing may block."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from copy import copy

from airflow_provider_onedrive.graph.auth.tokens import TokenSource
from airflow_provider_onedrive.graph.protocol.errors import OneDriveError


class AsyncTokens:
    """Returns the tokens of a source. However many tasks need one at once, one thread requests it for all of them."""

    def __init__(self, source: TokenSource) -> None:
        self._source = source
        # A thread of its own, because msal blocks: the loop has a few threads, which all triggers of all providers
        # share, and a dozen tasks that wait for Entra or for a lock would take them all.
        self._threads = ThreadPoolExecutor(1, "onedrive-token")
        self._request: asyncio.Future[str] | None = None

    async def token(self) -> str:
        """Return a token that is valid for some minutes.

        :raises SignInFailed: if Entra refuses the identity.
        """
        if (token := self._source.current()) is not None:
            return token
        if self._request is None or self._request.done():
            self._request = asyncio.get_running_loop().run_in_executor(self._threads, self._source.token)
            self._request.add_done_callback(_retrieve)
        try:
            # Shielded: a task that is cancelled must not cancel the request of the others.
            return await asyncio.shield(self._request)
        except OneDriveError as error:
            raise copy(error) from None  # a traceback belongs to one object, and several tasks would lengthen it

    def close(self) -> None:
        """Take no more requests. The one that is under way ends with the flag of the source."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _retrieve(request: asyncio.Future[str]) -> None:
    """Mark an error as seen: if all tasks that waited were cancelled, asyncio would complain of it."""
    if not request.cancelled():
        request.exception()
