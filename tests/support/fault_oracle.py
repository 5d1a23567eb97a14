"""What has to be true when an operation has met faults, however it ended."""

from __future__ import annotations

import logging
import pickle
import re
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fault_cases import READS
from fault_evidence import Everything, contents, files_of, is_in_bin, is_part, local_files, with_folders
from fault_scenarios import STALL_SECONDS, Met, Scenario
from fault_scene import BYSTANDERS, ELSEWHERE, NEW, Contents, Operation, Scene

from airflow_provider_onedrive.emulator.faults import Quirks, Rule
from airflow_provider_onedrive.graph.http import cooldown
from airflow_provider_onedrive.graph.protocol.errors import (
    DriveNotFound,
    FilesFailed,
    FilesRefused,
    OneDriveError,
    PreconditionFailed,
    VerificationFailed,
)
from airflow_provider_onedrive.graph.protocol.models import DriveItem

BELIEVED_404S = 2
"""More of them in a row, and an item counts as gone."""
HASH_READS = 10
"""Nobody waits for the hash of a file for more reads."""
_UNHEARD = {
    *("drop_after", "cut_response_at_0", "cut_response_at_middle", "stall_response", "corrupt_response"),
    *("says_202_done", "says_204_done", "empty_answer"),
}
"""What keeps the answer to a request that was done from its client."""
_GONE = {"status_401", "status_403", "status_404"}
"""What says of an upload session that it is gone, or that nobody may reach it any more."""


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
        self.result, self.error, self.scene.report = None, None, None
        client = self.scene.connect(**timeout)
        if not (self.scenario.signs_in or self.tries):
            self.scene.sign_in(client)
        try:
            self.result = self.operation.act(self.scene, client, self.tries > 0)
        except OneDriveError as error:
            self.error = error
        self.scene.emulator.finish_copies()  # of which nobody may have waited for the end
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
        """Whether reads said so often that an item is not there that it has to be believed.

        One or two such answers prove nothing, nor does what a write says.
        """
        denials = [(met, rule) for met, rule in self.rules if met.case.name == "status_404"]
        hits = sum(rule.hits for met, rule in denials if met.step.operation in READS)
        is_quirk = any(name.startswith("missing_") for name in self.scenario.quirks)
        is_believed = hits > BELIEVED_404S or bool(hits and is_quirk)
        return is_believed and self.tries == 1  # the lies end with the first try

    def check(self) -> None:
        self._check_words()
        self._check_others()
        assert not isinstance(self.error, DriveNotFound) or self.is_lied_to
        if self.scenario.is_survived:
            assert self.is_expected, f"it was to be survived: {self.error!r}"
        if self.is_expected:
            self._check_end()
        else:
            assert self.error is not None, f"it was to end in {self.operation.raises}, and returned {self.result}"
            self._check_nothing_lost()
        self._check_versions(more=self._more_versions)
        self._check_sessions()
        self._check_claims()

    @property
    def _more_versions(self) -> int:
        """How many versions a file may have more than it should, because nobody could see that it was there."""
        if "invisible_reads" in self.scenario.quirks:
            return sum(rule.hits for met, rule in self.rules if met.case.name in _UNHEARD)
        return 1 if self.is_spoilt or "hash_missing_reads" in self.scenario.quirks else 0

    def check_second_try(self) -> None:
        """When the faults are over the next try ends as the first would have."""
        self._check_words()
        self._check_others()
        assert self.is_expected, f"the second try ended in {self.error!r}"
        self._check_end()
        self._check_versions(more=1 + self._more_versions)
        self._check_claims()

    def _check_claims(self) -> None:
        """What a report says is true, and nothing is lost for good."""
        self._check_kept()
        if self.operation.check and not self.is_lied_to:
            self.operation.check(self.scene, self.operation)

    def _check_words(self) -> None:
        """An error says what was tried and where, and shows no secret; nor does the log."""
        shown = self.logged.text
        if (error := self.error) is not None:
            self._check_names(error)
            shown += "".join(traceback.format_exception(error)) + repr(error) + str(error.to_dict())
            assert str(pickle.loads(pickle.dumps(error))) == str(error)
        found = [secret for secret in self.secrets if secret in shown]
        assert not found, [line for line in shown.splitlines() for secret in found if secret in line][:3]
        loud = [record for record in self.logged.records if record.levelno >= logging.ERROR]
        assert not [record.getMessage() for record in loud if not record.name.startswith("msal.")]

    @staticmethod
    def _check_names(error: OneDriveError) -> None:
        if isinstance(error, (FilesFailed, FilesRefused)):
            # Of many files each has its own error, with its path.
            assert re.match(r"\d+ files could not be \w+, \d+ could: .*", str(error)), str(error)
            return
        assert error.operation, repr(error)
        assert error.location, repr(error)
        assert f"Cannot {error.operation} {error.location}: " in str(error)
        assert error.location.startswith(("myfiles/", "users/")), error.location

    def _check_others(self) -> None:
        """What is beside and what is sent is untouched, and no token went where none belongs."""
        for path, content in self.operation.drive_before.items():
            if self.operation.drive_after.get(path, b"") == content is not None and not self._may_be_between(path):
                drive, below = self.scene.find(path)
                assert drive.read(below) == content
        for name, content in NEW.items():
            assert self.scene.source(name).read_bytes() == content
        assert self.scene.emulator.leaks == []

    def _may_be_between(self, path: str) -> bool:
        return any(path not in between for between in self.operation.drive_between)

    def _check_kept(self) -> None:
        """What was there and is to be there is somewhere at any time; all else that has gone can be restored."""
        operation = self.operation
        there = {*files_of(contents(self.scene)).values(), *local_files(self.scene).values()}
        wanted = {*operation.drive_after.values(), *operation.folder_after.values()}
        before = files_of(operation.drive_before)
        assert {*before.values(), *operation.folder_before.values()} & wanted <= there
        gone = {path for path, content in before.items() if content not in there}
        if not operation.is_permanent:
            assert all(is_in_bin(self.scene, path) for path in gone - operation.versions.keys())

    def _check_end(self) -> None:
        """Exactly the files are there that should be, and what was returned is the truth."""
        if self.is_lied_to:
            self._check_nothing_lost()
        else:
            assert self._without_doubles(contents(self.scene)) in self._right_contents()
            assert local_files(self.scene) == self.operation.folder_after | self._kept(self.operation.folder_before)
        if self.error is not None:
            return
        if self.operation.result is not None and not self.is_lied_to:
            assert self.result == self.operation.result
        if isinstance(self.result, DriveItem):
            self._check_item(self.result)

    def _without_doubles(self, found: dict[str, bytes | None]) -> Contents:
        """Leave out what was sent again under the next name, because nobody could tell it from another file."""
        is_hidden = self.scenario.quirks.get("hash_missing_reads", 0) > HASH_READS
        is_unheard = any(rule.hits and met.case.name in _UNHEARD for met, rule in self.rules)
        if not (self.operation.numbered and is_hidden and is_unheard):
            return found
        after = self.operation.drive_after
        return after | {path: content for path, content in found.items() if content not in after.values()}

    def _right_contents(self) -> list[Contents]:
        operation = self.operation
        after = operation.drive_after
        if kept := self._kept(operation.drive_before):
            after = {path: content for path, content in after.items() if content is not None} | kept
        # A name that was refused is taken, whoever said so.
        is_refused = any(rule.hits and met.case.name == "status_409" for met, rule in self.rules)
        return [after, BYSTANDERS | dict(operation.numbered)] if operation.numbered and is_refused else [after]

    def _kept(self, sources: Contents) -> dict[str, bytes | None]:
        """Return the sources of a move that could only be copied, as its report says."""
        kept = {f"tree/{path}" for path, _ in self.scene.report.kept} if self.scene.report else set()
        return {path: content for path, content in sources.items() if path in kept}

    def _check_item(self, item: DriveItem) -> None:
        start = "" if item.drive_id == self.scene.drive.id else ELSEWHERE
        there = self.scene.find(start)[0].item(item.path)
        assert there["id"] == item.id
        assert item.size in (there["size"], None)

    def _check_nothing_lost(self) -> None:
        """The target holds what it held, or all that it should hold; folders may have been made on the way."""
        operation, found = self.operation, contents(self.scene)
        before, after = operation.drive_before, operation.drive_after
        assert {path for path in found if path.endswith("/")} <= {*with_folders(before), *with_folders(after)}
        files, local = files_of(found), files_of(local_files(self.scene))
        if self.is_spoilt and isinstance(self.error, (VerificationFailed, FilesFailed)):
            assert files.keys() <= {*files_of(before), *files_of(after)}
        elif operation.is_piecemeal:
            _check_each(files, files_of(before), files_of(after))
        else:
            assert files in [files_of(state) for state in (before, after, *operation.drive_between)]
        local = {path: content for path, content in local.items() if not is_part(path)}
        _check_each(local, operation.folder_before, operation.folder_after if operation.is_piecemeal else {})

    def _check_versions(self, more: int) -> None:
        for path in files_of(contents(self.scene)):
            most = self.operation.versions.get(path, 1)
            is_ours = path not in self.operation.drive_before or path in self.operation.versions
            drive, below = self.scene.find(path)
            assert drive.version_count(below) <= most + (more if is_ours else 0), path

    def _check_sessions(self) -> None:
        """No upload session is left open, but those that nobody could end."""
        # Nobody can end a session whose URL has expired, or is not visible yet.
        out_of_reach = {"tempauth_seconds", "session_invisible_uses"} & self.scenario.quirks.keys()
        if not (out_of_reach and self.error):
            excused = sum(rule.hits for met, rule in self.rules if _is_excused(met))
            assert len(self.scene.emulator.state.sessions) <= excused


def _is_excused(met: Met) -> bool:
    """Whether it hides a session from its client, or keeps it from ending one."""
    if met.step.operation == "create_session":
        return met.case.name in _UNHEARD
    return met.step.operation == "session_cancel" or (met.step.operation == "session_status" and met.case.name in _GONE)


def _check_each(found: Mapping[str, Any], before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """Of many files each is as before, or as after."""
    for path in {*found, *before}:
        states = [state.get(path) for state in (before, after) if state]
        assert found.get(path) in states, path
