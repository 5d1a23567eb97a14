"""What the page says besides figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tables import Goal

HEAD = """
# Performance

Written by `make bench`. Everything is measured in one run, against one emulator in a process of its own on the same \
machine, so the network costs nothing and the two share the processors. Figures are medians of {runs} runs, the \
programs in turns; single runs lie between the lowest and the highest. Nothing was measured against Microsoft Graph.

- Machine: {machine}. Noise: always the same loop took {noise}. {calm}
- rclone, curl, msgraph-sdk, msgraphfs and O365 are used as they are installed, pointed at the emulator by their own \
options. rclone and curl are measured as whole processes, the Python clients without their start and imports.
- Memory: of this program what it takes beyond the idle process, of the others the whole process.
- This program takes https addresses only, also here. So it is measured over TLS, and others over both.
- "x rclone" says how many times faster than rclone.
"""

LARGE = """
"curl in parts" sends parts of 60 MiB over one connection into an upload session, as the service wants it; \
"raw sockets" sends zeros from memory. Neither takes a hash. This program reads, hashes and compares. \
msgraph-sdk, msgraphfs and O365 had 256 MiB to move, and the first two hold all of a file in memory.
"""

MANY = """
With `n` at once and 50 ms a request, `20 * n` requests a second are the limit of any program. Up to 64 connections \
are spread over eight small pools, because the time of a pool of httpcore grows with the square of its connections. \
rclone had 500 files (it paces itself, so its rate is the same with 1,000), the other Python clients 200.
"""

OPERATOR = """
Each runs in Airflow's own task runner (the one that its tests use, in one process, with the API server played). \
What the operator adds is its task less the empty task and less the client alone.
"""

TAIL = """
## Run it

`make bench` takes about a quarter of an hour and writes this page; `make bench-small` sees within 90 seconds that all \
of it works. It needs curl, and makes `.venv-clients` by itself. `make bench-transfers` measures more of large files, \
`make bench-emulator` the emulator.
"""

_WHY: dict[str, str] = {}


def missed(goals: Sequence[Goal]) -> Iterator[str]:
    """Explain what was missed: what a profile of it says."""
    for goal in goals:
        if not goal.is_met:
            why = next((text for begin, text in _WHY.items() if goal.text.startswith(begin)), "Not explained yet.")
            yield f"**Missed: {goal.text}.** {why}"
