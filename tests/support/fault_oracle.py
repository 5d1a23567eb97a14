"""What has to be true when an operation has met faults, however it ended."""

from __future__ import annotations

import logging
import pickle
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from fault_operations import NEW, Contents, Operation, Scene
from fault_scenarios import STALL_SECONDS, Met, Scenario

from airflow_provider_onedrive.emulator.faults import Quirks, Rule
from airflow_provider_onedrive.graph.http import cooldown
from airflow_provider_onedrive.graph.protocol.errors import OneDriveError, PreconditionFailed, VerificationFailed
from airflow_provider_onedrive.graph.protocol.models import DriveItem

_UNHEARD = {"drop_after", "cut_response_at_0", "cut_response_at_middle", "stall_response", "corrupt_response"}
"""What keeps the answer to a request that was done from its client."""
_GONE = {"status_401", "status_403", "status_404"}
"""What says of an upload session that it is gone, or that nobody may reach it any more."""


class Everything(logging.Handler):
    """A context manager that keeps all that is logged, as text and as records, and lets nobody else have it.

    Of thousands of scenarios the logs would fill pytest's reports.
    """

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []
        self.lines: list[str] = []

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)
        self.lines.append(self.format(record))

    def __enter__(self) -> Self:
        root = logging.getLogger()
        loggers = [root, *map(logging.getLogger, ("httpx", "httpcore", "msal", "airflow_provider_onedrive"))]
        self._levels = [(logger, logger.level) for logger in loggers]
        for logger in loggers:
            logger.setLevel(logging.DEBUG)
        self._others, root.handlers = root.handlers, [self]
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger().handlers = self._others
        for logger, level in self._levels:
            logger.setLevel(level)


@dataclass
class Trial:
    """One scenario on its scene.

    :param secrets: what must not be shown; it grows with every token.
    """

    scene: Scene
    scenario: Scenario
    secrets: list[str]
    logged: Everything = field(default_factory=Everything)
    result: Any = None
    error: OneDriveError | None = None
    rules: list[tuple[Met, Rule]] = field(default_factory=list)
    tries: int = 0

    @property
    def operation(self) -> Operation:
        return self.scenario.operation

    def run(self) -> None:
        """Try it; where it fails try it once more when the faults are over. All of it is checked."""
        with self.logged:
            self.operation.prepare(self.scene)
            self._begin()
            self._try()
        self.check()
        if self.error is not None and not (self.is_expected or self.is_spoilt or self.is_edited):
            self._end_faults()
            with self.logged:
                self._try()
            self.check_second_try()

    def _begin(self) -> None:
        self.operation.let_it_happen(self.scene)
        for name, value in self.scenario.quirks.items():
            setattr(self.scene.emulator.quirks, name, value)
        add = self.scene.emulator.faults.add
        self.rules = [(met, add(**met.rule)) for met in self.scenario.meets]

    def _end_faults(self) -> None:
        self.scene.emulator.faults.clear()
        cooldown.forget_all()  # it is later
        self.scene.emulator.quirks.replace_by(Quirks())
        self.operation.let_it_happen(self.scene)

    def _try(self) -> None:
        timeout = {"timeout_seconds": STALL_SECONDS} if self.scenario.is_stalled and not self.tries else {}
        self.result, self.error = None, None
        try:
            self.result = self.operation.act(self.scene, self.scene.connect(**timeout), self.tries > 0)
        except OneDriveError as error:
            self.error = error
        self.tries += 1

    @property
    def is_expected(self) -> bool:
        """Whether it ended as it does when nothing goes wrong."""
        is_taken_for_ours = self.operation.may_be_ours and any(rule.hits for _, rule in self.rules)
        return type(self.error) is (self.operation.raises or type(None)) or (is_taken_for_ours and self.error is None)

    @property
    def is_spoilt(self) -> bool:
        """Whether other bytes arrived than were sent, so that a file may hold those, of which we are told."""
        return any(met.spoils_content and rule.hits for met, rule in self.rules)

    @property
    def is_edited(self) -> bool:
        """Whether somebody else changed the file, so that it is rightly refused for good."""
        return isinstance(self.error, PreconditionFailed) and "editor_opens" in self.scenario.quirks

    @property
    def is_lied_to(self) -> bool:
        """Whether it was told that an item is not there, which was the question or is as good as what was wanted.

        Of a walk a folder that has gone since it was found is left out.
        """
        missing = {met.step.operation for met, rule in self.rules if rule.hits and met.case.name == "status_404"}
        if isinstance(self.operation.result, bool):
            return "get" in missing
        return bool(missing & ({"children"} if self.operation.name == "walk" else {"delete", "permanent_delete"}))

    def check(self) -> None:
        self._check_words()
        self._check_others()
        if self.scenario.is_survived:
            assert self.is_expected, f"it was to be survived: {self.error!r}"
        if self.is_expected:
            self._check_end()
        else:
            assert self.error is not None, f"it was to end in {self.operation.raises}, and returned {self.result}"
            self._check_nothing_lost()
        self._check_versions(more=1 if self.is_spoilt or "hash_missing_reads" in self.scenario.quirks else 0)
        self._check_sessions()

    def check_second_try(self) -> None:
        """When the faults are over the next try ends as the first would have."""
        self._check_words()
        self._check_others()
        assert self.is_expected, f"the second try ended in {self.error!r}"
        self._check_end()
        self._check_versions(more=1)

    def _check_words(self) -> None:
        """An error says what was tried and where, and shows no secret; nor does the log."""
        shown = self.logged.text
        if (error := self.error) is not None:
            assert error.operation, repr(error)
            assert error.location, repr(error)
            assert f"Cannot {error.operation} {error.location}: " in str(error)
            assert error.location.startswith("myfiles/"), error.location
            shown += "".join(traceback.format_exception(error)) + repr(error) + str(error.to_dict())
            assert str(pickle.loads(pickle.dumps(error))) == str(error)
        found = [secret for secret in self.secrets if secret in shown]
        assert not found, [line for line in shown.splitlines() for secret in found if secret in line][:3]
        loud = [record.getMessage() for record in self.logged.records if record.levelno >= logging.ERROR]
        assert not loud

    def _check_others(self) -> None:
        """What is beside and what is sent is untouched, and no token went where none belongs."""
        drive = self.scene.drive
        for path, content in self.operation.drive_before.items():
            if self.operation.drive_after.get(path, b"") == content is not None:
                assert drive.read(path) == content
        for name, content in NEW.items():
            assert self.scene.source(name).read_bytes() == content
        assert self.scene.emulator.leaks == []

    def _check_end(self) -> None:
        """Exactly the files are there that should be, and what was returned is the truth."""
        if not self.is_lied_to:
            assert contents(self.scene) == self.operation.drive_after
        assert local_files(self.scene) == self.operation.folder_after
        if self.error is not None:
            return
        if self.operation.result is not None and not self.is_lied_to:
            assert self.result == self.operation.result
        if isinstance(self.result, DriveItem):
            there = self.scene.drive.item(self.result.path)
            assert (there["id"], there["size"]) == (self.result.id, self.result.size)

    def _check_nothing_lost(self) -> None:
        """The target holds what it held, or all that it should hold; folders may have been made on the way."""
        found, before, after = contents(self.scene), self.operation.drive_before, self.operation.drive_after
        assert {path for path in found if path.endswith("/")} <= {*_with_folders(before), *_with_folders(after)}
        files = _files(found)
        if self.is_spoilt and isinstance(self.error, VerificationFailed):
            assert files.keys() == _files(after).keys()
        else:
            assert files in (_files(before), _files(after))
        local = {name: content for name, content in local_files(self.scene).items() if not _is_part(name)}
        assert local == self.operation.folder_before

    def _check_versions(self, more: int) -> None:
        drive = self.scene.drive
        for path in _files(contents(self.scene)):
            most = self.operation.versions.get(path, 1)
            is_ours = path not in self.operation.drive_before or path in self.operation.versions
            assert drive.version_count(path) <= most + (more if is_ours else 0), path

    def _check_sessions(self) -> None:
        """No upload session is left open, but those that nobody could end."""
        # Nobody can end a session whose URL has expired, or is not visible yet.
        out_of_reach = {"tempauth_seconds", "session_invisible_uses"} & self.scenario.quirks.keys()
        if not (out_of_reach and self.error):
            excused = sum(rule.hits for met, rule in self.rules if _is_excused(met))
            assert len(self.scene.emulator.state.sessions) <= excused


def contents(scene: Scene) -> dict[str, bytes | None]:
    """Return what is in the drive; of folders only the empty ones, as operations say it."""
    files: dict[str, bytes | None] = dict(scene.drive.read_all())
    folders = {path: None for path in scene.drive.paths() if path.endswith("/")}
    return files | {path: None for path in folders if not any(_is_below(each, path) for each in (*files, *folders))}


def local_files(scene: Scene) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in scene.target.parent.iterdir()}


def _is_below(path: str, folder: str) -> bool:
    return path != folder and path.startswith(folder)


def _files(found: Contents) -> dict[str, bytes | None]:
    return {path: content for path, content in found.items() if not path.endswith("/")}


def _with_folders(found: Mapping[str, Any]) -> set[str]:
    """Return the paths, and those of all folders that they lead through."""
    parts = [path.rstrip("/").split("/") for path in found]
    above = {"/".join(names[:count]) + "/" for names in parts for count in range(1, len(names))}
    return {*found, *above}


def _is_part(name: str) -> bool:
    return name.startswith(".") and name.endswith((".part", ".map"))


def _is_excused(met: Met) -> bool:
    """Whether it hides a session from its client, or keeps it from ending one."""
    if met.step.operation == "create_session":
        return met.case.name in _UNHEARD
    return met.step.operation == "session_cancel" or (met.step.operation == "session_status" and met.case.name in _GONE)
