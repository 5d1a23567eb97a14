"""What all operators share: a client that ends with the task, and errors told the way Airflow's retries need them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from airflow_provider_onedrive.compat import AirflowFailException, BaseOperator, count, mask_secret
from airflow_provider_onedrive.graph.content.filters import check_regex, is_list, patterns_of
from airflow_provider_onedrive.graph.content.paths import refuse_address, split_local_path
from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError, OneDriveError, TakenOver
from airflow_provider_onedrive.graph.protocol.hidden_names import without_hidden_causes
from airflow_provider_onedrive.graph.protocol.options import SINGLE_PUT_BYTES, OnLocked, UploadOptions
from airflow_provider_onedrive.graph.protocol.redaction import secrets_in
from airflow_provider_onedrive.graph.transfers.progress import Totals
from airflow_provider_onedrive.graph.transfers.upload_sources import MatchingFiles
from airflow_provider_onedrive.hooks.actor import actor_of
from airflow_provider_onedrive.hooks.onedrive import OneDriveHook, deployment_policy
from airflow_provider_onedrive.operators.mapping import UnrenderedXComMixin, is_reference
from airflow_provider_onedrive.operators.rendering import TextTemplatesMixin, check_text, read_numbers
from airflow_provider_onedrive.state.ownership import Ownership, ownership_of
from airflow_provider_onedrive.state.stores import stored_object

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_onedrive.graph.client import Client


class ClientMixin:
    """A task that holds a client while it works, so that killing the task stops it."""

    onedrive_conn_id: str
    _client: Client | None = None
    _ownership: Ownership | None = None
    _actor: Mapping[str, Any] = MappingProxyType({})

    @contextmanager
    def connected(self) -> Iterator[Client]:
        """Yield a client for the block; a nested block gets the same client."""
        if self._client is not None:
            yield self._client
            return
        client = self._connect()
        try:
            yield client
        finally:
            self._close_client()

    def reconnect(self) -> Client:
        """Read the connection anew, and go on with a client for what it says now."""
        self._close_client()
        return self._connect()

    @contextmanager
    def owning(self, context: Context) -> Iterator[None]:
        """Take the work from the earlier tries of this task, one of which may still run somewhere.

        :raises TakenOver: for any error, if a later try has taken the work: it comes from what that try does.
        :raises AirflowFailException: for an error that a retry cannot cure.
        """
        self._ownership, self._actor = ownership_of(context), actor_of(context)
        with fail_permanent_errors():
            self._ownership.claim()
            try:
                yield
            except (OneDriveError, AirflowFailException) as error:
                if isinstance(error, TakenOver) or not self._ownership.is_lost():
                    raise
                raise TakenOver("Another try of this task has taken the work, from which this error comes") from error

    def _connect(self) -> Client:
        check_text("onedrive_conn_id", self.onedrive_conn_id)
        client = OneDriveHook(self.onedrive_conn_id).get_conn()
        client.audit.actor = {**client.audit.actor, **self._actor}
        try:
            # Here, because some operators list a folder before they call the method that would refuse.
            with client.audit.of_call(type(self).__name__, getattr(self, "location", None)):
                client.settings.policy.check(vars(self))
        except ConfigurationError:
            client.close()
            raise
        self._client = client
        if self._ownership is not None:
            client.fence = self._ownership.check
        return client

    def _close_client(self) -> None:
        if self._client is not None:
            _count(self._client.meter.whole.totals)
            self._client.close()
        self._client = None

    def on_kill(self) -> None:
        """End every wait at once and send nothing more."""
        if self._client is not None:
            # Airflow calls this in a signal handler, which may have interrupted any line: stop() takes no lock.
            self._client.stop()


class LinkMaskingMixin(UnrenderedXComMixin):
    """A task whose sharing links Airflow masks in its rendered templates, in its log and in tracebacks."""

    def render_template(self, content: Any, *args: Any, **kwargs: Any) -> Any:
        """Render a template field, or a part of one, and have its sharing links masked.

        The links of the template are masked first, because Airflow logs a template that cannot be rendered.
        """
        _mask_links(content)
        rendered = super().render_template(content, *args, **kwargs)  # type: ignore[misc]  # of the operator beside this
        _mask_links(rendered)
        return rendered

    def leave_unrendered(self, value: Any) -> None:
        _mask_links(value)


def _mask_links(value: Any) -> None:
    if isinstance(value, str):
        for secret in secrets_in(value):
            mask_secret(secret)
    elif isinstance(value, Mapping) or is_list(value):
        for each in value.values() if isinstance(value, Mapping) else value:
            _mask_links(each)


@contextmanager
def fail_permanent_errors() -> Iterator[None]:
    """Let errors that a retry cannot cure end the task.

    :raises OneDriveError: as it is where a retry may help.
    :raises AirflowFailException: with the same text where it cannot.
    """
    try:
        deployment_policy()  # which hides names from the first line on
        yield
    except OneDriveError as error:
        without_hidden_causes(error)
        # Airflow retries every exception but AirflowFailException.
        if error.is_retryable:
            raise
        raise AirflowFailException(str(error)) from error


class OneDriveOperator(ClientMixin, LinkMaskingMixin, TextTemplatesMixin, BaseOperator):
    """Base of the operators; each implements :meth:`run_task`."""

    # With ".json" or ".sql" in it Airflow would read a local_path of that kind as a template.
    template_ext = ()

    def __init__(self, *, onedrive_conn_id: str = OneDriveHook.default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.onedrive_conn_id = onedrive_conn_id

    def execute(self, context: Context) -> Any:
        """Do the work.

        :raises OneDriveError: as it is where a retry may help.
        :raises AirflowFailException: with the same text where it cannot.
        """
        with self.owning(context):
            read_numbers(self)
            return self.run_task(context)

    def run_task(self, context: Context) -> Any:
        raise NotImplementedError


class OneDriveUploadingOperator(OneDriveOperator):
    """Base of the operators that send content.

    :param verify: compare the hash of what was transferred with Graph's.
    :param preserve_mtime: let a small file keep its modification time too; a larger one keeps it anyway.
    :param on_locked: ``wait`` some seconds for a file that is checked out or open in Office, or ``fail`` at once.
    :param single_put_bytes: up to this size a file is sent in one request, beyond it by an upload session.
    :param fragment_bytes: the size of an upload session's requests, a multiple of 327680; None begins with 10 MiB and
        lets them grow on a fast line.
    """

    def __init__(
        self,
        *,
        verify: bool = True,
        preserve_mtime: bool = False,
        on_locked: OnLocked = "wait",
        single_put_bytes: int = SINGLE_PUT_BYTES,
        fragment_bytes: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.verify = verify
        self.preserve_mtime = preserve_mtime
        self.on_locked = on_locked
        self.single_put_bytes = single_put_bytes
        self.fragment_bytes = fragment_bytes

    @property
    def upload_options(self) -> UploadOptions:
        return UploadOptions(
            self.verify, self.preserve_mtime, self.on_locked, self.single_put_bytes, self.fragment_bytes
        )


def _count(totals: Totals) -> None:
    """Add what a task has moved to Airflow's metrics."""
    for name in ("bytes_sent", "bytes_received", "requests", "resumed_bytes", "throttled_seconds"):
        if number := round(getattr(totals, name)):
            count(f"onedrive.{name}", number)


def check_when_parsed(value: Any, check: Callable[[Any], object]) -> None:
    """Check the type of a parameter when the DAG is read, as far as it does not come from another task.

    Texts may be templates, so what they say is checked when the task runs.
    """
    if is_list(value):
        check([each for each in value if not is_reference(each)])
    elif not is_reference(value):
        check(value)


def check_filters_when_parsed(operator: Any, patterns: Sequence[str]) -> None:
    """Check the types of the filters of an operator or a sensor when the DAG is read.

    :param patterns: the names of its parameters that are patterns; ``regex`` is checked too.
    :raises ConfigurationError: naming the parameter.
    """
    for name in patterns:
        check_when_parsed(getattr(operator, name), partial(patterns_of, name))
    check_when_parsed(operator.regex, check_regex)


def local_sources(path: Any) -> Any:
    """Return an element of a list of local paths as the client takes it: a file, a folder, or a pattern in one."""
    folder, pattern = split_local_path(path)
    return local_or_stored(folder) if pattern is None else MatchingFiles(local_or_stored(folder), pattern)


def local_or_stored(path: Any) -> Any:
    """Take a text such as ``s3://conn_id@bucket/key`` as an ``ObjectStoragePath``; anything else is as it is.

    :raises ConfigurationError: if it is an address of an item in OneDrive, or of a store that is not installed.
    """
    if isinstance(path, str):
        refuse_address(path)
    return stored_object(path) if isinstance(path, str) and "://" in path else path
