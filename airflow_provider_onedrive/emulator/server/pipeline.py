"""The pipeline of a request: throttling, faults, quirks, and the request log.

Each request passes it, and so does each part of a batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from airflow_provider_onedrive.emulator.errors.problems import Problem
from airflow_provider_onedrive.emulator.faults.fault import Fault, FaultContext
from airflow_provider_onedrive.emulator.faults.quirks import Quirks
from airflow_provider_onedrive.emulator.faults.ruleset import Faults
from airflow_provider_onedrive.emulator.faults.throttling import Throttling
from airflow_provider_onedrive.emulator.http.log import LoggedRequest, RequestLog
from airflow_provider_onedrive.emulator.http.messages import Reply, Request
from airflow_provider_onedrive.emulator.server.sharepoint import QuirkEffects


class Responder(Protocol):
    """Answers requests, and writes errors in the form of its origin."""

    def respond(self, request: Request) -> Reply: ...
    def problem(self, request: Request, problem: Problem) -> Reply: ...


@dataclass(frozen=True)
class RequestPipeline:
    """:param leaks: log of the requests that carried an Authorization header to the second origin."""

    throttling: Throttling
    faults: Faults
    fault_context: FaultContext
    quirks: Quirks
    effects: QuirkEffects
    requests: RequestLog
    leaks: RequestLog

    def answer(self, responder: Responder, request: Request) -> Reply:
        """Charge the request to its budget, apply faults and quirks, and answer it.

        :raises ConnectionDropped: there is no answer.
        """
        # Taken first, so that a rule counts refused requests as well: a client's repetition is then the next one.
        fault = self.faults.take(request)
        try:
            self.throttling.charge(request)
            reply = self._handled(responder, request, fault)
        except Problem as problem:
            reply = responder.problem(request, problem)
        if not self.quirks.are_off:
            reply = self._with_quirks(responder, request, reply)
        self.throttling.add_headers(request, reply)
        # Also after a refusal: the next request on this connection is read where the body ends.
        request.body.drain()
        fault.after(reply, request)
        return reply

    def log(self, request: Request, reply: Reply | None) -> LoggedRequest:
        """Write the entry of a request.

        It is written before the answer goes out, so that a client that has the answer finds it in the log.
        """
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
        self.requests.append(entry)
        if entry.origin == "store" and entry.had_authorization:
            self.leaks.append(entry)
        return entry

    def _handled(self, responder: Responder, request: Request, fault: Fault) -> Reply:
        try:
            fault.before(request, self.fault_context)
            if not self.quirks.are_off:
                self.effects.before(request)
        except Problem as problem:
            return responder.problem(request, problem)
        return fault.instead(request) or plain(responder, request)

    def _with_quirks(self, responder: Responder, request: Request, reply: Reply) -> Reply:
        try:
            self.effects.after(request, reply)
        except Problem as problem:
            return responder.problem(request, problem)
        return reply


def plain(responder: Responder, request: Request) -> Reply:
    """Answer a request without throttling, faults and quirks."""
    try:
        return responder.respond(request)
    except Problem as problem:
        return responder.problem(request, problem)
