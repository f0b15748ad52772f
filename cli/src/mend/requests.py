"""A request in words: where it stands, its playbook, and what Ansible said of it. Only prints."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mend.context import CliContext
from mend.text import plain, plain_lines
from mend.times import age, now, seconds_between
from mesh_core.approvals.action_folders import ActionFolders
from mesh_core.approvals.proposal_files import short_id
from mesh_core.models.proposals import EXECUTED, Folder
from mesh_core.models.requests import RequestState, RequestStatus
from mesh_core.storage.files import read_regular

MAX_LOG_BYTES = 4 * 1024 * 1024
STYLE = {RequestState.FILED: "bold", RequestState.ASKS: "bold yellow", RequestState.REFUSED: "bold red"}
_LOGS = ("01_syntax.log", "02_apply.log", "03_check_idempotency.log")
_PHASES = {"check_idempotency": "idempotency"}  # as the system before this one called it


def say_status(cli: CliContext, status: RequestStatus) -> None:
    """What came of it, and what a person does next."""
    for line, style in lines_of(cli, status):
        cli.say(line, style)
    if status.state is RequestState.ASKS:
        answers = " ".join(f"--answer {one.slot}=..." for one in status.questions)
        cli.say(f"  next: mend request {answers} {status.request.id}", "dim")
    elif waiting := [
        one.action_id for one in status.proposals if cli.actions.place_of(one.action_id) == Folder.PENDING
    ]:
        cli.say(
            f"  next: mend show {short_id(waiting[0])}, then mend approve {' '.join(map(short_id, waiting))}", "dim"
        )


def lines_of(cli: CliContext, status: RequestStatus) -> Iterator[tuple[str, str]]:
    """(line, style): the request, then what there is to say of it."""
    asked = status.request
    when = age(seconds_between(asked.ts, now()))
    by = plain(asked.by, 80) or "somebody"
    yield f"{asked.id}  {status.state:<9}  {when} ago by {by}: {plain(asked.text, 300)}", STYLE.get(status.state, "dim")
    if status.reason:
        yield f"  {plain(status.reason, 600)}", ""
    for question in status.questions:
        choices = f" ({', '.join(plain(one, 60) for one in question.choices)})" if question.choices else ""
        yield f"  {question.slot}: {plain(question.text, 300)}{choices}", ""
    for one in status.proposals:
        place = cli.actions.place_of(one.action_id)
        yield f"  {plain(one.host):<20}  {place or 'gone':<11}  {one.action_id}", ""


def status_row(actions: ActionFolders, status: RequestStatus) -> dict[str, Any]:
    """As `--json` gives it; `folder` says where each proposal is, null for one that is gone."""
    row = status.model_dump(mode="json", exclude={"entry", "answered_by", "schema_version", "proposals", "request"})
    asked = status.request.model_dump(mode="json", exclude={"schema_version", "files"})
    places = [{**one.model_dump(), "folder": actions.place_of(one.action_id)} for one in status.proposals]
    return {**asked, **row, "proposals": places}


def say_playbook(cli: CliContext, status: RequestStatus) -> None:
    """That of its first host: all of them carry the same, but `hosts`."""
    for _, path in cli.actions.find(status.proposals[0].action_id):
        proposal = cli.actions.proposal_at(path)
        if proposal and proposal.playbook:
            cli.say("===== Generated Playbook (preview) =====")
            cli.say(plain_lines(proposal.playbook.text))
            cli.say("========")
            return


def say_output(cli: CliContext, action_id: str) -> None:
    """What Ansible said in a run, how it ended, and where its bundle lies."""
    found = next(((folder, path) for folder, path in cli.actions.find(action_id) if folder in EXECUTED), None)
    outcome = cli.actions.outcome_at(found[1]) if found else None
    if found is None or outcome is None:
        return
    cli.say("===== Ansible Output =====")
    for log in _LOGS:
        if raw := read_regular(found[1] / "logs" / log, MAX_LOG_BYTES):
            cli.say(plain_lines(raw.decode("utf-8", "replace")).rstrip())
    last = outcome.stages[-1] if outcome.stages else None
    phase = _PHASES.get(last.name, last.name) if last else "none"
    failed = outcome.result != "done"
    cli.say(f"Summary: {{'phase': '{plain(phase)}', 'failed': {failed}}}, rc={last.rc if last else 1}")
    cli.say(f"bundle: {found[1] / 'bundle.zip'}")
