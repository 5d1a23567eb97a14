"""What every comparison needs: the tenant, the programs, and a folder for files."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from costs import GIB, MIB, Cost, of_worker, told_by
from programs import Curl, Rclone
from tenant import TLS, Tenant

HERE = Path(__file__).parent
OURS = "this program, TLS"
RIVALS = ("msgraph-sdk", "msgraphfs", "O365")
LATENCY_SECONDS = 0.05
SMALL_BYTES = 10 * 1024
_LEAST_BYTES = 3 * GIB


@dataclass
class Bench:
    """:param clients: the environment with the clients of others; ``folder`` is for files, and emptied at the end.

    :param is_small: only see that all of it works.
    """

    tenant: Tenant
    folder: Path
    clients: Path
    runs: int
    is_small: bool
    _rclones: dict[str, Rclone] = field(default_factory=dict)

    def size(self, full: int, small: int) -> int:
        return small if self.is_small else full

    def ours(self, do: str, **work: Any) -> Cost:
        return of_worker(sys.executable, HERE / "ours.py", {"do": do, **self._facts(TLS), **work})

    def rival(self, client: str, do: str, **work: Any) -> Cost:
        work = {"client": client, "do": do, **self._facts(TLS), **work}
        return of_worker(self.clients / "bin/python", HERE / "rivals.py", work)

    def limit(self, **work: Any) -> Cost:
        return of_worker(sys.executable, HERE / "limits.py", {**self._facts(TLS), **work})

    def in_airflow(self, **work: Any) -> Any:
        return told_by(sys.executable, HERE / "in_airflow.py", {**self._facts(TLS), **work})

    def rclone(self, scheme: str, *arguments: str | Path) -> Cost:
        facts = self.tenant.facts[scheme]
        if facts["refresh"] not in self._rclones:  # it is good for once; afterwards the configuration has another
            program = self.clients / "bin/rclone"
            self._rclones[facts["refresh"]] = Rclone(program, facts, self.new_folder())
        return self._rclones[facts["refresh"]](*arguments)

    def curl(self, scheme: str) -> Curl:
        return Curl(self.tenant.facts[scheme], self.new_folder())

    def check_room(self) -> None:
        """Stop before files in memory push everything else out of it.

        :raises RuntimeError: if little is left.
        """
        if psutil.virtual_memory().available < _LEAST_BYTES or shutil.disk_usage(self.folder).free < _LEAST_BYTES:
            raise RuntimeError("There is too little room left to go on.")
        if not self.is_small:
            _warm(_LEAST_BYTES - GIB)

    def rivals(self) -> list[str]:
        """Return which of the others' Python clients are installed."""
        modules = {"msgraph-sdk": "msgraph", "msgraphfs": "msgraphfs", "O365": "O365"}
        code = "import importlib.util, sys; sys.exit(importlib.util.find_spec(sys.argv[1]) is None)"
        python = str(self.clients / "bin/python")
        return [
            name for name in RIVALS if not subprocess.run([python, "-c", code, modules[name]], check=False).returncode
        ]

    def new_folder(self) -> Path:
        path = self.folder / secrets.token_hex(4)
        path.mkdir()
        return path

    def file(self, size: int) -> Path:
        """Make a file that cannot be compressed, a MiB at a time: this process is to stay small."""
        path, block = self.new_folder() / "large.bin", os.urandom(MIB)
        with path.open("wb") as file:
            for start in range(0, size, MIB):
                file.write(block[: size - start])
        return path

    def small_files(self, count: int) -> Path:
        path = self.new_folder()
        for number in range(count):
            (path / f"file {number:06}.bin").write_bytes(os.urandom(SMALL_BYTES))
        return path

    def _facts(self, scheme: str) -> dict[str, Any]:
        return {"facts": self.tenant.facts[scheme]}


def _warm(size: int) -> None:
    """Touch free memory, and free it: what a virtual machine gave back to its host is several times slower to get.

    Without this, each run would be measured by how long the machine had been idle before it. It takes a process of
    its own, because one inherits the peak of the process that starts it.
    """
    code = (
        "import mmap, sys; touch = getattr(mmap, 'MAP_POPULATE', 0);"
        "touch and mmap.mmap(-1, int(sys.argv[1]), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | touch)"
    )
    subprocess.run([sys.executable, "-c", code, str(size)], check=True)


def afresh(bench: Bench, way: Callable[[], Cost], **begin: Any) -> Callable[[], Cost]:
    """Empty the tenant before each run, and forget the files of the run."""

    def run() -> Cost:
        bench.tenant.begin(**begin)
        bench.check_room()
        return way()

    return run


def into_new(bench: Bench, way: Callable[[Path], Cost]) -> Callable[[], Cost]:
    """Return a run in a new folder, which is removed afterwards."""

    def run() -> Cost:
        folder = bench.new_folder()
        bench.check_room()
        try:
            return way(folder)
        finally:
            shutil.rmtree(folder)

    return run


def best_folder(given: str | None, needed: int) -> str | None:
    """Choose where files lie: in memory where there is plenty of it, so that no disk is measured."""
    memory = "/dev/shm"  # noqa: S108 - a folder of its own is made below it
    if given or not Path(memory).is_dir():
        return given
    room = min(shutil.disk_usage(memory).free, psutil.virtual_memory().available)
    return memory if room > 2 * needed else None


def counted(operations: Sequence[str]) -> int:
    """Count requests; those that travel within a batch are none."""
    batches = operations.count("batch")
    return len(operations) - (operations.count("delete") if batches else 0)
