"""Where the tries of a task meet: a drive, local files, and what the tries know of each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from fault_scene import NEW, OLD
from try_processes import Try, TryEnd, Worker, hold_at, run_try
from try_tasks import NOTICED, OTHER_USER, Alone, Task

from airflow_provider_onedrive.emulator import Emulator
from airflow_provider_onedrive.emulator.drive import EmulatedDrive

SIGN_IN = ("discovery", "token")


@dataclass
class TryScene:
    """The two meet here.

    :param drive: ``myfiles``.
    :param folder: of local files.
    :param store: the folder of the task state store; None where Airflow has none.
    """

    task: Task
    emulator: Emulator
    drive: EmulatedDrive
    folder: Path
    processes: Any
    store: Path | None
    workers: list[Worker] = field(default_factory=list)

    def prepare(self) -> None:
        self.drive.put_all(self.task.before)
        self.emulator.drive(OTHER_USER).put("a.csv", OLD)
        for name in ("small", "large"):
            (self.folder / name).write_bytes(NEW[name])
        (self.folder / "tree").mkdir()
        (self.folder / "tree" / "a.csv").write_bytes(b"1")
        (self.folder / "tree" / "x.csv").write_bytes(b"2")

    def run(self, number: int) -> TryEnd:
        """Run a try to its end, in this process."""
        return run_try(self._try(number))

    def begin(self, number: int, step: str, *, is_done: bool) -> Worker:
        """Begin a try whose request is held at a step."""
        held = hold_at(self.emulator, step, is_done=is_done)
        self.workers.append(Worker(self.processes, self._try(number), held))
        return self.workers[-1]

    def close(self) -> None:
        for worker in self.workers:
            worker.close()

    def _try(self, number: int) -> Try:
        kwargs = {name: self._here(value) for name, value in self.task.kwargs.items()}
        return Try(self.task.operator, kwargs, number, self.store)

    def _here(self, value: Any) -> Any:
        return value.replace("LOCAL", str(self.folder)) if isinstance(value, str) else value

    def check(self, alone: Alone = NOTICED) -> None:
        """See that all is as one try leaves it.

        :param alone: what there may be more, if the tries share nothing.
        """
        self.emulator.finish_copies()
        files = self.drive.read_all()
        assert {path: data for path, data in files.items() if alone.more.get(path) != data} == self.task.files
        assert {path for path in self.drive.paths() if path.endswith("/")} == set(_folders(self.task.after))
        most = self.task.versions + alone.versions
        counts = {path: self.drive.version_count(path) for path in files}
        assert {path: count for path, count in counts.items() if count > most} == {}
        assert self.emulator.drive(OTHER_USER).exists("a.csv") == (self.task.name != "move_across")
        if self.task.local_after is not None:
            assert self._local_files(self.task.local) == self.task.local_after

    def check_parts(self) -> None:
        """See that no part of a file lies about."""
        assert [path for path in self.folder.rglob("*") if ".part" in path.name] == []

    def check_nothing_is_left(self) -> None:
        """See that no session is open either."""
        self.check_parts()
        assert len(self.emulator.state.sessions) == 0

    def steps(self) -> list[str]:
        """Return the steps that the drive has seen, numbered from the second one on."""
        seen = Counter[str]()
        names = [request.operation for request in self.emulator.requests if request.operation not in SIGN_IN]
        for name in names:
            seen[name] += 1
        if "batch" in seen:
            del seen["delete"]  # a batch's parts are logged too
        return [f"{name}{number if number > 1 else ''}" for name in seen for number in range(1, seen[name] + 1)]

    def _local_files(self, name: str) -> dict[str, bytes]:
        # A try that is stopped has its part file beside them.
        files = [path for path in (self.folder / name).rglob("*") if path.is_file() and path.suffix == ".csv"]
        return {path.name: path.read_bytes() for path in files}


def _folders(contents: Mapping[str, bytes | None]) -> list[str]:
    given = [path for path in contents if path.endswith("/")]
    above = [f"{folder}/" for path in contents for folder in PurePosixPath(path).parents if str(folder) != "."]
    return [*given, *above]
