"""From a request to its answer, with what is set up to go wrong: for one of its own as for a part of a batch."""

from __future__ import annotations

from typing import Protocol

from airflow_provider_onedrive.emulator.errors.problems import Problem
from airflow_provider_onedrive.emulator.faults.fault import Fault
from airflow_provider_onedrive.emulator.http.log import LoggedRequest
from airflow_provider_onedrive.emulator.http.messages import Reply, Request
from airflow_provider_onedrive.emulator.server import sharepoint
from airflow_provider_onedrive.emulator.server.state import World


class Answers(Protocol):
    """Who knows what a request means, and how an error is worded where it was sent."""

    def respond(self, world: World, request: Request) -> Reply: ...
    def problem(self, request: Request, problem: Problem) -> Reply: ...


def answer(world: World, answers: Answers, request: Request, fault: Fault) -> Reply:
    """Charge, fault, answer.

    :raises ConnectionDropped: there is no answer.
    """
    try:
        world.throttling.charge(request)
        reply = _handled(world, answers, request, fault)
    except Problem as problem:
        reply = answers.problem(request, problem)
    if not world.quirks.are_off:
        reply = _with_quirks(world, answers, request, reply)
    world.throttling.tell(request, reply)
    # Also after a refusal: the next request on this connection begins where the body ends.
    request.body.drain()
    fault.after(reply)
    return reply


def log(world: World, request: Request, reply: Reply | None) -> LoggedRequest:
    """Write the entry before the answer goes out: who has the answer finds it in the log."""
    length = reply.length if reply and request.method != "HEAD" else 0
    entry = LoggedRequest(
        method=request.method,
        path=request.path,
        target=request.target,
        origin=request.origin,
        status=reply.status if reply else None,
        received_bytes=request.body.received,
        sent_bytes=length if reply is None or reply.cut_after is None else min(length, reply.cut_after),
        had_authorization=request.header("Authorization") is not None,
    )
    world.requests.append(entry)
    if entry.origin == "store" and entry.had_authorization:
        world.leaks.append(entry)
    return entry


def _handled(world: World, answers: Answers, request: Request, fault: Fault) -> Reply:
    try:
        fault.before(request, world.fault_context)
        if not world.quirks.are_off:
            sharepoint.before(world, request)
    except Problem as problem:
        return answers.problem(request, problem)
    return plain(world, answers, request)


def plain(world: World, answers: Answers, request: Request) -> Reply:
    """Answer with nothing going wrong that is not the request's own fault."""
    try:
        return answers.respond(world, request)
    except Problem as problem:
        return answers.problem(request, problem)


def _with_quirks(world: World, answers: Answers, request: Request, reply: Reply) -> Reply:
    try:
        sharepoint.after(world, request, reply)
    except Problem as problem:
        return answers.problem(request, problem)
    return reply
