"""What a stranger wrote is shown on the page, and does nothing there: in proposals, events and output."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from browser_rig import Mesh
from playwright.sync_api import Page, expect

from mesh_core.models.proposals import Evidence, Folder

pytestmark = pytest.mark.usefixtures("started")
Visit = Callable[..., Page]


HOSTILE = (
    '<script>window.broken_in=1</script><img src=x onerror="window.broken_in=2">\u202egpj.exe\u2066\u0007\x1b[31mred'
)


def test_hostile_text_is_shown_and_does_nothing(mesh: Mesh, visit: Visit) -> None:
    long = "A" * (64 * 1024 - 20) + "</pre><script>"
    name = mesh.propose(
        "hostile",
        "api",
        reason=HOSTILE,
        evidence=(Evidence(source=HOSTILE, text=HOSTILE), Evidence(source="long", text=long)),
    )
    page = visit(f"#/proposals/{name.id}")
    expect(page.locator(".because")).to_contain_text("<script>window.broken_in=1</script>")
    expect(page.locator(".because")).to_contain_text("⟨U+202E⟩gpj.exe⟨U+2066⟩␇␛[31mred")
    shown = page.locator("body").inner_text()
    assert not re.search("[\u202a-\u202e\u2066-\u2069\u0007\x1b]", shown)
    assert len(shown) < 20_000
    assert page.locator("main script, main img").count() == 0
    unfold = page.get_by_role("button", name="Show all 65,530 characters")
    unfold.click()
    expect(page.get_by_label("Evidence 2")).to_contain_text("</pre><script>")
    assert page.evaluate("window.broken_in") is None
    expect(page.locator(".proposal", has_text="window.broken_in=1")).to_have_count(1)


def test_hostile_events_and_output_are_shown_and_do_nothing(mesh: Mesh, visit: Visit) -> None:
    run = mesh.finished(Folder.RUNNING, mesh.proposal("hostile", "runner"))
    page = visit(f"#/runs/{run}")
    expect(page.locator(".connection.live")).to_be_visible()
    expect(page.get_by_label("Live output")).to_be_visible()
    mesh.output(run, HOSTILE)
    expect(page.get_by_label("Live output")).to_contain_text("⟨U+202E⟩gpj.exe")
    page.goto(f"{mesh.url}/#/world")
    expect(page.locator("h1")).to_have_text("World")
    mesh.tell(type="odd", node="hostile", service="event", severity="error", payload={"text": HOSTILE * 300})
    expect(page.locator(".feed li", has_text="hostile/event")).to_be_visible()
    assert page.evaluate("window.broken_in") is None
    assert page.locator("main script, main img").count() == 0


def test_a_browser_runs_nothing_that_is_not_a_file_of_ours(mesh: Mesh, visit: Visit) -> None:
    page = visit(complains=True)
    with page.expect_console_message(lambda said: "Content Security Policy" in said.text):
        page.evaluate(
            "document.body.append(Object.assign(document.createElement('script'), {text: 'window.broken_in = 3'}))"
        )
    assert page.evaluate("window.broken_in") is None
