"""The emulator as a whole: start it, point Airflow at it, look inside."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable
from dataclasses import replace
from types import TracebackType
from typing import Self

from airflow_provider_onedrive.emulator.certificates import Certificates
from airflow_provider_onedrive.emulator.drive import EmulatedDrive
from airflow_provider_onedrive.emulator.faults import Faults
from airflow_provider_onedrive.emulator.log import RequestLog
from airflow_provider_onedrive.emulator.server import OriginServer
from airflow_provider_onedrive.emulator.sites import GraphSite, Site, StoreSite
from airflow_provider_onedrive.emulator.tenant import User
from airflow_provider_onedrive.emulator.world import Options, World

DEFAULT_USERS = ("anna@contoso.example", "ben@contoso.example")


class Emulator:
    """A local OneDrive for work or school, with Entra ID, on two loopback ports. For tests only.

    :param strict: see :class:`~airflow_provider_onedrive.emulator.world.Options`.
    :param port: of Graph and Entra; 0 = any that is free.
    :param store_port: of the second origin, where downloads and upload sessions are.
    :param page_size: children on one page when a request does not say.
    :param users: principal names, each with an empty drive. The first is the connection's ``myfiles``.
    """

    def __init__(
        self,
        *,
        strict: bool = True,
        port: int = 0,
        store_port: int = 0,
        page_size: int = 200,
        users: Iterable[str] = DEFAULT_USERS,
        token_lifetime_seconds: float = 3599,
    ) -> None:
        self._ports = (port, store_port)
        self._users = tuple(users)
        self._options = Options(strict=strict, page_size=page_size, token_lifetime_seconds=token_lifetime_seconds)
        self._stopping = threading.Event()
        self._servers: list[OriginServer] = []
        self._world: World | None = None
        self._certificates: Certificates | None = None

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
        self._certificates = Certificates()
        try:
            sites: tuple[Site, Site] = (GraphSite(), StoreSite())
            for port, site in zip(self._ports, sites, strict=True):
                self._servers.append(OriginServer(port, site, self._certificates.context, lambda: self.world))
            self.reset()
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

    def reset(self) -> None:
        """Begin anew with an empty tenant of another id and secret, no faults, an empty log, the options as given."""
        graph, store = self._servers
        world = World(replace(self._options), graph_url=graph.url, store_url=store.url, stopping=self._stopping)
        for upn in self._users:
            world.tenant.add_user(upn)
        self._world = world

    @property
    def world(self) -> World:
        if self._world is None:
            raise RuntimeError("The emulator was not started.")
        return self._world

    @property
    def options(self) -> Options:
        """What may be changed while it runs; ``reset`` brings back what the constructor was given."""
        return self.world.options

    @property
    def graph_url(self) -> str:
        return self.world.graph_url

    @property
    def authority_url(self) -> str:
        return self.world.graph_url

    @property
    def store_url(self) -> str:
        return self.world.store_url

    @property
    def ca_certificate(self) -> str:
        """Return the authority that signed the certificate, as PEM text."""
        if self._certificates is None:
            raise RuntimeError("The emulator was not started.")
        return self._certificates.authority_pem

    @property
    def tenant_id(self) -> str:
        return self.world.tenant.id

    @property
    def client_id(self) -> str:
        return self.world.tenant.client_id

    @property
    def client_secret(self) -> str:
        return self.world.tenant.client_secret

    @property
    def users(self) -> list[str]:
        return [user.upn for user in self.world.tenant.users]

    @property
    def connection(self) -> str:
        """Return the Airflow connection as JSON, as an environment variable takes it."""
        extra = {
            "tenant_id": self.tenant_id,
            **({"myfiles": self.users[0]} if self.users else {}),
            "graph_url": self.graph_url,
            "authority_url": self.authority_url,
            "ca_certificate": self.ca_certificate,
        }
        fields = {"conn_type": "onedrive", "login": self.client_id, "password": self.client_secret, "extra": extra}
        return json.dumps(fields)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "AIRFLOW_CONN_ONEDRIVE_DEFAULT": self.connection,
            "AIRFLOW__ONEDRIVE__TRUSTED_HOSTS": "localhost",
        }

    @property
    def requests(self) -> RequestLog:
        return self.world.requests

    @property
    def leaks(self) -> RequestLog:
        """Return the requests that carried an Authorization header to the second origin."""
        return self.world.leaks

    @property
    def faults(self) -> Faults:
        return self.world.faults

    def add_user(self, upn: str, *, provisioned: bool = True) -> None:
        """:param provisioned: False = a user who never opened OneDrive and so has no drive."""
        self.world.tenant.add_user(upn, provisioned=provisioned)

    def drive(self, user: str | None = None) -> EmulatedDrive:
        """Return the drive of a user, None = the first one.

        :raises LookupError: there is no such user or drive.
        """
        drive = self._user(user).drive
        if drive is None:
            raise LookupError(f"{user} has no drive")
        return EmulatedDrive(self.world, drive)

    def token(self, user: str | None = None, *, expired: bool = False) -> str:
        """Return an access token: with a user a delegated one, else the application's own."""
        lifetime_seconds = -1 if expired else self.options.token_lifetime_seconds
        return self.world.tokens.issue(lifetime_seconds, self._user(user) if user else None)

    def revoke_download_urls(self) -> None:
        """Let every download address given so far be refused as expired ones are."""
        self.world.links.revoke()

    def _user(self, upn: str | None) -> User:
        users = self.world.tenant.users
        user = self.world.tenant.user(upn) if upn is not None else next(iter(users), None)
        if user is None:
            raise LookupError(f"There is no user {upn}")
        return user
