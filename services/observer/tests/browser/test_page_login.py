"""Sign-in on the page: who is nobody sees a form, who may only look cannot decide, who goes is out."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from browser_rig import Mesh
from playwright.sync_api import Page, expect

from mesh_core.models.proposals import Folder
from mesh_core.security.passwords import hash_password
from mesh_core.security.users import People, Role, User, change_people, people_path
from mesh_core.testing import until

Visit = Callable[..., Page]

PASSWORD = "a long way to the harbour"
VIEWER, OPERATOR = "vera", "olga"


@pytest.fixture(scope="module", autouse=True)
def guarded(mesh: Mesh) -> None:
    hashed = hash_password(PASSWORD)

    def both(people: People) -> People:
        for name, role in ((VIEWER, Role.VIEWER), (OPERATOR, Role.OPERATOR)):
            people = people.with_user(name, User(role=role, password=hashed, since="2026-01-01T00:00:00.000Z"))
        return people

    change_people(people_path(mesh.runtime), both)
    mesh.start()


def sign_in(page: Page, name: str, password: str = PASSWORD) -> None:
    page.get_by_label("User", exact=True).fill(name)
    page.get_by_label("Password").fill(password)
    page.keyboard.press("Enter")


def test_a_stranger_sees_a_form_and_a_wrong_password_is_told(visit: Visit) -> None:
    page = visit("#/queue")
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    expect(page.locator("nav")).to_have_count(0)
    sign_in(page, OPERATOR, "not this one at all")
    expect(page.get_by_role("alert")).to_contain_text("do not fit")
    expect(page.locator("nav")).to_have_count(0)


def test_an_operator_signs_in_decides_under_their_name_and_goes(mesh: Mesh, visit: Visit) -> None:
    name = mesh.propose("door", "api")
    page = visit(f"#/proposals/{name.id}")
    sign_in(page, OPERATOR)
    expect(page.locator(".who")).to_contain_text("olga operator")
    page.get_by_role("button", name="Approve…").click()
    page.get_by_role("button", name="Yes, approve").click()
    expect(page.locator(".decided")).to_contain_text("Decided by olga")
    assert [folder for folder, _ in mesh.actions.find(name.id)] == [Folder.APPROVED]
    page.goto(f"{mesh.url}/#/audit")
    expect(page.locator("tr", has_text=name.id)).to_contain_text("olga")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    page.reload()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()


def test_a_viewer_may_look_and_has_nothing_to_decide_with(mesh: Mesh, visit: Visit) -> None:
    name = mesh.propose("look", "api")
    page = visit(f"#/proposals/{name.id}")
    sign_in(page, VIEWER)
    expect(page.locator(".decide")).to_contain_text("deciding takes the role operator")
    page.keyboard.press("a")
    assert page.get_by_role("button", name="Approve").count() == 0
    page.keyboard.press("n")
    page.keyboard.press("Escape")
    expect(page.get_by_text("To decide, choose a proposal")).to_be_visible()
    assert page.get_by_text("Ask for something").count() == 0
    assert [folder for folder, _ in mesh.actions.find(name.id)] == [Folder.PENDING]


def test_who_was_taken_off_the_list_is_out_without_a_reload(mesh: Mesh, visit: Visit) -> None:
    page = visit("#/world")
    sign_in(page, VIEWER)
    expect(page.locator(".connection.live")).to_be_visible()
    change_people(people_path(mesh.runtime), lambda people: people.with_user(VIEWER, None))
    until(lambda: mesh.tell(type="disk_full", node="door", severity="error") > 0, 5, "somebody hears")
    page.keyboard.press("2")
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
