"""A tenth view is one file and one line: CONTRIBUTING.md's, built from a copy of the page and opened in a browser."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from browser_rig import Mesh, some_places
from parts.require import missing
from playwright.sync_api import Page, Route, expect

ROOT = Path(__file__).parents[4]
CHAPTER = (ROOT / "CONTRIBUTING.md").read_text().split("## Add a view of the page", 1)[1].split("\n## ", 1)[0]
PAGE = ROOT / "services" / "observer" / "page"
Visit = Callable[..., Page]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page with the chapter's view in it; its types are right, and nothing else of it was touched."""
    node, modules = ROOT / ".venv" / "bin" / "node", PAGE / "node_modules"
    if not (node.exists() and modules.is_dir()):
        missing("what builds the page", "make page")
    page = tmp_path_factory.mktemp("page") / "page"
    shutil.copytree(PAGE, page, ignore=shutil.ignore_patterns("node_modules"))
    (page / "node_modules").symlink_to(modules)
    (source,) = re.findall(r"```tsx\n(.*?)```", CHAPTER, re.DOTALL)
    (line,) = re.findall(r"index\.ts`: `([^`]+)`", CHAPTER)
    (page / "src" / "views" / "nodes.tsx").write_text(source)
    with (page / "src" / "views" / "index.ts").open("a") as index:
        index.write(f"{line}\n")
    subprocess.run([node, "node_modules/.bin/tsc", "--noEmit", "-p", "."], cwd=page, check=True)
    vite = [node, "node_modules/vite/bin/vite.js", "build", "--logLevel", "warn", "--outDir", "dist"]
    subprocess.run(vite, cwd=page, check=True)
    return page / "dist"


def test_its_address_its_key_and_its_place_in_the_navigation_follow(built: Path, mesh: Mesh, visit: Visit) -> None:
    mesh.write_world(some_places(1, 1))
    mesh.start()
    page = visit("#/world")
    for file in built.rglob("*.*"):
        name = file.relative_to(built).as_posix().replace("index.html", "")
        page.route(f"{mesh.url}/{name}", _serving(file))
    page.reload()
    page.get_by_role("link", name="Nodes").wait_for()
    page.keyboard.press("9")
    expect(page.locator("main h1")).to_have_text("Nodes")
    assert page.url.endswith("#/nodes")
    expect(page.locator(".rows .row")).to_contain_text("node000")


def _serving(file: Path) -> Callable[[Route], None]:
    return lambda route: route.fulfill(path=file)
