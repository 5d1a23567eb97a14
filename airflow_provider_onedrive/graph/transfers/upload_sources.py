"""The files that an upload of many files sends: those of a folder, or of a list of files, folders and patterns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from airflow_provider_onedrive.graph.content.filters import is_list, matches, reaches_below
from airflow_provider_onedrive.graph.content.localtree import local_entries, stored_entries
from airflow_provider_onedrive.graph.content.paths import check_local_path
from airflow_provider_onedrive.graph.content.sources import is_stored, name_of, source_of
from airflow_provider_onedrive.graph.content.transfer_plan import Entry
from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError
from airflow_provider_onedrive.graph.transfers.bulk import output_of


@dataclass(frozen=True)
class MatchingFiles:
    """The files of a local folder, or of a folder of a store, that a pattern matches.

    :param pattern: is compared with the path below the folder, as ``file_pattern`` is.
    """

    folder: Any
    pattern: str


@dataclass(frozen=True, kw_only=True)
class UploadSources:
    """Lists what is to be sent.

    :param recursive: also the files in the folders below a folder.
    :param follow_symlinks: also what symbolic links in a folder point to.
    :param may_be_gone: whether an earlier attempt may have moved the files of a list.
    :param is_mirrored: whether the target is to have no other files.
    """

    recursive: bool
    follow_symlinks: bool
    may_be_gone: bool
    is_mirrored: bool

    def entries(self, local_path: Any) -> Iterator[Entry]:
        """Yield the files of a folder, or of each element of a list, each file once.

        :raises LocalFileError: if a folder cannot be listed, or an element of a list does not exist.
        :raises ConfigurationError: if a list is to be mirrored.
        """
        if not is_list(local_path):
            return self._of_folder(output_of(local_path), recursive=self.recursive)
        # A list says nothing of the files that it does not name, so each of them would be deleted.
        if self.is_mirrored:
            raise ConfigurationError(
                "delete_extra mirrors one folder, and local_path is a list.",
                advice="Give the folder, and the patterns as file_pattern.",
            )
        return _distinct(entry for element in local_path for entry in self._of_element(element))

    def _of_element(self, element: Any) -> Iterator[Entry]:
        if isinstance(element, MatchingFiles):
            yield from self._matching(element)
            return
        check_local_path(element)
        path = output_of(element)
        if _is_folder(path):
            yield from self._of_folder(path, recursive=self.recursive)
        elif not (self.may_be_gone and _is_gone(path)):
            source = source_of(path)
            yield Entry(name_of(path), source.size, source.modified_at, path)

    def _matching(self, files: MatchingFiles) -> Iterator[Entry]:
        is_deep = self.recursive or reaches_below(files.pattern)
        for entry in self._of_folder(output_of(files.folder), recursive=is_deep):
            # A folder that cannot be listed may hold files that match.
            if entry.is_folder or matches(entry.path, files.pattern):
                yield entry

    def _of_folder(self, folder: Any, *, recursive: bool) -> Iterator[Entry]:
        if is_stored(folder):
            return stored_entries(folder, recursive=recursive)
        return local_entries(folder, recursive=recursive, follow_symlinks=self.follow_symlinks)


def _is_folder(path: Any) -> bool:
    if not is_stored(path):
        return bool(path.is_dir())
    return str(path).endswith("/") or _ask_store(path, "isdir")


def _is_gone(path: Any) -> bool:
    return not (_ask_store(path, "exists") if is_stored(path) else path.exists())


def _ask_store(path: Any, question: str) -> bool:
    try:
        path.fs.invalidate_cache(path.path)  # else s3fs and others answer from memory
        return bool(getattr(path.fs, question)(path.path))
    except (OSError, ValueError, ImportError):  # it is raised again, with its advice, when the object is read
        return False


def _distinct(entries: Iterable[Entry]) -> Iterator[Entry]:
    """Leave out a file that another element of the list has named already: twice, it would clash with itself."""
    seen: set[str] = set()
    for entry in entries:
        content = str(entry.content or "")
        if not content or content not in seen:
            yield entry
        seen.add(content)
