"""What is installed from the built wheel."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from patience import HANG_SECONDS

ROOT = Path(__file__).parent.parent
PACKAGE = "airflow_provider_onedrive"


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(target), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True, text=True)
    (built,) = target.glob("*.whl")
    return built


@pytest.fixture
def installed(wheel: Path, tmp_path: Path) -> Path:
    """The wheel's content as it would lie in site-packages."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    return tmp_path / "site"


def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def run_with(installed: Path, tmp_path: Path, code: str, **environment: str) -> str:
    """Run a program that finds the wheel's content before anything else."""
    home = {"AIRFLOW_HOME": str(tmp_path / "home"), "PYTHONPATH": str(installed), **environment}
    command = [sys.executable, "-c", code]
    ended = subprocess.run(
        command, cwd=tmp_path, env=os.environ | home, capture_output=True, text=True, timeout=HANG_SECONDS, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_airflow_and_pytest_find_their_parts(wheel: Path) -> None:
    """The entry points of Airflow and of pytest are declared."""
    with zipfile.ZipFile(wheel) as archive:
        (entry_points,) = (name for name in archive.namelist() if name.endswith("entry_points.txt"))
        text = archive.read(entry_points).decode()
    assert f"[apache_airflow_provider]\nprovider_info = {PACKAGE}.get_provider_info:get_provider_info" in text
    assert f"[pytest11]\n{PACKAGE} = {PACKAGE}.emulator.plugin" in text


def test_every_module_is_in_it(wheel: Path) -> None:
    """Nothing of the package is left out, the mark of a typed package included."""
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / PACKAGE).rglob("*.py")}
    assert modules | {f"{PACKAGE}/py.typed"} <= names(wheel)


def test_example_dags_are_in_it(wheel: Path) -> None:
    """The examples lie where Airflow looks for a provider's."""
    examples = {f"{PACKAGE}/example_dags/{path.name}" for path in (ROOT / "example_dags").glob("*.py")}
    assert examples
    assert examples <= names(wheel)


def test_nothing_else_is_in_it(wheel: Path) -> None:
    """No tests, no demo, no rubbish: only the package, its metadata and its licence."""
    tops = {name.split("/")[0] for name in names(wheel)}
    assert {top for top in tops if not top.endswith(".dist-info")} == {PACKAGE}
    assert not [name for name in names(wheel) if "test" in name.lower() or "__pycache__" in name]
    assert any(name.endswith("licenses/LICENSE") for name in names(wheel))


@pytest.mark.airflow3
def test_airflow_makes_a_bundle_of_the_examples(installed: Path, tmp_path: Path) -> None:
    """Airflow offers the provider's example DAGs when it loads examples, and can read them."""
    code = (
        "from airflow.dag_processing.bundles.manager import DagBundlesManager\n"
        "from airflow.dag_processing.dagbag import DagBag\n"
        "bundles = {bundle.name: bundle for bundle in DagBundlesManager().get_all_dag_bundles()}\n"
        "path = bundles['airflow-provider-onedrive-example-dags'].path\n"
        "bag = DagBag(str(path))\n"
        "print(path)\n"
        "print(sorted(bag.dags), bag.import_errors)\n"
    )
    output = run_with(installed, tmp_path, code, AIRFLOW__CORE__LOAD_EXAMPLES="True").splitlines()
    names = sorted(path.stem for path in (ROOT / "example_dags").glob("*.py"))
    assert output[-2:] == [str(installed / PACKAGE / "example_dags"), f"{names} {{}}"]
