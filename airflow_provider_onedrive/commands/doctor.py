"""``airflow-onedrive doctor``: find out, step by step, why a connection does not work."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from airflow_provider_onedrive.commands.running import (
    UNWELL,
    cool_down_folder,
    parser_for,
    print_json,
    run,
    settings_of,
)

if TYPE_CHECKING:
    from airflow_provider_onedrive.graph.doctor import Finding

_SIGNS = {"ok": ("green", "ok"), "warning": ("yellow", "warning"), "failed": ("red", "failed"), "skipped": ("dim", "-")}


def main(arguments: Sequence[str], program: str) -> int:
    parser = parser_for(program, "Find out, step by step, why a connection does not work, and who has to correct it.")
    parser.add_argument("--write", action="store_true", help="also create a small file in myfiles, and delete it")
    parser.add_argument(
        "--clear-pause", action="store_true", help="end the pause that this host keeps because Graph throttled the app"
    )
    return run(_examine, parser.parse_args(arguments))


def _examine(options: argparse.Namespace) -> int:
    from airflow_provider_onedrive.graph.doctor import examine  # noqa: PLC0415 - help needs none of it

    states = set()
    show = _show_json if options.json else _shown_by_rich()
    findings = examine(
        settings_of(options),
        write=options.write,
        cool_down_folder=cool_down_folder(options),
        clear_pause=options.clear_pause,
    )
    for finding in findings:
        states.add(finding.state)
        show(finding)
    return UNWELL if "failed" in states else 0


def _show_json(finding: Finding) -> None:
    print_json(finding.to_dict())


class _Rich:
    """Prints findings as lines, in colours if the standard output is a terminal."""

    def __init__(self) -> None:
        from rich.console import Console  # noqa: PLC0415 - help needs none of it

        self._console = Console(soft_wrap=True, highlight=False)

    def __call__(self, finding: Finding) -> None:
        from rich.text import Text  # noqa: PLC0415 - as above

        from airflow_provider_onedrive.graph.protocol.redaction import printable  # noqa: PLC0415 - as above

        style, sign = _SIGNS[finding.state]
        line = Text.assemble((f"{sign:<8}", style), (f"{finding.step:<16}", "bold"), printable(finding.text))
        self._console.print(line)
        if finding.advice:
            self._console.print(Text(f"{'':<24}{printable(finding.advice)}", "italic"))


def _shown_by_rich() -> _Rich:
    return _Rich()
