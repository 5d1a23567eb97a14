"""Make clients of Microsoft Graph from an Airflow Connection."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_onedrive.compat import (
    AirflowException,
    BaseHook,
    Connection,
    conf,
    get_async_connection,
    get_async_extra_dejson,
    mask_secret,
)
from airflow_provider_onedrive.get_provider_info import get_provider_info
from airflow_provider_onedrive.graph.call_advice import PUBLIC_METHODS, method_meant
from airflow_provider_onedrive.graph.config.deployment import POLICY_OPTIONS, DeploymentPolicy
from airflow_provider_onedrive.graph.config.fields import decoded_object
from airflow_provider_onedrive.graph.config.settings import DEFAULT_TOKEN_FILE_ROOTS, Settings
from airflow_provider_onedrive.graph.http.cooldown import folder_of
from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError, OneDriveError
from airflow_provider_onedrive.graph.protocol.redaction import has_link, without_secret
from airflow_provider_onedrive.hooks.actor import current_actor
from airflow_provider_onedrive.state.tokens import cached_tokens_of

if TYPE_CHECKING:
    from airflow_provider_onedrive.graph.client import AsyncClient, Client

_LEGACY_PREFIX = "extra__onedrive__"


class OneDriveHook(BaseHook):
    """Makes clients for the identity of a connection of type ``onedrive``."""

    conn_name_attr = "onedrive_conn_id"
    default_conn_name = "onedrive_default"
    conn_type = "onedrive"
    hook_name = "Microsoft OneDrive"

    def __init__(self, onedrive_conn_id: str = default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.onedrive_conn_id = onedrive_conn_id

    if not TYPE_CHECKING:  # else no attribute would be missing for a type checker

        def __getattr__(self, name: str) -> Any:
            """Name the client's method that was meant.

            :raises AttributeError: always.
            """
            meant = name if name in PUBLIC_METHODS else method_meant(name)
            advice = f"; the client has {meant}: hook.get_conn().{meant}(...)" if meant else ""
            raise AttributeError(f"OneDriveHook has no {name!r}{advice}.")

    def get_conn(self) -> Client:
        """Return a client for threads; close it, or use it as a context manager.

        :raises ConfigurationError: naming the field of the connection that is wrong.
        """
        from airflow_provider_onedrive.graph.client import Client  # noqa: PLC0415 - httpx and msal are slow to import

        settings = self.settings()
        cached_tokens = cached_tokens_of(self.onedrive_conn_id, settings, may_block=True)
        client = Client(
            settings, on_secret=mask_secret, cool_down_folder=cool_down_folder(), cached_tokens=cached_tokens
        )
        client.audit.actor = {"connection": self.onedrive_conn_id, **current_actor()}
        return client

    def settings(self) -> Settings:
        """Read the connection.

        :raises ConfigurationError: naming the field that is wrong.
        """
        conn_id = self._checked_id()
        with _explained(conn_id):
            connection = self.get_connection(conn_id)
        extra = connection.extra_dejson
        fields = _decoded(extra)
        if not isinstance(extra, Mapping):
            mask_secret(fields)  # Airflow has masked the text as a whole, and not the secrets in it
        return _settings(connection, fields)

    async def get_async_conn(self) -> AsyncClient:
        """Return a client for the running event loop; an async context manager.

        Its tokens are not registered with Airflow's masker: a triggerer runs for weeks, and the masker becomes slower
        with every secret. Nothing here logs a token.

        :raises ConfigurationError: naming the field of the connection that is wrong.
        """
        return self.async_client(await self.async_settings())

    async def async_settings(self) -> Settings:
        """Read the connection without blocking the event loop.

        :raises ConfigurationError: naming the field that is wrong.
        """
        conn_id = self._checked_id()
        with _explained(conn_id):
            connection = await get_async_connection(conn_id)
        return _settings(connection, _decoded(await get_async_extra_dejson(connection)))

    def _checked_id(self) -> str:
        """Return the id of the connection.

        :raises ConfigurationError: if it is an address: Airflow's own error would show a sharing link.
        """
        if "://" in str(self.onedrive_conn_id) or has_link(str(self.onedrive_conn_id)):
            raise ConfigurationError(
                f"onedrive_conn_id is {without_secret(str(self.onedrive_conn_id))!r}, which is an address.",
                advice="Give the id of a connection, and the address as location.",
            )
        return self.onedrive_conn_id

    def async_client(self, settings: Settings) -> AsyncClient:
        """Return a client; nothing is sent yet."""
        from airflow_provider_onedrive.graph.client import AsyncClient  # noqa: PLC0415 - httpx and msal are slow to import

        cached_tokens = cached_tokens_of(self.onedrive_conn_id, settings, may_block=False)
        client = AsyncClient(settings, cool_down_folder=cool_down_folder(), cached_tokens=cached_tokens)
        # No task: the client may serve those of many triggers.
        client.audit.actor = {"connection": self.onedrive_conn_id}
        return client

    def test_connection(self) -> tuple[bool, str]:
        """Check everything that the connection needs; return whether it works, and the findings or the advice."""
        from airflow_provider_onedrive.graph.doctor import examine  # noqa: PLC0415 - httpx and msal are slow to import

        try:
            findings = list(examine(self.settings(), cool_down_folder=cool_down_folder()))
        except (OneDriveError, AirflowException) as error:
            return False, str(error)
        failed = [finding for finding in findings if finding.state == "failed"]
        return not failed, "\n".join(map(str, failed or (each for each in findings if each.state != "skipped")))

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Return the form's standard fields for Airflow before 3.2; later ones read the provider info."""
        behaviour = _form()["ui-field-behaviour"]
        return {key.replace("-", "_"): value for key, value in behaviour.items()}

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Return the form's own fields for Airflow before 3.2; later ones read the provider info."""
        return {name: _widget(field) for name, field in _form()["conn-fields"].items()}


@contextmanager
def _explained(conn_id: str) -> Iterator[None]:
    """Raise Airflow's complaint about a connection as ours: Airflow 2 refuses an extra that was encoded twice."""
    try:
        yield
    except ValueError as error:
        raise ConfigurationError(
            f"Airflow cannot read the connection {conn_id}: {error}",
            advice="Its extra has to be a JSON object, which is encoded once.",
        ) from None


def _decoded(extra: Any) -> dict[str, Any]:
    """Return the fields of an extra; it may be JSON that was encoded twice, which Airflow returns as a text."""
    return decoded_object(extra, "The connection's extra", '{"tenant_id": "contoso.example", "myfiles": "anna@..."}')


def _settings(connection: Connection, extra: Mapping[str, Any]) -> Settings:
    # Connections that were made with Airflow 2's form have prefixed names of fields.
    fields = {name.removeprefix(_LEGACY_PREFIX): value for name, value in extra.items()}
    standard = {"client_id": connection.login, "client_secret": connection.password}
    # An empty field of the form must not replace one of the extra.
    filled = {name: value for name, value in standard.items() if value}
    roots = _list("token_file_roots", " ".join(DEFAULT_TOKEN_FILE_ROOTS))
    return Settings.from_fields(
        fields | filled,
        trusted_hosts=_list("trusted_hosts"),
        token_file_roots=roots,
        policy=deployment_policy(),
    )


def deployment_policy() -> DeploymentPolicy:
    """Return what this deployment permits; from then on names are hidden, if it wants that.

    :raises ConfigurationError: naming the option that is wrong.
    """
    policy = DeploymentPolicy.from_options({name: conf.get("onedrive", name, fallback=None) for name in POLICY_OPTIONS})
    policy.hide_names()
    return policy


def _list(option: str, default: str = "") -> tuple[str, ...]:
    return tuple(conf.get("onedrive", option, fallback=default).replace(",", " ").split())


def cool_down_folder() -> Path | None:
    """Return the folder in which the processes of this host share Graph's ``Retry-After``; None if they do not."""
    return folder_of(conf.get("onedrive", "cool_down_folder", fallback=None))


def _form() -> dict[str, Any]:
    info: Any = get_provider_info()
    form: dict[str, Any] = info["connection-types"][0]
    return form


def _widget(field: Mapping[str, Any]) -> Any:
    """Return the WTForms field of an entry of ``conn-fields``; only Airflow before 3.2 has that library."""
    from flask_appbuilder.fieldwidgets import (  # type: ignore[import-not-found]  # noqa: PLC0415 - not there in Airflow 3
        BS3PasswordFieldWidget,
        BS3TextAreaFieldWidget,
        BS3TextFieldWidget,
    )
    from wtforms import PasswordField, StringField  # type: ignore[import-untyped]  # noqa: PLC0415 - as above

    makers = {
        "password": (PasswordField, BS3PasswordFieldWidget),
        "multiline": (StringField, BS3TextAreaFieldWidget),  # Airflow 2 refuses forms with other classes of fields
    }
    maker, widget = makers.get(field["schema"].get("format", ""), (StringField, BS3TextFieldWidget))
    return maker(field["label"], description=_help(field), widget=widget())


def _help(field: Mapping[str, Any]) -> str:
    choices = [choice for choice in field["schema"].get("enum", ()) if choice]
    return f"{field['description']} One of: {', '.join(choices)}." if choices else str(field["description"])
