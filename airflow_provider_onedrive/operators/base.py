"""What all operators share: a client that ends with the task, and errors told the way Airflow's retries need them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow_provider_onedrive.compat import AirflowFailException, BaseOperator
from airflow_provider_onedrive.graph.errors import OneDriveError
from airflow_provider_onedrive.hooks.onedrive import OneDriveHook

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_onedrive.graph.client import Client


class UsesClient:
    """A task that holds a client while it works, so that killing the task stops it."""

    onedrive_conn_id: str
    _client: Client | None = None

    @contextmanager
    def connected(self) -> Iterator[Client]:
        """Give a client for as long as the block runs; within another such block, the same one."""
        if self._client is not None:
            yield self._client
            return
        with OneDriveHook(self.onedrive_conn_id).get_conn() as client:
            self._client = client
            try:
                yield client
            finally:
                self._client = None

    def on_kill(self) -> None:
        """End every wait at once and send nothing more."""
        if self._client is not None:
            self._client.stop()


class OneDriveOperator(UsesClient, BaseOperator):
    """Base of the operators; they say what to do in :meth:`work`."""

    template_ext = ()

    def __init__(self, *, onedrive_conn_id: str = OneDriveHook.default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.onedrive_conn_id = onedrive_conn_id

    def execute(self, context: Context) -> Any:
        """Do the work.

        :raises OneDriveError: as it is where a retry may help.
        :raises AirflowFailException: with the same text where it cannot.
        """
        try:
            return self.work(context)
        except OneDriveError as error:
            if error.may_pass:
                raise
            raise AirflowFailException(str(error)) from error

    def work(self, context: Context) -> Any:
        raise NotImplementedError


def is_retry(context: Context) -> bool:
    """Whether this is a later try: what it finds done may be its own work."""
    return context["ti"].try_number > 1
