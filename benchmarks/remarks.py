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
- Files lie in memory. Before each run 2 GiB of free memory are touched: on a virtual machine a page that was given \
back to the host costs several times as much the first time, whoever writes to it.
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

`make bench` takes about 25 minutes and writes this page; `make bench-small` sees within 90 seconds that all \
of it works. It needs curl, and makes `.venv-clients` by itself. `make bench-transfers` measures more of large files, \
`make bench-emulator` the emulator.
"""

_WHY: dict[str, str] = {
    "upload of 1 GiB, TLS": (
        "The emulator takes no more: raw sockets, which neither read nor hash, are hardly faster, and the emulator's "
        "process is busy all the time (decryption by record and writing, two thirds of it in the kernel). Of this "
        "program's second or so a third is encrypting and sending, a quarter waiting for the answers to 24 fragments "
        "while the emulator writes what is still in the socket, a tenth hashing, and a tenth loading numpy."
    ),
    "one PUT, TLS": (
        "A tenth of a second goes into loading numpy, which happens once in a process; the rest of the difference is "
        "reading and hashing, which curl does not do."
    ),
    "list 20,000: at most 1.1": (
        "Of 0.3 s CPU half is reading JSON and half making 20,000 items of it, which the requests alone do not need. A "
        "thread that fetched the next page meanwhile would hide it, and would send one request too many to whoever "
        "stops early."
    ),
    "list 20,000: at least 5": (
        "rclone 1.75 asks for pages of 1,000 as well, so both wait for the same 20 answers, one after the other: the "
        "requests alone are 1.3 x as fast as rclone."
    ),
}


def missed(goals: Sequence[Goal]) -> Iterator[str]:
    """Explain what was missed: what a profile of it says."""
    for goal in goals:
        if not goal.is_met:
            why = next((text for begin, text in _WHY.items() if goal.text.startswith(begin)), "Not explained yet.")
            yield f"**Missed: {goal.text}.** {why}"
