"""The connection form in a real Airflow and a real browser: every field with its help; made by hand, saved, tested."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_onedrive.get_provider_info import get_provider_info
from demo.rest import RestClient
from demo.settings import USER
from demo.standalone import Standalone, standalone

ROOT = Path(__file__).parents[2]
BROWSER = ROOT / ".venv-browser/bin/python"

# A limit against hanging: the waiting ends earlier where nothing happens any more.
pytestmark = pytest.mark.timeout(7200)


@pytest.fixture
def airflow(onedrive_emulator: Any, tmp_path: Path) -> Iterator[Standalone]:
    """Run Airflow with connection tests allowed, and without a connection."""
    environment = {**onedrive_emulator.environment, "AIRFLOW__CORE__TEST_CONNECTION": "Enabled"}
    del environment["AIRFLOW_CONN_ONEDRIVE_DEFAULT"]
    (tmp_path / "dags").mkdir()
    with (
        standalone(tmp_path / "dags", environment, [onedrive_emulator.client_secret]) as running,
        RestClient(running) as rest,
    ):
        rest.wait_until_healthy()
        yield running


def test_connection_form_is_filled_saved_and_tested(onedrive_emulator: Any, airflow: Standalone) -> None:
    """Somebody fills it in, saves it, and presses the button that tests it."""
    connection = json.loads(onedrive_emulator.connection)
    task = {
        "url": airflow.url,
        "user": USER,
        "password": airflow.password,
        "login": connection["login"],
        "secret": connection["password"],
        "extra": connection["extra"],
        "screenshot": os.environ.get("ONEDRIVE_SCREENSHOT"),
    }
    script = Path(__file__).with_name("form.py")
    done = subprocess.run([BROWSER, script], input=json.dumps(task), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:] + airflow.output(20)
    seen = json.loads(done.stdout)
    shown = "\n".join(seen["sections"].values())
    fields: Any = get_provider_info()["connection-types"]
    for name, field in fields[0]["conn-fields"].items():
        assert field["label"] in shown, name
        assert field["description"] in shown, name
    assert seen["result"]["answer"]["status"] is True, seen["result"]
    assert "myfiles: It is https://localhost" in seen["result"]["answer"]["message"]
    assert "Success" in seen["result"]["page"]
    assert connection["password"] not in done.stdout
