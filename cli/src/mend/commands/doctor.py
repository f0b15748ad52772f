"""`mend doctor`: everything that often goes wrong, looked at, each with the sentence that mends it. Changes nothing."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Annotated, NoReturn

import structlog
import typer
from rich.text import Text

from mend.commands.audit import read_verdict
from mend.context import CliContext, running_model
from mend.doctor.access import audit_finding, check_access
from mend.doctor.archive import check_archive
from mend.doctor.bus import check_redis
from mend.doctor.finding import Finding, Level
from mend.doctor.hosts import check_hosts
from mend.doctor.machine import check_machine
from mend.doctor.secrets import check_secrets
from mend.errors import DONE, FAILED
from mend.options import AsJson
from mend.views.counting import Counting
from mesh_core.storage.audit_log import audit_path, head_path

STYLE = {Level.OK: "green", Level.WARNING: "yellow", Level.BROKEN: "bold red"}


def doctor(
    ctx: typer.Context,
    models: Annotated[
        bool, typer.Option("--models/--no-models", help="Ask each configured model one question.")
    ] = True,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Only grade that model of the chain: does it choose well, can it write tasks?"
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Look at everything that often goes wrong, and say how to mend it.

    Exit status 1 when something is broken; a warning alone is 0.

    \b
    Examples
      mend doctor
      mend doctor --no-models            asks no model, costs nothing
      mend doctor --model lab            forty events and ten orders for the model lab: up to 70 answers of it
      mend doctor --json | jq '.[] | select(.level == "broken")'
    """
    cli: CliContext = ctx.obj
    if model is not None:
        _say(cli, asyncio.run(_grade(cli, model)), as_json)
    findings = list(check_machine(cli.runtime, cli.environ))
    findings += check_archive(cli.runtime, cli.environ)
    findings += check_secrets(cli.environ)
    findings += check_access(cli.runtime, cli.environ)
    if audit_path(cli.runtime).exists() or head_path(cli.runtime).exists():
        findings.append(audit_finding(read_verdict(cli)))
    findings += asyncio.run(check_redis(cli.redis_url))
    findings += asyncio.run(check_hosts(cli.runtime / "config" / "inventory.yml", cli.settings.node_name))
    if models:
        findings += asyncio.run(_models(cli))
    _say(cli, findings, as_json)


def _say(cli: CliContext, findings: list[Finding], as_json: bool) -> NoReturn:
    if as_json:
        cli.say_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            _print(cli, finding)
        counted = {level: sum(f.level is level for f in findings) for level in Level}
        cli.say()
        cli.say(
            f"{counted[Level.OK]} healthy, {counted[Level.WARNING]} to look at, {counted[Level.BROKEN]} broken", "bold"
        )
    raise typer.Exit(FAILED if any(f.level is Level.BROKEN for f in findings) else DONE)


async def _models(cli: CliContext) -> list[Finding]:
    # Imported here: the vendors' clients take a second, and no other command needs them.
    from mend.doctor.choosing_model import check_grades
    from mend.doctor.model import check_models

    found = await check_models(_environ_of_models(cli), cli.runtime / "config" / "chain.yml")
    return [*found, *check_grades(cli.runtime)]


async def _grade(cli: CliContext, name: str) -> list[Finding]:
    from mend.doctor.grading import grade_model  # likewise, and the planner's own rooms

    with Counting(cli, f"asking {name}") as counting:
        return await grade_model(
            _environ_of_models(cli), cli.runtime, name, lambda done: counting.count("of the forty events", done)
        )


def _environ_of_models(cli: CliContext) -> dict[str, str]:
    # The providers log what they do; a person who asks the doctor wants the findings only.
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    environ = dict(cli.environ)
    if not environ.get("LLAMACPP_URL"):
        environ.update(running_model(cli.runtime))
    return environ


def _print(cli: CliContext, finding: Finding) -> None:
    label = Text.assemble((f"{finding.level:<9}", STYLE[finding.level]), (f"{finding.check:<18}", "bold"))
    cli.say_beside(label, finding.found)
    if finding.fix:
        cli.say_beside(" " * 27, finding.fix, "dim")
