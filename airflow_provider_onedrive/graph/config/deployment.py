"""What the administrator of a deployment permits, whatever a DAG or a connection asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError
from airflow_provider_onedrive.graph.protocol.hidden_names import hidden_names

Permission = Literal["permanent_delete", "delete_on_hold", "skip_verify"]
"""What only a deployment can permit."""
LogNames = Literal["full", "ids"]
"""What logs, errors and the audit say of a file besides its ids: its name, or nothing of it."""
PERMISSIONS: tuple[str, ...] = get_args(Permission)
POLICY_OPTIONS = ("allow", "allowed_tenants", "require_allowed_locations", "max_delete", "log_names")
"""The options of Airflow's section ``[onedrive]`` that make a policy."""

# Parameters of the client's methods and of operators: the value that needs a permission.
_PERMANENT, _UNVERIFIED, _ON_HOLD = True, False, "delete_contents"
_TRUE, _FALSE = ("true", "t", "yes", "on", "1"), ("false", "f", "no", "off", "0", "")


@dataclass(frozen=True)
class DeploymentPolicy:
    """What a deployment permits. The default permits everything: a script has no administrator but its author.

    :param allow: what a caller may ask for: ``permanent_delete``, ``delete_on_hold``, ``skip_verify``.
    :param allowed_tenants: the tenants, by id or domain, to which a connection may sign in; empty means any.
    :param require_allowed_locations: whether each connection has to limit itself by ``allowed_locations``.
    :param max_delete: the most items that one call may delete; None sets no limit besides that of the call.
    :param log_names: ``full``, or ``ids``: then logs, errors and the audit have ids and stand-ins in place of the names
        of files, in the whole process from :meth:`hide_names` on.
    """

    allow: tuple[str, ...] = PERMISSIONS
    allowed_tenants: tuple[str, ...] = ()
    require_allowed_locations: bool = False
    max_delete: int | None = None
    log_names: LogNames = "full"

    @classmethod
    def from_options(cls, options: Mapping[str, str | None]) -> DeploymentPolicy:
        """Read the options of a deployment, which are texts; what is missing or empty permits nothing special.

        :raises ConfigurationError: naming the option.
        """
        texts = {name: (options.get(name) or "").strip() for name in POLICY_OPTIONS}
        return cls(
            # An unknown word permits nothing; it is that of a later release, or a mistake, which the refusal shows.
            allow=_words(texts["allow"].lower()),
            allowed_tenants=_words(texts["allowed_tenants"].lower()),
            require_allowed_locations=_flag("require_allowed_locations", texts["require_allowed_locations"]),
            max_delete=_count("max_delete", texts["max_delete"]),
            log_names=_log_names(texts["log_names"]),
        )

    def hide_names(self) -> None:
        """Begin to hide the names of files, if the deployment wants that."""
        hidden_names.hide(is_wanted=self.log_names == "ids")

    def require(self, permission: Permission, asked: str) -> None:
        """Refuse what a caller asks for, unless the deployment permits it.

        :param asked: what the caller has written, such as ``permanent=True``.
        :raises ConfigurationError: naming the option.
        """
        if permission in self.allow:
            return
        named = f"names only {', '.join(self.allow)}" if self.allow else "is empty"
        raise ConfigurationError(
            f"{asked} needs {permission}, and the deployment's option [onedrive] allow {named}; nothing was sent.",
            advice=f"The administrator of this Airflow can add {permission} to it; else leave out {asked}.",
        )

    def check(self, parameters: Mapping[str, Any]) -> None:
        """Refuse the values of parameters that the deployment does not permit.

        :param parameters: by the names that operators and methods share; those without a rule are not looked at.
        :raises ConfigurationError: naming the option.
        """
        # By truth, as the code that obeys them: "yes" deletes permanently, and None verifies nothing.
        if parameters.get("permanent"):
            self.require("permanent_delete", f"permanent={_PERMANENT}")
        if not parameters.get("verify", True):
            self.require("skip_verify", f"verify={_UNVERIFIED}")
        if parameters.get("on_hold") == _ON_HOLD:
            self.require("delete_on_hold", f"on_hold={_ON_HOLD!r}")

    def check_count(self, count: int) -> None:
        """Refuse to delete more items than the deployment permits.

        :raises ConfigurationError: naming the option.
        """
        if self.max_delete is not None and count > self.max_delete:
            raise ConfigurationError(
                f"{count} items or more would be deleted, and the deployment's option [onedrive] max_delete is "
                f"{self.max_delete}; nothing was deleted.",
                advice="Choose fewer; or the administrator of this Airflow can raise it.",
            )

    def check_tenant(self, tenant: str | None) -> None:
        """Refuse a tenant that the deployment does not list.

        :param tenant: as the connection names it, or as a token does; None if nobody knows it.
        :raises ConfigurationError: naming the option.
        """
        if not self.allowed_tenants or (tenant or "").lower() in self.allowed_tenants:
            return
        shown = f"The tenant {tenant!r} is none of" if tenant else "The token does not say whether its tenant is one of"
        raise ConfigurationError(
            f"{shown} the deployment's option [onedrive] allowed_tenants; nothing was sent.",
            advice="The administrator of this Airflow can list it, in the form that the connection uses.",
        )

    def check_locations(self, allowed_locations: tuple[object, ...]) -> None:
        """Refuse a connection that does not limit itself, if the deployment wants that.

        :raises ConfigurationError: naming the option.
        """
        if self.require_allowed_locations and not allowed_locations:
            raise ConfigurationError(
                "The connection's field allowed_locations is empty, and the deployment's option [onedrive] "
                "require_allowed_locations is set; nothing was sent.",
                advice="Fill it in; or the administrator of this Airflow can change the option.",
            )


def _words(text: str) -> tuple[str, ...]:
    return tuple(sorted(set(text.replace(",", " ").split())))


def _flag(name: str, text: str) -> bool:
    # Not as false: a limit that nobody can read must not be taken for none.
    if text.lower() not in (*_TRUE, *_FALSE):
        raise _wrong(name, text, "Use true or false.")
    return text.lower() in _TRUE


def _count(name: str, text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise _wrong(name, text, "Give a whole number from 1; the connection's field read_only forbids all deletions.")
    return int(text)


def _log_names(text: str) -> LogNames:
    if text.lower() == "ids":
        return "ids"
    if text.lower() not in ("full", ""):
        raise _wrong("log_names", text, "Use full or ids.")
    return "full"


def _wrong(name: str, text: str, advice: str) -> ConfigurationError:
    return ConfigurationError(f"The deployment's option [onedrive] {name} is {text!r}.", advice=advice)
