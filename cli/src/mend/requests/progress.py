"""A request in words: where it stands, its playbook, and what Ansible said of it. Only prints rows of a client."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from mend.context import CliContext
from mend.errors import DONE, FAILED
from mend.output.text import plain, plain_lines
from mend.output.times import age, seconds_between, took
from mend.requests.client import RequestClient, Row
from mend.views.follow import STYLE as FOLDER_STYLE
from mesh_core.approvals.proposal_files import short_id
from mesh_core.models.proposals import AT_REST, Folder
from mesh_core.models.records import utc_now
from mesh_core.models.requests import RequestState

LOOK_SECONDS = 0.2
_GOOD = (Folder.DONE, Folder.WITHDRAWN)
_STYLE = {RequestState.FILED: "bold", RequestState.ASKS: "bold yellow", RequestState.REFUSED: "bold red"}
_PHASES = {"check_idempotency": "idempotency"}  # as the system before this one called it


def say_row(cli: CliContext, row: Row) -> None:
    """What came of it, and what a person does next."""
    for line, style in lines_of(row):
        cli.say(line, style)
    if row["state"] == RequestState.ASKS:
        answers = " ".join(f"--answer {one['slot']}=..." for one in row["questions"])
        cli.say(f"  next: mend request {answers} {row['id']}", "dim")
    elif row["state"] == RequestState.WRITING:
        cli.say("  a model is asked; mend requests tells what comes of it", "dim")
    elif waiting := [short_id(one["action_id"]) for one in row["proposals"] if one["folder"] == Folder.PENDING]:
        cli.say(f"  next: mend show {waiting[0]}, then mend approve {' '.join(waiting)}", "dim")


def lines_of(row: Row) -> Iterator[tuple[str, str]]:
    """(line, style): the request, then what there is to say of it."""
    when, by = age(seconds_between(row["ts"], utc_now())), plain(row["by"], 80) or "somebody"
    head = f"{plain(row['id'], 40)}  {row['state']:<9}  {when} ago by {by}: {plain(row['text'], 300)}"
    yield head, _STYLE.get(row["state"], "dim")
    if writer := row.get("written_by"):
        yield f"  no recipe knows these words: the model {plain(writer['name'], 60)} wrote the tasks", ""
    if row["reason"]:
        yield f"  {plain(row['reason'], 600)}", ""
    for question in row["questions"]:
        choices = f" ({', '.join(plain(one, 60) for one in question['choices'])})" if question["choices"] else ""
        yield f"  {plain(question['slot'], 64)}: {plain(question['text'], 300)}{choices}", ""
    for one in row["proposals"]:
        yield f"  {plain(one['host'], 60):<20}  {one['folder'] or 'gone':<11}  {plain(one['action_id'], 300)}", ""


def say_playbook(cli: CliContext, client: RequestClient, row: Row) -> None:
    """That of its first host: all of them carry the same, but `hosts`. Of a role its tasks, too."""
    book = row["playbook"] or client.playbook(row["proposals"][0]["action_id"])
    cli.say("===== Generated Playbook (preview) =====")
    cli.say(plain_lines(book.get("text", "")).rstrip())
    if role := book.get("role"):
        for file in role["files"]:
            cli.say(f"# roles/{plain(role['name'], 64)}/{plain(file['path'], 64)}")
            cli.say(plain_lines(file["text"]).rstrip())
    cli.say("========")


def follow_row(cli: CliContext, client: RequestClient, own_id: str, seconds: float, *, quiet: bool) -> int:
    """Say each change of place of its proposals, until all came to rest; then what each run said. 0 if all are done."""
    started, last = time.monotonic(), dict[str, str | None]()
    while True:
        row = client.row(own_id) or {"proposals": []}
        spent = time.monotonic() - started
        for one in row["proposals"]:
            here = one["folder"]
            if here is not None and here != last.get(one["host"]) and not quiet:
                cli.say(f"  {took(spent):>6}  {plain(one['host'], 60):<20}  {here}", _folder_style(here))
            last[one["host"]] = here or last.get(one["host"])
        if row["proposals"] and all(here in AT_REST for here in last.values()):
            break
        if spent >= seconds:
            if not quiet:
                cli.say(f"  {took(spent):>6}  not finished; mend requests tells where each of them is", "yellow")
            return FAILED
        time.sleep(LOOK_SECONDS)
    for one in row["proposals"] if not quiet else ():
        _say_ran(cli, client, one)
    return DONE if all(here in _GOOD for here in last.values()) else FAILED


def _say_ran(cli: CliContext, client: RequestClient, one: dict[str, Any]) -> None:
    """What Ansible said in a run, how it ended, and where its bundle lies."""
    ran = client.ran(one["action_id"])
    if ran is None:
        return
    cli.say("===== Ansible Output =====")
    for log in ran.logs:
        cli.say(plain_lines(log).rstrip())
    if ran.failed:
        cli.say(plain(ran.reason, 600), "bold red")
    stage = _PHASES.get(ran.stage, plain(ran.stage, 40))
    cli.say(f"Summary: {{'phase': '{stage}', 'failed': {ran.failed}}}, rc={ran.rc}")
    cli.say(f"bundle: {plain(ran.bundle)}")


def _folder_style(here: str) -> str:
    return FOLDER_STYLE.get(Folder(here), "bold red" if here in AT_REST else "")
