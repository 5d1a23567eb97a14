"""The two origins: Graph with Entra ID, and the second one, whose URLs carry their permission with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from airflow_provider_onedrive.emulator.entra import endpoints
from airflow_provider_onedrive.emulator.entra.authority import Authority
from airflow_provider_onedrive.emulator.entra.endpoints import EntraEndpoints
from airflow_provider_onedrive.emulator.errors.problems import Problem, missing_item
from airflow_provider_onedrive.emulator.http.messages import Reply, Request, problem_reply
from airflow_provider_onedrive.emulator.items import monitors
from airflow_provider_onedrive.emulator.items.monitors import Monitors
from airflow_provider_onedrive.emulator.options import Options
from airflow_provider_onedrive.emulator.pages.page import Pages
from airflow_provider_onedrive.emulator.server.pipeline import RequestPipeline, Responder
from airflow_provider_onedrive.emulator.server.router import Router
from airflow_provider_onedrive.emulator.store.memory import Store
from airflow_provider_onedrive.emulator.transfers.downloads import Downloads
from airflow_provider_onedrive.emulator.transfers.fragments import Fragments

CONTROL = "control"
_READS = frozenset({"GET", "HEAD"})


class Origin(Responder, Protocol):
    """A responder that reads first where a request was sent."""

    def receive(self, request: Request) -> None:
        """Set the request's origin and the URLs that its answer leads to."""


class ControlPath(Protocol):
    """The emulator's own path on the Graph origin."""

    def serves(self, path: str) -> bool: ...
    def respond(self, request: Request) -> Reply: ...


@dataclass(frozen=True)
class Service:
    """One origin and the pipeline of its requests."""

    origin: Origin
    pipeline: RequestPipeline


@dataclass(frozen=True)
class GraphOrigin:
    """:param graph_url: address of Graph and Entra ID, unless a request names one of the cloud's own hosts."""

    control: ControlPath
    entra: EntraEndpoints
    router: Router
    store: Store
    authority: Authority
    graph_url: str

    def receive(self, request: Request) -> None:
        if self.control.serves(request.raw_path):
            request.origin = CONTROL
        else:
            request.origin = "login" if endpoints.serves(request.path) else "graph"
        cloud_urls = self.authority.seen_at(request.header("Host"))
        request.graph_url, request.login_url = cloud_urls or (self.graph_url, self.graph_url)

    def respond(self, request: Request) -> Reply:
        if request.origin == CONTROL:
            return self.control.respond(request)
        responder = self.entra if request.origin == "login" else self.router
        try:
            return responder.respond(request)
        finally:
            if request.method not in _READS:
                self.store.notice()

    def problem(self, request: Request, problem: Problem) -> Reply:
        write = endpoints.problem_reply if request.origin == "login" else problem_reply
        return write(request, problem)


@dataclass(frozen=True)
class StoreOrigin:
    """Serves every client that has a URL. A bearer token must not come here."""

    pages: Pages
    monitors: Monitors
    fragments: Fragments
    downloads: Downloads
    options: Options

    def receive(self, request: Request) -> None:
        request.origin = "store"

    def respond(self, request: Request) -> Reply:
        # Documented only as "may fail". Strict makes each leak of a token fail a test.
        if self.options.strict and request.header("Authorization") is not None:
            raise Problem(
                401, "unauthenticated", "A pre-authenticated URL must be called without an Authorization header."
            )
        # Upload and download URLs carry a secret, and monitors have a path of their own. A name may look alike.
        if self._is_page(request):
            return self.pages.get(request)
        if request.method in _READS and monitors.serves(request.path):
            return self.monitors.respond(request)
        actions = {
            ("PUT", "uploadSession"): self.fragments.put,
            ("GET", "uploadSession"): self.fragments.status,
            ("DELETE", "uploadSession"): self.fragments.cancel,
            ("POST", "uploadSession"): self.fragments.commit,
            ("GET", "download.aspx"): self.downloads.get,
            ("HEAD", "download.aspx"): self.downloads.get,
        }
        action = actions.get((request.method, request.raw_path.rpartition("/")[2]))
        return action(request) if action else self._other(request)

    def problem(self, request: Request, problem: Problem) -> Reply:
        return problem_reply(request, problem)

    def _is_page(self, request: Request) -> bool:
        is_read = request.method in _READS and "tempauth" not in request.query
        return is_read and self.pages.is_below_library(request)

    def _other(self, request: Request) -> Reply:
        if request.method in _READS:
            return self.pages.get(request)
        if self.pages.is_below_library(request):
            raise Problem(405, "methodNotAllowed", "A page can only be read.", headers={"Allow": "GET, HEAD"})
        raise missing_item()
