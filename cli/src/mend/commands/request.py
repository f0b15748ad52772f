"""`mend request`: say in words what should be; the mesh proposes a playbook for each host, and a person approves it."""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from mend.context import CliContext
from mend.errors import ASKS, DONE, NOT_THERE, REFUSED, USAGE, CliError
from mend.follow import follow
from mend.options import AsJson
from mend.requests import lines_of, say_output, say_playbook, say_status, status_row
from mend.text import plain
from mesh_core.approvals.request_folder import RequestFolder
from mesh_core.models.foreign_text import decoded
from mesh_core.models.parsing import read_asked
from mesh_core.models.proposals import MAX_ATTACHMENT_BYTES
from mesh_core.models.requests import (
    MAX_REQUEST_BYTES,
    Request,
    RequestReply,
    RequestState,
    RequestStatus,
    request_id,
)
from mesh_core.models.strict_json import Refusal

LOOK_SECONDS = 0.1
PATIENCE_SECONDS = 10.0  # a planner at work answers within a second
_ENDS = {RequestState.ASKS: ASKS, RequestState.REFUSED: REFUSED}


def request(
    ctx: typer.Context,
    text: Annotated[
        str | None,
        typer.Argument(
            help="What should be, in words; - reads it from standard input. With --answer: the request's ID."
        ),
    ] = None,
    message: Annotated[str | None, typer.Option("--message", help="The same as TEXT.")] = None,
    hosts: Annotated[
        list[str] | None,
        typer.Option("--host", help="A host or group of config/inventory.yml; repeat it for several."),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="What its playbook is called; by default by the first words.")
    ] = None,
    files: Annotated[
        list[Path] | None,
        typer.Option("--file", help="A text that the words name, of at most 64 KiB; repeat it for several."),
    ] = None,
    answers: Annotated[
        list[str] | None,
        typer.Option(
            "--answer", metavar="SLOT=VALUE", help="Answer a question of the request ID; repeat it for several."
        ),
    ] = None,
    cancel: Annotated[bool, typer.Option("--cancel", help="The request ID asks, and is not wanted any more.")] = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="Show the playbook, follow until its runs have ended, show their output.")
    ] = False,
    timeout: Annotated[float, typer.Option(help="With --wait: seconds to follow at most.", min=1)] = 900,
    as_json: AsJson = False,
) -> None:
    """Ask for something in words: a playbook for each host is proposed, and runs once you approve it.

    Words become tasks by the recipes of `mend remedies list`. What is missing is asked back and never guessed. Nothing
    touches a host before you say yes to the very file, like to any other proposal.

    \b
    Examples
      mend request "install nginx" --host web01
      mend request "install nginx and enable the service" --host web --wait
      mend request "copy index.html to /var/www/html/index.html" --file index.html --host web01
      mend request --answer port=8080 req-3f9c2a7b1d04
      mend requests                        where each of them stands

    Exit status: 0 proposed (with --wait: done), 1 failed, 2 usage, 3 not found, 4 it asks, 5 nothing may be proposed.
    """
    cli: CliContext = ctx.obj
    if answers or cancel:
        asked: Request | RequestReply = _reply(cli, text, answers or [], cancel)
    else:
        asked = _request(cli, text, message, hosts or [], name, files or [])
    folder = RequestFolder(cli.mesh)
    entry = asyncio.run(_enter(cli, asked))
    own_id = asked.id if isinstance(asked, Request) else asked.request
    status = _answered(folder, own_id, entry, timeout if wait else PATIENCE_SECONDS)
    if status is None:
        if as_json:
            cli.say_json({"id": own_id, "state": None})
        else:
            cli.say(f"{own_id} waits: no planner has read it yet. mend status tells whether one runs.", "yellow")
        raise typer.Exit(DONE)
    ended = _ENDS.get(status.state, DONE)
    if wait and status.state is RequestState.FILED:
        ended = _followed(cli, status, timeout, quiet=as_json)
    if as_json:
        cli.say_json(status_row(cli.actions, status))
    elif not wait or ended in (ASKS, REFUSED):
        say_status(cli, status)
    raise typer.Exit(ended)


def requests(ctx: typer.Context, as_json: AsJson = False) -> None:
    """List what was asked for in words, and where it stands.

    \b
    Examples
      mend requests
      mend requests --json | jq -r '.[] | select(.state == "asks") | .id'
    """
    cli: CliContext = ctx.obj
    found = RequestFolder(cli.mesh).all()
    if as_json:
        cli.say_json([status_row(cli.actions, status) for status in found])
    elif not found:
        cli.say('Nothing was asked for. mend request "install nginx" --host HOST would do it.')
    for status in () if as_json else found:
        for line, style in lines_of(cli, status):
            cli.say(line, style)


def _request(
    cli: CliContext, text: str | None, message: str | None, hosts: list[str], name: str | None, files: list[Path]
) -> Request:
    if (text is None) == (message is None):
        raise CliError('say once what should be: mend request "install nginx" --host HOST', USAGE)
    said = _stdin() if text == "-" else (text if text is not None else message)
    if not hosts:
        raise CliError("on which host? Give --host NAME, a host or group of config/inventory.yml", USAGE)
    value: dict[str, Any] = {"id": request_id(secrets.token_hex(16)), "by": cli.user, "text": said, "hosts": hosts}
    value |= {"name": name} if name is not None else {}
    value["files"] = [_file(path) for path in files]
    asked = _read(value)
    if not isinstance(asked, Request):
        raise CliError("this is no request", USAGE)
    return asked


def _reply(cli: CliContext, own_id: str | None, answers: list[str], cancel: bool) -> RequestReply:
    if not own_id:
        raise CliError("which request? Give its id, as in mend requests", USAGE)
    status = RequestFolder(cli.mesh).get(own_id)
    if status is None:
        raise CliError(f"there is no request {plain(own_id, 100)}; mend requests lists them", NOT_THERE)
    if status.state is not RequestState.ASKS:
        raise CliError(f"{own_id} asks nothing: it is {status.state}", NOT_THERE)
    said = {}
    for answer in answers:
        slot, sign, value = answer.partition("=")
        if not sign or slot not in {one.slot for one in status.questions}:
            slots = ", ".join(f"{one.slot}=..." for one in status.questions)
            raise CliError(f"--answer {plain(answer, 100)}: it asks for {slots}", USAGE)
        said[slot] = value
    reply = _read({"request": own_id, "by": cli.user, "answers": said, "cancel": cancel})
    if not isinstance(reply, RequestReply):
        raise CliError("this is no answer", USAGE)
    return reply


def _read(value: dict[str, Any]) -> Request | RequestReply:
    """Judged at the same door as every other request. CliError (usage) names what does not fit."""
    raw = json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogateescape")
    asked = read_asked(raw, int(time.time() * 1000))
    if isinstance(asked, Refusal):
        raise CliError(f"this cannot be asked: {plain(asked.reason)}", USAGE)
    return asked


def _file(path: Path) -> dict[str, str]:
    try:
        with path.open("rb") as handle:
            raw = handle.read(MAX_ATTACHMENT_BYTES + 1)
    except OSError as error:
        raise CliError(f"--file {plain(path, 200)}: cannot be read: {error.strerror}", USAGE) from None
    if len(raw) > MAX_ATTACHMENT_BYTES:
        raise CliError(f"--file {plain(path, 200)}: larger than {MAX_ATTACHMENT_BYTES} bytes", USAGE)
    text = decoded(raw)
    if isinstance(text, Refusal):
        raise CliError(f"--file {plain(path, 200)}: {text.reason}; only text can come along", USAGE)
    return {"name": path.name, "text": text}


def _stdin() -> str:
    return sys.stdin.buffer.read(MAX_REQUEST_BYTES + 1).decode("utf-8", "surrogateescape").strip()


async def _enter(cli: CliContext, asked: Request | RequestReply) -> str | None:
    async with cli.bus() as bus:
        return await bus.enter_request(asked)


def _answered(folder: RequestFolder, own_id: str, entry: str | None, seconds: float) -> RequestStatus | None:
    """What the planner made of this entry; None if it said nothing in time."""
    deadline = time.monotonic() + seconds
    while True:
        status = folder.get(own_id)
        if status and entry in (status.entry, status.answered_by):
            return status
        if time.monotonic() >= deadline:
            return None
        time.sleep(LOOK_SECONDS)


def _followed(cli: CliContext, status: RequestStatus, timeout: float, *, quiet: bool) -> int:
    """Until all of its proposals came to rest: the playbook first, then what Ansible said on each host."""
    deadline = time.monotonic() + timeout
    if not quiet:
        say_playbook(cli, status)
        say_status(cli, status)
    worst = DONE
    for one in status.proposals:
        worst = max(worst, follow(cli, one.action_id, deadline - time.monotonic(), quiet=quiet))
        if not quiet:
            say_output(cli, one.action_id)
    return worst
