"""The two origins: one for Graph and Entra, and the second one for addresses that carry their permission with them."""

from __future__ import annotations

from typing import Protocol

from airflow_provider_onedrive.emulator import downloads, entra, fragments, router
from airflow_provider_onedrive.emulator.problems import Problem, item_not_found
from airflow_provider_onedrive.emulator.wire import Reply, Request, problem_reply
from airflow_provider_onedrive.emulator.world import World


class Site(Protocol):
    """What a server serves."""

    def origin(self, request: Request) -> str: ...
    def respond(self, world: World, request: Request) -> Reply: ...
    def problem(self, request: Request, problem: Problem) -> Reply: ...


class GraphSite:
    def origin(self, request: Request) -> str:
        path = request.path
        is_login = "/oauth2/" in path or "/.well-known/" in path or path.startswith("/common/discovery/") or path == "/"
        return "login" if is_login and not path.startswith("/v1.0/") else "graph"

    def respond(self, world: World, request: Request) -> Reply:
        answer = entra.respond if request.origin == "login" else router.respond
        return answer(world, request)

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
        actions = {
            ("PUT", "uploadSession"): fragments.put,
            ("GET", "uploadSession"): fragments.status,
            ("DELETE", "uploadSession"): fragments.cancel,
            ("GET", "download.aspx"): downloads.get,
            ("HEAD", "download.aspx"): downloads.get,
        }
        action = actions.get((request.method, request.raw_path.rpartition("/")[2]))
        if action is None:
            raise item_not_found()
        return action(world, request)

    def problem(self, request: Request, problem: Problem) -> Reply:
        return problem_reply(request, problem)
