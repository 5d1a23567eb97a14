"""Advice on wrong calls of the clients: the method or the keyword that was probably meant."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError

P = ParamSpec("P")
T = TypeVar("T")

PUBLIC_METHODS = (
    *("aclose", "children", "close", "copied", "copy", "copy_progress", "create_folder", "delete", "delete_all"),
    *("download", "download_folder", "exists", "find", "move", "open", "read_bytes", "read_text", "request", "save"),
    *("shared_folders", "start_copy", "stat", "stop", "sync_folder", "update", "upload", "upload_folder", "walk"),
)
"""The methods that users call, on either client; the page docs/client.md shows each."""

# As pathlib, fsspec, shells, and Airflow's hooks for S3 and SFTP name them.
_OTHER_NAMES = {
    "children": "dir iterdir list list_children list_dir list_files list_folder list_items listdir ls scandir",
    "copy": "copy_file cp",
    "create_folder": "create_dir create_directory makedir makedirs mkdir",
    "delete": "delete_file delete_folder remove rm rmdir rmtree trash unlink",
    "download": "download_file fetch get get_file pull retrieve retrieve_file",
    "download_folder": "download_directory download_files get_folder",
    "exists": "exists_file exists_folder file_exists folder_exists has is_dir is_file isdir isfile path_exists",
    "find": "glob match rglob search",
    "move": "move_file mv rename",
    "read_bytes": "cat get_content read",
    "read_text": "load_string read_file",
    "request": "call api patch post run_request send send_request",
    "save": "dump load_bytes put_content write write_bytes write_text",
    "stat": "get_info get_item get_metadata info item metadata size",
    "upload": "create_file load_file put put_file push store_file upload_file",
    "upload_folder": "put_folder upload_directory upload_files",
    "walk": "list_all list_recursive tree",
}
_MEANT = {name: method for method, names in _OTHER_NAMES.items() for name in names.split()}
_SELF_AND_LOCATION = 2


def method_meant(name: str) -> str | None:
    """Return the client's method for a name that it does not have; None if no method is like it."""
    close = [] if name.startswith("_") else get_close_matches(name, PUBLIC_METHODS, 1, 0.8)
    return _MEANT.get(name) or (close[0] if close else None)


class MethodAdvice:
    """Names the method that was meant, where an attribute is missing; lists the public methods in ``dir()``."""

    def __dir__(self) -> list[str]:
        return [name for name in PUBLIC_METHODS if hasattr(type(self), name)]

    if not TYPE_CHECKING:  # else no attribute would be missing for a type checker

        def __getattr__(self, name: str) -> Any:
            kind, meant = type(self).__name__, name if name in PUBLIC_METHODS else method_meant(name)
            if meant is None:
                raise AttributeError(f"{kind!r} object has no attribute {name!r}")
            if not hasattr(type(self), meant):
                raise AttributeError(f"{kind} has no {name!r}: use {meant}(...) of the other client.")
            raise AttributeError(f"{kind} has no {name!r}: use {meant}(...).")


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
