"""The picture of the README: what a person reads before a yes. MENDMESH_DOCS=1 writes it into docs/."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest
import redis
from browser_rig import Mesh, ago
from playwright.sync_api import Page, expect
from remedy_events import proposal_for as remedy_proposal

from mesh_core.actions.register import with_digest
from mesh_core.approvals.previews import PREVIEW_FILE, playbook_sha256
from mesh_core.models.previews import Effect, Preview, TaskPreview
from mesh_core.models.proposals import ActionUpdate, Folder
from mesh_core.runtime.executor_notes import note_targets

pytestmark = pytest.mark.usefixtures("started")
Visit, Picture = Callable[..., Page], Callable[..., None]
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
TONE_OF_BAD = """() => {
    const one = document.body.appendChild(Object.assign(document.createElement("i"), {style: "color: var(--bad)"}))
    const color = getComputedStyle(one).color
    one.remove()
    return color
}"""

PICTURE = Path("docs/images/approval-card.png")
CHECKOUT = Path(__file__).parents[4]
LARGEST_BYTES = 150_000
TABS = 60  # pixels of the bar at the bottom of a phone
RULE = {"name": "unhealthy", "says": "its own health check fails"}
CONSIDERED = (
    {"choice": "redeploy", "why_not": "possible as well; it risks more (guarded)"},
    {"choice": "rollback_image", "why_not": "the agent remembers no other image with which it was healthy"},
)
SHOWN = (
    "shop on web01 is unhealthy",
    "container restart",
    "risk low",
    "If you approve: restarts 1 container on web01: shop; shop is away meanwhile",
    "A model's words:",
    "Occurrences",
    "Model",
)


def test_the_card_shows_what_a_person_decides_by_and_its_picture_is_kept(
    visit: Visit, mesh: Mesh, tmp_path: Path
) -> None:
    for number in range(2):
        mesh.finished(Folder.DONE, mesh.proposal("web01", "shop"), **ended(days=9 + number))
    name = mesh.propose("web01", "shop", rule=RULE, considered=CONSIDERED)
    mesh.make_sound("web01")
    page = visit(f"#/proposals/{name.id}")
    page.set_viewport_size({"width": 1100, "height": 900})
    card = page.get_by_label("Proposal", exact=True)
    for words in SHOWN:
        expect(card).to_contain_text(words)
    for answer in ("Approve…", "Reject…", "Edit", "Snooze"):
        expect(card.get_by_role("button", name=answer)).to_be_visible()
    expect(card.get_by_label("The playbook")).to_contain_text("restart: true")
    made = tmp_path / PICTURE.name
    page.screenshot(path=made, animations="disabled")
    kept = CHECKOUT / PICTURE
    if os.environ.get("MENDMESH_DOCS"):
        kept.parent.mkdir(exist_ok=True)
        kept.write_bytes(made.read_bytes())
    for picture in (made, kept):
        assert picture.read_bytes().startswith(b"\x89PNG")
        assert picture.stat().st_size < LARGEST_BYTES


def test_a_yes_that_would_come_to_nothing_is_said_in_red_above_the_button(
    visit: Visit, mesh: Mesh, picture: Picture
) -> None:
    mesh.make_sound("web01")
    note_targets(mesh.runtime, 0)
    (mesh.runtime / "config" / "inventory.yml").write_text("all: {hosts: {web01: {}}}\n")
    restart = mesh.propose("attic", "shop")
    message = mesh.propose("web01", "mail", type="notify", action="notify")
    for name, words in (
        (restart, "`attic: {ansible_host: ADDRESS}`"),
        (message, "NOTIFY_URLS is not set: approving tells nobody"),
    ):
        page = visit(f"#/proposals/{name.id}")
        against = page.locator(".detail .against")
        expect(against).to_contain_text(words)
        expect(against).to_contain_text("A yes would come to nothing now")
        red = against.locator("strong").first.evaluate("one => getComputedStyle(one).color")
        assert red == page.evaluate(TONE_OF_BAD)
        button = page.get_by_role("button", name="Approve…")
        above, below = against.bounding_box(), button.bounding_box()
        assert above is not None
        assert below is not None
        assert above["y"] + above["height"] <= below["y"]
        row = page.locator(".row.proposal", has=page.locator(f'xpath=self::*[@data-id="{name.id}"]'))
        expect(row.locator(".wrong")).to_contain_text("container unhealthy")
        expect(row.locator(".sub.bad")).to_contain_text("Would come to nothing")
        for width, height in ((1440, 900), (390, 844)):
            page.set_viewport_size({"width": width, "height": height})
            for scheme in SCHEMES:
                page.emulate_media(color_scheme=scheme)
                picture(page, f"against-{name.id[-4:]}-{width}-{scheme}")
                assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0


def test_what_only_hinders_the_telling_is_said_in_the_row_as_well(visit: Visit, mesh: Mesh) -> None:
    mesh.make_sound("alone")
    name = mesh.propose("alone", "shop")
    with redis.Redis.from_url(mesh.redis.url) as client:
        client.config_set("min-replicas-to-write", 1)
        try:
            row = visit(f"#/queue?q={name.id}").locator(".row.proposal")
            expect(row.locator(".sub.bad")).to_contain_text("Before you say yes: Redis wants 1 replica(s)")
        finally:
            client.config_set("min-replicas-to-write", 0)


def test_who_asks_for_a_preview_sees_on_the_card_what_the_host_says_and_that_it_is_old_after_an_edit(
    visit: Visit, mesh: Mesh, picture: Picture
) -> None:
    mesh.make_sound("web02")
    name = mesh.propose("web02", "shop")
    page = visit(f"#/proposals/{name.id}")
    expect(page.get_by_role("button", name="Preview")).to_be_visible()
    page.keyboard.press("p")
    expect(page.get_by_role("button", name="Asking the host…")).to_be_disabled()
    panel = page.locator(".panel .panel", has_text="What it would change, as the host says")
    expect(panel).to_contain_text("the executor looks and runs the playbook in check mode")
    (asked,) = (one for one in mesh.actions.filed(Folder.APPROVED) if one.proposal.preview_of)
    assert asked.proposal.preview_of is not None
    assert asked.proposal.preview_of.id == name.id
    assert [one.name for one in mesh.actions.pending() if one.name.id == name.id] == [name]

    of = asked.proposal.meant
    tasks = (
        TaskPreview(name="Find it", module="m", effect=Effect.NOTHING),
        TaskPreview(name="Restart it", module="m", effect=Effect.CHANGES, things=("shop", "db"), diff="-up\n+again"),
        TaskPreview(name="Wait", module="m", effect=Effect.UNKNOWN, why="check mode does not run it"),
    )
    said = Preview(
        **{"action_id": asked.name.id, "of": of.id, "digest": name.digest, "node": of.node, "service": of.service},
        **{"playbook_sha256": playbook_sha256(of), "at": of.created_at, "tasks": tasks, "sees": "shop runs"},
        sentence="1 of 3 tasks would change something: Restart it",
        surprises=("'Restart it' would change db, which the card does not name " + "x" * 80,),
    )
    run = mesh.actions.claim(asked.name, {"proposal.json": asked.proposal.wire()})
    assert run is not None
    (run / PREVIEW_FILE).write_bytes(said.wire())
    mesh.actions.finish(run, Folder.DONE)
    mesh.say(ActionUpdate.of(asked.proposal, "running", "done", actor="executor", timestamp=of.created_at))
    for words in ("1 of 3 tasks would change something", "Restart it", "shop, db", "cannot be said", "Sees now: shop"):
        expect(panel).to_contain_text(words)
    expect(page.get_by_text("Repaired: web02/shop")).to_have_count(0)
    red = panel.get_by_role("group", name="Not on the card")
    expect(red).to_contain_text("would change db")
    assert red.locator("strong").evaluate("one => getComputedStyle(one).color") == page.evaluate(TONE_OF_BAD)
    expect(page.get_by_label("What Restart it would change")).to_contain_text("+again")
    for width, height in ((1440, 900), (390, 844)):
        page.set_viewport_size({"width": width, "height": height})
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            picture(panel, f"preview-{width}-{scheme}")
            assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0

    (waits,) = (one.proposal for one in mesh.actions.pending() if one.name == name)
    edited = mesh.actions.refile(name, waits.model_copy(update={"confidence": 0.6}))
    assert edited is not None
    mesh.say(ActionUpdate.of(of, "pending", "pending", actor="anna", timestamp=of.created_at))
    expect(panel).to_contain_text("Old: this proposal was edited since. Ask again.")
    expect(panel).not_to_contain_text("Restart it")


def test_what_runs_on_no_host_has_no_preview(visit: Visit, mesh: Mesh) -> None:
    name = mesh.propose("web02", "mail", type="notify", action="notify")
    page = visit(f"#/proposals/{name.id}")
    expect(page.get_by_role("button", name="Approve…")).to_be_visible()
    expect(page.get_by_role("button", name="Preview")).to_have_count(0)


def test_the_card_names_the_runbook_that_was_found(visit: Visit, mesh: Mesh) -> None:
    heading = "container-down: A container does not run (found by its name)"
    evidence = ({"source": "runbook", "text": f"{heading}\nmeans: Its <b>program</b> ended."},)
    name = mesh.propose("web01", "documented", evidence=evidence)
    card = visit(f"#/proposals/{name.id}").get_by_label("Proposal", exact=True)
    expect(card).to_contain_text("runbook container-down (found by its name)")
    expect(card).to_contain_text("means: Its <b>program</b> ended.")


def test_a_tired_person_reads_whether_above_the_button_and_ids_only_when_asked(
    visit: Visit, mesh: Mesh, picture: Picture
) -> None:
    mesh.make_sound("web03")
    for number in range(5):
        mesh.finished(Folder.DONE, mesh.proposal("web03", "shop"), **ended(days=2 + number))
    name = mesh.propose("web03", "shop", rule=RULE, considered=CONSIDERED)
    page = visit(f"#/proposals/{name.id}")
    told = page.locator(".card")
    for words in (
        "unhealthy: its own health check fails",
        "redeploy: possible as well",
        "container restart helped (5 of 5",
    ):
        expect(told).to_contain_text(words)
    expect(told).to_contain_text("the proposal expires in 2")
    expect(page.locator(".suggested")).to_have_text(
        "container restart: the last 5 runs here were all proven; approve on sight?"
    )
    expect(told.get_by_text("rollback image")).to_be_hidden()
    told.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(told.get_by_text("rollback image")).to_be_visible()
    expect(page.locator(".facts")).to_be_hidden()
    page.locator(".ids > summary").click()
    expect(page.locator(".facts").get_by_text(name.digest)).to_be_visible()
    for width, height in ((1440, 900), (390, 844)):
        page.set_viewport_size({"width": width, "height": height})
        button = page.get_by_role("button", name="Approve…").bounding_box()
        assert button is not None
        assert button["y"] + button["height"] <= height - TABS, (width, button)
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            picture(page, f"whether-{width}-{scheme}")
            assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0

    mesh.finished(Folder.FAILED, mesh.proposal("web03", "shop"), **ended(days=1))
    page.reload()
    expect(page.locator(".doubted")).to_have_text("container restart did not help here the last time")
    expect(page.locator(".suggested")).to_have_count(0)


def ended(days: int) -> dict[str, str]:
    return {"started_at": ago(days=days, seconds=9), "finished_at": ago(days=days)}


def test_what_a_remedy_leaves_to_a_person_is_set_and_shown_anew_before_a_yes(mesh: Mesh, visit: Visit) -> None:
    made = remedy_proposal("journal_vacuum", id="n1/9-0").model_copy(update={"expires_at": ago(hours=-1)})
    name = mesh.actions.propose_again(with_digest(made.model_copy(update={"id": made.id_by_its_parts})))
    assert name is not None
    page = visit(f"#/proposals/{name.id}")
    card = page.get_by_label("Proposal", exact=True)
    expect(card).to_contain_text("keep_mib: a whole number from 16 to 10000; 64 now")
    page.get_by_role("button", name="Set values").click()
    value = page.get_by_role("dialog").get_by_label("keep_mib")
    value.fill("5")
    page.get_by_role("button", name="File it anew").click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("keep_mib may not be '5'")
    value.fill("200")
    page.get_by_role("button", name="File it anew").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(card).to_contain_text("the newest 200 MiB of the journal stay")
    expect(card).to_contain_text("10000; 200 now")
    expect(card.get_by_label("The playbook")).to_contain_text("keep_mib: 200")
    (filed,) = [filed for filed in mesh.actions.pending() if filed.name.id == name.id]
    assert (filed.proposal.params, filed.name.digest != name.digest) == ({"keep_mib": 200}, True)
