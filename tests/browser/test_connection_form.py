"""The connection form in a real Airflow and a real browser: every field with its help; made by hand, saved, tested."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from airflow_provider_onedrive.get_provider_info import get_provider_info
from demo.standalone import USER, Standalone, standalone

ROOT = Path(__file__).parents[2]
BROWSER = ROOT / ".venv-browser/bin/python"
START_SECONDS = 180

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


@pytest.fixture
def airflow(onedrive_emulator: Any, tmp_path: Path) -> Iterator[Standalone]:
    """Run Airflow with connection tests allowed, and without a connection."""
    environment = {**onedrive_emulator.environment, "AIRFLOW__CORE__TEST_CONNECTION": "Enabled"}
    del environment["AIRFLOW_CONN_ONEDRIVE_DEFAULT"]
    (tmp_path / "dags").mkdir()
    with standalone(tmp_path / "dags", environment, [onedrive_emulator.client_secret]) as running:
        wait_until_up(running)
        yield running


def wait_until_up(running: Standalone) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        assert running.is_running(), running.output(40)
        try:
            if httpx.get(f"{running.url}/api/v2/monitor/health", trust_env=False).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.5)
    raise AssertionError(running.output(40))


def test_the_form(onedrive_emulator: Any, airflow: Standalone) -> None:
    """Somebody fills it in, saves it, and presses the button that tests it."""
    known = json.loads(onedrive_emulator.connection)
    work = {
        "url": airflow.url,
        "user": USER,
        "password": airflow.password,
        "login": known["login"],
        "secret": known["password"],
        "extra": known["extra"],
        "screenshot": os.environ.get("ONEDRIVE_SCREENSHOT"),
    }
    script = Path(__file__).with_name("form.py")
    done = subprocess.run(
        [BROWSER, script], input=json.dumps(work), capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:] + airflow.output(20)
    seen = json.loads(done.stdout)
    shown = "\n".join(seen["sections"].values())
    fields: Any = get_provider_info()["connection-types"]
    for name, field in fields[0]["conn-fields"].items():
        assert field["label"] in shown, name
        assert field["description"] in shown, name
    assert seen["said"]["answer"]["status"] is True, seen["said"]
    assert "myfiles: It is https://localhost" in seen["said"]["answer"]["message"]
    assert "Success" in seen["said"]["page"]
    assert known["password"] not in done.stdout
