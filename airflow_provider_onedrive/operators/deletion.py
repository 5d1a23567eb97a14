"""Delete a file or a folder, or the files that a pattern chooses."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from airflow_provider_onedrive.compat import AirflowFailException
from airflow_provider_onedrive.graph.content.filters import Filters, split_location
from airflow_provider_onedrive.graph.content.transfer_plan import Report
from airflow_provider_onedrive.graph.protocol.errors import (
    ConfigurationError,
    DeletionStopped,
    ItemNotFound,
    NotFound,
)
from airflow_provider_onedrive.graph.protocol.locations import LocationLike, shown
from airflow_provider_onedrive.graph.protocol.models import DriveItem
from airflow_provider_onedrive.graph.protocol.options import DeleteOptions, IfOnHold
from airflow_provider_onedrive.graph.tracking.conditions import too_many
from airflow_provider_onedrive.graph.transfers.bulk import raise_for
from airflow_provider_onedrive.operators.many import FILTER_FIELDS, OneDriveFilteringOperator
from airflow_provider_onedrive.state.upload_sessions import attempt_of

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_onedrive.graph.client import Client


class OneDriveDeleteOperator(OneDriveFilteringOperator):
    """Delete a file or folder, to the recycle bin; returns the list of the item dicts of what was deleted.

    More parameters, for patterns: :class:`~airflow_provider_onedrive.operators.many.OneDriveFilteringOperator`.

    :param location: the file or folder; or a pattern with ``*``, ``**`` or ``?``, or with ``file_pattern`` a folder,
        which means files in it, and what the filters choose of them.
    :param recursive: delete a folder with everything in it; without it, only an empty one. With a pattern: also what
        matches in the folders below.
    :param ignore_if_missing: if nothing is there, that is success.
    :param permanent: not to the recycle bin: it cannot be restored.
    :param max_items: refuse to delete a folder that holds more, or more files of a pattern.
    :param dry_run: change nothing; only report what would be done.
    :param on_hold: what happens if a retention policy or a hold refuses to delete a folder because something is in it:
        ``fail``, which deletes nothing; or ``delete_contents``, which with ``recursive`` deletes what is in it item by
        item, the deepest first, and stops at the first that is itself refused. The deployment has to allow it
        (``delete_on_hold``).
    """

    template_fields = ("onedrive_conn_id", "location", *FILTER_FIELDS)

    def __init__(
        self,
        *,
        location: LocationLike,
        recursive: bool = False,
        ignore_if_missing: bool = False,
        permanent: bool = False,
        max_items: int = 1000,
        dry_run: bool = False,
        on_hold: IfOnHold = "fail",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.location = location
        self.recursive = recursive
        self.ignore_if_missing = ignore_if_missing
        self.permanent = permanent
        self.max_items = max_items
        self._dry_run = dry_run  # BaseOperator has a method dry_run
        self.on_hold = on_hold
        self._has_pattern = self.file_pattern is not None

    def run_task(self, context: Context) -> list[dict[str, Any]]:
        folder, pattern = split_location(self.location)
        if self._has_pattern and self.file_pattern is None:  # else the whole folder would be deleted
            raise ConfigurationError("file_pattern is None.", advice="Check the template that makes it.")
        if pattern is not None or self.file_pattern is not None:
            self._refuse_on_hold()
            return self._delete_many(folder, self.filters(context, pattern), context)
        if given := self.given_filters():
            raise ConfigurationError(
                f"{shown(self.location)} is one item, and {given[0]} chooses among files.",
                advice="Write the location with '*', or pass file_pattern.",
            )
        return [item.to_dict() for item in self._delete_one(context)]

    def _delete_one(self, context: Context) -> list[DriveItem]:
        with self.connected() as client:
            try:
                return client.delete(
                    self.location,
                    recursive=self.recursive,
                    ignore_if_missing=self.ignore_if_missing,
                    permanent=self.permanent,
                    options=DeleteOptions(self.max_items, self._dry_run, self.on_hold),
                    attempt=attempt_of(context),
                )
            except NotFound as missing:  # a second attempt would take what is missing for its own deletion
                raise AirflowFailException(str(missing)) from missing
            except DeletionStopped as stopped:
                report = {"deleted": stopped.deleted, "kept": stopped.kept}
                context["ti"].xcom_push(key="report", value=report)  # a failed task shows what it has deleted
                raise

    def _refuse_on_hold(self) -> None:
        """See that nothing is asked for that only a folder can have.

        :raises ConfigurationError: naming the parameter.
        """
        if self.on_hold != "fail":
            raise ConfigurationError(
                "on_hold is for a folder, and a pattern chooses files.",
                advice="Leave it out: a policy keeps folders, and lets files go.",
            )

    def _delete_many(self, folder: LocationLike, filters: Filters, context: Context) -> list[dict[str, Any]]:
        with self.connected() as client:
            items = self._matches(client, folder, filters, context)
            failed = [] if self._dry_run else client.delete_all(items, permanent=self.permanent)
        failed_ids = {item.id for item, _ in failed}
        report = Report(done=[item for item in items if item.id not in failed_ids])
        for item, problem in failed:
            report.fail(item.location, problem)
        raise_for(report, "deleted")
        return [item.to_dict() for item in report.done]

    def _matches(self, client: Client, folder: LocationLike, filters: Filters, context: Context) -> list[DriveItem]:
        """Find what is to be deleted; nothing is fine where an earlier try may have done it, or that was said."""
        may_be_done = self.ignore_if_missing or (attempt_of(context).retrying and not self._dry_run)
        try:
            listing = client.find(folder, filters, recursive=self.recursive)
            items = list(islice(listing, self.max_items + 1))
        except ItemNotFound as missing:
            if may_be_done:
                return []
            raise AirflowFailException(str(missing)) from missing
        if len(items) > self.max_items:
            raise too_many(self.max_items, shown(self.location), "Raise max_items if all of them may go.")
        if not (items or may_be_done):
            pattern = "" if self.file_pattern is None else f"{self.file_pattern!r} in "
            raise ConfigurationError(
                f"No file matches {pattern}{shown(self.location)}.",
                advice="Check the pattern, or pass ignore_if_missing=True.",
            )
        return items
