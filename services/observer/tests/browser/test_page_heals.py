"""From a sick container to a well one by clicks alone: planner, executor, Docker, observer and browser are real."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable

import pytest
from browser_rig import Mesh
from parts.docker import SickFactory
from parts.engine import Engine
from playwright.sync_api import Page, expect

from mesh_core.testing import until

Visit = Callable[..., Page]

pytestmark = pytest.mark.docker


def test_approve_by_click_heals_a_real_container_and_the_page_shows_it(
    mesh: Mesh, visit: Visit, engine: Engine, sick_container: SickFactory
) -> None:
    sick = sick_container(f"page-{secrets.token_hex(3)}")
    inventory = {"all": {"hosts": {"box": {"ansible_connection": "local"}}}}
    (mesh.runtime / "config" / "inventory.yml").write_text(json.dumps(inventory))
    mesh.start()
    mesh.start("planner_agent", LLM_CHAIN="floor")
    mesh.start("executor_agent", **engine.env)
    page = visit("#/queue")
    expect(page.locator(".connection.live")).to_be_visible()
    until(lambda: sick.health() == "healthy", 20, "healthy at first")
    sick.make_sick()
    until(lambda: sick.health() == "unhealthy", 20, "unhealthy")
    until(
        lambda: all(
            (mesh.runtime / "state" / f"{name}.heartbeat").exists() for name in ("planner-agent", "executor-agent")
        ),
        30,
        "planner and executor at work",
    )
    started = sick.started_at()
    payload = {"runtime": "docker", "container": sick.name, "status": "running", "health": "unhealthy"}
    mesh.tell(type="container_unhealthy", node="box", service=sick.name, severity="error", payload=payload)

    page.locator(".proposal", has_text=sick.name).click()
    expect(page.get_by_label("The playbook")).to_contain_text(sick.name)
    assert sick.started_at() == started
    page.get_by_role("button", name="Approve…").click()
    page.get_by_role("button", name="Yes, approve").click()
    expect(page.locator(".decided")).to_contain_text("Done and proven.")
    page.get_by_role("link", name="See the run").click()
    expect(page.locator(".chip", has_text="proven")).to_be_visible()
    expect(page.get_by_label("Log 02_apply.log")).to_contain_text("changed")
    page.get_by_role("link", name="timeline").click()
    expect(page.locator(".title .chip").first).to_have_text("recovered")
    steps = page.locator(".timeline li")
    expect(steps.first).to_contain_text("container unhealthy")
    for step in ("container restart proposed", "approved", "apply", "done, proven"):
        expect(steps.filter(has_text=step).first).to_be_visible()
    page.keyboard.press("1")
    expect(page.locator(".places .row", has_text=sick.name)).to_contain_text("Healthy")
    assert sick.health() == "healthy"
    assert sick.started_at() != started
