"""A person decides on the page: yes, no, not now, otherwise, again. Nothing moves before the second yes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from browser_rig import Mesh
from playwright.sync_api import Page, Route, expect

from mesh_core.models.proposals import Folder
from mesh_core.testing import until

pytestmark = pytest.mark.usefixtures("started")
Visit, Picture = Callable[..., Page], Callable[..., None]
APPROVE = re.compile("/approve$")


def lies_in(mesh: Mesh, action_id: str) -> list[Folder]:
    return [folder for folder, _ in mesh.actions.find(action_id)]


def test_the_detail_shows_what_would_run_byte_for_byte_with_its_digests(mesh: Mesh, visit: Visit) -> None:
    name = mesh.propose("detail", "api")
    page = visit(f"#/proposals/{name.id}")
    expect(page.locator(".facts")).to_contain_text(name.digest)
    said = mesh.ask(f"proposals/{name.id}")["playbook"]
    expect(page.get_by_label("The playbook")).to_have_text(said["text"], use_inner_text=True)
    expect(page.locator(".detail")).to_contain_text(said["sha256"])


def test_what_lies_in_pending_under_another_name_is_said_above_the_queue(mesh: Mesh, visit: Visit) -> None:
    own = mesh.actions.folder(Folder.PENDING) / mesh.propose("filed", "away").file
    other = own.rename(own.with_name("for-later.json"))
    page = visit("#/queue")
    told = page.get_by_label("Waiting proposals").locator("p.trouble")
    expect(told).to_contain_text("for-later.json in pending/ is a proposal under another name")
    expect(told).to_contain_text(own.name)
    other.rename(own)
    page.reload()
    expect(page.locator(".proposal", has_text="filed")).to_be_visible()
    expect(told).to_have_count(0)


def test_nothing_moves_before_the_second_yes(mesh: Mesh, visit: Visit) -> None:
    name = mesh.propose("twice", "api")
    page = visit(f"#/proposals/{name.id}")
    page.get_by_role("button", name="Approve…").click()
    asked = page.get_by_role("group", name="Approve?")
    expect(asked).to_contain_text("container restart")
    expect(asked).to_contain_text("twice")
    expect(asked).to_contain_text("api")
    expect(asked).to_contain_text(name.digest)
    assert lies_in(mesh, name.id) == [Folder.PENDING]
    page.keyboard.press("Escape")
    expect(asked).to_be_hidden()
    assert lies_in(mesh, name.id) == [Folder.PENDING]
    page.get_by_role("button", name="Approve…").click()
    page.get_by_role("button", name="Yes, approve").click()
    expect(page.locator(".decided")).to_contain_text("Approved")
    assert lies_in(mesh, name.id) == [Folder.APPROVED]


def test_a_rejection_wants_a_reason_and_keeps_it(mesh: Mesh, visit: Visit) -> None:
    name = mesh.propose("no", "api")
    page = visit(f"#/proposals/{name.id}")
    page.get_by_role("button", name="Reject…").click()
    page.get_by_role("button", name="Reject", exact=True).click()
    assert lies_in(mesh, name.id) == [Folder.PENDING]
    page.get_by_label("Why not?").fill("backup is running")
    page.keyboard.press("Enter")
    expect(page.locator(".decided")).to_contain_text("Rejected")
    expect(page.locator(".decided")).to_contain_text("backup is running")
    assert lies_in(mesh, name.id) == [Folder.REJECTED]
    kept = mesh.actions.folder(Folder.REJECTED) / f"{name.file}.reason.txt"
    assert kept.read_text().startswith("backup is running")
    expect(page.locator(".proposal", has_text="no/api")).to_have_count(0)


def test_a_rejection_for_good_shows_the_rule_before_it_is_written(mesh: Mesh, visit: Visit, picture: Picture) -> None:
    name = mesh.propose("never", "api")
    page = visit(f"#/proposals/{name.id}")
    page.get_by_role("button", name="Reject…").click()
    page.get_by_label("Never propose this again").check()
    button = page.get_by_role("button", name="Reject, and write the rule")
    expect(button).to_be_disabled()
    page.get_by_label("Why not?").fill("it restarts itself")
    expect(page.locator(".lasting pre")).to_contain_text("+  - name: rejected-api-")
    for width in (1440, 390):
        page.set_viewport_size({"width": width, "height": 900})
        button.scroll_into_view_if_needed()
        picture(page, f"reject-always-{width}")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    file = mesh.runtime / "config" / "policy.yml"
    assert "rejected-api" not in (file.read_text() if file.exists() else "")
    button.click()
    expect(page.locator(".decided")).to_contain_text("Rejected")
    assert lies_in(mesh, name.id) == [Folder.REJECTED]
    assert "it restarts itself" in file.read_text()
    file.unlink()


def test_an_edit_makes_a_new_digest_that_waits_again(mesh: Mesh, visit: Visit) -> None:
    name = mesh.propose("edited", "api")
    page = visit(f"#/proposals/{name.id}")
    expect(page.get_by_role("button", name="Edit")).to_be_visible()
    page.keyboard.press("e")
    text = page.get_by_label("The proposal as JSON")
    text.fill("{ not json")
    page.get_by_role("button", name="File it anew").click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_be_visible()
    assert lies_in(mesh, name.id) == [Folder.PENDING]
    changed = json.loads(mesh.ask(f"proposals/{name.id}")["raw"])
    changed["reason"] = "restart it after the backup, not before"
    text.fill(json.dumps(changed))
    page.get_by_role("button", name="File it anew").click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.locator(".because")).to_contain_text("restart it after the backup, not before")
    (waits,) = [filed for filed in mesh.actions.pending() if filed.name.id == name.id]
    assert waits.name.digest != name.digest
    expect(page.locator(".facts")).to_contain_text(waits.name.digest)
    assert lies_in(mesh, name.id) == [Folder.PENDING]


def test_of_two_who_approve_at_once_one_wins_and_the_other_is_told(mesh: Mesh, visit: Visit) -> None:
    name = mesh.propose("race", "api")
    pages = [visit(f"#/proposals/{name.id}") for _ in range(2)]
    for page in pages:
        page.get_by_role("button", name="Approve…").click()
        expect(page.get_by_role("button", name="Yes, approve")).to_be_focused()
    asked: list[Route] = []
    for page in pages:  # neither knows of the other yet: what they ask is held until both have
        page.route(APPROVE, lambda route: asked.append(route))
        page.evaluate("document.activeElement.click()")
    until(lambda: pages[0].evaluate("true") and len(asked) == 2, 30, "both to have asked")
    for route in asked:
        route.continue_()
    told = [page.locator(".decide .trouble") for page in pages]
    for page in pages:
        expect(page.locator(".decided")).to_contain_text("Approved")
    until(lambda: sum(one.count() for one in told) == 1, 30, "one of them is told")
    (loser,) = [one for one in told if one.count()]
    expect(loser).to_contain_text("decided already")
    assert lies_in(mesh, name.id) == [Folder.APPROVED]


def test_who_looks_while_somebody_else_decides_sees_it(mesh: Mesh, visit: Visit) -> None:
    name = mesh.propose("elsewhere", "api")
    page = visit(f"#/proposals/{name.id}")
    page.get_by_role("button", name="Approve…").click()
    assert mesh.actions.reject(name, "not today", "kim")
    expect(page.locator(".decided")).to_contain_text("Decided by kim")
    expect(page.get_by_role("button", name="Yes, approve")).to_have_count(0)
    assert lies_in(mesh, name.id) == [Folder.REJECTED]


def test_an_approval_of_what_was_edited_meanwhile_is_refused(mesh: Mesh, visit: Visit) -> None:
    name = mesh.propose("stale", "api")
    page = visit(f"#/proposals/{name.id}")
    page.get_by_role("button", name="Approve…").click()
    (filed,) = [filed for filed in mesh.actions.pending() if filed.name.id == name.id]
    edited = filed.proposal.model_copy(update={"reason": "somebody else wrote this reason", "edited_by": "kim"})

    def edited_first(route: Route) -> None:
        """The page has asked, and the observer has not heard it: it cannot know of the edit yet."""
        assert mesh.actions.refile(name, edited)
        route.continue_()

    page.route(APPROVE, edited_first)
    page.get_by_role("button", name="Yes, approve").click()
    expect(page.locator(".decide .trouble")).to_contain_text("was edited since you looked at it")
    expect(page.locator(".because")).to_contain_text("somebody else wrote this reason")
    assert lies_in(mesh, name.id) == [Folder.PENDING]


def test_the_keyboard_alone_can_approve(mesh: Mesh, visit: Visit) -> None:
    name = mesh.propose("keys", "api")
    page = visit("#/world")
    page.keyboard.press("2")
    expect(page.locator("h1")).to_have_text("Queue")
    page.keyboard.press("/")
    page.keyboard.type("keys")
    expect(page.locator(".proposal")).to_have_count(1)
    page.keyboard.press("Tab")
    page.keyboard.press("j")
    expect(page.locator(".facts")).to_contain_text(name.digest)
    page.keyboard.press("a")
    expect(page.get_by_role("button", name="Yes, approve")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".decided")).to_contain_text("Approved")
    assert lies_in(mesh, name.id) == [Folder.APPROVED]


def test_a_snooze_puts_the_proposal_aside_and_is_listed_until_it_is_ended(mesh: Mesh, visit: Visit) -> None:
    name = mesh.propose("snoozed", "api")
    page = visit(f"#/proposals/{name.id}")
    page.get_by_role("button", name="Snooze").click()
    span = page.get_by_role("dialog").get_by_role("combobox")
    expect(span).to_have_value("3600")
    span.select_option("4 hours")
    page.get_by_label("Reason").fill("waiting for the vendor")
    page.get_by_role("dialog").get_by_role("button", name="Snooze").click()
    expect(page.locator(".decided.aside")).to_contain_text("Snoozed")
    assert lies_in(mesh, name.id) == [Folder.REJECTED]
    page.keyboard.press("4")
    expect(page.locator(".past", has_text="snoozed/api").locator(".chip.plain")).to_have_text("snoozed")
    page.keyboard.press("6")
    row = page.locator(".silence", has_text="snoozed/api")
    expect(row).to_contain_text("waiting for the vendor")
    expect(row).to_contain_text(re.compile("3h5[0-9]m left"))
    row.get_by_role("button", name="End").click()
    expect(row).to_have_count(0)
    page.get_by_role("button", name="Show what is over").click()
    expect(row).to_contain_text("ended")


def test_a_maintenance_is_begun_on_the_page_and_seen_in_the_world(mesh: Mesh, visit: Visit) -> None:
    mesh.tell(type="service_down", node="moved01", service="api", severity="error")
    page = visit("#/silences")
    page.get_by_role("button", name="New maintenance…").click()
    page.get_by_label("Node (").fill("!!")
    page.get_by_role("button", name="Begin").click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_be_visible()
    page.get_by_label("Node (").fill("moved*")
    page.get_by_role("button", name="Begin").click()
    expect(page.locator(".silence", has_text="moved*")).to_contain_text("maintenance")
    page.keyboard.press("1")
    expect(page.locator(".places .row", has_text="moved01")).to_contain_text("silenced")


def test_what_failed_can_be_proposed_again_and_waits(mesh: Mesh, visit: Visit) -> None:
    run = mesh.finished(Folder.FAILED, mesh.proposal("again", "api"))
    page = visit(f"#/proposals/{run}")
    expect(page.locator(".decided")).to_contain_text("failed")
    page.get_by_role("button", name="Propose again").click()
    expect(page.locator(".detail .chip", has_text="attempt 2")).to_be_visible()
    expect(page.get_by_role("button", name="Approve…")).to_be_visible()
    (waits,) = [filed for filed in mesh.actions.pending() if filed.proposal.node == "again"]
    assert waits.proposal.attempt == 2
    assert lies_in(mesh, run) == [Folder.FAILED]


def test_what_ran_can_be_asked_to_be_taken_back_and_that_waits(mesh: Mesh, visit: Visit) -> None:
    found = {"runtime": "systemd", "investigation": {"unit": {"enabled": True}}}
    made = mesh.proposal("back", "nginx")
    event = made.event.model_copy(update={"type": "unit_failed", "payload": found})
    made = made.model_copy(update={"type": "unit_start", "action": "unit_start", "event": event})
    name = mesh.actions.propose_again(made)
    assert name is not None
    page = visit(f"#/proposals/{made.id}")
    expect(page.get_by_text("It can be taken back afterwards, if you ask for that.")).to_be_visible()
    (mesh.actions.folder(Folder.PENDING) / name.file).unlink()
    run = mesh.finished(Folder.DONE, made, before={"is_running": 0, "restarts": 2})
    page = visit(f"#/proposals/{run}")
    page.get_by_role("button", name="Undo…").click()
    expect(page.locator(".title")).to_contain_text("undo unit start")
    expect(page.locator(".because")).to_contain_text(f"a person asks to take back what {run} did")
    expect(page.get_by_role("button", name="Approve…")).to_be_visible()
    (waits,) = [filed for filed in mesh.actions.pending() if filed.proposal.node == "back"]
    assert waits.proposal.undoes is not None
    assert lies_in(mesh, run) == [Folder.DONE]
