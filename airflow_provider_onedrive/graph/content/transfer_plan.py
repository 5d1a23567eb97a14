"""What a transfer of many files is to do, decided before anything is sent. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from functools import cached_property
from typing import Any

from airflow_provider_onedrive.graph.content.filters import Filters
from airflow_provider_onedrive.graph.content.paths import without_credentials
from airflow_provider_onedrive.graph.protocol.errors import LocationError, OneDriveError
from airflow_provider_onedrive.graph.protocol.hidden_names import hidden_names
from airflow_provider_onedrive.graph.protocol.models import DriveItem
from airflow_provider_onedrive.graph.protocol.names import comparison_key
from airflow_provider_onedrive.graph.protocol.options import TransferOptions

SAME = "the same is there"


@dataclass(frozen=True)
class Entry:
    """A file of a tree.

    :param path: below the tree's root, names separated by ``/``.
    :param size: in bytes; None where nobody says.
    :param content: what the transfer takes: a local path, or an item.
    :param problem: why it cannot be transferred: a socket, a name that is not UTF-8.
    :param is_folder: a folder that cannot be looked into: nobody knows which files are meant by it.
    """

    path: str
    size: int | None = 0
    modified_at: datetime | None = None
    content: Any = None
    problem: str = ""
    is_folder: bool = False

    def __post_init__(self) -> None:
        hidden_names.add_path(self.path)


class Action(Enum):
    """What becomes of a file."""

    TRANSFER = "transfer"
    SKIP = "skip"
    REFUSE = "refuse"
    DELETE = "delete"


@dataclass(frozen=True)
class Step:
    """One file of a plan.

    :param path: of the target, below its root.
    :param reason: why it is skipped or refused.
    :param there: what is at the target now; None where nothing is, or nobody looked.
    """

    action: Action
    path: str
    entry: Entry
    reason: str = ""
    there: Entry | None = None


@dataclass(frozen=True, kw_only=True)
class FolderTransfer:
    """Which files of a folder are transferred, and how.

    :param filters: choose among the files.
    :param recursive: also the files in its folders.
    """

    filters: Filters = Filters()
    recursive: bool = False
    options: TransferOptions = TransferOptions()

    @property
    def has_folders(self) -> bool:
        """Whether files come to lie in folders of the target."""
        return self.recursive and self.options.keep_directory_structure

    def check(self) -> None:
        """Refuse values that cannot be meant.

        :raises ConfigurationError: naming the parameter.
        """
        self.filters.check()
        self.options.check()


@dataclass(frozen=True)
class Choice:
    """What of a tree is meant.

    :param named: files, and where they go below the target.
    :param present: with ``delete_extra``, by key the paths where all files of the source would go, meant or not.
    :param unread: the keys of folders of the source that were not read whole: nobody knows which files they hold.
    """

    named: tuple[tuple[str, Entry], ...]
    present: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unread: frozenset[str] = frozenset()

    @cached_property
    def paths(self) -> frozenset[str]:
        """The paths of the target that the chosen files go to."""
        return frozenset(path for path, _ in self.named)

    def is_unread(self, path: str, transfer: FolderTransfer) -> bool:
        """Whether nobody knows if the source has a file for a path of the target."""
        if self.unread and not transfer.has_folders:
            return True
        names = key(path).split("/")
        above = {"/".join(names[:end]) for end in range(len(names))}  # from "", the root, on
        return not self.unread.isdisjoint(above)


class Targets:
    """The files of a target now.

    OneDrive takes paths for one that differ only in case or normal form, and a local disk may have a file for each. So
    files with the same :func:`key` are judged one by one.

    :param holds: says whether the target has a file at a path, under whatever name it lists it.
    """

    def __init__(self, entries: Iterable[Entry] = (), holds: Callable[[str], bool] = lambda _: True) -> None:
        self._holds = holds
        self._by_key: dict[str, dict[str, Entry]] = defaultdict(dict)
        for entry in entries:
            self._by_key[key(entry.path)][entry.path] = entry

    def __iter__(self) -> Iterator[Entry]:
        for _, alike in sorted(self._by_key.items()):
            yield from (alike[path] for path in sorted(alike))

    def at(self, path: str) -> Entry | None:
        """Return the file at a path: the one of exactly that path, else one that OneDrive would take for it."""
        alike = self._by_key.get(key(path), {})
        return alike.get(path) or next(iter(alike.values()), None)

    def is_extra(self, entry: Entry, choice: Choice) -> bool:
        """Whether the source surely has no file for an entry."""
        alike = choice.present.get(key(entry.path), ())
        return not alike or (entry.path not in alike and any(self._tells_apart(path, choice) for path in alike))

    def _tells_apart(self, path: str, choice: Choice) -> bool:
        """Whether a path of the source is, or will be, a file beside the one that differs only in case or form."""
        # A disk that takes the two for one lists one of them, and has a file at the other as well.
        return path in self._by_key.get(key(path), {}) or (path in choice.paths and not self._holds(path))


def choose(
    sources: Iterable[Entry], transfer: FolderTransfer, target_path: Callable[[str], str] = lambda path: path
) -> Choice:
    """Choose the files that are meant.

    :param target_path: turns a path of the source into the one that is created: names may have to be repaired.
    :raises LocationError: if there are more than ``max_items``, or none where that is to fail.
    """
    named: list[tuple[str, Entry]] = []
    present: dict[str, tuple[str, ...]] = {}
    for entry in sources:
        is_flat = not transfer.options.keep_directory_structure
        path = target_path(entry.path.rpartition("/")[2] if is_flat else entry.path)
        if transfer.options.delete_extra:
            present[key(path)] = (*present.get(key(path), ()), path)
        if _is_meant(entry, transfer.filters):
            named.append((path, entry))
        # Within the loop, so that a listing of a million files ends here.
        if len(named) > transfer.options.max_items:
            raise LocationError(
                f"There are more than {transfer.options.max_items} files.", advice="Choose fewer, or raise max_items."
            )
    if not named and transfer.options.if_none == "fail" and not transfer.options.mirrors_nothing:
        raise LocationError("No file was chosen.", advice="Check folder and pattern, or pass if_none='skip'.")
    return Choice(tuple(named), present)


def plan(
    choice: Choice,
    targets: Targets,
    transfer: FolderTransfer,
    *,
    refusal: Callable[[str], str] = lambda _: "",
    skip_reason: Callable[[Entry, Entry], str] = lambda _source, _target: "",
) -> list[Step]:
    """Decide what becomes of each file.

    :param targets: what is at the target now; empty where nobody needs to know.
    :param refusal: says why a path cannot be written at the target; empty where it can.
    :param skip_reason: says why a source need not be sent, given what is at its target; empty where it has to be.
    :raises LocationError: if there is more to delete than ``max_delete``, or a source of which no file was chosen
        would leave nothing of the target.
    """
    clashes = _clashes(choice.named)
    steps = []
    for path, entry in choice.named:
        there = targets.at(path)
        # A refusal and not an error: the other files are transferred, and the report names this one.
        if reason := entry.problem or clashes.get(entry.path) or refusal(path):
            steps.append(Step(Action.REFUSE, path, entry, reason))
        elif there is not None and (reason := skip_reason(entry, there)):
            steps.append(Step(Action.SKIP, path, entry, reason, there))
        else:
            steps.append(Step(Action.TRANSFER, path, entry, there=there))
    return steps + _extra(choice, targets, transfer)


def key(path: str) -> str:
    """Return the text that two paths share if OneDrive treats them as one."""
    return comparison_key(path)


def _is_meant(entry: Entry, filters: Filters) -> bool:
    """Of what cannot be transferred neither size nor time are known."""
    if entry.problem:
        return entry.is_folder or filters.match_path(entry.path)
    return filters.match(entry.path, entry.size, entry.modified_at)


def _clashes(named: Iterable[tuple[str, Entry]]) -> dict[str, str]:
    """Find sources that would become one item, and return the reason to refuse each, by the source's path.

    The server would let the last one win, or number them; neither is what anybody asked for.
    """
    sources: dict[str, list[tuple[str, Entry]]] = defaultdict(list)
    folders: dict[str, Entry] = {}
    for path, entry in named:
        sources[key(path)].append((path, entry))
        names = key(path).split("/")
        folders |= {"/".join(names[:end]): entry for end in range(1, len(names))}
    reasons = {}
    for name, several in sources.items():
        for number, (path, entry) in enumerate(several):
            if len(several) > 1:
                other, other_entry = several[number - 1]
                reasons[entry.path] = _clash(entry, path, other_entry, other)
            elif name in folders:
                reasons[entry.path] = (
                    f"{entry.path!r} would become {path!r}, and so would the folder of {folders[name].path!r}"
                )
    return reasons


def _clash(entry: Entry, path: str, other_entry: Entry, other: str) -> str:
    compared = "" if path == other else "; OneDrive compares names without case and in Unicode normal form C"
    sources = [entry.path, other_entry.path]
    if entry.path == other_entry.path:  # in two folders of a list
        sources = [without_credentials(str(each.content)) for each in (entry, other_entry)]
    return f"{sources[0]!r} and {sources[1]!r} would both become {path!r}{compared}"


def _extra(choice: Choice, targets: Targets, transfer: FolderTransfer) -> list[Step]:
    """Find what the target has and the source has not, among what the transfer is about."""
    if not transfer.options.delete_extra:
        return []
    extra = [
        Step(Action.DELETE, entry.path, entry)
        for entry in targets
        if not (choice.is_unread(entry.path, transfer) or entry.problem) and targets.is_extra(entry, choice)
        # A flat transfer has nothing to say about the folders of its target.
        if transfer.has_folders or "/" not in entry.path
        # A run that is about "*.csv" must not delete the other files.
        if transfer.filters.match(entry.path, entry.size, entry.modified_at)
    ]
    if extra and not choice.named and not transfer.options.mirrors_nothing:
        raise LocationError(
            f"No file of the source was chosen, and so {len(extra)} files of the target would be deleted.",
            advice="See that the source is mounted and the pattern right, or pass allow_empty_source=True.",
        )
    if len(extra) > transfer.options.max_delete:
        raise LocationError(
            f"{len(extra)} files of the target are not in the source.",
            advice="Look with dry_run=True, then raise max_delete if all of them may go.",
        )
    return extra


@dataclass
class Report:
    """What became of each file.

    :param kept: sources that were to be moved and could only be copied, and why they are still there.
    :param planned: with ``dry_run``, what would be done.
    """

    done: list[DriveItem] = field(default_factory=list)
    skipped: list[Step] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    kept: list[tuple[str, str]] = field(default_factory=list)
    planned: list[Step] = field(default_factory=list)
    failed: list[tuple[str, str, bool]] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def transferred_bytes(self) -> int:
        return sum(item.size or 0 for item in self.done if item.outcome not in ("skipped", "already_there"))

    def fail(self, path: str, problem: OneDriveError | str) -> None:
        """Note a file that could not be transferred, and whether trying again may help."""
        is_retryable = isinstance(problem, OneDriveError) and problem.is_retryable
        self.failed.append((path, str(problem), is_retryable))

    # It becomes an XCom, a row of Airflow's database: 10,000 items were measured to take seconds there.
    def to_dict(self, most: int = 1000) -> dict[str, Any]:
        """Return plain JSON: how many there are of each, and lists of them that end after ``most``."""
        planned = [{"path": step.path, "action": step.action.value, "reason": step.reason} for step in self.planned]
        lists: dict[str, list[Any]] = {
            "done": [item.path for item in self.done],
            "skipped": [{"path": step.path, "reason": step.reason} for step in self.skipped],
            "deleted": self.deleted,
            "kept": [{"path": path, "reason": reason} for path, reason in self.kept],
            "planned": planned,
            "failed": [{"path": path, "error": error} for path, error, _ in self.failed],
        }
        return {
            "counts": {name: len(rows) for name, rows in lists.items()},
            **{name: rows[:most] for name, rows in lists.items()},
            "bytes": self.transferred_bytes,
            "seconds": round(self.seconds, 3),
        }
