"""Refusals of wrong calls of the client, in words that name the right form."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError

P = ParamSpec("P")
T = TypeVar("T")

_SELF_AND_LOCATION = 2


def location_first(method: Callable[P, T]) -> Callable[P, T]:
    """Refuse a source that is passed by position: text could be content as well as a path.

    :raises ConfigurationError: from the method, naming both keywords.
    """
    name = method.__name__

    @wraps(method)
    def checked(*args: P.args, **kwargs: P.kwargs) -> T:
        if len(args) > _SELF_AND_LOCATION or (len(args) == _SELF_AND_LOCATION and "location" in kwargs):
            content = "" if name.endswith("_folder") else "content=... or "
            raise ConfigurationError(
                f"{name}() takes one argument without a keyword, the location.",
                advice=f"Write {name}(location, {content}local_path=...).",
            )
        return method(*args, **kwargs)

    return checked
