"""`mend inject`: a health event by hand, durably: into the stream first, then to whoever listens."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from mend.context import CliContext
from mend.errors import USAGE, CliError
from mend.open_incidents import OpenIncident, find_incident
from mend.options import AsJson
from mend.output.text import plain
from mesh_core.models.events import MAX_EVENT_BYTES, HealthEvent, Severity, Trust
from mesh_core.models.foreign_text import parse_foreign
from mesh_core.models.parsing import read_event
from mesh_core.models.strict_json import Refusal
from mesh_core.policy.inventory.name_book import NameBook


def inject(
    ctx: typer.Context,
    event_type: Annotated[str, typer.Argument(metavar="TYPE", help="What happened, such as container_unhealthy.")],
    node: Annotated[str | None, typer.Option("--node", help="The node that it is about, as in the inventory.")] = None,
    service: Annotated[
        str | None, typer.Option("--service", help="The service; leave it out for the whole node.")
    ] = None,
    incident: Annotated[
        str | None,
        typer.Option(
            "--incident", help="The id of one incident, or of a proposal about it; alone it says where that is."
        ),
    ] = None,
    severity: Annotated[Severity, typer.Option(help="How bad it is.")] = Severity.WARNING,
    payload: Annotated[
        str, typer.Option(help="A JSON object with the facts; @FILE reads it from a file, - from standard input.")
    ] = "{}",
    as_json: AsJson = False,
) -> None:
    """Put a health event into the mesh and print its id.

    The event is in its stream before this returns: nothing is lost if no planner runs yet.
    It is marked as foreign, because anybody could have typed it. A host that the inventory knows
    by another spelling or by its address gets the inventory's name.

    \b
    Examples
      mend inject container_unhealthy --node pi4 --service nginx --severity error
      mend inject container_died --node pi4 --service shop.web --payload '{"exit_code": 137, "oom": true}'
      mend inject service_recovered --node pi4 --service nginx      the trouble went away
      mend inject service_recovered --incident pi4/nginx/1767340800000      only this one
      mend inject node_retired --node old-pi      there is no such node any more
    """
    cli: CliContext = ctx.obj
    if incident is not None and node is None:
        node, service, incident = _place_of(cli, incident, service)
    if node is None:
        raise CliError("which node is it about? Give --node, or --incident with the id of one that is open", USAGE)
    event = event_for(event_type, node, service, severity, _payload(payload), incident)
    event = NameBook(cli.runtime / "config" / "inventory.yml").named(event)
    entered = asyncio.run(_enter(cli, event))
    if as_json:
        cli.say_json(json.loads(entered.wire()))
    else:
        cli.say(str(entered.id))


def _place_of(cli: CliContext, incident: str, service: str | None) -> OpenIncident:
    found = find_incident(cli, incident)
    if found is None:
        raise CliError(
            f"no incident {plain(incident, 200)} is open: `mend pending` and the page show which are; or give --node",
            USAGE,
        )
    if service not in (None, found.service):
        raise CliError(f"that incident is about {found.node}/{found.service or ''}; leave --service out", USAGE)
    return found


def event_for(
    event_type: str,
    node: str,
    service: str | None,
    severity: str,
    payload: dict[str, Any],
    incident: str | None = None,
) -> HealthEvent:
    """Judged at the same door as every other message. CliError (usage) names what does not fit."""
    message: dict[str, Any] = {"type": event_type, "node": node, "severity": severity, "payload": payload}
    message |= {key: word for key, word in (("service", service), ("incident", incident)) if word is not None}
    event = read_event(json.dumps(message, ensure_ascii=False).encode("utf-8", "surrogateescape"))
    if isinstance(event, Refusal):
        raise CliError(f"this is no health event: {plain(event.reason)}", USAGE)
    return event


def _payload(text: str) -> dict[str, Any]:
    try:
        if text == "-":
            raw = sys.stdin.buffer.read(MAX_EVENT_BYTES + 1)
        elif text.startswith("@"):
            with Path(text[1:]).open("rb") as handle:
                raw = handle.read(MAX_EVENT_BYTES + 1)
        else:
            raw = text.encode("utf-8", "surrogateescape")
    except OSError as error:
        raise CliError(f"--payload {plain(text, 200)}: cannot be read: {error.strerror}", USAGE) from None
    value = parse_foreign(raw, max_bytes=MAX_EVENT_BYTES)
    if isinstance(value, Refusal):
        raise CliError(f"--payload wants a JSON object, such as '{{\"exit_code\": 137}}': {plain(value.reason)}", USAGE)
    return value


async def _enter(cli: CliContext, event: HealthEvent) -> HealthEvent:
    async with cli.bus() as bus:
        entered = await bus.enter(event, Trust.FOREIGN)
    if entered is None:  # only with a `once` key, which we do not give
        raise CliError("the event was not entered")
    return entered
