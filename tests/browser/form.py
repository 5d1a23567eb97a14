"""Works Airflow's connection form as a person would, in a headless Chromium.

It reads the input of the form as JSON, and prints the texts that the page shows as JSON.

It runs in an environment of its own, which has Playwright.
"""

from __future__ import annotations

import json
import shutil
import sys
from typing import Any

from playwright.sync_api import Locator, Page, Route, sync_playwright

FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)
WAIT_MILLISECONDS = 1_200_000
ID, TYPE = "onedrive_by_hand", "Microsoft OneDrive"
SECTIONS = ("Extra Fields", "Certificate", "Tokens", "Limits", "Network")


def main() -> None:
    task = json.loads(sys.stdin.read())
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(FLAGS))
        page = browser.new_page(viewport={"width": 1280, "height": 1500})
        page.set_default_timeout(WAIT_MILLISECONDS)
        try:
            sign_in(page, task)
            sys.stdout.write(json.dumps(make_and_test(page, task)))
        finally:
            browser.close()


def sign_in(page: Page, task: dict[str, Any]) -> None:
    page.goto(task["url"])
    page.get_by_label("Username").fill(task["user"])
    page.get_by_label("Password").fill(task["password"])
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda url: "login" not in url)


def make_and_test(page: Page, task: dict[str, Any]) -> dict[str, Any]:
    """Fill in the form, save it and press *Test*; return the text of each section, and the result of the test."""
    page.goto(f"{task['url']}/connections")
    page.get_by_role("button", name="Add Connection").click()
    form = page.get_by_role("dialog")
    form.locator("[name=connection_id]").fill(ID)
    form.get_by_role("combobox").first.click()
    page.keyboard.type(TYPE)
    page.keyboard.press("Enter")
    form.locator("[name=login]").fill(task["login"])
    form.locator("[name=password]").fill(task["secret"])
    sections = {title: fill_section(page, form, title, task) for title in SECTIONS}
    form.get_by_role("button", name="Save").click()
    form.wait_for(state="hidden")
    page.get_by_role("row", name=ID).wait_for()
    return {"sections": sections, "result": press_test(page)}


def fill_section(page: Page, form: Locator, title: str, task: dict[str, Any]) -> str:
    """Open a section, which shuts the others."""
    form.get_by_role("button", name=title, exact=True).click()
    part = form.locator(f"[id$='content:{title}']")
    part.wait_for()
    for name, value in task["extra"].items():
        field = part.locator(f"#element_{name}")
        if field.count():
            field.fill(value)
    if title == SECTIONS[0] and task.get("screenshot"):
        page.screenshot(path=task["screenshot"], animations="disabled")
    return part.inner_text()


def press_test(page: Page) -> dict[str, Any]:
    """Press the button in the connection's row; return the answer of Airflow, and the text that the page shows then."""
    page.route("**/connections/test", without_port)
    with page.expect_response("**/connections/test") as answered:
        page.get_by_role("row", name=ID).get_by_role("button", name="Test Connection").click()
    status = page.get_by_role("status").filter(has_not_text="created")
    status.first.wait_for()
    return {"answer": answered.value.json(), "page": status.first.inner_text()}


def without_port(route: Route) -> None:
    """Mend what Airflow 3.3.2's page asks: of a connection without a port it sends port 0, which its server refuses."""
    body = route.request.post_data_json
    route.continue_(post_data=json.dumps(body | {"port": body["port"] or None}))


if __name__ == "__main__":
    main()
