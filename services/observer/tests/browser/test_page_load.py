"""A big mesh: what is drawn stays small, whatever there is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from browser_rig import Mesh, some_places
from playwright.sync_api import Page, expect

from observer.web.page_files import DIST

Visit = Callable[..., Page]

LARGEST_PAGE_BYTES = 250_000


@pytest.fixture(scope="module", autouse=True)
def big(mesh: Mesh) -> None:
    mesh.write_world(some_places(200, 49))
    for number in range(120):
        mesh.propose(f"node{number:03d}", "api")
    mesh.start()


def test_ten_thousand_places_are_shown_a_hundred_at_a_time_trouble_first(visit: Visit) -> None:
    page = visit("#/world")
    rows = page.locator(".places .row")
    expect(rows).to_have_count(100)
    expect(rows.first).to_contain_text("Offline")
    expect(page.locator(".nodes .node")).to_have_count(24)
    assert page.evaluate("document.querySelectorAll('*').length") < 3_000
    page.get_by_role("button", name="Show 100 more").click()
    expect(rows).to_have_count(200)
    page.locator(".tile.sick").click()
    expect(rows.first).to_contain_text("Unhealthy")
    page.keyboard.press("/")
    page.keyboard.type("node123/")
    expect(page.get_by_role("searchbox")).to_have_value("node123/")
    page.locator(".tile.sick").click()
    expect(rows).to_have_count(49)


def test_a_long_queue_is_shown_in_pages_and_walked_with_one_key(visit: Visit) -> None:
    page = visit("#/queue")
    expect(page.locator(".proposal")).to_have_count(50)
    expect(page.locator(".list .count")).to_contain_text("50 of 120")
    page.get_by_role("button", name="Show 50 more").click()
    expect(page.locator(".proposal")).to_have_count(100)
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(page.locator('.proposal[aria-current="true"]')).to_have_count(1)
    second = page.locator(".proposal").nth(1).get_attribute("data-id")
    expect(page.locator('.proposal[aria-current="true"]')).to_have_attribute("data-id", second or "")


def test_the_whole_page_weighs_less_than_250_kb_unpacked() -> None:
    files = [path for path in Path(DIST).rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < LARGEST_PAGE_BYTES


def test_nothing_is_asked_of_anybody_else(visit: Visit, mesh: Mesh) -> None:
    page = visit("#/world")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for view in ("queue", "runs", "metrics", "world"):
        page.goto(f"{mesh.url}/#/{view}")
        page.reload()
        page.locator("main h1").wait_for(state="attached")
    assert asked
    assert [url for url in asked if not url.startswith(mesh.url)] == []
