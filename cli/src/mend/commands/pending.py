"""`mend pending`: what waits for a person. Reads files; asks Redis only how often each trouble came back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import typer
from rich.text import Text

from mend.active_silences import say_silences
from mend.context import CliContext
from mend.listing import Column, listing
from mend.options import AsJson
from mend.text import plain, short_id
from mend.times import age, now, seconds_between
from mesh_core.approvals.proposal_files import Filed
from mesh_core.models.proposals import Folder

RISK_STYLE = {"low": "green", "guarded": "yellow", "high": "bold red"}


def pending(ctx: typer.Context, as_json: AsJson = False) -> None:
    """List the proposals that wait for a yes or a no.

    \b
    Examples
      mend pending
      mend pending --json | jq -r '.[].id'
      mend show 3f9c2a7b1d04       then decide with mend approve or mend reject
    """
    cli: CliContext = ctx.obj
    waiting = cli.actions.pending()
    seen = occurrences(cli, [filed.proposal.event.id or "" for filed in waiting])
    if as_json:
        cli.say_json([pending_row(filed, times) for filed, times in zip(waiting, seen, strict=True)])
        return
    if not waiting:
        cli.say(f"Nothing waits for you in {plain(cli.actions.folder(Folder.PENDING))}.")
        say_silences(cli)
        return
    cli.out.print(listing(COLUMNS, _rows(waiting, seen), cli.out.width))
    cli.say("mend show ID tells all about one; mend approve ID or mend reject ID --reason TEXT decides.", "dim")
    say_silences(cli)


def pending_row(filed: Filed, times: int | None) -> dict[str, Any]:
    """One proposal as `--json` gives it; `occurrences` is null when Redis cannot say."""
    p = filed.proposal
    return {
        "id": filed.name.id,
        "digest": filed.name.digest,
        "file": str(filed.path),
        "node": p.node,
        "service": p.service,
        "type": p.type,
        "action": str(p.action),
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
        "trust": p.event.trust.value,
        "occurrences": times,
    }


def occurrences(cli: CliContext, event_ids: Sequence[str]) -> list[int | None]:
    """How often each trouble occurred so far (1: once); None for each when Redis does not answer."""
    if not event_ids:
        return []
    import asyncio  # only where somebody waits: these take as long as all the rest

    from mesh_core.messaging.bus import Bus
    from mesh_core.messaging.occurrences import occurrences_of

    async def ask() -> list[int | None]:
        bus = Bus.connect(cli.redis_url, "mend")
        try:
            return await occurrences_of(bus, event_ids)
        finally:
            await bus.close()

    return asyncio.run(ask())


COLUMNS = (
    Column("id"),
    Column("age", 2),
    Column("expires", 4),
    Column("node/service"),
    Column("would run"),
    Column("risk", 1),
    Column("confidence", 6),
    Column("model", 5),
    Column("occurrences", 3, right=True),
)


def _rows(waiting: Sequence[Filed], seen: Sequence[int | None]) -> list[list[Text]]:
    moment = now()
    rows = []
    for filed, times in zip(waiting, seen, strict=True):
        p = filed.proposal
        left = -seconds_between(p.expires_at, moment)
        rows.append(
            [
                Text(short_id(filed.name.id), "cyan"),
                Text(age(seconds_between(p.created_at, moment))),
                Text(age(left), "" if left > 3600 else "yellow") if left > 0 else Text("expired", "red"),
                Text(f"{p.node}/{p.service or ''}", "bold"),
                Text(p.type),
                Text(p.risk_level.value, RISK_STYLE.get(p.risk_level.value, "")),
                Text(f"{p.confidence:.2f}"),
                Text(plain(p.model.name, 28)),
                Text("-" if times is None else f"{times}x"),
            ]
        )
    return rows
