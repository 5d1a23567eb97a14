"""Writes the reports of the local OneDrive in tests/emulator/recorded: `make recorded`."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from airflow_provider_onedrive import cli
from airflow_provider_onedrive.emulator import Emulator

FOLDER = Path(__file__).parents[1] / "tests" / "emulator" / "recorded"


def record(personality: Any) -> int:
    """Compare the local OneDrive with itself: as an application for work or school, as the user of a personal drive."""
    with Emulator(personality=personality) as emulator, tempfile.TemporaryDirectory() as folder:
        # Else the deployment forbids some cases.
        os.environ.update(emulator.environment, AIRFLOW__ONEDRIVE__ALLOW="permanent_delete")
        connection = json.loads(emulator.connection)
        if personality == "personal":
            extra = {name: connection["extra"][name] for name in ("graph_url", "authority_url", "ca_certificate")}
            token = emulator.token(emulator.users[0], permissions=("Files.ReadWrite.All",))
            connection = {**extra, "auth": "access_token", "access_token": token}
        path = Path(folder) / "connection.json"
        path.write_text(json.dumps(connection), encoding="utf-8")
        report = FOLDER / f"local-{personality}.json"
        options = ["--folder", "myfiles/", "--with-sharing", "--report", str(report)]
        return cli.main(["verify", "--connection", f"@{path}", *options])


if __name__ == "__main__":
    sys.exit(max(record("business"), record("personal")))
