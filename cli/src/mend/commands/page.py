"""`mend page`: the dashboard in the browser, signed in; or the link that does it."""

from __future__ import annotations

import html
import os
import sys
import time
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from mend.context import CliContext, read_note
from mend.errors import FAILED, CliError
from mend.output.text import plain
from mend.sign_in import sign_in_link
from mesh_core.runtime.addresses import address_for
from mesh_core.runtime.heartbeats import FRESH_SECONDS, heartbeats
from mesh_core.runtime.services import OBSERVER, SERVICES
from mesh_core.security.sign_in_links import is_waiting
from mesh_core.storage.files import write_whole

USED_WITHIN_SECONDS = 20.0
LOOK_SECONDS = 0.1


def page(
    ctx: typer.Context,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open it, where there is a screen.")] = True,
) -> None:
    """Print a link that signs you in at the dashboard, and open it where there is a browser.

    It counts once and for 10 minutes; the session that it opens lasts. Where config/users.yml lists people, they
    sign in by name and there are no links.

    \b
    Examples
      mend page
      mend page --no-browser             only the link
    """
    cli: CliContext = ctx.obj
    dashboard = _address(cli)
    link = sign_in_link(cli.mesh, cli.environ, dashboard)
    cli.say(plain(link or dashboard))
    about = "counts once, for 10 minutes" if link else "sign in as config/users.yml knows you"
    cli.err.print(about, style="dim")
    if heartbeats(cli.runtime).get(OBSERVER, FRESH_SECONDS) >= FRESH_SECONDS:
        cli.err.print("the observer does not run at the moment: `mend up` starts it", style="yellow")
    elif link and browser and sys.stdout.isatty() and _has_screen():
        _open(cli.runtime, link)


def _address(cli: CliContext) -> str:
    """Of the mesh that runs, or of an observer that was started with the same settings."""
    noted = read_note(cli.runtime)
    listen = address_for(cli.environ.get("OBSERVER_LISTEN", ""), SERVICES[OBSERVER].port)
    found = noted.get("dashboard") if noted else f"http://{listen}/" if listen else None
    if not isinstance(found, str):
        raise CliError("this mesh has no dashboard: OBSERVER_LISTEN is off", FAILED)
    return found


def _has_screen() -> bool:
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _open(runtime: Path, link: str) -> None:
    """By way of a file that only we can read: a browser's command line is open to all, and its link would be theirs."""
    way, to = runtime / "run" / "page.html", html.escape(link)
    way.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    text = f'<!doctype html><meta http-equiv="refresh" content="0;url={to}"><a href="{to}">The dashboard</a>\n'
    write_whole(way, text.encode(), mode=0o600)
    try:
        opened, deadline = webbrowser.open(way.absolute().as_uri()), time.monotonic() + USED_WITHIN_SECONDS
        while opened and is_waiting(runtime, link.rpartition("/")[2]) and time.monotonic() < deadline:
            time.sleep(LOOK_SECONDS)
    finally:
        way.unlink(missing_ok=True)
