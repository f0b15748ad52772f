"""`mend request`: say in words what should be; the mesh proposes a playbook for each host, and a person approves it."""

from __future__ import annotations

import json
import secrets
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from mend.context import CliContext
from mend.errors import ASKS, DONE, NOT_THERE, REFUSED, USAGE, CliError
from mend.options import AsJson
from mend.request_desk import RequestDesk, Row, desk_for
from mend.requests import follow_row, lines_of, say_playbook, say_row
from mend.text import plain
from mesh_core.models.foreign_text import decoded
from mesh_core.models.parsing import read_asked
from mesh_core.models.proposals import MAX_ATTACHMENT_BYTES
from mesh_core.models.requests import MAX_REQUEST_BYTES, Request, RequestReply, RequestState, request_id
from mesh_core.models.strict_json import Refusal

LOOK_SECONDS = 0.1
PATIENCE_SECONDS = 10.0  # a planner at work answers within a second
BaseUrl = Annotated[
    str | None,
    typer.Option(
        metavar="URL", help="Ask the observer there, such as http://127.0.0.1:8686, and nothing on this machine."
    ),
]
TokenFile = Annotated[
    Path | None, typer.Option(help="With --base-url: a file with the token of somebody who may decide.")
]
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
    base_url: BaseUrl = None,
    token_file: TokenFile = None,
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
    replies = bool(answers or cancel)
    new = None if replies else _request(cli, text, message, hosts or [], name, files or [])
    desk = desk_for(cli, base_url, token_file)
    asked, before = (new, "") if new else _reply(cli, desk, text, answers or [], cancel)
    own_id = desk.enter(asked)
    row = _answered(desk, own_id, before, timeout if wait else PATIENCE_SECONDS)
    if row is None:
        if as_json:
            cli.say_json({"id": own_id, "state": None})
        else:
            cli.say(f"{own_id} waits: no planner has read it yet. mend status tells whether one runs.", "yellow")
        raise typer.Exit(DONE)
    ended = _ENDS.get(row["state"], DONE)
    follows = wait and row["state"] == RequestState.FILED
    if follows and not as_json:
        say_playbook(cli, desk, row)
    if not as_json:
        say_row(cli, row)
    if follows:
        ended = follow_row(cli, desk, own_id, timeout, quiet=as_json)
    if as_json:
        cli.say_json(desk.row(own_id))
    raise typer.Exit(ended)


def requests(
    ctx: typer.Context, base_url: BaseUrl = None, token_file: TokenFile = None, as_json: AsJson = False
) -> None:
    """List what was asked for in words, and where it stands.

    \b
    Examples
      mend requests
      mend requests --json | jq -r '.[] | select(.state == "asks") | .id'
    """
    cli: CliContext = ctx.obj
    rows = desk_for(cli, base_url, token_file).rows()
    if as_json:
        cli.say_json(rows)
    elif not rows:
        cli.say('Nothing was asked for. mend request "install nginx" --host HOST would do it.')
    for row in () if as_json else rows:
        for line, style in lines_of(row):
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


def _reply(
    cli: CliContext, desk: RequestDesk, own_id: str | None, answers: list[str], cancel: bool
) -> tuple[RequestReply, str]:
    """The reply, and when something was said of the request last."""
    if not own_id:
        raise CliError("which request? Give its id, as in mend requests", USAGE)
    row = desk.row(own_id)
    if row is None:
        raise CliError(f"there is no request {plain(own_id, 100)}; mend requests lists them", NOT_THERE)
    if row["state"] != RequestState.ASKS:
        raise CliError(f"{own_id} asks nothing: it is {row['state']}", NOT_THERE)
    said = {}
    for answer in answers:
        slot, sign, value = answer.partition("=")
        if not sign or slot not in {one["slot"] for one in row["questions"]}:
            slots = ", ".join(f"{one['slot']}=..." for one in row["questions"])
            raise CliError(f"--answer {plain(answer, 100)}: it asks for {slots}", USAGE)
        said[slot] = value
    reply = _read({"request": own_id, "by": cli.user, "answers": said, "cancel": cancel})
    if not isinstance(reply, RequestReply):
        raise CliError("this is no answer", USAGE)
    return reply, row["updated_at"]


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


def _answered(desk: RequestDesk, own_id: str, before: str, seconds: float) -> Row | None:
    """What a planner said of it after that moment; None if it said nothing in time."""
    deadline = time.monotonic() + seconds
    while True:
        row = desk.row(own_id)
        if row and row["state"] and row["updated_at"] != before:
            return row
        if time.monotonic() >= deadline:
            return None
        time.sleep(LOOK_SECONDS)
