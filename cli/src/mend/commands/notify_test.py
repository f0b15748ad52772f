"""`mend notify-test`: one message to every target of NOTIFY_URLS, so that a mistake shows before the bad night."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Sequence

import typer

from mend.context import CliContext
from mend.errors import FAILED, USAGE, CliError
from mend.output.text import plain
from mesh_core.notifications.notifier import AppriseSender, SendResult, TargetSettings, kind_of
from mesh_core.runtime.settings import BadSettings, read_settings


def notify_test(ctx: typer.Context) -> None:
    """Send a test message to every target in NOTIFY_URLS, and say which took it.

    Also reads config/notifications.yml as the observer would. Exit status 0 if all targets took the message, else 1.

    \b
    Examples
      mend notify-test
      NOTIFY_URLS='ntfy://my-topic' mend notify-test
    """
    cli: CliContext = ctx.obj
    try:
        settings = read_settings(TargetSettings, cli.environ, lambda sentence: cli.say(sentence, "yellow"))
    except BadSettings as error:
        raise CliError(f"cannot work with these settings: {plain(error)}", USAGE) from None
    urls = settings.targets
    if settings.unusable:
        cli.say(f"{settings.unusable} in NOTIFY_URLS is passed over: it is no URL (SCHEME://...)", "red")
    if not urls:
        raise CliError("no target is configured; set NOTIFY_URLS (Apprise URLs) or NOTIFY_URLS_FILE in .env", USAGE)
    told = asyncio.run(_send(urls, f"mend notify-test by {cli.user}: this target is heard."))
    for number, (url, trouble) in enumerate(zip(urls, told.troubles, strict=True), 1):
        style = "red" if trouble else "green"
        cli.say(f"target {number} ({plain(kind_of(url))}) {plain(trouble) or 'took the message'}", style)
    problem = _rules_problem(cli)
    if problem:
        cli.say(problem, "red")
    if problem or settings.unusable or not told.ok:
        raise typer.Exit(FAILED)


async def _send(urls: Sequence[str], text: str) -> SendResult:
    async with AppriseSender() as sender:
        return await sender.send(urls, "Mendmesh says hello", text)


def _rules_problem(cli: CliContext) -> str:
    """What is wrong with notifications.yml; '' if nothing is, or if no observer is installed here to judge it."""
    try:
        rules = importlib.import_module("observer.notify.rules")
    except ModuleNotFoundError:
        return ""
    try:
        rules.read_rules(cli.runtime / "config" / "notifications.yml")
    except rules.BadNotificationRules as error:
        return plain(error)
    return ""
