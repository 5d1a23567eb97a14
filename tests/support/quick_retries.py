"""Retries without waiting, for tests that count attempts and not seconds."""

from __future__ import annotations

from airflow_provider_onedrive.graph.protocol.retry import RetryPolicy

QUICK = RetryPolicy(first_wait_seconds=0.001, max_backoff_seconds=0.002, locked_waits_seconds=(0.001,) * 3)
