"""Reads the arguments of the program."""

from __future__ import annotations

import argparse
from typing import NoReturn

from airflow_provider_onedrive.graph.protocol.redaction import presentable, printable


class ArgumentParser(argparse.ArgumentParser):
    """Quotes a wrong argument as an error may show it: a location may be a sharing link."""

    def error(self, message: str) -> NoReturn:
        super().error(printable(presentable(message)))
