"""Errors are made whole, and nothing changes or swallows them on their way; read from the code of the package."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import airflow_provider_onedrive
from airflow_provider_onedrive.graph.protocol import errors

ROOT = Path(airflow_provider_onedrive.__file__).parent
ERRORS = Path(errors.__file__)
FIELDS = {*vars(errors.GraphError("x")), "is_retryable", "default_advice"}
OUTERMOST = {
    "triggers/base.py": "Airflow shows an error of a trigger in the triggerer's log only",
    "triggers/changes.py": "Airflow restarts a trigger that has ended every two seconds, for ever",
}
"""The files with the outermost line of a trigger: the only one that may catch every exception."""


def trees() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(ROOT.rglob("*.py")):
        if path != ERRORS and "emulator" not in path.relative_to(ROOT).parts:
            yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)))


def changed(node: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield object and attribute of each assignment to an attribute, by whatever means."""
    targets = [node, *getattr(node, "targets", ())] if isinstance(node, (ast.Assign, ast.Delete)) else [node]
    if isinstance(node, (ast.AugAssign, ast.AnnAssign)):
        targets.append(node.target)
    for target in targets:
        for part in ast.walk(target):
            if isinstance(part, ast.Attribute) and isinstance(part.ctx, (ast.Store, ast.Del)):
                yield ast.unparse(part.value), part.attr
    if isinstance(node, ast.Call):
        called, given = ast.unparse(node.func), [ast.unparse(each) for each in node.args]
        if called in ("setattr", "delattr", "object.__setattr__"):
            yield given[0], given[1].strip("'")
        if called.startswith(("vars(", "self.__dict__")) and called.endswith(".update"):
            yield called.removeprefix("vars(").removesuffix(").update"), "*"


def changes_of_errors(tree: ast.AST) -> Iterator[int]:
    """Yield the lines that change a caught exception, or a field of an error that came by another name."""
    for function in functions(tree):
        caught = {node.name for node in ast.walk(function) if isinstance(node, ast.ExceptHandler)}
        for node in ast.walk(function):
            for name, attribute in changed(node):
                if name in caught or (attribute in FIELDS and name != "self"):
                    yield node.lineno


def catches_everything(handler: ast.ExceptHandler) -> bool:
    """Return whether a handler takes every exception and does not raise it again."""
    names = {node.id for node in ast.walk(handler.type) if isinstance(node, ast.Name)} if handler.type else {"all"}
    ends = handler.body[-1]
    is_raised = isinstance(ends, ast.Raise) and ends.exc is None
    return bool(names & {"all", "Exception", "BaseException"}) and not is_raised


def test_no_error_is_changed_on_its_way() -> None:
    """An error may be shared: ``about``, ``with_advice`` and ``of`` return copies."""
    assert [(file, line) for file, tree in trees() for line in changes_of_errors(tree)] == []


def test_nothing_below_a_trigger_catches_every_exception() -> None:
    """A bug that is caught is a bug that nobody sees."""
    handlers = [
        file
        for file, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler) and catches_everything(node)
    ]
    assert handlers == sorted(OUTERMOST)


@pytest.mark.parametrize(
    "line",
    [
        "error.advice = 'x'",
        "error.advice, other = 'x', 1",
        "error.anything += 'x'",
        "held.advice = 'x'",
        "setattr(error, 'advice', 'x')",
        "vars(error).update(message='x')",
        "del error.advice",
    ],
)
def test_the_test_finds_every_change(line: str) -> None:
    """Each way to change an error is seen; one that changes something else is not."""
    code = "def f():\n  try:\n    g()\n  except ValueError as error:\n    {}\n    raise"
    assert list(changes_of_errors(ast.parse(code.format(line))))
    assert not list(changes_of_errors(ast.parse(code.format("self.advice = other.count = error.advice"))))
