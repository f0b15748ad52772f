"""`mend history`: what became of every proposal, out of the folders. Reads files; changes nothing, asks nobody."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Group
from rich.text import Text

from mend.context import CliContext
from mend.options import AsJson
from mend.output.listing import Column, in_lines
from mend.output.text import plain
from mend.output.times import local_time, seconds_between, took
from mesh_core.approvals.action_folders import ActionFolders
from mesh_core.approvals.proposal_files import REASON_SUFFIX, is_beside, name_of, short_id, signed_reason
from mesh_core.models.outcomes import Outcome
from mesh_core.models.proposals import AT_REST, Folder, Proposal
from mesh_core.models.records import rfc3339
from mesh_core.silences.put_aside import DONE, put_aside_by
from mesh_core.silences.silence import SilenceKind
from mesh_core.storage.files import read_regular
from mesh_core.storage.listing import entries

STYLE = {"done": "green", "failed": "bold red", "interrupted": "red", "quarantine": "magenta", "withdrawn": "cyan"}


@dataclass(frozen=True)
class Past:
    """One proposal that came to rest. `seconds` is how long its run took; None for what never ran.

    `put_aside`: the kind of silence (snooze, acknowledge) for which it was rejected, only for now.
    """

    id: str
    result: str
    verdict: str | None
    at: str
    node: str | None
    service: str | None
    type: str | None
    by: str
    seconds: float | None
    attempt: int | None
    reason: str
    path: str
    put_aside: SilenceKind | None = None


def history(
    ctx: typer.Context,
    node: Annotated[str | None, typer.Option(help="Only this node.")] = None,
    service: Annotated[str | None, typer.Option(help="Only this service.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="The newest so many.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List what became of past proposals, newest first.

    \b
    Examples
      mend history --node pi4 --service nginx
      mend history --json | jq -r '.[] | select(.result == "failed") | .path'
    """
    cli: CliContext = ctx.obj
    found = [p for p in read_history(cli.actions) if node in (None, p.node) and service in (None, p.service)]
    shown = sorted(found, key=lambda p: p.at, reverse=True)[:limit]
    if as_json:
        cli.say_json([asdict(p) for p in shown])
        return
    if not shown:
        cli.say("Nothing has been decided yet." if not (node or service) else "Nothing of that has been decided yet.")
        return
    cli.say_rows(COLUMNS, [_row(p) for p in shown], _in_lines)
    if len(found) > len(shown):
        cli.say(f"{len(found) - len(shown)} older ones: --limit {len(found)}", "dim")


def read_history(actions: ActionFolders) -> Iterator[Past]:
    """Everything at rest, folder by folder; what cannot be read is told with what its name says."""
    for folder in AT_REST:
        for path in sorted(Path(entry.path) for entry in entries(actions.folder(folder))):
            if not is_beside(path.name):
                yield _past(actions, folder, path)


def _past(actions: ActionFolders, folder: Folder, path: Path) -> Past:
    proposal = actions.proposal_at(path)
    outcome = actions.outcome_at(path)
    name = name_of(path.name)
    note = read_regular(path.with_name(path.name + REASON_SUFFIX), 16 * 1024) or b""
    by, reason = signed_reason(note.decode("utf-8", "replace"))
    if outcome is not None:
        reason, by = outcome.reason, outcome.approved_by or by
    return Past(
        id=name.id if name else path.name,
        result=folder.value,
        verdict=outcome.verdict if outcome else None,
        at=outcome.finished_at if outcome else _changed(path),
        **_about(proposal, outcome),
        by=by,
        seconds=round(seconds_between(outcome.started_at, outcome.finished_at), 3) if outcome else None,
        attempt=outcome.attempt if outcome else proposal.attempt if proposal else None,
        reason=reason,
        path=str(path),
        put_aside=put_aside_by(reason) if folder is Folder.REJECTED else None,
    )


def _about(proposal: Proposal | None, outcome: Outcome | None) -> dict[str, str | None]:
    source = outcome or proposal
    if source is None:
        return {"node": None, "service": None, "type": None}
    return {"node": source.node, "service": source.service, "type": source.type}


def _changed(path: Path) -> str:
    """When it was moved there: a rename sets the change time."""
    try:
        return rfc3339(datetime.fromtimestamp(path.lstat().st_ctime, UTC))
    except FileNotFoundError:
        return rfc3339(datetime.fromtimestamp(0, UTC))


COLUMNS = (
    Column("when"),
    Column("id"),
    Column("node/service"),
    Column("what"),
    Column("result"),
    Column("proof"),
    Column("took"),
    Column("by"),
    Column("reason", prose=True),
)


def _row(p: Past) -> list[Text]:
    again = f" #{p.attempt}" if p.attempt and p.attempt > 1 else ""
    return [
        Text(local_time(p.at), "dim"),
        Text(plain(short_id(p.id), 16), "cyan"),
        Text(f"{plain(p.node)}/{plain(p.service or '')}" if p.node else "?", "bold"),
        Text(f"{p.type or '?'}{again}"),
        Text(DONE[p.put_aside]) if p.put_aside else Text(p.result, STYLE.get(p.result, "")),
        Text(p.verdict or ""),
        Text(took(p.seconds) if p.seconds is not None else ""),
        Text(plain(p.by, 30)),
        Text(plain(p.reason, 120), "dim"),
    ]


def _in_lines(row: Sequence[Text]) -> Group:
    when, action_id, target, what, result, proof, run_time, by, reason = row
    came = Text(", ").join(part for part in (result, proof, run_time) if part)
    if by:
        came.append(" by ").append_text(by)
    if reason:
        came.append(": ").append_text(reason)
    return in_lines([when, action_id, target, what], came)
