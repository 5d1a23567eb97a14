"""The client for an event loop, against the emulator."""

from __future__ import annotations

import asyncio
import inspect
import threading

import pytest
import trustme

from airflow_provider_onedrive.emulator.faults import drop_after, drop_before, expire_token, repeat_next_link, status
from airflow_provider_onedrive.graph.async_operations import AsyncOperations
from airflow_provider_onedrive.graph.client import Client
from airflow_provider_onedrive.graph.flows import items
from airflow_provider_onedrive.graph.http import cooldown
from airflow_provider_onedrive.graph.protocol.errors import (
    AccessDenied,
    ConfigurationError,
    DriveNotFound,
    ItemNotFound,
    LocationError,
    NameAlreadyExists,
    ServiceUnavailable,
    SignInFailed,
    Throttled,
    Unauthenticated,
)
from airflow_provider_onedrive.graph.protocol.messages import Request


@pytest.fixture
def drive(onedrive_emulator):
    return onedrive_emulator.drive()


@pytest.fixture
def ask(connect_async):
    """Run one conversation on a loop of its own, and close the client."""

    def run(driver, **changes):
        async def whole():
            async with connect_async(**changes) as client:
                return await driver(client)

        return asyncio.run(whole())

    return run


def test_looking(ask, drive):
    """The same answers as from the blocking client."""
    drive.put("x/100% #1 (ä)+.csv", b"abc")

    async def driver(client):
        item = await client.stat("myfiles/x/100% #1 (ä)+.csv")
        assert (item.location, item.size) == ("myfiles/x/100% #1 (ä)+.csv", 3)
        assert await client.stat(item.to_dict()) == item
        assert await client.exists("myfiles/x/")
        assert not await client.exists("myfiles/y")
        assert [child.name async for child in client.children("myfiles/x")] == ["100% #1 (ä)+.csv"]
        assert [found.path async for found in client.walk("myfiles")] == ["x", "x/100% #1 (ä)+.csv"]

    ask(driver)


def test_listing_page_by_page(ask, drive, onedrive_emulator):
    """Pages are asked for when they are needed."""
    for number in range(1001):
        drive.put(f"f{number:04}")

    async def driver(client):
        async for item in client.children("myfiles"):
            assert item.name == "f0000"
            break
        assert len(onedrive_emulator.requests.matching(path="children")) == 1
        return [item.name async for item in client.children("myfiles")]

    assert ask(driver) == [f"f{number:04}" for number in range(1001)]


def test_listing_that_never_ends_names_its_folder(ask, drive, onedrive_emulator):
    """The error of a page that is taken says what was listed, as that of one that is read."""
    drive.put("in/a.csv")
    onedrive_emulator.faults.add(operation="children", times=None, do=repeat_next_link())

    async def driver(client):
        with pytest.raises(ServiceUnavailable, match=r"^Cannot list myfiles/in: Graph's link"):
            [item async for item in client.children("myfiles/in")]

    ask(driver)


def test_creating_a_folder(ask, drive):
    """One folder; there already is an error unless exist_ok."""

    async def driver(client):
        item = await client.create_folder("myfiles/x")
        assert (item.location, item.is_folder) == ("myfiles/x", True)
        with pytest.raises(NameAlreadyExists, match="Cannot create myfiles/x"):
            await client.create_folder("myfiles/x")
        assert (await client.create_folder("myfiles/x", exist_ok=True)).id == item.id

    ask(driver)
    assert drive.paths() == ["x/"]


def test_deleting(ask, drive):
    """The same rules as for the blocking client."""
    drive.put("x/a.csv")

    async def driver(client):
        with pytest.raises(LocationError, match="recursive=True"):
            await client.delete("myfiles/x")
        assert [item.name for item in await client.delete("myfiles/x", recursive=True)] == ["x"]
        assert await client.delete("myfiles/x", ignore_if_missing=True) == []

    ask(driver)
    assert drive.paths() == []


def test_any_flow(ask, drive):
    """Conditions bring flows of their own."""
    drive.put("a.csv")

    async def driver(client):
        page = await client.run(items.children(await client.address("myfiles")))
        return [item.name for item in page.items]

    assert ask(driver) == ["a.csv"]


def test_what_is_missing(ask):
    """A missing item and a missing drive are told apart, and the location is in the text."""

    async def driver(client):
        with pytest.raises(ItemNotFound, match=r"Cannot look at myfiles/a.csv"):
            await client.stat("myfiles/a.csv")
        with pytest.raises(ItemNotFound, match="Cannot list myfiles/x"):
            [_ async for _ in client.children("myfiles/x")]
        with pytest.raises(DriveNotFound):
            await client.exists("users/nobody@contoso.example/a.csv")
        with pytest.raises(LocationError):
            await client.stat("a.csv")

    ask(driver)


@pytest.mark.parametrize(
    "fault",
    [status(429, retry_after=0), status(429), status(500), status(503), status(504), drop_before(), drop_after()],
    ids=repr,
)
def test_what_is_tried_again(ask, drive, onedrive_emulator, fault):
    """Reads are repeated whatever happened to them; a folder is created once."""
    rules = [
        onedrive_emulator.faults.add(method=method, path="children$", times=2, do=fault) for method in ("GET", "POST")
    ]

    async def driver(client):
        await client.create_folder("myfiles/x")
        return [item.name async for item in client.children("myfiles")]

    assert ask(driver) == ["x"]
    assert drive.paths() == ["x/"]
    assert rules[0].hits == 2
    assert rules[1].hits >= 1


def test_a_token_that_expires_is_renewed_once(ask, onedrive_emulator):
    """A refused token is replaced and the request sent again."""

    async def driver(client):
        await client.stat("myfiles")
        onedrive_emulator.faults.add(path="root$", do=expire_token())
        return await client.stat("myfiles")

    assert ask(driver).is_root
    assert len(onedrive_emulator.requests.matching(path="/token$")) == 2


def test_the_random_401_of_personal_drives(ask, onedrive_emulator):
    """It goes away by itself."""
    rule = onedrive_emulator.faults.add(path="root$", times=3, do=status(401, message="Unable to initialize RPS"))
    assert ask(lambda client: client.stat("myfiles")).is_root
    assert rule.hits == 3


@pytest.mark.parametrize(
    ("wrong", "error", "said"),
    [
        ({"client_secret": "wrong"}, SignInFailed, "client secret is wrong"),
        ({"tenant_id": "fabrikam.example"}, SignInFailed, "no such tenant"),
        ({"ca_certificate": trustme.CA().cert_pem.bytes().decode()}, ConfigurationError, "ca_certificate"),
        ({"myfiles": None}, ConfigurationError, "myfiles"),
        ({"auth": "access_token", "access_token": "expired"}, Unauthenticated, "put a fresh one"),
    ],
    ids=["secret", "tenant", "authority", "myfiles", "token"],
)
def test_a_wrong_connection(ask, onedrive_emulator, wrong, error, said):
    """What is wrong is said at once, in the words of the blocking client."""
    with pytest.raises(error, match=said):
        ask(lambda client: client.stat("myfiles"), **wrong)
    assert len(onedrive_emulator.requests) <= 2


def test_what_stays_away(ask, drive, onedrive_emulator):
    """When all attempts are used up, or waiting is too long, or it is forbidden, the error is raised."""
    onedrive_emulator.faults.add(path="root$", times=7, do=status(503))
    with pytest.raises(ServiceUnavailable):
        ask(lambda client: client.stat("myfiles"))
    onedrive_emulator.faults.add(path="root$", do=status(429, retry_after=3600))
    with pytest.raises(Throttled):
        ask(lambda client: client.stat("myfiles"))
    cooldown.forget_all()
    drive.deny = True
    with pytest.raises(AccessDenied):
        ask(lambda client: client.stat("myfiles"))


def test_a_next_page_on_another_host_gets_no_token(ask, onedrive_emulator):
    """A nextLink to another origin, or in the clear, is not followed."""

    def flow(url):
        yield Request("GET", url)

    for url in (f"{onedrive_emulator.store_url}/x", onedrive_emulator.graph_url.replace("https", "http") + "/v1.0/x"):
        with pytest.raises(ConfigurationError, match="it was not followed"):
            ask(lambda client, url=url: client.run(flow(url)))
    assert len(onedrive_emulator.requests) == 0


def test_a_loop_that_is_cancelled(connect_async, onedrive_emulator):
    """A cancelled trigger ends in the middle of a wait, and the flow is closed."""
    asked, closed = threading.Event(), []

    class Throttling(status):
        def before(self, request, context):
            asked.set()
            super().before(request, context)

    onedrive_emulator.faults.add(path="root$", times=None, do=Throttling(429, retry_after=120))

    def flow():
        try:
            yield Request("GET", "/users/anna@contoso.example/drive/root")
        finally:
            closed.append(True)

    async def whole():
        async with connect_async() as client:
            task = asyncio.create_task(client.run(flow()))
            assert await asyncio.to_thread(asked.wait, 30)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(whole())
    assert closed == [True]


def test_many_at_once(ask, drive):
    """Many conversations on one loop share one client."""
    for number in range(20):
        drive.put(f"f{number}.csv", bytes(number))

    async def driver(client):
        return await asyncio.gather(*(client.stat(f"myfiles/f{number}.csv") for number in range(20)))

    assert [item.size for item in ask(driver)] == list(range(20))


def test_both_clients_have_the_same_methods():
    """The event loop's client has what moves no bytes, under the same names and parameters."""

    def public(kind):
        return {
            name: [*inspect.signature(value).parameters]
            for name, value in inspect.getmembers(kind, inspect.isfunction)
            if not name.startswith("_")
        }

    both = public(Client)
    assert {"stat", "exists", "children", "walk", "create_folder", "run"} <= set(public(AsyncOperations))
    assert all(both[name] == parameters for name, parameters in public(AsyncOperations).items())
