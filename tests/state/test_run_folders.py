"""The folders of runs: which of them are removed, and when."""

from __future__ import annotations

import os
import shutil
import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from airflow_provider_onedrive.state.run_folders import MARKER, SEEN_OLD, remove_old_runs, use_run

DAY = 24 * 3600.0
NOW = time.time()

CleanUp = Callable[[float], None]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run with a file that was downloaded today, and is old in its drive."""
    (tmp_path / "runs/dag").mkdir(parents=True)
    run = tmp_path / "runs/dag/run"
    assert use_run(run) == pytest.approx(NOW, abs=DAY / 2)
    filled(run)
    return run


def filled(run: Path) -> Path:
    path = run / "task/0/Q1/a.csv"
    path.parent.mkdir(parents=True)
    path.write_text("a")
    os.utime(path, (0, 0))
    return path


@pytest.fixture
def clean_up(run: Path) -> CleanUp:
    """Do what a task does some days later; a run is old after thirty days."""
    return lambda later: remove_old_runs(run.parents[1], 30, NOW + later * DAY)


def test_old_run_goes_a_day_after_it_was_seen(run: Path, clean_up: CleanUp) -> None:
    """With all that is in it; until then it is whole."""
    for days in (0, 29, 31, 31.1, 31.9):
        clean_up(days)
        assert (run / "task/0/Q1/a.csv").exists()
    clean_up(32.1)
    assert not run.exists()


def test_zero_days_keep_all(run: Path) -> None:
    for days in (1000, 2000):
        remove_old_runs(run.parents[1], 0, NOW + days * DAY)
    assert run.exists()


def test_clock_that_is_wrong_for_one_call(run: Path, clean_up: CleanUp) -> None:
    """A run of the last days stays, before and after calls with the right time, and if it happens again."""
    for days in (1, 3650, 2, 3651, 3, -3650, 4, 9999):
        clean_up(days)
    assert (run / "task/0/Q1/a.csv").exists()


@pytest.mark.parametrize("name", ["task/0/Q1/a.csv", "task/0/Q1", "task", MARKER])
def test_run_in_which_something_is_new(run: Path, clean_up: CleanUp, name: str) -> None:
    """A file or a folder at any depth, or a task that just began, although the run was seen as old before."""
    clean_up(31)
    assert (run / SEEN_OLD).exists()
    os.utime(run / name, (NOW + 32 * DAY,) * 2)
    clean_up(33)
    clean_up(61)
    assert run.exists()
    assert not (run / SEEN_OLD).exists()


def test_wrong_clock_after_something_new(run: Path, clean_up: CleanUp) -> None:
    """What an earlier call saw does not count for what was written after it."""
    clean_up(31)
    os.utime(run / "task/0/Q1/a.csv", (NOW + 32 * DAY,) * 2)
    clean_up(3650)
    assert run.exists()


def test_copy_that_keeps_the_times_of_its_original(run: Path, clean_up: CleanUp) -> None:
    """It is as new as the moment in which it was written."""
    for path in (*run.rglob("*"), run):
        os.utime(path, (0, 0))
    clean_up(29)
    assert not (run / SEEN_OLD).exists()


@pytest.mark.parametrize("text", ["", "soon", "nan", "-inf", "inf", "0"])
def test_note_that_cannot_be_used(run: Path, clean_up: CleanUp, text: str) -> None:
    """It is written anew."""
    (run / SEEN_OLD).write_text(text)
    clean_up(31)
    assert float((run / SEEN_OLD).read_text()) == NOW + 31 * DAY
    clean_up(33)
    assert not run.exists()


def test_folder_of_somebody_else(run: Path, clean_up: CleanUp) -> None:
    """It is never marked, although a run has its name, so it never goes; an empty one is taken."""
    theirs, empty = run.with_name("theirs"), run.with_name("empty")
    filled(theirs)
    empty.mkdir()
    assert use_run(theirs) is None
    assert use_run(empty) is not None
    for days in (31, 33):
        clean_up(days)
    assert (theirs.exists(), empty.exists()) == (True, False)


def test_marked_folder_elsewhere(run: Path, clean_up: CleanUp, tmp_path: Path) -> None:
    """Only the second level below holds runs."""
    others = [run.parents[1] / "run", run / "task/0/run", tmp_path / "elsewhere/dag/run"]
    for other in others:
        other.mkdir(parents=True)
        use_run(other)
    os.utime(run / "task", (NOW + 3650 * DAY,) * 2)
    for days in (31, 33):
        clean_up(days)
    assert [other.exists() for other in others] == [True, True, True]


def test_links_are_not_followed(run: Path, clean_up: CleanUp, tmp_path: Path) -> None:
    """What a link points to is not ours to remove, to mark, or to judge by."""
    precious = tmp_path / "precious/dag/run"
    precious.parent.mkdir(parents=True)
    use_run(precious)
    kept = filled(precious)
    os.utime(kept, (NOW + 3650 * DAY,) * 2)
    (run / "task/link").symlink_to(precious)
    run.with_name("link").symlink_to(precious)
    (run.parents[1] / "linked_dag").symlink_to(precious.parent)
    unmarked = run.with_name("unmarked")
    filled(unmarked)
    (unmarked / MARKER).symlink_to(precious / MARKER)
    assert use_run(run.with_name("link")) is None
    assert use_run(unmarked) is None
    for days in (31, 33):
        clean_up(days)
        (tmp_path / "link").unlink(missing_ok=True)
        (tmp_path / "link").symlink_to(precious.parents[1])
        remove_old_runs(tmp_path / "link", 1, NOW + days * 1000 * DAY)
    assert kept.exists()
    assert unmarked.exists()
    assert not run.exists()


def test_clean_up_that_is_killed(run: Path, clean_up: CleanUp, monkeypatch: pytest.MonkeyPatch) -> None:
    """The marker goes last, so a later one goes on."""
    remove = shutil.rmtree

    def killed(path: Path, **kwargs: bool) -> None:
        remove(path, **kwargs)
        raise KeyboardInterrupt

    clean_up(31)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            clean_up(33)
    assert sorted(path.name for path in run.iterdir()) == [MARKER, SEEN_OLD]
    clean_up(34)
    assert not run.exists()


def test_marker_is_private_and_says_why(run: Path) -> None:
    """Whoever finds it learns who made the folder; nobody else can list the folder."""
    use_run(run)
    assert stat.S_IMODE(run.stat().st_mode) == 0o700
    assert stat.S_IMODE((run / MARKER).stat().st_mode) == 0o600
    assert (run / MARKER).read_text().count("airflow-provider-onedrive") == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
@pytest.mark.parametrize("name", ["", MARKER])
def test_run_of_another_user(run: Path, clean_up: CleanUp, name: str) -> None:
    """It is neither used nor removed: he may have marked what is not his."""
    os.chown(run / name, 65534, 65534)
    if name:
        assert use_run(run) is None
    else:
        with pytest.raises(OSError, match="belongs to another user"):
            use_run(run)
    for days in (31, 33):
        clean_up(days)
    assert run.exists() is True


@pytest.mark.parametrize("name", [MARKER, SEEN_OLD])
def test_note_with_a_second_name(run: Path, clean_up: CleanUp, tmp_path: Path, name: str) -> None:
    """It is not written through: the other name may be that of any file."""
    other = tmp_path / "other"
    other.write_text("0")
    (run / name).unlink(missing_ok=True)
    os.link(other, run / name)
    clean_up(31)
    assert other.read_text() == "0"
    assert run.exists()
