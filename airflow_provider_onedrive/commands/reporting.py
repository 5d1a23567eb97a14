"""Prints the result of a transfer of many files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_onedrive.commands.running import BUSY, FAILED, print_json, print_line, print_message

if TYPE_CHECKING:
    from airflow_provider_onedrive.graph.content.transfer_plan import Report


def report_on(report: Report, *, is_json: bool) -> int:
    """Print each file that was transferred and each that failed, and return an exit code."""
    if is_json:
        print_json(report.to_dict())
    else:
        for item in report.done:
            print_line(str(item.local_path or item.location))
    for path, reason, _ in report.failed:
        print_message(f"{path}: {reason}")
    if not report.failed:
        return 0
    return BUSY if any(is_retryable for _, _, is_retryable in report.failed) else FAILED
