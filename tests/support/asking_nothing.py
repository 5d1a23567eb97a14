"""Flows that need no answer of Graph's."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from airflow_provider_onedrive.graph.config.settings import Settings
from airflow_provider_onedrive.graph.flows.resolver import Resolver
from airflow_provider_onedrive.graph.protocol.addresses import Address, address_of
from airflow_provider_onedrive.graph.protocol.location_parser import LocationParser
from airflow_provider_onedrive.graph.protocol.locations import Location

PARSER = LocationParser("error")


def no_drive(missing: Exception, drive: str = "/drives/D", *, of_root: bool = False) -> list[tuple[str, Exception]]:
    """Return the three looks at a drive that is not there.

    :param of_root: whether the root itself was not found, so that another kind of request is made each time.
    """
    shapes = [drive if of_root else f"{drive}/root", drive, drive]
    return [(f"GET {shape}?$select=id", missing) for shape in shapes]


def result_of(flow: Generator[Any, Any, Any]) -> Any:
    """Drive a flow to its end; it must ask for nothing."""
    try:
        request = next(flow)
    except StopIteration as end:
        return end.value
    raise AssertionError(f"it asks for {request.method} {request.url}")


def locate(place: Location) -> Generator[Any, Any, Address]:
    """Locate without a connection."""
    return address_of(place)
    yield


def own_address(location: str, myfiles: Location | None) -> Address:
    """Locate on a connection with this ``myfiles``."""
    hosts = "https://graph.microsoft.com", "https://login.microsoftonline.com"
    settings = Settings("access_token", *hosts, scopes=(), myfiles=myfiles)
    address: Address = result_of(Resolver(settings).locate(PARSER.parse(location)))
    return address
