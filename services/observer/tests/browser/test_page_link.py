"""Sign-in where nobody is listed: a link out of the terminal lets its maker in once, and says so when it is spent."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Literal

import pytest
from browser_rig import Mesh
from playwright.sync_api import Page, expect

from mesh_core.security.sign_in_links import is_waiting, make_link, person_name

pytestmark = pytest.mark.usefixtures("started")
Visit, Picture = Callable[..., Page], Callable[..., None]
Noticed = Callable[[Page, str], None]
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
SIZES = {"wide": (1440, 900), "narrow": (390, 844)}


def test_a_link_signs_in_leaves_no_trace_of_itself_and_counts_once(mesh: Mesh, visit: Visit, noticed: Noticed) -> None:
    token = make_link(mesh.runtime)
    page = visit(f"#/link/{token}", stranger=True)
    expect(page.locator(".who")).to_contain_text(f"{person_name(os.getuid())} operator")
    assert token not in page.url
    page.go_back()
    assert token not in page.url
    # The next one, in a page that is open already; and a spent one changes nothing for who is in.
    other = make_link(mesh.runtime)
    page.goto(f"{mesh.url}/#/link/{other}")
    expect(page.locator(".connection.live")).to_be_visible()
    page.goto(f"{mesh.url}/#/link/{token}")
    noticed(page, "Still signed in as")
    assert "mend page" in page.evaluate("window.noticed.at(-1)")
    assert not is_waiting(mesh.runtime, other)
    stranger = visit(f"#/link/{token}", stranger=True)
    expect(stranger.get_by_role("alert")).to_contain_text("mend page")
    expect(stranger.locator("nav")).to_have_count(0)
    page.get_by_role("button", name="Sign out").click()
    expect(page.locator("main.alone pre")).to_have_text("mend page")


def test_who_only_fetches_the_page_uses_no_link_up(mesh: Mesh, visit: Visit) -> None:
    """A mail program or a chat that looks at links runs no script, and the token is not in what it asks for."""
    token = make_link(mesh.runtime)
    asked: list[str] = []
    page = visit("#/world", stranger=True)
    page.on("request", lambda request: asked.append(request.url))
    page.request.get(f"{mesh.url}/#/link/{token}")
    assert is_waiting(mesh.runtime, token)
    assert not [url for url in asked if token in url]


def test_without_a_link_it_says_how_to_get_one(visit: Visit, picture: Picture) -> None:
    page = visit(f"#/link/{'x' * 43}", stranger=True)
    for size, (width, height) in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        expect(page.get_by_role("alert")).to_contain_text("used already or is too old")
        expect(page.locator("main.alone pre")).to_have_text("mend page")
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            picture(page, f"link-{size}-{scheme}")
