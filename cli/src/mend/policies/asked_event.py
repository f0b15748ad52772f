"""The event that a person means: by its id, by that of a proposal, in a file or on stdin; and what was decided then."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mend.context import CliContext
from mend.errors import NOT_THERE, USAGE, CliError
from mend.output.text import plain
from mend.policies.event_archive import PastEvent, events_since, find_event
from mend.policies.past_decisions import PastActions, PastDecision
from mesh_core.approvals.decisions import find_one
from mesh_core.models.config_file import first_problem
from mesh_core.models.events import DecisionVerdict, HealthEvent
from mesh_core.models.foreign_text import text_of
from mesh_core.models.records import is_name, is_service_name
from mesh_core.models.streams import entered_ms

MAX_BYTES = 1024 * 1024
EVER = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True)
class AskedEvent:
    """`then`: what was decided about it, where the mesh knows; `past`: what was run by then."""

    event: HealthEvent
    then: PastDecision | None = None
    past: PastActions | None = None


def asked_event(cli: CliContext, said: str) -> AskedEvent:
    """`said`: `-`, a file, the id of an event, of an incident, or of a proposal as `mend show` takes it. CliError where
    it is none."""
    if said == "-":
        return AskedEvent(event_in(sys.stdin.buffer.read(MAX_BYTES + 1), "stdin"))
    if Path(said).is_file():
        with Path(said).open("rb") as file:
            return AskedEvent(event_in(file.read(MAX_BYTES + 1), said))
    past = PastActions(cli.actions)
    if is_name(said.rpartition("/")[0]) and entered_ms(said):
        archived = find_event(cli.mesh, said)
        if archived is None:
            raise CliError(f"the archive has no event {plain(said, 200)}; mend history names what it led to", NOT_THERE)
        return AskedEvent(archived.event, past.decision_on(archived), past)
    if (incident := _of_incident(cli, said)) is not None:
        return AskedEvent(incident.event, past.decision_on(incident), past)
    found = find_one(cli.actions, said)
    proposal = cli.actions.proposal_at(found.path)
    if proposal is None:
        raise CliError(f"{plain(found.path)} is no proposal that could be read")
    archived = find_event(cli.mesh, proposal.event.id or "") or PastEvent(proposal.event)
    proposed = PastEvent(archived.event, DecisionVerdict.PROPOSED, found.id)
    return AskedEvent(archived.event, past.decision_on(proposed), past)


def _of_incident(cli: CliContext, said: str) -> PastEvent | None:
    """The announcement of an incident about which something was decided last, else its first; None: no such incident.
    Only what looks like one is looked for: that goes through the whole archive."""
    if "/" not in said:
        return None
    told = [one for one in events_since(cli.mesh, EVER) if one.event.incident == said]
    decided = [one for one in told if one.verdict in (DecisionVerdict.PROPOSED, DecisionVerdict.IGNORED)]
    return next(iter(decided[-1:] or told[:1]), None)


def event_in(raw: bytes, where: str) -> HealthEvent:
    """A health event as JSON, or what holds one as `event`: a line of a labelled set, a proposal. CliError."""
    lines = text_of(raw).strip().splitlines()
    try:
        value: Any = json.loads("\n".join(lines))
    except (ValueError, RecursionError):
        if len(lines) > 1 and lines[0].startswith("{"):
            raise CliError(
                f"{plain(where)} has {len(lines)} lines; one event is asked for: sed -n 3p FILE | mend ... -", USAGE
            ) from None
        raise CliError(f"{plain(where)} is no JSON; it should be one event, as mend inject takes it", USAGE) from None
    try:
        return entering(value.get("event", value) if isinstance(value, dict) else value)
    except ValidationError as error:
        raise CliError(f"{plain(where)} is no event: {plain(first_problem(error), 300)}", USAGE) from None


def entering(value: Any) -> HealthEvent:
    """As it enters: a name that no action may be aimed at stays in the payload, as agents and hooks do it. Raises
    ValidationError."""
    service = value.get("service") if isinstance(value, dict) else None
    if isinstance(service, str) and not is_service_name(service):
        payload = value.get("payload") or {}
        value = value | {"service": None, "payload": {**payload, "name": service}}
    return HealthEvent.model_validate(value)
