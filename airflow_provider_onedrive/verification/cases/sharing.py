"""Cases of links, which are made only with ``--with-sharing``, and never for everybody."""

from __future__ import annotations

from typing import Any

from airflow_provider_onedrive.verification.case import SHAREPOINT, Observation, case
from airflow_provider_onedrive.verification.workspace import Workspace


@case("A link for the organisation is made, found again, and taken back", needs="sharing", drives=SHAREPOINT)
def links_within_the_organisation(space: Workspace) -> Observation:
    item_id = space.put("a.txt", b"a").text("id")
    link = {"type": "view", "scope": "organization"}
    answers = [space.send("POST", space.url("createLink", item_id=item_id), json=link) for _ in range(2)]
    permission = answers[0].text("id")
    facts: dict[str, Any] = {
        "new": space.facts.outcome(answers[0]),
        "again": space.facts.outcome(answers[1]),
        "same": answers[1].text("id") == permission,
        "roles": answers[0].body.get("roles"),
        "scope": answers[0].text("link", "scope"),
    }
    if permission:
        removal = space.send("DELETE", space.url(f"permissions/{permission}", item_id=item_id))
        facts["removal"] = space.facts.outcome(removal)
    return facts


@case("The permissions of a file can be listed; whose they are is not reported", needs="sharing")
def permissions_of_a_file(space: Workspace) -> Observation:
    item_id = space.put("a.txt", b"a").text("id")
    answer = space.send("GET", space.url("permissions", item_id=item_id))
    return {**space.facts.outcome(answer), "has some": bool(answer.values)}
