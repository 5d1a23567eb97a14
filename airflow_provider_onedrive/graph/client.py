"""The two clients: the only code that sends, sleeps and moves bytes.

:class:`Client` blocks its thread (workers); :class:`AsyncClient` runs on an event loop (triggers) and moves no bytes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, as_completed, wait
from contextlib import aclosing, closing, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

import httpx

from airflow_provider_onedrive.graph.async_operations import AsyncOperations
from airflow_provider_onedrive.graph.auth.async_tokens import AsyncTokens
from airflow_provider_onedrive.graph.auth.token_cache import CachedTokens
from airflow_provider_onedrive.graph.auth.tokens import OnSecret, TokenAuth, TokenSource
from airflow_provider_onedrive.graph.call_advice import MethodAdvice
from airflow_provider_onedrive.graph.config.settings import Settings
from airflow_provider_onedrive.graph.flows import delta as changes
from airflow_provider_onedrive.graph.flows.allowlist import check_request
from airflow_provider_onedrive.graph.flows.delta import Round
from airflow_provider_onedrive.graph.folder_operations import FolderOperations
from airflow_provider_onedrive.graph.http.bodies import ANY_SIZE, acontent_of, content_of
from airflow_provider_onedrive.graph.http.cooldown import SharedBackoff, identity_of
from airflow_provider_onedrive.graph.http.factory import async_http, blocking_http, tls_refusal
from airflow_provider_onedrive.graph.http.failures import is_too_slow, problem_of
from airflow_provider_onedrive.graph.http.rate_limit import RateLimiter
from airflow_provider_onedrive.graph.http.redaction import cut_urls_in_logs
from airflow_provider_onedrive.graph.http.single_flight import SingleFlight
from airflow_provider_onedrive.graph.http.stop_flag import StopFlag
from airflow_provider_onedrive.graph.http.throttle import Throttle
from airflow_provider_onedrive.graph.location_context import LocationContext
from airflow_provider_onedrive.graph.protocol.addresses import Address
from airflow_provider_onedrive.graph.protocol.driver import (
    Attempts,
    FlowDriver,
    headers_of,
    response_of,
    silent,
    url_of,
)
from airflow_provider_onedrive.graph.protocol.errors import (
    ConfigurationError,
    GraphError,
    OneDriveError,
    Stopped,
    TakenOver,
    stopped,
)
from airflow_provider_onedrive.graph.protocol.logs import logger
from airflow_provider_onedrive.graph.protocol.messages import Flow, OutcomeUnknown, Request, Response, T, TransferCut
from airflow_provider_onedrive.graph.protocol.retry import RetryPolicy
from airflow_provider_onedrive.graph.relocation_operations import RelocationOperations
from airflow_provider_onedrive.graph.tracking.delta_feed import DeltaFeed

log = logger(__name__)

# httpx logs each URL as INFO, which Airflow 2.11 shows: download URLs would stand in the tasks' logs.
cut_urls_in_logs()


class BaseClient(MethodAdvice, LocationContext):
    """One connection's way to Graph: what both clients share."""

    retry_policy = RetryPolicy()
    """Of the class, so that tests of what makes clients by itself, as hooks do, need not wait either."""

    def __init__(
        self,
        settings: Settings,
        *,
        on_secret: OnSecret | None = None,
        cool_down_folder: Path | None = None,
        flag: StopFlag | None = None,
        cached_tokens: CachedTokens | None = None,
    ) -> None:
        """Make a client; nothing is sent yet.

        :param on_secret: is told each new token, so that it can be masked wherever it might be shown.
        :param cool_down_folder: where processes tell each other that Graph asked for a pause; None tells nobody. The
            clients of one process always share it.
        :param flag: ends requests for a token, and the waits for other threads and processes that request one.
        :param cached_tokens: where tokens wait for other processes; None keeps them in this one.
        """
        super().__init__(settings)
        self._throttle = Throttle(SharedBackoff(identity_of(settings), cool_down_folder))
        self._rate = RateLimiter(settings.requests_per_second)
        self._tokens = TokenSource(settings, on_secret or (lambda _: None), flag, cached_tokens)

    def _auth(self, request: Request, token: str) -> TokenAuth | None:
        return None if request.preauthorized else TokenAuth(token, self.settings.graph_url)

    def _parts(self, request: Request) -> dict[str, Any]:
        return {
            "method": request.method,
            "url": self._url(request),
            "headers": headers_of(request),
            "json": request.json,
            "timeout": request.timeout_seconds or self.settings.timeout_seconds,
            "extensions": {ANY_SIZE: request.sink is not None},
        }

    def _url(self, request: Request) -> httpx.URL:
        try:
            return httpx.URL(url_of(request, self.settings.graph_url))
        except httpx.InvalidURL:
            raise ConfigurationError("Graph gave a link that cannot be read; it was not followed.") from None

    def _attempts(self, request: Request) -> Attempts:
        check_request(self.settings, request)
        self._url(request)  # a link that is not followed needs no token
        return Attempts(self.retry_policy, request, can_renew=self._tokens.can_renew)

    def _pause_seconds(self, request: Request) -> float:
        return self._throttle.pause_seconds(request, self.retry_policy.max_wait_seconds)

    def _problem(self, request: Request, error: httpx.HTTPError) -> OneDriveError:
        return tls_refusal(self._url(request).host, error) or problem_of(request, error)


class Client(BaseClient, FolderOperations, RelocationOperations):
    """Microsoft Graph for one connection, blocking its thread. A context manager; see :class:`Operations`."""

    def __init__(
        self,
        settings: Settings,
        *,
        on_secret: OnSecret | None = None,
        cool_down_folder: Path | None = None,
        cached_tokens: CachedTokens | None = None,
    ) -> None:
        self._flag = StopFlag()
        super().__init__(
            settings,
            on_secret=on_secret,
            cool_down_folder=cool_down_folder,
            flag=self._flag,
            cached_tokens=cached_tokens,
        )
        self.rate_limiter = RateLimiter()
        # Two clients: the second never gets a token, which it could send to an upload, download or monitor URL.
        self._graph = blocking_http(settings, self._flag)
        self._storage = blocking_http(settings, self._flag)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._graph.close()
        self._storage.close()
        self._tokens.close()

    def stop(self) -> None:
        """End every wait and send nothing more; safe to call from a signal handler."""
        self._flag.set()

    def token(self) -> str:
        """Return a new access token; it is a secret.

        :raises SignInFailed: if there is none to be had.
        """
        return self._tokens.new_token()

    def probe(self, url: str, headers: Mapping[str, str] | None = None) -> str:
        """See that a host answers, whatever it says; no token is sent there.

        :return: what time it is there, as its ``Date`` says; empty where it does not.
        :raises ServiceUnavailable: if it does not answer.
        """
        try:
            # Without the body, which may be a whole file.
            with self._storage.stream("GET", url, headers=dict(headers or {})) as answer:
                return str(answer.headers.get("Date", ""))
        except httpx.HTTPError as error:
            host = httpx.URL(url).host
            raise tls_refusal(host, error) or silent(host, str(error)) from None

    def run_all(self, flows: Sequence[Flow[None]], at_once: int) -> None:
        if at_once == 1 or len(flows) < 2:  # noqa: PLR2004 - one needs no threads
            for flow in flows:
                self.run(flow)
            return
        group = StopFlag()
        with ThreadPoolExecutor(at_once, "onedrive") as pool, group.set_at_end():
            calls = [self.meter.inherited(partial(self.run, flow)) for flow in flows]
            for done in as_completed([pool.submit(self._run_in, group, call) for call in calls]):
                done.result()

    def run_each(self, calls: Iterable[Callable[[], T]], at_once: int) -> Iterator[tuple[int, T | OneDriveError]]:
        at_once = min(at_once, self.settings.max_concurrent or at_once)
        group, numbers, window = StopFlag(), dict[Future[T], int](), max(at_once, 1)
        # Twice as many as threads, so that no thread waits until the caller has taken a result.
        ahead = 2 * window if window > 1 else 1  # one by one: none is begun before the last was looked at
        with ThreadPoolExecutor(window, "onedrive") as pool, group.set_at_end():
            for number, call in enumerate(calls):
                numbers[pool.submit(self._run_in, group, self.meter.inherited(call))] = number
                if len(numbers) >= ahead:
                    yield from _ended(numbers)
            while numbers:
                yield from _ended(numbers)

    def _run_in(self, group: StopFlag, call: Callable[[], T]) -> T:
        with self._flag.joined(group):
            return call()

    def send_final(self, request: Request) -> None:
        with self._flag.lifted(), suppress(OneDriveError):
            self._check_owner(request)
            self._send(request, self._token(request))

    def _drive(self, driver: FlowDriver[T]) -> T:
        with driver:
            while driver.request is not None:
                try:
                    response = self._exchange(driver.request)
                except (OneDriveError, OutcomeUnknown) as problem:
                    driver.report(problem)
                else:
                    driver.answer(response)
            return driver.result

    def _exchange(self, request: Request) -> Response:
        """Send until there is an answer or no hope of one."""
        with self.audit.of_request(request) as change:
            return change.answered(self._exchanged(change.request))

    def _exchanged(self, request: Request) -> Response:
        attempts = self._attempts(request)
        self._wait(attempts.first_wait_seconds)
        while True:
            self._check_running()
            self._wait(self._rate.wait_seconds(1))
            self._cool_off(request)
            self._check_owner(request)  # last of all, so that no pause follows
            try:
                attempts.token = self._token(request)
                response = self._throttle.noted(request, self._send(request, attempts.token))
                self._check_running()  # whoever was stopped meanwhile does not go on as if nothing were
            except GraphError as outcome:
                self._check_running()  # what fails because of the stop says nothing about Graph
                self.meter.current.failed()
                if attempts.needs_token(outcome):
                    self._tokens.renew(attempts.token)
                else:
                    self._wait_again(self._throttle.wait_seconds(request, attempts, outcome), outcome)
            else:
                return response

    def _wait_again(self, seconds: float, outcome: GraphError) -> None:
        """Wait before the next attempt; a pause that the answer asked for counts as one of Graph."""
        start = time.monotonic()
        try:
            self._wait(seconds)
        finally:
            if outcome.retry_after_seconds:
                self.meter.current.throttled(start, time.monotonic())

    def _cool_off(self, request: Request) -> None:
        """Wait until nobody asks for a pause any more."""
        while seconds := self._pause_seconds(request):
            start = time.monotonic()
            try:
                self._wait(seconds)
            finally:
                self.meter.current.throttled(start, time.monotonic())

    def _token(self, request: Request) -> str:
        return "" if request.preauthorized else self._tokens.token()

    def _send(self, request: Request, token: str) -> Response:
        self.meter.current.request()
        http = self._storage if request.preauthorized else self._graph
        content = self._pieces(request) if request.body else None
        built = http.build_request(content=content, **self._parts(request))
        start = time.monotonic()
        try:
            with closing(http.send(built, stream=True, auth=self._auth(request, token))) as answer:
                return replace(self._receive(request, answer), seconds=time.monotonic() - start)
        except httpx.HTTPError as error:
            raise self._problem(request, error) from None

    def _receive(self, request: Request, answer: httpx.Response) -> Response:
        if request.sink is None or answer.status_code not in (httpx.codes.OK, httpx.codes.PARTIAL_CONTENT):
            return response_of(request, answer.status_code, answer.headers, content_of(answer))
        request.sink.begin(answer.status_code, answer.headers)
        self._pour(request, answer)
        return Response(answer.status_code, dict(answer.headers))

    def _pour(self, request: Request, answer: httpx.Response) -> None:
        received = 0
        try:
            for piece in answer.iter_raw():
                self._wait(self.rate_limiter.wait_seconds(len(piece)))
                cast("Any", request.sink).write(piece)
                received += len(piece)
                self.meter.current.received(len(piece))
        except httpx.HTTPError as error:
            raise self._cut(request, error, received) from None

    def _cut(self, request: Request, error: httpx.HTTPError, received: int) -> Exception:
        problem = self._problem(request, error)
        is_stopped = isinstance(problem, Stopped)
        return problem if is_stopped else TransferCut(problem, received, is_too_slow=is_too_slow(error))

    def _problem(self, request: Request, error: httpx.HTTPError) -> OneDriveError:
        return stopped() if self._flag.is_set() else super()._problem(request, error)

    def _pieces(self, request: Request) -> Iterator[bytes]:
        for piece in cast("Any", request.body)():
            self._wait(self.rate_limiter.wait_seconds(len(piece)))
            self.meter.current.sent(len(piece))
            yield piece

    def _wait(self, seconds: float) -> None:
        self._flag.wait(seconds)
        self._check_running()

    def _check_running(self) -> None:
        if self._flag.is_set():
            raise stopped()


def _ended(numbers: dict[Future[T], int]) -> Iterator[tuple[int, T | OneDriveError]]:
    """Wait for some work to end, and give what came of it."""
    for done in wait(numbers, return_when=FIRST_COMPLETED).done:
        number = numbers.pop(done)
        error = done.exception()
        if isinstance(error, OneDriveError) and not isinstance(error, (Stopped, TakenOver)):
            yield number, error
        else:
            yield number, done.result()


class AsyncClient(BaseClient, AsyncOperations):
    """Microsoft Graph for one connection, on an event loop. An async context manager; see :class:`AsyncOperations`."""

    def __init__(
        self,
        settings: Settings,
        *,
        on_secret: OnSecret | None = None,
        cool_down_folder: Path | None = None,
        cached_tokens: CachedTokens | None = None,
    ) -> None:
        self._flag = StopFlag()
        super().__init__(
            settings,
            on_secret=on_secret,
            cool_down_folder=cool_down_folder,
            flag=self._flag,
            cached_tokens=cached_tokens,
        )
        self._async_tokens = AsyncTokens(self._tokens)
        self._graph = async_http(settings)
        self._storage = async_http(settings)
        self._single_flight = SingleFlight(self._exchange)
        self._delta_feeds: dict[str, DeltaFeed] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close all connections."""
        self._flag.set()  # the thread that requests a token ends soon, whatever it waits for
        self._async_tokens.close()
        await self._single_flight.aclose()
        await self._graph.aclose()
        await self._storage.aclose()
        self._tokens.close()

    async def run(self, flow: Flow[T], *, fresh_seconds: float | None = None) -> T:
        """Drive a flow to its end.

        :param fresh_seconds: what another such flow is asking, or was answered so recently, is not asked again; None
            asks everything anew.
        """
        ask = self._exchange if fresh_seconds is None else partial(self._single_flight.ask, fresh_seconds=fresh_seconds)
        with FlowDriver(flow) as driver:
            while driver.request is not None:
                try:
                    response = await ask(driver.request)
                except (OneDriveError, OutcomeUnknown) as problem:
                    driver.report(problem)
                else:
                    driver.answer(response)
            return driver.result

    async def changes_since(self, root: Address, cursor: str, *, fresh_seconds: float) -> Round:
        """Read what changed in a drive; all that follow the same drive ask once. See :class:`DeltaFeed`.

        :param root: of the drive.
        """
        delta_feed = self._delta_feeds.setdefault(root.base, DeltaFeed())
        return await delta_feed.since(cursor, lambda at: self.run(changes.since(root, at)), fresh_seconds)

    async def _exchange(self, request: Request) -> Response:
        with self.audit.of_request(request) as change:
            return change.answered(await self._exchanged(change.request))

    async def _exchanged(self, request: Request) -> Response:
        attempts = self._attempts(request)
        await asyncio.sleep(attempts.first_wait_seconds)
        while True:
            await asyncio.sleep(self._rate.wait_seconds(1))
            await self._cool_off(request)
            try:
                attempts.token = await self._token(request)
                return self._throttle.noted(request, await self._send(request, attempts.token))
            except GraphError as outcome:
                if attempts.needs_token(outcome):
                    self._tokens.renew(attempts.token)
                else:
                    await asyncio.sleep(self._throttle.wait_seconds(request, attempts, outcome))

    async def _cool_off(self, request: Request) -> None:
        seconds = self._pause_seconds(request)
        while seconds:
            await asyncio.sleep(seconds)
            seconds = self._pause_seconds(request)

    async def _token(self, request: Request) -> str:
        return "" if request.preauthorized else await self._async_tokens.token()

    async def _send(self, request: Request, token: str) -> Response:
        http = self._storage if request.preauthorized else self._graph
        built = http.build_request(**self._parts(request))
        try:
            async with aclosing(await http.send(built, stream=True, auth=self._auth(request, token))) as answer:
                return response_of(request, answer.status_code, answer.headers, await acontent_of(answer))
        except httpx.HTTPError as error:
            raise self._problem(request, error) from None
