"""The connection's fields that hold locations, read with the connection's own policy on names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError, LocationError
from airflow_provider_onedrive.graph.protocol.location_parser import ROOTS, LocationParser, form_of
from airflow_provider_onedrive.graph.protocol.locations import Location


def parse_myfiles(parser: LocationParser, text: str) -> Location:
    """Read the field ``myfiles``: a user's name or id, or any location of a drive or folder.

    :raises ConfigurationError: naming the field.
    """
    # A principal name has no slash, and every other location of a drive has one.
    location = _parse_field(parser, "myfiles", text if "/" in text else f"users/{text}")
    if location.root in ("myfiles", "shared"):
        raise ConfigurationError(
            f"The connection's field myfiles names {location.root}, which depends on it.",
            advice="Give a user or a drive.",
        )
    return location


def parse_shared(parser: LocationParser, table: Mapping[str, str]) -> dict[str, Location]:
    """Read the field ``shared``: the location that each name stands for.

    :param table: values are locations, sharing links, or a drive id and an item id with a slash between them.
    :raises ConfigurationError: naming the field and the entry.
    """
    locations = {}
    for name, text in table.items():
        # Graph shows ids of drive and item apart, so people join them with a slash.
        is_pair = text.count("/") == 1 and text.split("/")[0].lower() not in ROOTS
        location = _parse_field(parser, f"shared, entry {name!r},", f"items/{text}" if is_pair else text)
        if location.root == "shared" or "/" in name:
            raise ConfigurationError(
                f"The connection's field shared, entry {name!r}, is wrong.",
                advice="Use a name without a slash, and a location that does not begin with shared.",
            )
        locations[name] = location
    return locations


def parse_allowed(parser: LocationParser, texts: Sequence[str]) -> tuple[Location, ...]:
    """Read the field ``allowed_locations``.

    :raises ConfigurationError: naming the field.
    """
    return tuple(_parse_field(parser, "allowed_locations", text) for text in texts)


def _parse_field(parser: LocationParser, name: str, text: str) -> Location:
    try:
        location = parser.parse(text)
    except LocationError as error:
        raise ConfigurationError(f"The connection's field {name} is wrong: {error}") from error
    if location.is_list_of_shared:
        raise ConfigurationError(
            f"The connection's field {name} names no drive or folder.", advice=f"Write {form_of('shared')}."
        )
    return location
