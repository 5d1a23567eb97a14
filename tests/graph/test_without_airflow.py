"""graph/, the emulator and the commands work where Airflow is not installed: this environment is such a place."""

from __future__ import annotations

import pkgutil
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec

import pytest

import airflow_provider_onedrive

PACKAGE = airflow_provider_onedrive.__name__
FOLDERS = ("graph", "emulator", "commands")
MODULES = [f"{PACKAGE}.cli"] + [
    module.name
    for folder in FOLDERS
    for module in pkgutil.walk_packages(import_module(f"{PACKAGE}.{folder}").__path__, f"{PACKAGE}.{folder}.")
    if not module.name.endswith("__main__")
]

pytestmark = pytest.mark.skipif(find_spec("airflow") is not None, reason="make test runs it where Airflow is not")


def test_every_module_is_imported_without_airflow() -> None:
    """One process imports them all, so that no other test has loaded anything for them."""
    assert len(MODULES) > 100
    code = f"from importlib import import_module\nfor name in {MODULES!r}: import_module(name)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
