"""``python -m airflow_provider_onedrive.emulator`` is ``airflow-onedrive emulator``."""

from __future__ import annotations

import sys

from airflow_provider_onedrive.emulator.command_line import main

if __name__ == "__main__":
    sys.exit(main())
