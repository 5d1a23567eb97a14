"""``airflow-onedrive verify``: compare a real drive with the local OneDrive, on which the tests here rest."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_onedrive.commands.running import (
    UNWELL,
    async_client,
    connected,
    parser_for,
    print_json,
    print_line,
    print_message,
    run,
)

if TYPE_CHECKING:
    from airflow_provider_onedrive.verification.comparison import Comparison
    from airflow_provider_onedrive.verification.finding import Finding

_MEBIBYTE = 1024 * 1024


def main(arguments: Sequence[str], program: str) -> int:
    parser = parser_for(
        program,
        "Compare a real drive with the local OneDrive: make a folder, play small cases in it, delete it, and say what "
        "differs.",
    )
    parser.add_argument("--folder", required=True, metavar="LOCATION", help="a folder, in which a new one is made")
    parser.add_argument("--report", metavar="FILE", help="write a report without names and secrets, as JSON")
    parser.add_argument(
        "--with-sharing", action="store_true", help="also make links for the organisation, and take them back"
    )
    parser.add_argument("--large", action="store_true", help="also send and fetch a file of 100 MB")
    return run(_verify, parser.parse_args(arguments))


def _verify(options: argparse.Namespace) -> int:
    from airflow_provider_onedrive.verification.comparison import Comparison  # noqa: PLC0415 - help needs none of it
    from airflow_provider_onedrive.verification.run import Connections, target_of  # noqa: PLC0415 - as above
    from airflow_provider_onedrive.verification.table import CASES  # noqa: PLC0415 - as above

    if options.report:
        _write(Path(options.report), "")  # now, and not after some minutes
    with connected(options) as client:
        target = target_of(client, options.folder)
        needs = {"sharing": options.with_sharing, "large": options.large}
        comparison = Comparison(
            Connections(client, lambda: async_client(options, client.settings)),
            target,
            CASES,
            needs=frozenset(name for name, is_given in needs.items() if is_given),
        )
        _announce(comparison)
        findings = _played(comparison, options)
    differing = [each for each in findings if each.result == "differs"]
    return UNWELL if differing or comparison.left else 0


def _announce(comparison: Comparison) -> None:
    sent = comparison.sends_bytes / _MEBIBYTE
    print_message(
        f"{len(comparison.played)} cases run in the new folder {comparison.target.location}, which is deleted at the "
        f"end (to the recycle bin). About {sent:.0f} MiB are sent and as much is fetched. Nothing else is changed; of "
        "the drive itself only properties and changes are read. Links for everybody are never made."
    )


def _played(comparison: Comparison, options: argparse.Namespace) -> list[Finding]:
    """Play all cases and show what came of them; write the report in any case, also after Ctrl-C."""
    findings: list[Finding] = []
    is_complete = False
    try:
        with closing(comparison.findings()) as played:
            for finding in played:
                findings.append(finding)
                _show(finding, is_json=options.json)
        is_complete = True
    finally:
        for location in comparison.left:
            print_message(f"It could not be deleted: {location}")
        if options.report:
            _write_report(comparison, findings, Path(options.report), is_complete=is_complete)
    _sum_up(findings, options)
    return findings


def _show(finding: Finding, *, is_json: bool) -> None:
    if is_json:
        print_json(finding.to_dict())
        return
    print_line(f"{finding.result:<12}{finding.case.name:<34}{finding.reason or finding.case.title}")
    for each in finding.differences:
        print_line(f"{'':<12}{each}")


def _sum_up(findings: Sequence[Finding], options: argparse.Namespace) -> None:
    from collections import Counter  # noqa: PLC0415 - help needs none of it

    counts = Counter(each.result for each in findings)
    print_message(", ".join(f"{number} {result}" for result, number in counts.items()) + ".")
    if options.report and counts["differs"]:
        print_message(f"Please attach {options.report} to an issue: it has neither names nor secrets.")


def _write_report(comparison: Comparison, findings: Sequence[Finding], path: Path, *, is_complete: bool) -> None:
    from airflow_provider_onedrive.verification.report import report_of  # noqa: PLC0415 - help needs none of it

    report = report_of(comparison, findings, is_complete=is_complete)
    _write(path, json.dumps(report, indent=1, ensure_ascii=False) + "\n")


def _write(path: Path, text: str) -> None:
    from airflow_provider_onedrive.graph.protocol.errors import LocalFileError  # noqa: PLC0415 - help needs none of it

    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise LocalFileError(f"{path} cannot be written: {error.strerror}.", advice="Name another file.") from None
