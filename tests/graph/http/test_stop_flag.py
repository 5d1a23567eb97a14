"""The flag that ends every wait."""

from __future__ import annotations

import signal
import threading
import time

import pytest
from patience import HANG_SECONDS, MUCH_LONGER_SECONDS

from airflow_provider_onedrive.graph.http.stop_flag import StopFlag


def test_a_wait_ends_when_another_thread_sets_the_flag():
    """A wait of minutes ends at once."""
    flag = StopFlag()
    waiting = threading.Thread(target=flag.wait, args=(MUCH_LONGER_SECONDS,))
    waiting.start()
    flag.set()
    waiting.join(HANG_SECONDS)
    assert not waiting.is_alive()


def test_a_wait_ends_when_a_signal_handler_sets_the_flag(handling):
    """A handler may set it in the middle of its own thread's wait."""
    flag = StopFlag()
    handling(signal.SIGUSR1, flag.set)
    main = threading.get_ident()
    killer = threading.Thread(target=lambda: signal.pthread_kill(main, signal.SIGUSR1))
    started = time.monotonic()
    killer.start()
    flag.wait(MUCH_LONGER_SECONDS)
    killer.join()
    assert flag.is_set()
    assert time.monotonic() - started < HANG_SECONDS


def test_handlers_may_ask_at_any_moment(handling):
    """Handlers that interrupt a thread between any two steps never wait for it."""
    flag, asked, is_enough = StopFlag(), [], threading.Event()
    handling(signal.SIGUSR1, lambda: asked.append(flag.is_set()))
    main = threading.get_ident()

    def interrupt():
        while not is_enough.is_set():
            signal.pthread_kill(main, signal.SIGUSR1)

    interrupting = threading.Thread(target=interrupt)
    interrupting.start()
    while len(asked) < 200:
        flag.wait(0.0001)
    is_enough.set()
    interrupting.join()
    assert set(asked) == {False}


def test_a_wait_without_a_stop_lasts():
    """Nothing shortens a wait but the flag."""
    started = time.monotonic()
    StopFlag().wait(0.25)
    assert time.monotonic() - started >= 0.25


def test_it_can_be_lifted_for_one_thread():
    """A thread's last request sees no flag; the other threads do, and afterwards it does too."""
    flag = StopFlag()
    flag.set()
    elsewhere: list[bool] = []
    with flag.lifted():
        with flag.lifted():
            assert not flag.is_set()
        assert not flag.is_set(), "the inner block has not put it back for the outer one"
        other = threading.Thread(target=lambda: elsewhere.append(flag.is_set()))
        other.start()
        other.join()
    assert elsewhere == [True]
    assert flag.is_set()


def test_an_error_puts_it_back():
    """The block may fail."""
    flag = StopFlag()
    flag.set()
    with pytest.raises(LookupError), flag.lifted():
        raise LookupError
    assert flag.is_set()
