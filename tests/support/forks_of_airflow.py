"""Programs for a fresh interpreter that has imported Airflow, and nothing of this package."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

# To import Airflow takes seconds, so it is done once, and each program runs in a fork.
_SERVER = """
import json, os, sys, traceback
from airflow.providers.common.compat.sdk import DAG, BaseHook, BaseOperator, BaseSensorOperator, dag, task

def run(output, code, arguments):
    file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(file, 1)
    os.dup2(file, 2)
    sys.argv = ["-c", *arguments]
    try:
        exec(compile(code, "<program>", "exec"), {"__name__": "__main__"})
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0

for line in sys.stdin:
    if not (child := os.fork()):
        os._exit(run(**json.loads(line)))
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class ForksOfAirflow:
    """The interpreter; it ends with the block.

    :param folder: where the programs' output goes.
    """

    def __init__(self, folder: Path) -> None:
        self._output = folder / "output"
        command = [sys.executable, "-W", "ignore", "-c", _SERVER]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def run(self, code: str, *arguments: object) -> tuple[int, str]:
        """Run a program to its end; return its exit code and what it printed."""
        asked: dict[str, Any] = {"output": str(self._output), "code": code, "arguments": [*map(str, arguments)]}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(asked), file=self._process.stdin, flush=True)
        return int(self._process.stdout.readline()), self._output.read_text(encoding="utf-8")
