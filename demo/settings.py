"""The settings of the demo's Airflow: private to this machine and user, and patient.

https://airflow.apache.org/docs/apache-airflow/stable/configurations-ref.html
"""

from __future__ import annotations

import base64
import os
import secrets
import sys
from pathlib import Path

USER = "admin"
# Of the caller's environment: another Airflow's settings, Python settings that change what is imported, and proxies,
# for all that is talked to is on this machine.
NOT_INHERITED = (
    *("AIRFLOW_", "PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONWARNINGS", "PYTHONDONTWRITEBYTECODE"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
)
# Airflow ends tasks, DAG files and heartbeats that are slow. On a busy machine all of them are, and none hangs.
PATIENT = {
    "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "3600",
    "AIRFLOW__CORE__TASK_SUCCESS_OVERTIME": "3600",
    "AIRFLOW__DATABASE__MAX_DB_RETRIES": "20",
    "AIRFLOW__DAG_PROCESSOR__DAG_FILE_PROCESSOR_TIMEOUT": "3600",
    "AIRFLOW__DAG_PROCESSOR__STALE_DAG_THRESHOLD": "3600",
    "AIRFLOW__DAG_PROCESSOR__HEALTH_CHECK_THRESHOLD": "3600",
    "AIRFLOW__EXECUTION_API__JWT_EXPIRATION_TIME": "86400",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "3600",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "3600",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT": "86400",
    # A triggerer's own threshold stays at 30 s: after it, another one takes over the triggers of one that was killed.
    "AIRFLOW__TRIGGERER__RUNNER_HEALTH_CHECK_THRESHOLD": "0",
    # A request that was given up and sent again finds its task running already, and fails it.
    "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "1800",
    "AIRFLOW__WORKERS__EXECUTION_API_RETRIES": "60",
    "AIRFLOW__WORKERS__EXECUTION_API_RETRY_WAIT_MAX": "10",
    "AIRFLOW__WORKERS__MAX_FAILED_HEARTBEATS": "1000",
    "AIRFLOW__WORKERS__SOCKET_CLEANUP_TIMEOUT": "3600",
}
DATABASE_LOCK_SECONDS = 600


def settings(home: Path, dags: Path, port: int) -> dict[str, str]:
    """Return Airflow's settings as variables of its environment."""
    url = f"http://127.0.0.1:{port}"
    return {
        **PATIENT,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__FERNET_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "AIRFLOW__CORE__HOSTNAME_CALLABLE": "socket.gethostname",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "passwords.json"),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db?timeout={DATABASE_LOCK_SECONDS}",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API__SECRET_KEY": secrets.token_urlsafe(32),
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_urlsafe(64),
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "PATH": os.pathsep.join([str(home / "bin"), str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
        "TMPDIR": str(home / "t"),
        "NO_PROXY": "*",
        # Without it macOS ends a forked process that touches its networking classes.
        "OBJC_DISABLE_INITIALIZE_FORK_SAFETY": "YES",
    }


def inherited_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.upper().startswith(NOT_INHERITED)}
