"""The two origins: one for Graph and Entra, and the second one for addresses that carry their permission with them."""

from __future__ import annotations

from typing import Protocol

from airflow_provider_onedrive.emulator import control
from airflow_provider_onedrive.emulator.entra import endpoints as entra
from airflow_provider_onedrive.emulator.errors.problems import Problem, item_not_found
from airflow_provider_onedrive.emulator.http.messages import Reply, Request, problem_reply
from airflow_provider_onedrive.emulator.items import monitors
from airflow_provider_onedrive.emulator.pages import page
from airflow_provider_onedrive.emulator.server import router
from airflow_provider_onedrive.emulator.server.state import World
from airflow_provider_onedrive.emulator.transfers import downloads, fragments

_READS = frozenset({"GET", "HEAD"})


class Site(Protocol):
    """What a server serves."""

    def origin(self, request: Request) -> str: ...
    def respond(self, world: World, request: Request) -> Reply: ...
    def problem(self, request: Request, problem: Problem) -> Reply: ...


class GraphSite:
    def __init__(self, control: control.Control) -> None:
        self._control = control

    def origin(self, request: Request) -> str:
        if control.serves(request.raw_path):
            return control.ORIGIN
        return "login" if entra.serves(request.path) else "graph"

    def respond(self, world: World, request: Request) -> Reply:
        if request.origin == control.ORIGIN:
            return self._control.respond(request)
        answer = entra.respond if request.origin == "login" else router.respond
        try:
            return answer(world.at(request.header("Host")), request)
        finally:
            if request.method not in _READS:
                world.store.notice()

    def problem(self, request: Request, problem: Problem) -> Reply:
        word = entra.problem_reply if request.origin == "login" else problem_reply
        return word(request, problem)


class StoreSite:
    """Serves whoever holds an address; a bearer token has no business here."""

    def origin(self, request: Request) -> str:  # noqa: ARG002
        return "store"

    def respond(self, world: World, request: Request) -> Reply:
        if world.options.strict and request.header("Authorization") is not None:
            raise Problem(
                401, "unauthenticated", "A pre-authenticated URL must be called without an Authorization header."
            )
        # An address of ours carries a secret or is that of a monitor; the name of a file may look like one.
        if _is_page(world, request):
            return page.get(world, request)
        if request.method in _READS and monitors.serves(request.path):
            return monitors.get(world, request)
        actions = {
            ("PUT", "uploadSession"): fragments.put,
            ("GET", "uploadSession"): fragments.status,
            ("DELETE", "uploadSession"): fragments.cancel,
            ("POST", "uploadSession"): fragments.commit,
            ("GET", "download.aspx"): downloads.get,
            ("HEAD", "download.aspx"): downloads.get,
        }
        action = actions.get((request.method, request.raw_path.rpartition("/")[2]))
        return action(world, request) if action else _unknown(world, request)

    def problem(self, request: Request, problem: Problem) -> Reply:
        return problem_reply(request, problem)


def _is_page(world: World, request: Request) -> bool:
    return request.method in _READS and "tempauth" not in request.query and page.is_below_library(world, request)


def _unknown(world: World, request: Request) -> Reply:
    if request.method in _READS:
        return page.get(world, request)
    if page.is_below_library(world, request):
        raise Problem(405, "methodNotAllowed", "A page can only be read.", headers={"Allow": "GET, HEAD"})
    raise item_not_found()
