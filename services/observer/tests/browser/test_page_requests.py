"""Asked for on the page in words: what is missing is a field, and what comes of it are cards and proposals."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser_rig import Mesh, ago, until
from playwright.sync_api import Page, expect

from mesh_core.approvals import decisions
from mesh_core.approvals.previews import PREVIEW_FILE, playbook_sha256
from mesh_core.approvals.proposal_files import Filed
from mesh_core.models.previews import Preview
from mesh_core.models.proposals import ActionUpdate, Folder

Visit, Picture = Callable[..., Page], Callable[..., None]
Noticed = Callable[[Page, str], None]
HOSTS = {name: {"ansible_host": "192.0.2.7"} for name in ("db", "web01", "web02")}
INVENTORY = {"all": {"hosts": HOSTS, "children": {"web": {"hosts": {"web01": {}, "web02": {}}}}}}


@pytest.fixture(scope="module", autouse=True)
def planner_at_work(mesh: Mesh) -> None:
    (mesh.runtime / "config" / "inventory.yml").write_text(json.dumps(INVENTORY))
    mesh.start()
    mesh.start("planner_agent", LLM_CHAIN="floor")
    heartbeat = mesh.runtime / "state" / "planner-agent.heartbeat"
    until(heartbeat.exists, 60, "a planner at work")


def test_what_is_asked_for_asks_back_and_then_waits_on_each_host(mesh: Mesh, visit: Visit, picture: Picture) -> None:
    page = visit("#/queue")
    page.keyboard.press("n")
    text = page.get_by_label("What should be?")
    expect(text).to_be_focused()
    page.keyboard.type("open the firewall")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")  # the group comes first
    text.press("Control+Enter")
    asks = page.locator(".asked-for", has_text="open the firewall")
    expect(asks.locator(".chip")).to_have_text("asks")
    expect(text).to_have_value("")
    page.get_by_role("link", name="A request asks you something", exact=True).click()
    expect(asks).to_be_focused()
    asks.get_by_label("Which port").fill("no port")
    asks.get_by_role("button", name="Answer").click()
    expect(asks.locator("form")).to_contain_text("'no port' is no port.")
    look(page, picture, "requests-asks")
    asks.get_by_label("is no port").fill("443/tcp")
    asks.get_by_role("button", name="Answer").click()
    expect(asks.locator("header .chip")).to_have_text(["risk guarded", "filed"])
    became = asks.get_by_role("list", name="Its proposals").get_by_role("listitem")
    expect(became).to_have_text(["web01 pending", "web02 pending"])
    look(page, picture, "requests-filed")
    became.get_by_role("link", name="web02").click()
    expect(page.get_by_label("The playbook")).to_contain_text("hosts: web02")
    expect(page.get_by_role("button", name="Approve…")).to_be_visible()
    assert [one.proposal.node for one in mesh.actions.filed(Folder.PENDING)] == ["web01", "web02"]


def test_all_of_a_request_are_approved_at_once_each_by_what_was_shown_unless_they_differ(
    mesh: Mesh, visit: Visit, picture: Picture
) -> None:
    for text in ("install nginx", "install htop"):
        mesh.ask("requests", {"text": text, "hosts": ["web", "db"], "name": text.split()[1]})
    page = visit("#/queue")
    nginx, htop = (page.locator(".asked-for", has_text=text) for text in ("install nginx", "install htop"))
    for one in (nginx, htop):
        expect(one.get_by_role("button", name="Approve all 3…")).to_be_visible()
    ours = {one.name.id: one for one in mesh.actions.pending() if one.proposal.service == "nginx"}
    nginx.get_by_role("button", name="Approve all 3…").press("Enter")
    question = nginx.get_by_role("group", name="Approve all?")
    expect(question).to_be_focused()
    expect(question).to_contain_text("All 3 carry this playbook; only its hosts differ.")
    expect(question.get_by_label("The playbook of all")).to_contain_text("hosts: …")
    for one in ours.values():
        # By its beginning: a short name of a host may stand in a digest, too.
        host = re.compile(rf"^{one.proposal.node}\b")
        expect(question.get_by_role("listitem").filter(has_text=host)).to_contain_text(one.name.digest)
    look(page, picture, "requests-all")
    assert mesh.actions.filed(Folder.APPROVED) == []

    edited = next(one for one in ours.values() if one.proposal.node == "db")
    again = mesh.actions.refile(edited.name, edited.proposal.model_copy(update={"confidence": 0.5}))
    question.get_by_role("button", name="Yes, approve all 3").click()
    expect(nginx.get_by_role("alert")).to_contain_text("Not done. db: ")
    approved = {one.name for one in mesh.actions.filed(Folder.APPROVED)}
    assert approved == {one.name for one in ours.values() if one is not edited}
    assert again in {one.name for one in mesh.actions.pending()}
    expect(nginx.get_by_role("list", name="Its proposals")).to_contain_text("web02 approved")
    lines = [one for one in mesh.ask("audit")["items"] if one["what"] == "approve"]
    assert {one["action_id"] for one in lines} >= {name.id for name in approved}

    other = next(one for one in mesh.actions.pending() if one.proposal.service == "htop")
    book = other.proposal.playbook
    assert book is not None
    text = book.text.replace("present", "latest")
    changed = book.model_copy(update={"text": text, "sha256": hashlib.sha256(text.encode()).hexdigest()})
    mesh.actions.refile(other.name, other.proposal.model_copy(update={"playbook": changed}))
    htop.get_by_role("button", name="Approve all 3…").click()
    told = htop.get_by_role("group", name="Not all at once")
    expect(told).to_contain_text("They do not carry the same playbook. Read each")
    expect(told.get_by_role("button")).to_have_text(["Back"])
    htop.get_by_role("link", name="web01").click()
    page.get_by_role("link", name="req-").click()
    expect(htop).to_be_focused()


def test_each_host_is_asked_what_would_change_and_what_the_runs_say_is_followed(
    mesh: Mesh, visit: Visit, picture: Picture
) -> None:
    mesh.ask("requests", {"text": "install curl", "hosts": ["web"], "name": "curl"})
    page = visit("#/queue")
    card = page.locator(".asked-for", has_text="install curl")
    card.get_by_role("button", name="Preview").click()
    answers = card.get_by_role("list", name="What would change").get_by_role("listitem")
    expect(answers).to_have_text(["web01 asked; its answer is to come", "web02 asked; its answer is to come"])
    ours = {one.proposal.node: one for one in mesh.actions.pending() if one.proposal.service == "curl"}
    for asked in mesh.actions.filed(Folder.APPROVED):
        of = asked.proposal.preview_of
        if of and of.id in {one.name.id for one in ours.values()}:
            answer(mesh, asked, "1 of 1 tasks would change something: Packages curl: present")
    expect(answers).to_have_text([re.compile(r"^web0\d 1 of 1 tasks would change something")] * 2)
    look(page, picture, "requests-preview")
    assert len(ours) == len([one for one in mesh.actions.pending() if one.proposal.service == "curl"]), "they wait"

    for one in ours.values():
        decisions.approve(mesh.actions, one.name.id, "kim", datetime.now(UTC))
    first, second = (mesh.actions.claim(one.name, {"proposal.json": one.proposal.wire()}) for one in ours.values())
    assert first
    assert second
    log = first / "logs" / "02_apply.log"
    log.parent.mkdir()
    log.write_text("TASK [Packages curl: present] ***\n")
    tell(mesh, ours["web01"])
    card.get_by_role("button", name="Show what its runs say").click()
    said = card.get_by_role("log", name="Live output")
    expect(said).to_contain_text("web01: TASK [Packages curl: present]")
    with log.open("a") as more:
        more.write("changed: [web01]\n")
    expect(said).to_contain_text("web01: changed: [web01]")
    look(page, picture, "requests-output")
    for run in (first, second):
        mesh.actions.finish(run, Folder.DONE)
    expect(said).to_contain_text("web01: done")
    expect(said).to_contain_text("web02: done")
    card.get_by_role("button", name="Hide what its runs say").click()
    expect(said).to_have_count(0)


def test_what_cannot_be_asked_is_said_at_its_field_and_what_cannot_be_done_on_its_card(
    visit: Visit, noticed: Noticed, tmp_path: Path
) -> None:
    page = visit("#/requests")
    box = page.get_by_role("region", name="Ask for something")
    text, button = box.get_by_label("What should be?"), box.get_by_role("button", name="Ask", exact=True)
    expect(text).to_be_focused()
    button.click()
    expect(text).to_be_focused()
    expect(text).to_have_accessible_description("Say what should be, such as: install nginx")
    expect(box.get_by_role("group")).to_have_accessible_description("Choose at least one host or group.")
    picture = tmp_path / "picture.png"
    picture.write_bytes(b"\x89PNG\xff\xfe")
    files = box.get_by_label("Texts that your words name")
    files.set_input_files(picture)
    text.fill("write \x07 a poem")
    box.get_by_label("db").check()
    button.click()
    expect(files).to_have_accessible_description("picture.png cannot be read as text; only text can come along.")
    page.get_by_role("link", name="World").click()
    page.go_back()
    expect(files).to_have_value(re.compile("picture.png"))
    expect(text).to_have_value("write \x07 a poem")
    files.set_input_files([])
    button.click()
    expect(text).to_have_accessible_description(re.compile("control character"))
    text.fill("write a poem")
    button.click()
    poem = page.locator(".asked-for", has_text="write a poem")
    expect(poem.locator(".chip")).to_have_text("refused")
    expect(poem.locator(".trouble")).not_to_be_empty()
    noticed(page, "Refused: write a poem")


def test_who_types_keeps_the_focus_and_every_letter_however_late_the_page_draws(visit: Visit) -> None:
    page = visit("#/queue")
    text = page.get_by_label("What should be?")
    text.evaluate("one => { window.left = 0; one.addEventListener('blur', () => window.left++) }")
    page.keyboard.press("n")
    expect(page).to_have_url(re.compile("#/requests$"))
    expect(text).to_be_focused()
    assert page.evaluate("window.left") == 0
    text.blur()
    page.keyboard.press("/")
    page.keyboard.type("no-such ")
    expect(page).to_have_url(re.compile("q=no-such$"))  # somebody thinks about the next word
    expect(page.locator(".empty")).to_contain_text("No waiting proposal fits")
    page.keyboard.type("name")
    expect(page.get_by_role("searchbox", name="Search proposals")).to_have_value("no-such name")


def answer(mesh: Mesh, asked: Filed, sentence: str) -> None:
    """As an executor leaves a preview."""
    of = asked.proposal.preview_of
    run = mesh.actions.claim(asked.name, {"proposal.json": asked.proposal.wire()})
    assert of
    assert run
    of_these = {"of": of.id, "digest": of.digest, "playbook_sha256": playbook_sha256(asked.proposal)}
    said = Preview(action_id=asked.name.id, node=asked.proposal.node, at=ago(), sentence=sentence, **of_these)
    (run / PREVIEW_FILE).write_bytes(said.wire())
    mesh.actions.finish(run, Folder.DONE)
    tell(mesh, asked)


def tell(mesh: Mesh, filed: Filed) -> None:
    """That something of it has changed."""
    mesh.say(ActionUpdate.of(filed.proposal, "approved", "running", actor="executor", timestamp=ago()))


def look(page: Page, picture: Picture, name: str) -> None:
    """A picture of each width and theme, where nothing is too wide and axe finds nothing serious."""
    for width, height in ((1440, 900), (390, 844)):
        page.set_viewport_size({"width": width, "height": height})
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            picture(page, f"{name}-{width}-{scheme}", full_page=True)
            assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
            assert serious(page) == []
    page.set_viewport_size({"width": 1440, "height": 900})


def serious(page: Page) -> list[str]:
    return [
        f"{one['id']}: {one['nodes'][0]['html'][:200]}"
        for one in Axe().run(page).response["violations"]
        if one["impact"] in ("serious", "critical")
    ]
