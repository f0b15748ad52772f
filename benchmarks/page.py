"""How soon the dashboard shows a big mesh: 200 nodes, 10,000 places, 500 waiting proposals, in a real Chromium.

From the address being opened, with nothing in the browser's cache, to the first service (or proposal) being there to
be read; and how long an event that was told by hand takes to be seen. Usage: page.py [--visits 10]
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "services" / "observer" / "tests")]

from browser_rig import Mesh, some_places  # noqa: E402
from playwright.sync_api import Browser, BrowserContext, sync_playwright  # noqa: E402

from mesh_core.testing import RedisServer  # noqa: E402
from observer.auth.auth import COOKIE  # noqa: E402
from observer.web.page_files import DIST  # noqa: E402

GOAL_FIRST_MS = 1_500.0
GOAL_EVENT_MS = 1_000.0
FLAGS = ("--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync")


def first_look(browser: Browser, mesh: Mesh, place: str, seen: str) -> float:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    try:
        let_in(context, mesh)
        page = context.new_page()
        begun = time.perf_counter()
        page.goto(f"{mesh.url}/{place}", wait_until="commit")
        page.locator(seen).first.wait_for()
        return (time.perf_counter() - begun) * 1000
    finally:
        context.close()


def let_in(context: BrowserContext, mesh: Mesh) -> None:
    context.add_cookies([{"name": COOKIE, "value": mesh.signed_in.cookie, "url": mesh.url}])


def event_seen(browser: Browser, mesh: Mesh, times: int) -> list[float]:
    page = browser.new_page()
    let_in(page.context, mesh)
    page.goto(f"{mesh.url}/#/world?q=told")
    page.locator(".connection.live").wait_for()
    found = []
    for number in range(times):
        begun = time.perf_counter()
        mesh.tell(type="service_down", node=f"told{number}", service="by-hand", severity="error")
        page.locator(".places .row", has_text=f"told{number}/").wait_for()
        found.append((time.perf_counter() - begun) * 1000)
        time.sleep(1)
    page.close()
    return found


def line(what: str, found: list[float], goal: float | None = None) -> str:
    ordered = sorted(found)
    p95 = ordered[min(len(ordered) - 1, round(len(ordered) * 0.95))]
    told = "" if goal is None else f"   goal {goal:g}: {'met' if p95 <= goal else 'missed'}"
    return f"{what:46} {statistics.median(found):8.0f} {p95:8.0f}{told}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--visits", type=int, default=10)
    visits = parser.parse_args().visits
    chromium = shutil.which("chromium")
    if chromium is None or not (DIST / "index.html").exists():
        print("skipped: needs chromium (apt-get install chromium) and the built page (make page)")
        return
    with tempfile.TemporaryDirectory() as folder:
        server = RedisServer(Path(folder) / "redis").start()
        mesh = Mesh(server, Path(folder) / "var")
        try:
            mesh.write_world(some_places(199, 49))
            for number in range(500):
                mesh.propose(f"node{number % 199:03d}", f"svc{number % 49}")
            mesh.start()
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
                world = [first_look(browser, mesh, "", ".places .row") for _ in range(visits)]
                queue = [first_look(browser, mesh, "#/queue", ".proposal") for _ in range(visits)]
                told = event_seen(browser, mesh, visits)
                browser.close()
        finally:
            mesh.stop()
            server.stop()
    files = [path for path in DIST.rglob("*") if path.is_file()]
    print(f"{'the page, ms':46} {'p50':>8} {'p95':>8}")
    print(line("first look at 10,000 places", world, GOAL_FIRST_MS))
    print(line("first look at 500 proposals", queue, GOAL_FIRST_MS))
    print(line("an event told by hand, until it is seen", told, GOAL_EVENT_MS))
    print(f"{'the whole page, unpacked':46} {sum(path.stat().st_size for path in files) / 1000:8.0f} KB")


if __name__ == "__main__":
    main()
