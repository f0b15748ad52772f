"""The page in a real browser: what is told appears by itself, and what was missed is caught up."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable

import pytest
from browser_rig import Mesh, ago
from parts.require import require
from playwright.sync_api import Page, expect

from mesh_core.models.proposals import ActionUpdate, Folder

pytestmark = pytest.mark.usefixtures("started")
Visit, Noticed = Callable[..., Page], Callable[[Page, str], None]


def test_an_event_from_redis_cli_appears_without_a_reload(mesh: Mesh, visit: Visit) -> None:
    client = require("redis-cli", "apt-get install redis-tools")
    page = visit("#/world")
    expect(page.locator(".connection.live")).to_be_visible()
    page.evaluate("window.never_reloaded = true")
    event = {"type": "service_down", "node": "cellar", "service": "heating", "severity": "error"}
    subprocess.run(
        [client, "-p", str(mesh.redis.port), "PUBLISH", "health_events", json.dumps(event)], check=True, stdout=-3
    )
    row = page.locator(".places .row", has_text="heating")
    expect(row.filter(has_text="Unhealthy")).not_to_have_count(0)
    expect(page.locator(".feed li", has_text="cellar/heating")).to_have_count(1)
    expect(page.locator('.feed a[href^="#/incident/cellar"]')).to_have_count(1)
    expect(page.locator(".feed li", has_text="cellar/heating")).to_have_count(1)
    expect(page.locator(".tile.sick b")).not_to_have_text("0")
    assert page.evaluate("window.never_reloaded") is True


def test_a_line_of_the_feed_leads_to_its_incident_however_late_the_index_is(mesh: Mesh, visit: Visit) -> None:
    page = visit("#/world")
    expect(page.locator(".connection.live")).to_be_visible()
    line = page.locator(".feed li", has_text="attic/boiler")
    with sqlite3.connect(mesh.runtime / "index" / "observer.db", isolation_level=None) as held:
        held.execute("BEGIN IMMEDIATE")
        with page.expect_response(re.compile(r"/api/v1/events")) as answer:
            mesh.tell(type="service_down", node="attic", service="boiler", severity="error")
        assert "attic" not in answer.value.text()
        expect(line.locator("a")).to_have_attribute("href", "#/history?list=events")
        held.execute("ROLLBACK")
    held.close()
    expect(line.locator("a")).to_have_attribute("href", re.compile("^#/incident/attic"))
    expect(line).to_have_count(1)


def test_what_a_place_repeats_is_one_line_of_the_feed_until_something_else_is_told_of_it(
    mesh: Mesh, visit: Visit
) -> None:
    page = visit("#/world")
    expect(page.locator(".connection.live")).to_be_visible()
    lines = page.locator(".feed li", has_text="barn/")
    for percent in (90, 91, 92):
        mesh.tell(type="disk_filling", node="barn", service="tank", severity="warning", payload={"percent": percent})
    expect(lines).to_have_count(1)
    expect(lines).to_contain_text("disk filling · 3×")
    mesh.tell(type="service_recovered", node="barn", service="tank", severity="info")
    mesh.tell(type="disk_filling", node="barn", service="tank", severity="critical", payload={"percent": 99})
    mesh.tell(type="disk_filling", node="barn", service="tank", severity="warning", payload={"percent": 93})
    expect(lines).to_have_count(4)
    for line in (lines.first, lines.nth(1)):
        expect(line).not_to_contain_text("×")
    expect(lines.nth(1)).to_contain_text("critical")
    page.reload()
    expect(lines).to_have_count(4)
    expect(lines.last).to_contain_text("disk filling · 3×")


def test_a_silence_from_a_terminal_is_seen_on_the_page(mesh: Mesh, visit: Visit) -> None:
    page = visit("#/silences")
    expect(page.locator(".connection.live")).to_be_visible()
    words = [sys.executable, "-m", "mend", "maintenance", "cupboard*", "--for", "1h", "--reason", "new shelves"]
    environment = {**os.environ, "RUNTIME_PATH": str(mesh.runtime), "REDIS_URL": mesh.redis.url}
    subprocess.run(words, env=environment, check=True, stdout=-3)
    expect(page.locator(".silence", has_text="cupboard*")).to_contain_text("new shelves")


def test_a_new_proposal_is_announced_and_listed_by_itself(mesh: Mesh, visit: Visit, noticed: Noticed) -> None:
    page = visit("#/queue")
    expect(page.locator(".connection.live")).to_be_visible()
    name = mesh.propose("announced", "api")
    mesh.say(
        ActionUpdate(
            ts=ago(),
            action_id=name.id,
            from_folder="",
            to_folder="pending",
            type="container_restart",
            node="announced",
            service="api",
            by="planner",
        )
    )
    expect(page.locator(".proposal", has_text="announced")).to_be_visible()
    expect(page.get_by_role("status").and_(page.locator(".notices"))).to_have_attribute("aria-live", "polite")
    noticed(page, "New proposal for announced/api: container unhealthy. container restart?")


def test_a_run_is_followed_line_by_line_and_ends_by_itself(mesh: Mesh, visit: Visit) -> None:
    proposal = mesh.proposal("followed", "api")
    run = mesh.finished(Folder.RUNNING, proposal)
    page = visit(f"#/runs/{run}")
    expect(page.locator(".connection.live")).to_be_visible()
    expect(page.get_by_label("Live output")).to_be_visible()
    for number in range(3):
        mesh.output(run, f"TASK [step {number}]")
    expect(page.get_by_label("Live output")).to_have_text(
        "TASK [step 0]\nTASK [step 1]\nTASK [step 2]", use_inner_text=True
    )
    (mesh.actions.folder(Folder.RUNNING) / run).rename(mesh.runtime / "gone")
    mesh.finished(Folder.DONE, proposal)
    mesh.say(
        ActionUpdate(
            ts=ago(),
            action_id=run,
            from_folder="running",
            to_folder="done",
            type="container_restart",
            node="followed",
            service="api",
            by="executor",
        )
    )
    expect(page.locator(".detail .chip", has_text="proven")).to_be_visible()
    expect(page.locator(".stages li")).to_have_count(4)
    expect(page.get_by_label("Log 02_apply.log")).to_contain_text("changed: [web01]")


def test_a_lost_connection_is_said_and_what_was_missed_is_caught_up(mesh: Mesh, visit: Visit) -> None:
    page = visit("#/queue")
    expect(page.locator(".connection.live")).to_be_visible()
    mesh.stop()
    expect(page.locator("p.lost")).to_contain_text("The connection to the observer is lost")
    name = mesh.propose("missed", "api")
    mesh.start()
    expect(page.locator(".connection.live")).to_be_visible()
    expect(page.locator(f'[data-id="{name.id}"]')).to_be_visible()
    expect(page.locator("p.lost")).to_have_count(0)


def test_light_and_dark_can_be_chosen_and_are_remembered(visit: Visit) -> None:
    page = visit("#/world")
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    light = page.evaluate(ground)
    for _ in range(2):  # the system's, light, dark
        page.get_by_role("button", name=re.compile("Theme")).click()
    dark = page.evaluate(ground)
    assert dark != light
    page.reload()
    page.locator("main h1").wait_for()
    assert page.evaluate(ground) == dark
