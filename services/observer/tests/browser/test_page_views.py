"""Every view, light and dark, wide and narrow: looked at by axe, never wider than the screen, and kept as a picture."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, Literal

import pytest
import yaml
from axe_playwright_python.sync_playwright import Axe
from browser_rig import Mesh, an_attempt, some_places
from playwright.sync_api import Page, expect
from remedy_rig import GOOD

from mesh_core.models.proposals import Folder, Risk
from mesh_core.testing import until

Visit, Picture = Callable[..., Page], Callable[..., None]
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")

VIEWS = (
    "world",
    "queue",
    "proposal",
    "playbook",
    "runs",
    "run",
    "incident",
    "history",
    "events",
    "metrics",
    "silences",
    "remedies",
    "audit",
)
# What is on the page when it is whole: a picture of "Reading…" shows nothing.
WHOLE = {
    "world": ".places .row",
    "queue": ".proposal",
    "proposal": ".card >> text=api (container unhealthy)",
    "playbook": ".mind >> text=Allowed only by your policy",
    "runs": ".run",
    "run": ".stages",
    "incident": ".timeline li",
    "history": ".past",
    "events": ".past",
    "metrics": ".uplot",
    "silences": ".silence",
    "remedies": ".remedy",
    "audit": ".audit td",
}
MARKS_THAT_SPILL = """[...document.querySelectorAll(".mark")]
    .filter((mark) => mark.scrollWidth > mark.clientWidth + 1).map((mark) => mark.textContent)"""
CHARTS_THAT_SPILL = """[...document.querySelectorAll(".chart canvas")].filter((canvas) =>
    canvas.getBoundingClientRect().right > canvas.closest("figure").getBoundingClientRect().right).length"""
UNDER_A_BAR = """() => {
    const one = document.activeElement, box = one.getBoundingClientRect()
    if (one === document.body || one.closest("nav, .bar, .skip")) return ""
    const top = document.querySelector(".bar").getBoundingClientRect().bottom
    const bottom = document.querySelector("nav").getBoundingClientRect().top
    return box.top >= top - 1 && box.bottom <= bottom + 1 ? "" : one.textContent
}"""
# The key, and what it brings up; Escape takes it away, and nothing else.
ASKED = {
    "a": "div.confirm",
    "r": "form.confirm",
    "e": "dialog textarea",
    "s": "dialog select",
    "?": "dialog kbd >> nth=0",
}


@pytest.fixture(scope="module")
def places(mesh: Mesh) -> dict[str, str]:
    """A mesh with something in every view, and where each view is."""
    mesh.write_world(some_places(12, 8))
    name = mesh.propose("web01", "shop")
    mesh.explain(name.id, api="container_unhealthy", worker="unit_failed")
    for number, risk in enumerate(Risk):
        mesh.propose(f"node{number:03d}", "api", risk_level=risk)
    (mesh.runtime / "config" / "policy.yml").write_text("requests: {modules: {ansible.builtin.shell: [cmd, chdir]}}\n")
    remedies = mesh.runtime / "config" / "remedies"
    remedies.mkdir()
    (remedies / "scratch_clean.yml").write_text(GOOD + "replaces: journal_vacuum\n")
    (remedies / "broken.yml").write_text(GOOD.replace("risk: low", "risc: low"))
    own = mesh.propose("web02", "shop", **a_playbook_of_ones_own("web02"))
    run = mesh.finished(Folder.DONE, mesh.proposal("node001", "db"))
    mesh.finished(Folder.FAILED, mesh.proposal("node002", "db"))
    (filed,) = [filed for filed in mesh.actions.pending() if filed.name == name]
    event_id = filed.proposal.event.id or ""
    mesh.keep_attempt(an_attempt(event_id, "schema_violation", detail="confidence 97.4 is more than 1"))
    mesh.keep_attempt(an_attempt(event_id, "ok", model="haiku", provider="anthropic", position=2, cost_usd=0.002))
    mesh.tell_as_agent("node003", "probe_failed", probe="docker", error="PermissionError: \u202enot for you")
    mesh.start()

    def told() -> bool:
        # Again and again: what is published before the observer listens reaches nobody, and the same twice counts once.
        mesh.tell(type="container_unhealthy", node="web01", service="shop", severity="error")
        return bool(mesh.ask("events")["items"])

    until(told, 20, "an event in the index")
    silence = {"kind": "maintenance", "node": "web*", "seconds": 3600, "reason": "new disks"}
    mesh.ask("silences", silence)
    until(lambda: mesh.ask("audit")["items"] != [], 10, "the silence in the audit log")
    until(lambda: mesh.ask("metrics/models?hours=24")["total"]["attempts"] != {}, 20, "the attempts in the index")
    until(lambda: mesh.ask("history")["items"] != [], 20, "the runs in the index")
    return {
        "proposal": f"#/proposals/{name.id}",
        "playbook": f"#/proposals/{own.id}",
        "run": f"#/runs/{run}",
        "incident": f"#/incident/{name.id}",
        "events": "#/history?list=events",
    }


def a_playbook_of_ones_own(node: str) -> dict[str, Any]:
    """With an attachment, a module that only the policy allows, and a command that destroys."""
    motd = "Welcome to {{ inventory_hostname }}.\n"
    tasks = [
        {"name": "Say hello", "ansible.builtin.template": {"src": f"files/{sha256_of(motd)}", "dest": "/etc/motd"}},
        {"name": "Make room", "ansible.builtin.shell": {"cmd": "rm -rf /srv", "chdir": "/"}},
    ]
    text = yaml.safe_dump([{"hosts": node, "become": True, "tasks": tasks}], sort_keys=False)
    files = [{"name": "motd.j2", "sha256": sha256_of(motd), "text": motd}]
    book = {"name": "make-room", "sha256": sha256_of(text), "text": text, "attachments": files}
    return {"type": "playbook", "action": "playbook", "risk_level": "high", "playbook": book}


def sha256_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def show(visit: Visit, places: dict[str, str], view: str) -> Page:
    page = visit(places.get(view, f"#/{view}"))
    if view in WHOLE:
        page.locator(WHOLE[view]).first.wait_for()
    expect(page.locator(".waiting")).to_have_count(0)
    expect(page.locator(".connection.live")).to_be_visible()
    return page


def test_a_models_words_are_said_to_be_a_models_in_quotes(visit: Visit, mesh: Mesh, places: dict[str, str]) -> None:
    for view, where in (("proposal", ".because"), ("queue", ".proposal .sub")):
        words = show(visit, places, view).locator(where).first
        expect(words).to_contain_text("A model's words:")
        expect(words.locator("q")).to_contain_text("it runs, but its own health check fails")


def test_a_probe_that_sees_nothing_is_said_in_red_above_the_nodes_until_it_works(
    visit: Visit, mesh: Mesh, places: dict[str, str]
) -> None:
    page = show(visit, places, "world")
    unwatched = page.get_by_role("group", name="Probes that see nothing")
    expect(unwatched).to_contain_text("node003: docker: PermissionError: ⟨U+202E⟩not for you")
    expect(page.locator(".node", has_text="node003").locator("em")).to_contain_text("docker sees nothing")
    mesh.tell_as_agent("node003", "service_recovered", was="probe_failed")
    expect(unwatched).to_have_count(0)
    mesh.tell_as_agent("node003", "probe_failed", probe="docker", error="PermissionError")
    expect(unwatched).to_contain_text("node003: docker")


def test_the_catalogue_says_whose_a_remedy_is_what_it_did_here_and_which_file_is_bad(
    visit: Visit, places: dict[str, str], picture: Picture
) -> None:
    page = show(visit, places, "remedies")
    own = page.get_by_role("region", name="Your own").locator(".remedy")
    for words in ("scratch clean", "empties the scratch folder", "for scratch full", "never ran here"):
        expect(own).to_contain_text(words)
    expect(page.locator(".trouble")).to_contain_text("broken.yml:10: risc: no such key")
    restart = page.locator(".remedy", has_text="container restart")
    expect(restart.get_by_role("link", name="1 of 2 proven")).to_be_visible()
    replaced = page.locator(".remedy", has_text="journal vacuum")
    expect(replaced).to_contain_text("not offered: scratch_clean stands in its place")
    asked_for = page.get_by_role("region", name="What you can ask for")
    expect(asked_for.locator(".remedy", has_text="sysctl")).to_contain_text("set vm.swappiness to 10")
    picture(asked_for, "remedies-recipes")
    asked_for.get_by_role("button", name="Ask for sysctl").click()
    expect(page.get_by_label("What should be?")).to_have_value("set vm.swappiness to 10")


def test_the_card_of_a_playbook_says_in_red_whom_it_becomes_and_what_only_the_policy_allows(
    visit: Visit, places: dict[str, str]
) -> None:
    warnings = show(visit, places, "playbook").get_by_role("list", name="Warnings")
    expect(warnings).to_contain_text("Mind: it becomes root on the host (become)")
    expect(warnings).to_contain_text("Allowed only by your policy: ansible.builtin.shell")


def test_the_queue_says_what_is_wrong_and_how_far_a_yes_goes(visit: Visit, places: dict[str, str]) -> None:
    row = show(visit, places, "queue").locator(".proposal", has_text="web01/shop").first
    expect(row).to_contain_text("If you approve: restarts 1 container on web01: shop")
    said = row.inner_text()
    assert said.index("container unhealthy") < said.index("restarts 1 container")


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_has_no_serious_finding_and_fits_the_screen(
    visit: Visit, places: dict[str, str], picture: Picture, view: str
) -> None:
    page = show(visit, places, view)
    for width, height in ((1440, 900), (390, 844)):
        page.set_viewport_size({"width": width, "height": height})
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            picture(page, f"{view}-{width}-{scheme}")
            wider = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
            assert wider <= 0, f"{view} at {width} px is {wider} px too wide"
            assert page.evaluate(MARKS_THAT_SPILL) == [], f"{view} at {width} px"
            assert page.evaluate(CHARTS_THAT_SPILL) == 0, f"{view} at {width} px: the last label is cut"
            if width == 1440 or scheme == "light":
                assert serious(page) == []


def test_what_a_person_is_asked_has_no_serious_finding(visit: Visit, places: dict[str, str], picture: Picture) -> None:
    page = show(visit, places, "proposal")
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        for key, asked in ASKED.items():
            page.keyboard.press(key)
            expect(page.locator(asked)).to_be_visible()
            picture(page, f"asked-{'help' if key == '?' else key}-{scheme}")
            assert serious(page) == []
            page.keyboard.press("Escape")
            expect(page.locator(asked)).to_have_count(0)


def test_on_a_narrow_screen_nothing_that_has_the_focus_is_under_the_bars(visit: Visit, places: dict[str, str]) -> None:
    page = show(visit, places, "world")
    page.set_viewport_size({"width": 390, "height": 844})
    for _ in range(45):
        page.keyboard.press("Tab")
        assert page.evaluate(UNDER_A_BAR) == ""


def test_on_a_narrow_screen_the_latest_events_leave_room_for_the_services_below(
    visit: Visit, places: dict[str, str]
) -> None:
    page = show(visit, places, "world")
    page.set_viewport_size({"width": 390, "height": 844})
    most = "feed => parseFloat(getComputedStyle(feed).maxHeight) / window.innerHeight"
    assert 0 < page.locator(".feed .events").evaluate(most) < 0.4


def test_on_a_narrow_screen_the_history_still_says_the_proof_and_by_whom(visit: Visit, places: dict[str, str]) -> None:
    page = show(visit, places, "history")
    page.set_viewport_size({"width": 390, "height": 844})
    row = page.locator(".past", has_text="node001/db")
    for words in ("done", "proven", "kim (web)", "healthy in 3 looks"):
        expect(row.get_by_text(words)).to_be_visible()


def test_focus_goes_into_a_question_and_back(visit: Visit, places: dict[str, str]) -> None:
    page = show(visit, places, "proposal")
    edit = page.get_by_role("button", name="Edit")
    edit.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    inside = "document.activeElement.closest('dialog') !== null"
    assert page.evaluate(inside)
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(edit).to_be_focused()


def test_a_view_without_anything_in_it_teaches(visit: Visit, mesh: Mesh, places: dict[str, str]) -> None:
    page = visit("#/queue?q=nothing-is-called-so")
    expect(page.locator(".empty")).to_contain_text("No waiting proposal fits")
    page = visit("#/nowhere")
    expect(page.locator("main")).to_contain_text("There is nothing here")


def test_axe_is_awake(visit: Visit, places: dict[str, str]) -> None:
    page = show(visit, places, "queue")
    page.evaluate("document.querySelector('main').insertAdjacentHTML('beforeend', '<img src=icon.svg>')")
    assert any(finding.startswith("image-alt") for finding in serious(page))


def serious(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [
        f"{one['id']} ({one['impact']}): {one['nodes'][0]['html'][:200]}"
        for one in found
        if one["impact"] in ("serious", "critical")
    ]


def test_what_waits_for_something_at_work_says_so_in_the_world(
    visit: Visit, mesh: Mesh, places: dict[str, str]
) -> None:
    mesh.tell(type="service_down", node="patient01", service="shop", severity="error")
    mesh.hold("patient01", "shop", "apt-get upgrade has been at work for 3 min (packages)")
    row = show(visit, places, "world").locator(".places .row", has_text="patient01")
    expect(row).to_contain_text("waits: apt-get upgrade has been at work for 3 min (packages)")
