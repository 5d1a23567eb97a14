"""Slots: who holds a number, who waits for one, and that none is lost or given twice."""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from airflow_provider_onedrive.graph.http.slots import ConnectionSlots
from airflow_provider_onedrive.graph.http.stop_flag import StopFlag

NUMBERS = [0, 1, 2, 0, 1, 2, 0]


@pytest.fixture
def fast_switching():
    """Let threads take turns so often that they meet in the middle of things."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def left(slots):
    """Take whatever is there."""
    found = []
    while True:
        try:
            found.append(slots.take(0))
        except TimeoutError:
            return sorted(found)


def test_they_are_taken_in_order_and_the_last_given_back_first():
    """Few connections are kept busy: what was used a moment ago is used again."""
    slots = ConnectionSlots(NUMBERS, StopFlag())
    assert [slots.take() for _ in range(4)] == [0, 1, 2, 0]
    slots.give(2)
    slots.give(1)
    assert [slots.take() for _ in range(3)] == [1, 2, 1]


def test_who_waits_longest_is_served_first():
    """Waiting is a queue, and nobody who comes later passes."""
    slots, served, threads = ConnectionSlots([7], StopFlag()), [], []
    slots.take()
    for name in range(4):
        thread = threading.Thread(target=lambda name=name: (slots.take(), served.append(name), slots.give(7)))
        thread.start()
        threads.append(thread)
        while len(slots._waiting) <= name:
            time.sleep(0.001)
    slots.give(7)
    for thread in threads:
        thread.join()
    assert served == [0, 1, 2, 3]


def test_a_wait_ends_in_time():
    """Nobody waits longer than was said, and who has left is not served."""
    slots = ConnectionSlots([7], StopFlag())
    slots.take()
    with pytest.raises(TimeoutError):
        slots.take(0.01)
    slots.give(7)
    assert left(slots) == [7]


def test_a_stop_ends_a_wait():
    """A set flag ends every wait, and gives nothing more out."""
    flag = StopFlag()
    slots = ConnectionSlots([7], flag)
    slots.take()
    threading.Timer(0.1, flag.set).start()
    with pytest.raises(OSError, match="stopped"):
        slots.take(60)
    slots.give(7)
    with pytest.raises(OSError, match="stopped"):
        slots.take()
    with flag.lifted():
        assert left(slots) == [7]


def test_none_is_lost_and_none_is_given_twice(fast_switching):
    """However threads meet, each number is out as often as there are connections, and all come back."""
    slots, out, lock, most = ConnectionSlots(NUMBERS, StopFlag()), Counter(), threading.Lock(), Counter(NUMBERS)
    wrong = []

    def work(_):
        for _ in range(300):
            number = slots.take(60)
            with lock:
                out[number] += 1
                wrong.extend([number] if out[number] > most[number] else [])
            with lock:
                out[number] -= 1
            slots.give(number)

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(work, range(20)))
    assert wrong == []
    assert left(slots) == sorted(NUMBERS)


def test_none_is_lost_by_those_who_leave(fast_switching, monkeypatch):
    """A number that is handed to somebody who is about to leave goes to the next."""
    monkeypatch.setattr("airflow_provider_onedrive.graph.http.slots._SLICE_SECONDS", 0.0001)
    slots, ends = ConnectionSlots(NUMBERS, StopFlag()), Counter()

    def work(_):
        for _ in range(300):
            try:
                number = slots.take(0)
            except TimeoutError:
                ends["left"] += 1
            else:
                time.sleep(0.0001)
                slots.give(number)
                ends["served"] += 1

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(work, range(20)))
    assert ends["left"] > 0
    assert ends["served"] > 0
    assert left(slots) == sorted(NUMBERS)
