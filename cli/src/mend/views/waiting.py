"""Several proposals that wait: a line for each, what a yes touches, what stands against it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Group
from rich.text import Text

from mend.context import CliContext
from mend.output.listing import Column, in_lines
from mend.output.text import plain
from mend.output.times import age, seconds_between
from mend.views.card import RISK_STYLE
from mend.views.obstacles import look_around, obstacle_rows, say_obstacles_of_all
from mesh_core.actions.register import is_wide, what_it_touches
from mesh_core.approvals.earlier_runs import EarlierRuns
from mesh_core.approvals.obstacles import Obstacle, obstacles_of
from mesh_core.approvals.proposal_files import Filed, short_id
from mesh_core.incidents.wording import about, what_is_wrong
from mesh_core.models.records import utc_now
from mesh_core.policy.seen_before import suggested

EXPIRED = "expired"
MAX_TOUCHES = 6000  # characters: every container by its name


def say_waiting(cli: CliContext, waiting: Sequence[Filed], *, as_json: bool) -> None:
    """At least one. Asks Redis how often the trouble came."""
    seen, _, around = look_around(cli, [filed.proposal.event.id or "" for filed in waiting])
    against = [obstacles_of(filed.proposal, around, utc_now()) for filed in waiting]
    if as_json:
        rows = zip(waiting, seen, against, strict=True)
        cli.say_json([pending_row(filed, times, obstacles) for filed, times, obstacles in rows])
        return
    cli.say_rows(COLUMNS, _rows(waiting, seen), _in_lines)
    _say_what_is_wide(cli, waiting)
    _say_what_is_suggested(cli, waiting)
    say_obstacles_of_all(
        cli, [(short_id(filed.name.id), obstacles) for filed, obstacles in zip(waiting, against, strict=True)]
    )
    cli.say("mend show ID tells all about one; mend approve ID or mend reject ID --reason TEXT decides.", "dim")


def _say_what_is_wide(cli: CliContext, waiting: Sequence[Filed]) -> None:
    """What a yes touches where that is more than its row names."""
    wide = [filed for filed in waiting if is_wide(filed.proposal)]
    if wide:
        cli.say("A yes touches more than one thing:", "bold yellow")
    for filed in wide:
        cli.say(f"  {short_id(filed.name.id)}: {plain(what_it_touches(filed.proposal), MAX_TOUCHES)}")


def _say_what_is_suggested(cli: CliContext, waiting: Sequence[Filed]) -> None:
    """Remedies that were proven at their place again and again; each needs a yes all the same."""
    earlier = EarlierRuns(cli.actions)
    for filed in waiting:
        p = filed.proposal
        if said := suggested(earlier.at(p.node, p.service), p, utc_now()):
            cli.say_beside(f"  {short_id(filed.name.id)}: ", plain(said), "green")


def pending_row(filed: Filed, times: int | None, obstacles: Sequence[Obstacle]) -> dict[str, Any]:
    """One proposal as `--json` gives it; `occurrences` is null when Redis cannot say, `about` '' for the service."""
    p = filed.proposal
    return {
        "id": filed.name.id,
        "digest": filed.name.digest,
        "file": str(filed.path),
        "node": p.node,
        "service": p.service,
        "type": p.type,
        "action": str(p.action),
        "touches": what_it_touches(p),
        "risk_level": p.risk_level.value,
        "confidence": p.confidence,
        "model": p.model.name,
        "provider": p.model.provider,
        "reason": p.reason,
        "created_at": p.created_at,
        "expires_at": p.expires_at,
        "attempt": p.attempt,
        "edited_by": p.edited_by,
        "event_type": p.event.type,
        "about": about(p.event),
        "wrong": what_is_wrong(p.event),
        "trust": p.event.trust.value,
        "occurrences": times,
        "obstacles": obstacle_rows(obstacles),
    }


COLUMNS = (
    Column("id"),
    Column("age", 2),
    Column("expires", 4),
    Column("node/service"),
    Column("what is wrong", prose=True),
    Column("would run"),
    Column("risk", 1),
    Column("model", 5),
    Column("occurrences", 3, right=True),
)


def _rows(waiting: Sequence[Filed], seen: Sequence[int | None]) -> list[list[Text]]:
    moment = utc_now()
    rows = []
    for filed, times in zip(waiting, seen, strict=True):
        p = filed.proposal
        left = -seconds_between(p.expires_at, moment)
        rows.append(
            [
                Text(short_id(filed.name.id), "cyan"),
                Text(age(seconds_between(p.created_at, moment))),
                Text(age(left), "" if left > 3600 else "yellow") if left > 0 else Text(EXPIRED, "red"),
                Text(f"{p.node}/{p.service or ''}", "bold"),
                Text(plain(what_is_wrong(p.event), 120)),
                Text(p.type),
                Text(p.risk_level.value, RISK_STYLE.get(p.risk_level.value, "")),
                Text(plain(p.model.name, 28)),
                Text("-" if times is None else f"{times}x"),
            ]
        )
    return rows


def _in_lines(row: Sequence[Text]) -> Group:
    action_id, waits, left, target, wrong, type_, risk = row[:7]
    until = "" if left.plain == EXPIRED else "expires in "
    tail = Text.assemble("would run ", type_, ", risk ", risk, ", waits for ", waits, f", {until}", left)
    return in_lines([action_id, target, wrong], tail)
