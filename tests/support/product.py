"""What the package offers, found by looking into it: a test of all of it then also knows what is added later."""

from __future__ import annotations

import inspect
import pkgutil
from importlib import import_module
from typing import Any

import airflow_provider_onedrive

NAME = airflow_provider_onedrive.__name__
_FOLDERS = ("operators", "sensors", "decorators", "triggers")


def classes_below(base: type[Any]) -> set[type[Any]]:
    """Return the public classes of the package that inherit from one of Airflow's, and are more than a base of ours."""
    return {kind for kind in _classes() if issubclass(kind, base) and not _is_base(kind)}


def _classes() -> set[type[Any]]:
    modules = [
        import_module(module.name)
        for folder in _FOLDERS
        for module in pkgutil.walk_packages(import_module(f"{NAME}.{folder}").__path__, f"{NAME}.{folder}.")
    ]
    return {
        kind for module in modules for kind in vars(module).values() if inspect.isclass(kind) and is_of_package(kind)
    }


def is_of_package(kind: type[Any]) -> bool:
    return kind.__module__.startswith(f"{NAME}.")


def _is_base(kind: type[Any]) -> bool:
    """Whether a class lacks what its subclasses add: the fields that are rendered, or those that are stored."""
    return not (getattr(kind, "template_fields", ()) or getattr(kind, "names", ())) or kind.__name__ == "PollingTrigger"


def parameters_of(kind: type[Any]) -> set[str]:
    """Return the parameters that this package gives an operator or a sensor."""
    named = {
        name
        for each in filter(is_of_package, kind.__mro__)
        for name, parameter in inspect.signature(vars(each).get("__init__", object.__init__)).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    }
    return named & set(inspect.signature(kind.__init__).parameters) | {"onedrive_conn_id"}


def passed_on_by(kind: type[Any]) -> set[str]:
    """Return the parameters that an operator or a sensor takes itself, or passes on to our other classes."""
    return {name for each in filter(is_of_package, kind.__mro__) for name in parameters_of(each)}
