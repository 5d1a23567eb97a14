"""Many requests share one token: one of them renews it when Graph refuses it, and no wait for it lasts for ever."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from patience import HANG_SECONDS, MUCH_LONGER_SECONDS

from airflow_provider_onedrive.emulator.errors.problems import Problem
from airflow_provider_onedrive.emulator.faults import status
from airflow_provider_onedrive.emulator.faults.fault import Fault
from airflow_provider_onedrive.graph.auth import tokens
from airflow_provider_onedrive.graph.protocol.errors import SignInFailed, Stopped, Unauthenticated

COUNT = 100


@dataclass(frozen=True)
class RefuseToken(Fault):
    """Answer 401 to every request with one token, also while it is valid: as after a change of a policy."""

    token: str

    def before(self, request, *_):
        if request.header("Authorization") == f"Bearer {self.token}":
            raise Problem(401, "InvalidAuthenticationToken", "Continuous access evaluation resulted in a challenge.")


def token_requests(emulator):
    return len(emulator.requests.matching(path="/token$"))


def refuse(emulator, token):
    return emulator.faults.add(origin="graph", times=None, do=RefuseToken(token))


def test_refused_token_is_renewed_once_for_threads(connect, onedrive_emulator):
    """A hundred requests of many threads meet the refusal, and one new token serves them all."""
    client = connect()
    client.stat("myfiles")
    rule = refuse(onedrive_emulator, client._tokens.token())
    results = list(client.run_each([lambda: client.stat("myfiles").is_root] * COUNT, 32))
    assert [value for _, value in results] == [True] * COUNT
    assert rule.hits > 1
    assert token_requests(onedrive_emulator) == 2


def test_refused_token_is_renewed_once_for_clients(connect, onedrive_emulator):
    """Each thread has a client of its own, and msal in each of them remembers tokens."""
    clients = [connect() for _ in range(8)]
    for client in clients:
        client.stat("myfiles")
    refuse(onedrive_emulator, clients[0]._tokens.token())
    with ThreadPoolExecutor(8) as pool:
        assert all(item.is_root for item in pool.map(lambda client: client.stat("myfiles"), clients))
    assert token_requests(onedrive_emulator) == 2


def test_refused_token_is_renewed_once_for_tasks(connect_async, onedrive_emulator):
    """The same on an event loop."""

    async def stat_all():
        async with connect_async() as client:
            await client.stat("myfiles")
            rule = refuse(onedrive_emulator, client._tokens.token())
            items = await asyncio.gather(*(client.stat("myfiles") for _ in range(COUNT)))
            return rule.hits, [item.is_root for item in items]

    hits, found = asyncio.run(stat_all())
    assert (hits > 1, found) == (True, [True] * COUNT)
    assert token_requests(onedrive_emulator) == 2


def test_late_refusal_of_an_old_token_renews_nothing(connect, onedrive_emulator):
    """A refusal that comes after the renewal names a token that is no longer in use."""
    client, other = connect(), connect()
    client.stat("myfiles")
    old = client._tokens.token()
    client._tokens.renew(old)
    new = client._tokens.token()
    for source in (client._tokens, other._tokens):
        source.renew(old)
        assert source.token() == new
    assert token_requests(onedrive_emulator) == 2


def test_client_that_requested_the_refused_token_gets_another_one(connect, onedrive_emulator):
    """msal keeps the token in the memory of the client that requested it, and another client meets the refusal."""
    first, second = connect(), connect()
    first.stat("myfiles")
    refused = second._tokens.token()
    refuse(onedrive_emulator, refused)
    second._tokens.renew(refused)
    assert first.stat("myfiles").is_root
    assert first._tokens.token() != refused


def test_token_that_is_issued_again_is_requested_once_more(connect, onedrive_emulator, monkeypatch):
    """An endpoint with a memory of its own returns the refused token again: the error is Graph's, and nothing loops."""
    for name, value in onedrive_emulator.managed_identity_environment.items():
        monkeypatch.setenv(name, value)
    client = connect(auth="managed_identity", client_id=None, client_secret=None, tenant_id=None)
    client.stat("myfiles")
    refused = client._tokens.token()
    answer = client._tokens._identity.acquire()
    client._tokens._identity._acquire = lambda: answer
    refuse(onedrive_emulator, refused)
    for _ in range(2):
        with pytest.raises(Unauthenticated):
            client.stat("myfiles")
    assert client._tokens.current() in (refused, None)


def test_new_token_is_requested_although_there_is_one(connect, onedrive_emulator):
    """Permissions that were granted since are only in a new token."""
    client = connect()
    assert client.token() != client.token()
    assert token_requests(onedrive_emulator) == 2


def test_stuck_thread_delays_no_client_for_ever(connect, connect_async, monkeypatch):
    """The thread that requests a token may hang, as in a look-up of a name: the others request one themselves."""
    monkeypatch.setattr(tokens, "LOCK_SECONDS", 0.0)
    client = connect()

    async def look():
        async with connect_async() as loop_client:
            return await loop_client.stat("myfiles")

    with client._tokens._identity_tokens.lock:
        assert client.stat("myfiles").is_root
        client._tokens.renew(client._tokens.token())
        assert asyncio.run(look()).is_root


def test_stop_ends_the_wait_for_a_stuck_thread(connect, monkeypatch):
    """Stopping helps at once, however long the wait may last."""
    monkeypatch.setattr(tokens, "LOCK_SECONDS", MUCH_LONGER_SECONDS)
    client, caught = connect(), []

    def look():
        try:
            client.stat("myfiles")
        except Stopped as error:
            caught.append(error)

    with client._tokens._identity_tokens.lock:
        thread = threading.Thread(target=look)
        thread.start()
        client.stop()
        thread.join(HANG_SECONDS)
    assert len(caught) == 1


def test_waiting_tasks_leave_the_threads_of_the_loop_alone(connect, connect_async, monkeypatch):
    """A dozen tasks wait for a token, and the only thread of the loop works for others; closing ends the waits."""
    monkeypatch.setattr(tokens, "LOCK_SECONDS", MUCH_LONGER_SECONDS)

    async def crowd():
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
        client = connect_async()
        waiting = [asyncio.create_task(client.stat("myfiles")) for _ in range(12)]
        await asyncio.sleep(0)
        assert await asyncio.to_thread(lambda: "free") == "free"
        await client.aclose()
        return await asyncio.gather(*waiting, return_exceptions=True)

    with connect()._tokens._identity_tokens.lock:
        results = asyncio.run(asyncio.wait_for(crowd(), HANG_SECONDS))
    assert [type(each) for each in results] == [Stopped] * 12


def test_cancelled_task_leaves_the_token_to_the_others(connect, connect_async):
    """The task that came first is cancelled while all wait for the same token."""

    async def crowd():
        async with connect_async() as client:
            with connect()._tokens._identity_tokens.lock:
                first, second = (asyncio.create_task(client.stat("myfiles")) for _ in range(2))
                await asyncio.sleep(0)
                first.cancel()
                assert [type(each) for each in await asyncio.gather(first, return_exceptions=True)] == [
                    asyncio.CancelledError
                ]
            return await second

    assert asyncio.run(crowd()).is_root


def test_each_task_gets_an_error_of_its_own(connect_async, onedrive_emulator):
    """One refusal of Entra is raised in several tasks."""
    onedrive_emulator.faults.add(path="/token$", times=None, do=status(401))

    async def crowd():
        async with connect_async() as client:
            return await asyncio.gather(*(client.stat("myfiles") for _ in range(3)), return_exceptions=True)

    errors = asyncio.run(crowd())
    assert {type(error) for error in errors} == {SignInFailed}
    assert len({id(error) for error in errors}) == 3
