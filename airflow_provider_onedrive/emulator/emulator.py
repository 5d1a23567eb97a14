"""The emulator: it starts and stops the server and keeps its state."""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from airflow_provider_onedrive.emulator.control import PREFIX, Control
from airflow_provider_onedrive.emulator.entra import clouds
from airflow_provider_onedrive.emulator.entra.authority import Authority
from airflow_provider_onedrive.emulator.facade import Facade
from airflow_provider_onedrive.emulator.http import hosts
from airflow_provider_onedrive.emulator.model.library import Personality
from airflow_provider_onedrive.emulator.model.tenant import Tenant
from airflow_provider_onedrive.emulator.options import Options
from airflow_provider_onedrive.emulator.server.certificates import Certificates
from airflow_provider_onedrive.emulator.server.listener import OriginServer
from airflow_provider_onedrive.emulator.server.origins import Service
from airflow_provider_onedrive.emulator.server.services import services
from airflow_provider_onedrive.emulator.server.state import ServerState
from airflow_provider_onedrive.emulator.store.memory import MemoryStore, Store

# Two users, so that a test of sharing or of a second drive needs no setup.
DEFAULT_USERS = ("anna@contoso.example", "ben@contoso.example")
# Outside of tests clients such as rclone poll slowly or not at all.
LENIENT_COPY_SECONDS = 2.0


class Emulator(Facade):
    """A local OneDrive for work or school, with Entra ID, on two loopback ports. For tests only.

    :param strict: see :class:`~airflow_provider_onedrive.emulator.options.Options`.
    :param port: port of Graph and Entra ID; 0 = a free one.
    :param store_port: port of the second origin, which serves downloads, upload sessions and pages; 0 = a free one.
    :param page_size: children on one page if the request names no number.
    :param users: principal names, each with an empty drive. The first is the connection's ``myfiles``.
    :param personality: kind of their drives: ``business`` (work or school, SharePoint) or ``personal`` (consumer).
    :param root: directory that keeps tenant and drives between starts; None = memory.
    :param tls: False = plain HTTP, for measuring; Airflow's connection needs TLS.
    :param cloud: ``global``, ``us_gov``, ``us_gov_dod`` or ``china``: its names are in documents, tokens and the
        certificate, and requests with such a ``Host`` are answered under it. None = localhost, and tokens for the Graph
        of every cloud are accepted.
    :param sites: initial sites: the path of each and the names of its libraries (none = ``Documents``).
    :param groups: names of initial groups.
    :param host: name under which other machines reach this one; needs ``allow_remote``.
    :param allow_remote: accept connections from other machines; needs ``host``. Every client that reaches the emulator
        may read and change all its data.
    """

    def __init__(
        self,
        *,
        strict: bool = True,
        port: int = 0,
        store_port: int = 0,
        page_size: int = 200,
        users: Iterable[str] = DEFAULT_USERS,
        personality: Personality = "business",
        token_lifetime_seconds: float = 3599,
        cloud: str | None = None,
        root: str | os.PathLike[str] | None = None,
        tls: bool = True,
        sites: Mapping[str, Iterable[str]] | None = None,
        groups: Iterable[str] = (),
        host: str | None = None,
        allow_remote: bool = False,
    ) -> None:
        _check_host(host, allow_remote=allow_remote, tls=tls)
        self._host = host
        self._sites = {path: tuple(libraries) for path, libraries in (sites or {}).items()}
        self._groups = tuple(groups)
        self._root = None if root is None else Path(root)
        self._tls = tls
        self._cloud = clouds.find(cloud)
        self._ports = (port, store_port)
        self._users = tuple(users)
        self._personality = personality
        self._options = Options(
            strict=strict,
            page_size=page_size,
            token_lifetime_seconds=token_lifetime_seconds,
            # In strict mode only polls complete a copy: no clock decides a test.
            copy_seconds=None if strict else LENIENT_COPY_SECONDS,
        )
        self._stopping = threading.Event()
        self._servers: list[OriginServer] = []
        self._state: ServerState | None = None
        self._services: tuple[Service, ...] = ()
        self._certificates: Certificates | None = None
        self._control_key = ""
        self._authority = Authority(self._cloud, self._host)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> Self:
        """Serve.

        :raises OSError: when a port is taken.
        """
        if self._servers:
            raise RuntimeError("The emulator runs already.")
        self._stopping.clear()
        # New at each start: a key in the log of an earlier run is worthless.
        self._control_key = secrets.token_urlsafe(32)
        self._authority = Authority(self._cloud, self._host)
        self._certificates = Certificates(*self._authority.hosts)
        try:
            context = self._certificates.context if self._tls else None
            for index, port in enumerate(self._ports):
                self._servers.append(OriginServer(port, context, partial(self._service, index), self._host))
            self._begin()
            for server in self._servers:
                server.start()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Close all sockets and end all threads; harmless when it does not run."""
        self._stopping.set()
        while self._servers:
            self._servers.pop().stop()
        if self._state:
            self._state.store.close()

    def reset(self) -> None:
        """Start with an empty tenant of another id and secret, an empty log, the initial options and no faults.

        All connections are closed, so that a request in progress cannot change the new state.
        """
        for server in self._servers:
            # Requests in progress hold the old state; closing their connections first keeps them out of the new one.
            server.hang_up()
        self.state.store.clear()
        self._begin()

    def _begin(self) -> None:
        """Serve the content of the store, and add the configured users, groups and sites that it lacks."""
        graph, store = self._servers
        state = ServerState(
            replace(self._options),
            graph_url=graph.url,
            store_url=store.url,
            stopping=self._stopping,
            authority=self._authority,
            store=self._open_store(),
        )
        self._populate(state.tenant)
        state.store.keep()
        self._services = services(state, Control(self, self._control_key))
        self._state = state

    def _service(self, index: int) -> Service:
        return self._services[index]

    def _populate(self, tenant: Tenant) -> None:
        """Add the configured users, groups and sites that the tenant lacks."""
        for upn in self._users:
            if tenant.user(upn) is None:
                tenant.add_user(upn, personality=self._personality)
        for name in self._groups:
            if tenant.group(name) is None:
                tenant.add_group(name)
        for path, libraries in self._sites.items():
            if tenant.site_at(path) is None:
                tenant.add_site(path, libraries=libraries or ("Documents",))

    def _open_store(self) -> Store:
        if self._root is None:
            return MemoryStore()
        from airflow_provider_onedrive.emulator.store.directory import DirectoryStore  # noqa: PLC0415 - few need it

        return DirectoryStore(self._root)

    @property
    def state(self) -> ServerState:
        """Return the state until the next reset."""
        if self._state is None:
            raise RuntimeError("The emulator was not started.")
        return self._state

    @property
    def personality(self) -> Personality:
        return self._personality

    @property
    def ca_certificate(self) -> str:
        """Return the authority that signed the certificate, as PEM text."""
        if self._certificates is None:
            raise RuntimeError("The emulator was not started.")
        return self._certificates.authority_pem

    @property
    def control_url(self) -> str:
        """Return where scripts steer the emulator, see :mod:`~airflow_provider_onedrive.emulator.control`."""
        return self.state.graph_url + PREFIX

    @property
    def control_key(self) -> str:
        """Return the value of ``X-Emulator-Key``, a new one at each start."""
        return self._control_key


def _check_host(host: str | None, *, allow_remote: bool, tls: bool) -> None:
    # Certificate and URLs need a name that other machines resolve, so one makes no sense without the other.
    if allow_remote != (host is not None):
        raise ValueError("Other machines are let in with allow_remote=True and host, the name by which they reach it.")
    if host is not None and not hosts.is_name(host):
        raise ValueError(f"{host!r} is not the name or the IPv4 address by which other machines reach this one.")
    # Tokens and passwords would otherwise cross the network in plain text.
    if allow_remote and not tls:
        raise ValueError("Other machines are let in with TLS only.")
