"""`mend doctor`: everything that often goes wrong, looked at, each with the sentence that mends it. Changes nothing."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Annotated

import structlog
import typer
from rich.text import Text

from mend.checkup.archive import check_archive
from mend.checkup.bus import check_redis
from mend.checkup.door import audit_finding, check_door
from mend.checkup.finding import Finding, Level
from mend.checkup.hosts import check_hosts
from mend.checkup.place import check_place
from mend.checkup.secrets import check_secrets
from mend.commands.audit import read_verdict
from mend.commands.pending import AsJson
from mend.desk import Desk, running_model
from mend.sorry import DONE, FAILED
from mesh_core.storage.audit_log import audit_path, head_path

STYLE = {Level.OK: "green", Level.WARNING: "yellow", Level.BROKEN: "bold red"}


def doctor(
    ctx: typer.Context,
    models: Annotated[
        bool, typer.Option("--models/--no-models", help="Ask each configured model one question.")
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Look at everything that often goes wrong, and say how to mend it.

    Exit status 1 when something is broken; a warning alone is 0.

    \b
    Examples
      mend doctor
      mend doctor --no-models            asks no model, costs nothing
      mend doctor --json | jq '.[] | select(.level == "broken")'
    """
    desk: Desk = ctx.obj
    findings = list(check_place(desk.runtime, desk.environ))
    findings += check_archive(desk.runtime, desk.environ)
    findings += check_secrets(desk.environ)
    findings += check_door(desk.runtime, desk.environ)
    if audit_path(desk.runtime).exists() or head_path(desk.runtime).exists():
        findings.append(audit_finding(read_verdict(desk)))
    findings += asyncio.run(check_redis(desk.redis_url))
    findings += asyncio.run(check_hosts(desk.runtime / "config" / "inventory.yml", desk.settings.node_name))
    if models:
        findings += asyncio.run(_models(desk))
    if as_json:
        desk.say_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            _print(desk, finding)
        counted = {level: sum(f.level is level for f in findings) for level in Level}
        desk.say()
        desk.say(
            f"{counted[Level.OK]} well, {counted[Level.WARNING]} to look at, {counted[Level.BROKEN]} broken", "bold"
        )
    raise typer.Exit(FAILED if any(f.level is Level.BROKEN for f in findings) else DONE)


async def _models(desk: Desk) -> list[Finding]:
    # Imported here: the vendors' clients take a second, and no other command needs them.
    from mend.checkup.model import check_models

    # The rungs log what they do; a person who asks the doctor wants the findings only.
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    environ = dict(desk.environ)
    if not environ.get("LLAMACPP_URL"):
        environ.update(running_model(desk.runtime))
    return await check_models(environ, desk.runtime / "config" / "chain.yml")


def _print(desk: Desk, finding: Finding) -> None:
    desk.out.print(
        Text.assemble((f"{finding.level:<9}", STYLE[finding.level]), (f"{finding.check:<18}", "bold"), finding.found),
        soft_wrap=True,
    )
    if finding.fix:
        desk.say(f"{'':<9}{'':<18}{finding.fix}", "dim")
