"""The loggers of this package: where a deployment hides the names of files, no line that they write has one."""

from __future__ import annotations

import logging
import traceback

from airflow_provider_onedrive.graph.protocol.hidden_names import hidden_names


class HideNames(logging.Filter):
    """Replaces the names in a record, and in the traceback of its error."""

    def filter(self, record: logging.LogRecord) -> bool:
        if not hidden_names.is_on:
            return True
        plain = record.getMessage()
        if (text := hidden_names.without_names(plain)) != plain:
            record.msg, record.args = text, ()
        if isinstance(record.exc_info, tuple) and record.exc_info[1] is not None:
            # As text, because the causes of an error are shown by whatever formats the record.
            traceback_text = "".join(traceback.format_exception(record.exc_info[1])).rstrip()
            record.msg, record.args = f"{text}\n{hidden_names.without_names(traceback_text)}", ()
            record.exc_info = None
        return True


_hide_names = HideNames()


def logger(name: str) -> logging.Logger:
    """Return the logger of a module of this package."""
    log = logging.getLogger(name)
    # To each by itself, because a filter does not reach child loggers; adding it twice changes nothing.
    log.addFilter(_hide_names)
    return log
