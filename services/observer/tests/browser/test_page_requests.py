"""Asked for on the page in words: what is missing is a field, and what comes of it are cards and proposals."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser_rig import Mesh, until
from playwright.sync_api import Page, expect

from mesh_core.models.proposals import Folder

Visit = Callable[..., Page]
HOSTS = {name: {"ansible_host": "192.0.2.7"} for name in ("db", "web01", "web02")}
INVENTORY = {"all": {"hosts": HOSTS, "children": {"web": {"hosts": {"web01": {}, "web02": {}}}}}}


@pytest.fixture(scope="module", autouse=True)
def started(mesh: Mesh) -> None:
    (mesh.runtime / "config" / "inventory.yml").write_text(json.dumps(INVENTORY))
    mesh.start()
    mesh.start("planner_agent", LLM_CHAIN="floor")
    heartbeat = mesh.runtime / "state" / "planner-agent.heartbeat"
    until(heartbeat.exists, 60, "a planner at work")


def test_what_is_asked_for_asks_back_and_then_waits_on_each_host(mesh: Mesh, visit: Visit, pictures: Path) -> None:
    page = visit("#/queue")
    page.keyboard.press("n")
    text = page.get_by_label("What should be?")
    expect(text).to_be_focused()
    page.keyboard.type("open the firewall")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")  # the group comes first
    page.get_by_role("button", name="Ask", exact=True).press("Enter")
    asks = page.locator(".asked-for", has_text="open the firewall")
    expect(asks.locator(".chip")).to_have_text("asks")
    expect(text).to_have_value("")
    page.get_by_role("link", name="A request asks you something").click()
    expect(asks).to_be_focused()
    asks.get_by_label("Which port").fill("no port")
    asks.get_by_role("button", name="Answer").click()
    expect(asks.locator("form")).to_contain_text("'no port' is no port.")
    look(page, pictures, "requests-asks")
    asks.get_by_label("is no port").fill("443/tcp")
    asks.get_by_role("button", name="Answer").click()
    expect(asks.locator(".chip").first).to_have_text("filed")
    became = asks.get_by_role("list", name="Its proposals").get_by_role("listitem")
    expect(became).to_have_text(["web01 pending", "web02 pending"])
    look(page, pictures, "requests-filed")
    became.get_by_role("link", name="web02").click()
    expect(page.get_by_label("The playbook")).to_contain_text("hosts: web02")
    expect(page.get_by_role("button", name="Approve…")).to_be_visible()
    assert [one.proposal.node for one in mesh.actions.filed(Folder.PENDING)] == ["web01", "web02"]


def look(page: Page, pictures: Path, name: str) -> None:
    """A picture of each width and theme, where nothing is too wide and axe finds nothing serious."""
    for width, height in ((1440, 900), (390, 844)):
        page.set_viewport_size({"width": width, "height": height})
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            page.screenshot(path=pictures / f"{name}-{width}-{scheme}.png", full_page=True)
            assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
            assert serious(page) == []
    page.set_viewport_size({"width": 1440, "height": 900})


def serious(page: Page) -> list[str]:
    return [
        f"{one['id']}: {one['nodes'][0]['html'][:200]}"
        for one in Axe().run(page).response["violations"]
        if one["impact"] in ("serious", "critical")
    ]
