"""What the tests of graph/ share: a script for flows, samples of what Graph says, and clients of the emulator."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from quick_retries import QUICK

from airflow_provider_onedrive.graph.client import AsyncClient, Client
from airflow_provider_onedrive.graph.config.settings import Settings
from airflow_provider_onedrive.graph.content.quickxor import QuickXorHash
from airflow_provider_onedrive.graph.protocol.messages import Flow, Request, Response

Answer = Response | Exception


class Script:
    """Answers a flow's requests in order, and keeps them.

    :param steps: what is expected (``"GET /drives/D/root"``, the query included) and what is answered or thrown.
    """

    def __init__(self, *steps: tuple[str, Answer]) -> None:
        self._steps = list(steps)
        self.requests: list[Request] = []
        self.bodies: list[bytes] = []

    @property
    def last(self) -> Request:
        return self.requests[-1]

    @property
    def unused(self) -> list[str]:
        return [expected for expected, _ in self._steps]

    def run(self, flow: Flow[Any]) -> Any:
        answer: Answer | None = None
        while True:
            try:
                request = flow.throw(answer) if isinstance(answer, Exception) else flow.send(answer)
            except StopIteration as end:
                return end.value
            answer = self._answer(request)

    def _answer(self, request: Request) -> Answer:
        asked = f"{request.method} {request.url}"
        assert self._steps, f"nothing more was expected, and the flow asks {asked}"
        expected, answer = self._steps.pop(0)
        assert asked == expected
        self.requests.append(request)
        self.bodies.append(b"".join(request.body()) if request.body else b"")
        assert len(self.bodies[-1]) == request.body_bytes
        return answer


@pytest.fixture
def script() -> Iterator[Callable[..., Script]]:
    """Make scripts, and see at the end that each was played to its last step."""
    scripts: list[Script] = []

    def make(*steps: tuple[str, Answer]) -> Script:
        scripts.append(Script(*steps))
        return scripts[-1]

    yield make
    assert [each.unused for each in scripts if each.unused] == []


class Samples:
    """Graph's JSON, shaped as on a business drive called ``D``."""

    @staticmethod
    def hash(content: bytes) -> str:
        quick_xor = QuickXorHash()
        quick_xor.update(content)
        return quick_xor.base64()

    @staticmethod
    def item(name: str, item_id: str, parent: str = "", **more: Any) -> dict[str, Any]:
        return {
            "id": item_id,
            "name": name,
            "size": 0,
            "eTag": f'"{{{item_id}}},1"',
            "cTag": f'"c:{{{item_id}}},1"',
            "createdDateTime": "2026-01-02T03:04:05Z",
            "lastModifiedDateTime": "2026-01-02T03:04:06Z",
            "fileSystemInfo": {"lastModifiedDateTime": "2025-12-31T23:59:59Z"},
            "webUrl": f"https://contoso-my.sharepoint.com/personal/anna/Documents/{name}",
            "parentReference": {"driveId": "D", "path": f"/drives/D/root:{parent}"},
            **more,
        }

    @classmethod
    def file(cls, name: str = "a.csv", content: bytes = b"abc", **more: Any) -> dict[str, Any]:
        kind = {"mimeType": "text/csv", "hashes": {"quickXorHash": cls.hash(content)}}
        return cls.item(name, more.pop("item_id", "F"), **{"size": len(content), "file": kind, **more})

    @classmethod
    def folder(cls, name: str, item_id: str = "P", child_count: int | None = 0, **more: Any) -> dict[str, Any]:
        counted = {} if child_count is None else {"childCount": child_count}
        return cls.item(name, item_id, **{"folder": counted, **more})

    @classmethod
    def root(cls) -> dict[str, Any]:
        return cls.folder("root", "R", root={})

    @staticmethod
    def ok(body: Any, status: int = 200, **headers: str) -> Response:
        return Response(status, headers, body)

    @classmethod
    def page(cls, *items: Mapping[str, Any], next_url: str | None = None) -> Response:
        return cls.ok({"value": list(items)} | ({"@odata.nextLink": next_url} if next_url else {}))

    @classmethod
    def session(cls, url: str = "https://up.example/s1") -> Response:
        return cls.ok({"uploadUrl": url, "expirationDateTime": "2026-01-03T00:00:00Z", "nextExpectedRanges": ["0-"]})

    @classmethod
    def expects(cls, *ranges: str) -> Response:
        return cls.ok({"expirationDateTime": "2026-01-03T00:00:00Z", "nextExpectedRanges": list(ranges)}, 202)


@pytest.fixture
def samples() -> type[Samples]:
    return Samples


@pytest.fixture
def drive(onedrive_emulator: Any) -> Any:
    """The drive that ``myfiles`` means."""
    return onedrive_emulator.drive()


@pytest.fixture
def faults(onedrive_emulator: Any) -> Any:
    return onedrive_emulator.faults


@pytest.fixture
def fields(onedrive_emulator: Any) -> dict[str, Any]:
    """The emulator's connection, as the fields of ``Settings``."""
    known = json.loads(onedrive_emulator.connection)
    return {"client_id": known["login"], "client_secret": known["password"], **known["extra"]}


@pytest.fixture
def connect(fields: dict[str, Any]) -> Iterator[Callable[..., Client]]:
    """Make clients of the emulator; None takes a field away."""
    clients: list[Client] = []

    def make(on_secret: Callable[[str], None] | None = None, **changes: Any) -> Client:
        settings = Settings.from_fields({**fields, **changes}, trusted_hosts=["localhost"])
        client = Client(settings, on_secret=on_secret)
        client.retry_policy = QUICK
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def client(connect: Callable[..., Client]) -> Client:
    return connect()


@pytest.fixture
def connect_async(fields: dict[str, Any]) -> Callable[..., AsyncClient]:
    """Make clients of the emulator for an event loop; whoever asks closes them."""

    def make(**changes: Any) -> AsyncClient:
        client = AsyncClient(Settings.from_fields({**fields, **changes}, trusted_hosts=["localhost"]))
        client.retry_policy = QUICK
        return client

    return make


@pytest.fixture
def handling() -> Iterator[Callable[[int, Callable[[], object]], None]]:
    """Handle signals for one test."""
    before: list[tuple[int, Any]] = []

    def handle(number: int, act: Callable[[], object]) -> None:
        before.append((number, signal.signal(number, lambda *_: act())))

    yield handle
    for number, handler in reversed(before):
        signal.signal(number, handler)
