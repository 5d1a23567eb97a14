"""All cases, in the order in which they are played."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType

from airflow_provider_onedrive.verification.case import Case
from airflow_provider_onedrive.verification.cases import (
    event_loops,
    facts_of_changes,
    facts_of_content,
    facts_of_folders,
    facts_of_items,
    folders,
    items,
    relocations,
    sharing,
    uploads,
)

_MODULES = (uploads, items, relocations, folders, event_loops)
_FACTS = (facts_of_items, facts_of_folders, facts_of_content, facts_of_changes, sharing)


def _cases_of(module: ModuleType) -> Iterator[Case]:
    return (each for each in vars(module).values() if isinstance(each, Case))


CASES: tuple[Case, ...] = tuple(each for module in (*_MODULES, *_FACTS) for each in _cases_of(module))
