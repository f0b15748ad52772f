"""A real Chromium in front of a real observer. Playwright's plain API: no event loop of ours runs in these tests."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from browser_rig import Mesh
from parts.require import missing, require
from playwright.sync_api import Browser, BrowserContext, Error, Locator, Page, expect, sync_playwright

from mesh_core.security.users import people_path, read_people
from mesh_core.testing import RedisServer
from observer.auth.auth import COOKIE
from observer.web.page_files import DIST

# Each page has an address bar that nobody sees; the suggestions under it are two programs of their own, half of what a
# page takes to open. Chromium takes the last list: the others are those that Playwright switches off as well.
FEATURES_OFF = (
    *("WebUIOmniboxPopup", "WebUIOmniboxAimPopup", "AimEnabled", "LensOverlay", "MediaRouter", "OptimizationHints"),
    *("NetworkTimeServiceQuerying", "PreconnectToSearch", "HttpsUpgrades", "HttpsFirstBalancedModeAutoEnable"),
    *("AvoidUnnecessaryBeforeUnloadCheckSync", "DestroyProfileOnBrowserClose", "PaintHolding"),
    *("ThirdPartyStoragePartitioning", "AvoidCorsURLLoaderRestartOnRedirect"),
)
FLAGS = (
    *("--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"),
    f"--disable-features={','.join(FEATURES_OFF)}",
)
WITHIN_MS = 120_000  # a busy machine; on a quiet one all of it takes a blink
POLICY = "Content Security Policy"
# What just happened is shown for some seconds: kept from the moment in which it appears, however late somebody looks.
KEPT_NOTICES = """
window.noticed = []
new MutationObserver((changes) => {
    for (const added of changes.flatMap((change) => [...change.addedNodes]))
        if (added.parentElement?.matches('.notices')) window.noticed.push(added.textContent)
}).observe(document, { subtree: true, childList: true })
"""
Visit = Callable[..., Page]
Noticed = Callable[[Page, str], None]
Picture = Callable[..., None]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    binary = require("chromium", "apt-get install chromium")
    if not (DIST / "index.html").is_file():
        missing("the built page", "make page")
    expect.set_options(timeout=WITHIN_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=binary, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    """One observer for all tests of a module: each uses names of its own."""
    folder = tmp_path_factory.mktemp("mesh")
    server = RedisServer(folder / "redis").start()
    mesh = Mesh(server, folder / "var")
    yield mesh
    mesh.stop()
    server.stop()


@pytest.fixture(scope="module")
def started(mesh: Mesh) -> None:
    """For modules whose observer needs nothing there beforehand."""
    mesh.start()


def asked_again_where_it_let_go(page: Page) -> None:
    """Chromium lets go of a request when an interface of the machine comes or goes, and the containers of other tests
    have theirs: it is asked once more, as a person would ask."""

    def again(ask: Callable[..., Any]) -> Callable[..., Any]:
        def asked(*args: Any, **more: Any) -> Any:
            for _ in range(5):
                try:
                    return ask(*args, **more)
                except Error as error:
                    if "ERR_NETWORK_CHANGED" not in str(error):
                        raise
            return ask(*args, **more)

        return asked

    vars(page).update(goto=again(page.goto), reload=again(page.reload))


@pytest.fixture
def visit(browser: Browser, mesh: Mesh) -> Iterator[Visit]:
    """`visit("#/queue")`: a page in a browser of its own, which must not complain while it is used.

    Signed in, unless it is a stranger's, or people are listed, who sign in by name.
    """
    opened: list[BrowserContext] = []
    complaints: list[str] = []

    def visit(place: str = "", *, complains: bool = False, stranger: bool = False) -> Page:
        context = browser.new_context(
            viewport={"width": 1440, "height": 900}, color_scheme="light", reduced_motion="reduce"
        )
        context.set_default_timeout(WITHIN_MS)
        context.add_init_script(KEPT_NOTICES)
        opened.append(context)
        if not stranger and read_people(people_path(mesh.runtime)).empty:
            context.add_cookies([{"name": COOKIE, "value": mesh.signed_in.cookie, "url": mesh.url}])
        page = context.new_page()
        asked_again_where_it_let_go(page)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        if not complains:
            page.on("console", lambda said: complaints.append(said.text) if POLICY in said.text else None)
        page.goto(f"{mesh.url}/{place}")
        page.locator("main h1").wait_for(state="attached")
        return page

    yield visit
    for context in opened:
        context.close()
    assert not complaints


@pytest.fixture(scope="session")
def noticed() -> Noticed:
    """`noticed(page, "Repaired: web01/shop")` waits until that was shown among what just happened."""

    def noticed(page: Page, words: str) -> None:
        page.wait_for_function("words => window.noticed.some((one) => one.includes(words))", arg=words)

    return noticed


@pytest.fixture(scope="session")
def picture() -> Picture:
    """`picture(page, "queue-390-dark")` keeps what is seen in MENDMESH_SCREENSHOTS. Where that names no folder, nobody
    would look at it: fifty of them take four seconds of processor."""
    named = os.environ.get("MENDMESH_SCREENSHOTS")
    folder = Path(named) if named else None
    if folder:
        folder.mkdir(parents=True, exist_ok=True)

    def picture(seen: Page | Locator, name: str, **more: Any) -> None:
        if folder:
            seen.screenshot(path=folder / f"{name}.png", **more)

    return picture
