"""What the operators share that take many files: which of them, and how they are transferred."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow_provider_onedrive.graph.content.filters import Filters, Patterns, is_list, split_location
from airflow_provider_onedrive.graph.content.paths import split_local_path
from airflow_provider_onedrive.graph.content.transfer_plan import Report
from airflow_provider_onedrive.graph.flows.session_state import TaskAttempt
from airflow_provider_onedrive.graph.http.rate_limit import RateLimiter
from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError
from airflow_provider_onedrive.graph.protocol.location_parser import is_folder_dict, names_folder
from airflow_provider_onedrive.graph.protocol.options import IfNone, TransferOptions
from airflow_provider_onedrive.graph.transfers.bulk import raise_for
from airflow_provider_onedrive.operators.base import OneDriveOperator, check_filters_when_parsed
from airflow_provider_onedrive.state.times import TimeLike, read_time

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_onedrive.graph.client import Client

FILTER_FIELDS = ("file_pattern", "regex", "exclude", "newer_than", "older_than")
"""Filters that may be templates."""


class OneDriveFilteringOperator(OneDriveOperator):
    """Base of the operators that choose files; what is None asks for nothing.

    :param file_pattern: ``*``, ``**`` and ``?`` as in a shell, without regard to case; compared with the name, or with
        the path below the folder where it has a ``/``. Of a list of patterns, one has to match.
    :param regex: a regular expression that is searched in the path below the folder; case counts.
    :param exclude: a pattern, or a list of them, of what is left out.
    :param newer_than: modified later than this: a datetime or ISO 8601 text (without a zone in Airflow's default one),
        or a timedelta or ISO 8601 duration before the end of the run's data interval. None means any time.
    :param older_than: modified earlier than this, written like ``newer_than``.
    :param min_size: bytes, inclusive; so is ``max_size``.
    """

    def __init__(
        self,
        *,
        file_pattern: Patterns | None = None,
        regex: str | None = None,
        exclude: Patterns = (),
        newer_than: TimeLike | None = None,
        older_than: TimeLike | None = None,
        min_size: int | None = None,
        max_size: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.file_pattern = file_pattern
        self.regex = regex
        self.exclude = exclude
        self.newer_than = newer_than
        self.older_than = older_than
        self.min_size = min_size
        self.max_size = max_size
        check_filters_when_parsed(self, ("file_pattern", "exclude"))

    def filters(self, context: Context, pattern: str | None) -> Filters:
        """Return what is chosen.

        :param pattern: what the location or path says; it and ``file_pattern`` exclude each other.
        :raises ConfigurationError: naming the parameter.
        """
        if pattern is not None and self.file_pattern is not None:
            raise ConfigurationError(
                f"There are two patterns, {pattern!r} and file_pattern {self.file_pattern!r}.", advice="Give one."
            )
        filters = Filters(
            pattern if pattern is not None else self.file_pattern,
            self.regex,
            self.exclude,
            read_time(self.newer_than, "newer_than", context),
            read_time(self.older_than, "older_than", context),
            self.min_size,
            self.max_size,
        )
        filters.check()
        return filters

    def given_filters(self) -> list[str]:
        """Name the filters that are set."""
        names = (*FILTER_FIELDS, "min_size", "max_size")
        return [name for name in names if getattr(self, name) not in (None, (), [])]


class OneDriveManyFilesOperator(OneDriveFilteringOperator):
    """Base of the operators that transfer a file, or the files of a folder or pattern.

    :param recursive: also the items in the folders below.
    :param keep_directory_structure: put a file below the target as it lies below the source; else all into one folder.
    :param max_concurrent: the number of files that are transferred at once, 1 to 64.
    :param bytes_per_second: at most so many, over all files of the task; None sets no limit.
    :param max_items: refuse a transfer of more files.
    :param delete_extra: delete the files that the target has and the source has not, at most ``max_delete``, and only
        if no file failed.
    :param allow_empty_source: with ``delete_extra``, also mirror a source of which no file is chosen, so that nothing
        is left of the target; otherwise that is an error, because a disk that is not mounted looks like that.
    :param dry_run: change nothing; only report what would be done.
    :param move: delete each source once its copy is verified.
    :param fail_fast: stop at the first file that fails; else the rest is transferred, and the failures are reported.
    :param if_none: what happens if no file is chosen: ``fail``, or ``skip``, which transfers nothing.
    """

    def __init__(
        self,
        *,
        recursive: bool = False,
        keep_directory_structure: bool = True,
        max_concurrent: int = 8,
        bytes_per_second: float | None = None,
        max_items: int = 10_000,
        delete_extra: bool = False,
        max_delete: int = 100,
        allow_empty_source: bool = False,
        dry_run: bool = False,
        move: bool = False,
        fail_fast: bool = False,
        if_none: IfNone = "fail",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.recursive = recursive
        self.keep_directory_structure = keep_directory_structure
        self.max_concurrent = max_concurrent
        self.bytes_per_second = bytes_per_second
        self.max_items = max_items
        self.delete_extra = delete_extra
        self.max_delete = max_delete
        self.allow_empty_source = allow_empty_source
        self._dry_run = dry_run  # BaseOperator has a method dry_run
        self.move = move
        self.fail_fast = fail_fast
        self.if_none = if_none

    def transfer_options(self, attempt: TaskAttempt, **files: Any) -> TransferOptions:
        """Return how the files are transferred.

        :param files: ``upload`` or ``download``, how each of them is.
        """
        return TransferOptions(
            keep_directory_structure=self.keep_directory_structure,
            max_concurrent=self.max_concurrent,
            max_items=self.max_items,
            delete_extra=self.delete_extra,
            max_delete=self.max_delete,
            allow_empty_source=self.allow_empty_source,
            dry_run=self._dry_run,
            move=self.move,
            fail_fast=self.fail_fast,
            if_none="skip" if self.move and attempt.retrying else self.if_none,  # an earlier one may have moved all
            **files,
        )

    def choice(self, context: Context, pattern: str | None) -> dict[str, Any]:
        """Return the keywords of the client's methods that choose the files.

        :raises ConfigurationError: naming the parameter.
        """
        filters = self.filters(context, pattern)
        return {"filters": filters, "recursive": self.recursive or filters.is_deep}

    @contextmanager
    def connected(self) -> Iterator[Client]:
        """Yield a client with the limit of ``bytes_per_second``.

        :raises ConfigurationError: if the limit is none.
        """
        if self.bytes_per_second is not None and not self.bytes_per_second > 0:
            raise ConfigurationError(
                f"bytes_per_second is {self.bytes_per_second!r}.", advice="Give more than 0, or leave it out."
            )
        with super().connected() as client:
            # One limiter, so that all threads of the task share the rate.
            client.rate_limiter = RateLimiter(self.bytes_per_second)
            yield client

    def refuse_for_one(self) -> None:
        """See that nothing is asked for that only many files can have.

        :raises ConfigurationError: naming the parameter.
        """
        asked = {"delete_extra": self.delete_extra, "move": self.move, "dry_run": self._dry_run}
        given = [name for name, is_set in asked.items() if is_set] + self.given_filters()
        if given:
            raise ConfigurationError(
                f"{given[0]} is for the files of a folder, and one file is named.",
                advice="End the folder in '/', use a pattern, or pass recursive=True.",
            )

    def reported(self, report: Report, context: Context, what: str) -> list[dict[str, Any]]:
        """Put the report into XCom, and return the item dicts of what is there now.

        :raises FilesFailed: if some files failed, and a retry may help; else FilesRefused.
        """
        # Before the error, so that a failed task shows which files it has transferred.
        context["ti"].xcom_push(key="report", value=report.to_dict())
        raise_for(report, what)
        there = [step.there.content for step in report.skipped if step.there is not None]
        return [item.to_dict() for item in (*report.done, *there)]


def is_many(location: Any, *, recursive: bool) -> bool:
    """Whether a location names several files: a folder, or a pattern."""
    if isinstance(location, Mapping):
        return is_folder_dict(location)
    return is_list(location) or recursive or names_folder(location) or split_location(location)[1] is not None


def is_many_local(local_path: Any, *, recursive: bool) -> bool:
    """Whether a local path names several files: a folder, a pattern, or a list."""
    pattern = split_local_path(local_path)[1]
    return is_list(local_path) or recursive or names_folder(local_path) or pattern is not None
