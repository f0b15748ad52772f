"""A route or a page view that nobody listed would be served by nobody: each file is in its one table."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

from observer.web import routes
from observer.web.app import hooks as hooks_in_app
from observer.web.routes import API_ROUTES, health

VIEWS = Path(__file__).parents[2] / "page" / "src" / "views"


def test_every_route_of_the_api_is_in_the_table() -> None:
    files = {path.stem for path in Path(routes.__path__[0]).glob("*.py")} - {"__init__"}
    modules = {import_module(f"{routes.__name__}.{name}") for name in files}
    assert modules == {*API_ROUTES, health, hooks_in_app}  # the last two are outside /api/v1


def test_every_view_of_the_page_is_in_the_table() -> None:
    declared = {
        (match[1], path.stem)
        for path in VIEWS.glob("*.tsx")
        for match in re.finditer(r"^export const (\w+): PageView = ", path.read_text(), re.MULTILINE)
    }
    listed = set(re.findall(r"^export \{ (\w+) \} from '\./(\w+)'$", (VIEWS / "index.ts").read_text(), re.MULTILINE))
    assert declared == listed
    assert len(listed) >= 8
