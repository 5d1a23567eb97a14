"""The table of permissions, without a server."""

from __future__ import annotations

import itertools

import pytest

from airflow_provider_onedrive.emulator.tokens.permissions import (
    APPLICATION_PERMISSIONS,
    DELEGATED_PERMISSIONS,
    ROLES,
    Kind,
    Resource,
    allowed,
    any_allowed,
)

OWN, OTHER, SITE, GRANTS = Resource.OWN_DRIVE, Resource.OTHER_DRIVE, Resource.SITE, Resource.SITE_PERMISSIONS

# For each permission and its holder: readable resources, writable resources.
EXPECTED = {
    ("Files.Read", "user"): ({OWN}, set()),
    ("Files.ReadWrite", "user"): ({OWN}, {OWN}),
    ("Files.Read.All", "user"): ({OWN, OTHER}, set()),
    ("Files.Read.All", "app"): ({OWN, OTHER}, set()),
    ("Files.ReadWrite.All", "user"): ({OWN, OTHER}, {OWN, OTHER}),
    ("Files.ReadWrite.All", "app"): ({OWN, OTHER}, {OWN, OTHER}),
    ("Sites.Read.All", "user"): ({OWN, OTHER, SITE}, set()),
    ("Sites.Read.All", "app"): ({OWN, OTHER, SITE}, set()),
    ("Sites.ReadWrite.All", "user"): ({OWN, OTHER, SITE}, {OWN, OTHER, SITE}),
    ("Sites.ReadWrite.All", "app"): ({OWN, OTHER, SITE}, {OWN, OTHER, SITE}),
    ("Sites.Manage.All", "user"): ({OWN, OTHER, SITE}, {OWN, OTHER, SITE}),
    ("Sites.Manage.All", "app"): ({OWN, OTHER, SITE}, {OWN, OTHER, SITE}),
    ("Sites.FullControl.All", "user"): (set(Resource), set(Resource)),
    ("Sites.FullControl.All", "app"): (set(Resource), set(Resource)),
}
NAMES = sorted(APPLICATION_PERMISSIONS | DELEGATED_PERMISSIONS | {"Mail.Read", ""})


@pytest.mark.parametrize(("permission", "holder"), list(itertools.product(NAMES, ["user", "app"])))
def test_table(permission, holder):
    """Each permission grants the access in Microsoft's reference, and nothing else."""
    app_only = holder == "app"
    reads, writes = (
        {resource for resource in Resource if allowed(permission, Kind(resource, writes=writing, app_only=app_only))}
        for writing in (False, True)
    )
    assert (reads, writes) == EXPECTED.get((permission, holder), (set(), set()))


@pytest.mark.parametrize(
    ("roles", "reads", "writes"),
    [
        ([], False, False),
        (["read"], True, False),
        (["write"], True, True),
        (["owner"], True, True),
        (["fullcontrol"], True, True),
        (["nonsense"], False, False),
    ],
)
def test_selected_sites(roles, reads, writes):
    """Sites.Selected grants the roles of the site, to applications and users, but never the right to grant."""
    for app_only, resource in itertools.product((True, False), (OTHER, SITE)):
        assert allowed("Sites.Selected", Kind(resource, writes=False, app_only=app_only), roles) is reads
        assert allowed("Sites.Selected", Kind(resource, writes=True, app_only=app_only), roles) is writes
    assert not allowed("Sites.Selected", Kind(GRANTS, writes=False, app_only=True), roles)


def test_roles_count_for_selected_sites_only():
    """Roles of a site do not count without Sites.Selected."""
    assert not allowed("Files.Read", Kind(OTHER, writes=False, app_only=False), list(ROLES))


def test_permissions_add_up():
    """One permission that is enough is enough."""
    kind = Kind(OTHER, writes=True, app_only=True)
    assert any_allowed({"Files.Read.All", "Files.ReadWrite.All"}, kind)
    assert not any_allowed({"Files.Read.All", "Files.Read"}, kind)
    assert not any_allowed((), kind)
