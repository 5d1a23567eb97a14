"""Plays the cases in a real drive, and compares each with the local OneDrive."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import closing

from airflow_provider_onedrive.verification.case import Case, Observation
from airflow_provider_onedrive.verification.finding import Finding, judge
from airflow_provider_onedrive.verification.reference import expected, is_application
from airflow_provider_onedrive.verification.run import Connections, Played, Run, Target
from airflow_provider_onedrive.verification.workspace import Patience

_OPTIONS = {"sharing": "--with-sharing", "large": "--large"}


class Comparison:
    """One comparison.

    :param cases: all of them; those that need an option are played only if it is among ``needs``.
    :ivar left: after the end or an interruption, the locations of what could not be deleted.
    """

    def __init__(
        self,
        connections: Connections,
        target: Target,
        cases: Sequence[Case],
        *,
        needs: frozenset[str] = frozenset(),
        patience: Patience = Patience(),
    ) -> None:
        self._cases = cases
        self._needs = needs
        self.target = target
        self.settings = connections.client.settings
        self.played = [each for each in cases if self._reason(each) == ""]
        self._run = Run(connections, target, self.played, patience)

    @property
    def left(self) -> Sequence[str]:
        return self._run.left

    @property
    def sends_bytes(self) -> int:
        """How much content is sent, about; as much is fetched."""
        return sum(each.sends_bytes for each in self.played)

    @property
    def is_app(self) -> bool:
        return is_application(self.settings)

    def findings(self) -> Generator[Finding]:
        """Play the cases, and yield what came of each; at the end the folder has gone.

        Close the iterator if it is not read to its end.
        """
        yield from self._skipped()
        local = expected(self.played, self.target.drive_type, is_app=self.is_app)
        with closing(self._run.play()) as run:
            for each in run:
                yield _finding(each, local)

    def _skipped(self) -> Generator[Finding]:
        for each in self._cases:
            if reason := self._reason(each):
                yield Finding(each, "skipped", reason=reason)

    def _reason(self, case: Case) -> str:
        if self.target.drive_type not in case.drives:
            return f"a drive of the kind {self.target.drive_type} does not have it"
        return f"only with {_OPTIONS[case.needs]}" if case.needs and case.needs not in self._needs else ""


def _finding(played: Played, local: Mapping[str, Observation]) -> Finding:
    # A case that the local OneDrive could not play would be a mistake of ours: everything about it differs then.
    return judge(played.case, played.observed, local.get(played.case.name, {}))
