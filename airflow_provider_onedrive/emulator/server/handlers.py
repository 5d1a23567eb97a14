"""All handlers, each built from the parts of the state that it uses."""

from __future__ import annotations

from airflow_provider_onedrive.emulator.access.authorization import Authorization
from airflow_provider_onedrive.emulator.access.permission_views import PermissionViews
from airflow_provider_onedrive.emulator.changes.delta import Delta
from airflow_provider_onedrive.emulator.entra import clouds
from airflow_provider_onedrive.emulator.entra.clients import Clients
from airflow_provider_onedrive.emulator.entra.discovery import Discovery
from airflow_provider_onedrive.emulator.entra.endpoints import EntraEndpoints
from airflow_provider_onedrive.emulator.entra.grants import Grants
from airflow_provider_onedrive.emulator.entra.managed_identity import ManagedIdentity
from airflow_provider_onedrive.emulator.items.children import Children
from airflow_provider_onedrive.emulator.items.copies import Copies
from airflow_provider_onedrive.emulator.items.drive_moves import DriveMoves
from airflow_provider_onedrive.emulator.items.permissions import ItemPermissions
from airflow_provider_onedrive.emulator.items.previews import Previews
from airflow_provider_onedrive.emulator.items.projection import Projection
from airflow_provider_onedrive.emulator.items.recycling import Recycling
from airflow_provider_onedrive.emulator.items.requests import ItemRequests
from airflow_provider_onedrive.emulator.items.search import Search
from airflow_provider_onedrive.emulator.items.search_query import SearchQuery
from airflow_provider_onedrive.emulator.items.shortcuts import Shortcuts
from airflow_provider_onedrive.emulator.items.versions import Versions
from airflow_provider_onedrive.emulator.pages.page import Pages
from airflow_provider_onedrive.emulator.server.state import ServerState
from airflow_provider_onedrive.emulator.sites.drives import Drives
from airflow_provider_onedrive.emulator.sites.list_items import ListItems
from airflow_provider_onedrive.emulator.sites.people import People
from airflow_provider_onedrive.emulator.sites.segments import SiteRouter
from airflow_provider_onedrive.emulator.sites.shared_with_me import SharedWithMe
from airflow_provider_onedrive.emulator.sites.shares import Shares
from airflow_provider_onedrive.emulator.sites.site_addresses import SiteAddresses
from airflow_provider_onedrive.emulator.sites.site_permissions import SitePermissions
from airflow_provider_onedrive.emulator.sites.site_requests import SiteRequests
from airflow_provider_onedrive.emulator.sites.special import SpecialFolders
from airflow_provider_onedrive.emulator.transfers.commits import Commits
from airflow_provider_onedrive.emulator.transfers.content import ContentRequests
from airflow_provider_onedrive.emulator.transfers.downloads import Downloads
from airflow_provider_onedrive.emulator.transfers.fragments import Fragments
from airflow_provider_onedrive.emulator.transfers.held_names import HeldNames
from airflow_provider_onedrive.emulator.transfers.uploads import Uploads


class Handlers:
    """The handlers of one state. A handler that needs another collaborator gets it here."""

    def __init__(self, state: ServerState) -> None:
        self.authorization = Authorization(state.rights, state.site_grants)
        self.permission_views = PermissionViews(state.store_url, state.tenant)
        self.projection = Projection(state.views, self.permission_views, state.options, state.quirks)
        self._add_items(state)
        self._add_transfers(state)
        self._add_sites(state)
        self.entra = _entra(state)

    def _add_items(self, state: ServerState) -> None:
        views, tenant, options = state.views, state.tenant, state.options
        self.shortcuts = Shortcuts(tenant, self.authorization, self.projection)
        self.children = Children(views, self.projection, self.shortcuts, options)
        self.copies = Copies(tenant, self.authorization, state.monitors, options, state.store_url)
        self.previews = Previews(views)
        self.recycling = Recycling(self.projection)
        moves = DriveMoves(tenant, self.authorization, state.monitors, state.quirks, options, state.store_url)
        self.item_requests = ItemRequests(self.authorization, moves, self.projection, self.recycling)
        self.permissions = ItemPermissions(tenant, self.permission_views, options)
        self.search = Search(self.projection, state.quirks, options)
        self.search_query = SearchQuery(tenant, self.authorization, views, state.quirks)
        self.versions = Versions(state.links, options)
        self.delta = Delta(views, self.authorization, options)

    def _add_transfers(self, state: ServerState) -> None:
        self.held_names = HeldNames(state.sessions, state.quirks)
        self.content = ContentRequests(state.links, self.held_names, self.projection, state.options)
        self.uploads = Uploads(state.sessions, self.held_names, state.quirks, state.options, state.store_url)
        self.commits = Commits(state.sessions, state.quirks, state.views, state.options)
        self.fragments = Fragments(state.sessions, self.commits, state.options)
        self.downloads = Downloads(state.tenant, state.links)

    def _add_sites(self, state: ServerState) -> None:
        views, tenant, options, store_url = state.views, state.tenant, state.options, state.store_url
        self.addresses = SiteAddresses(tenant, store_url)
        self.drives = Drives(tenant, state.store, views, self.addresses, options, store_url)
        self.list_items = ListItems(self.authorization, self.addresses, self.drives, self.projection, views)
        self.site_requests = SiteRequests(
            tenant, self.authorization, self.addresses, self.drives, self.list_items, views, store_url
        )
        self.people = People(self.drives, self.site_requests)
        self.shares = Shares(tenant, self.authorization, self.drives, views)
        self.shared_with_me = SharedWithMe(tenant, views, options)
        self.special_folders = SpecialFolders(self.authorization, self.projection)
        self.site_permissions = SitePermissions(tenant, self.addresses, state.site_grants)
        self.site_router = SiteRouter(self.shares, self.site_requests, self.people, self.drives)
        self.pages = Pages(tenant, self.shares, state.authority.host)


def _entra(state: ServerState) -> EntraEndpoints:
    tenant, directory, authority, url = state.tenant, state.directory, state.authority, state.graph_url
    applications, issuer_url, login_urls = directory.applications, authority.issuer_url(url), authority.login_urls(url)
    resources = clouds.resources(url, authority.cloud)
    clients = Clients(tenant, applications, login_urls)
    grants = Grants(
        tenant,
        state.tokens,
        clients,
        directory.refresh_tokens,
        directory.device_codes,
        authority.key,
        issuer_url,
        resources,
        state.options,
    )
    managed_identity = ManagedIdentity(
        applications, state.tokens, directory.identity_header, authority.hosts, resources, state.options
    )
    discovery = Discovery(tenant, authority.cloud, issuer_url, login_urls, directory.workload_url)
    return EntraEndpoints(tenant, discovery, grants, managed_identity, authority.key, authority.workload_key)
