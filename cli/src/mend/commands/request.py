"""`mend request`: say in words what should be; the mesh proposes a playbook for each host, and a person approves it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import typer

from mend.context import CliContext
from mend.errors import ASKS, DONE, FAILED, REFUSED, USAGE, CliError
from mend.options import AsJson
from mend.requests.client import RequestClient, Row
from mend.requests.http_client import HttpRequestClient, read_token
from mend.requests.local_client import LocalRequestClient
from mend.requests.options import (
    Answers,
    AsLayout,
    AsVerified,
    BaseUrl,
    Cancel,
    ExtraVars,
    Files,
    Hosts,
    InventoryFile,
    InventoryText,
    KeyNamed,
    Limit,
    LoginUser,
    Message,
    ModelNamed,
    ModelTemperature,
    ModelTokens,
    Name,
    RoleHosts,
    RoleNamed,
    Tags,
    Timeout,
    TokenFile,
    Wait,
    WithPreview,
    Words,
    each_of,
    with_hosts,
)
from mend.requests.previews import PATIENCE_SECONDS as PREVIEW_SECONDS
from mend.requests.previews import Previews, preview_request
from mend.requests.progress import follow_row, lines_of, say_playbook, say_row
from mend.requests.words import new_request, reply_to
from mesh_core.models.requests import Request, RequestReply, RequestState
from mesh_core.models.run_options import Layout, Verify

LOOK_SECONDS = 0.1
PATIENCE_SECONDS = 10.0  # a planner at work answers within a second
_ENDS = {RequestState.ASKS: ASKS, RequestState.REFUSED: REFUSED}


def request(
    ctx: typer.Context,
    text: Words = None,
    message: Message = None,
    hosts: Hosts = None,
    limit: Limit = None,
    name: Name = None,
    files: Files = None,
    extra_vars: ExtraVars = "{}",
    layout: AsLayout = Layout.PLAYBOOK,
    role_name: RoleNamed = None,
    role_hosts: RoleHosts = None,
    tags: Tags = None,
    verify: AsVerified = Verify.ALL,
    inventory: InventoryText = None,
    inventory_file: InventoryFile = None,
    user: LoginUser = None,
    ssh_key: KeyNamed = None,
    model: ModelNamed = None,
    max_tokens: ModelTokens = None,
    temperature: ModelTemperature = None,
    answers: Answers = None,
    cancel: Cancel = False,
    preview: WithPreview = False,
    wait: Wait = False,
    timeout: Timeout = 900,
    base_url: BaseUrl = None,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Ask for something in words: a playbook for each host is proposed, and runs once you approve it.

    Words become tasks by the recipes of `mend remedies list`; where none knows them, by a model that config/chain.yml
    marks with `writes: true`, if there is one. What is missing is asked back and never guessed. Nothing
    touches a host before you say yes to the very file, like to any other proposal.

    \b
    Examples
      mend request "install nginx" --host web01
      mend request "install nginx and enable the service" --host web --wait
      mend request "copy index.html to /var/www/html/index.html" --file index.html --host web01
      mend request "install nginx" --inventory web01,web02 --layout role --role-name front
      mend request --answer port=8080 req-3f9c2a7b1d04
      mend requests                        where each of them stands

    Exit status: 0 proposed (with --wait: done), 1 failed, 2 usage, 3 not found, 4 it asks, 5 nothing may be proposed.
    """
    cli: CliContext = ctx.obj
    client = _client(cli, base_url, token_file)
    asked: Request | RequestReply
    before = ""
    if answers or cancel:
        asked, before = _reply(cli, client, text, answers or [], cancel=cancel)
    else:
        said = message if text is None else text if message is None else None
        wanted: dict[str, Any] = {
            **{"hosts": each_of(hosts), "limit": each_of(limit), "name": name, "layout": layout, "verify": verify},
            **{"role_name": role_name, "role_hosts": each_of(role_hosts), "tags": each_of(tags)},
            **{"user": user, "ssh_key": ssh_key},
            **{"model": model, "max_tokens": max_tokens, "temperature": temperature},
        }
        asked = new_request(cli.user, said, files or [], extra_vars, with_hosts(wanted, inventory, inventory_file))
    own_id = client.enter(asked)
    row = _answered(client, own_id, before, timeout if wait else PATIENCE_SECONDS)
    if row is None:
        _say_waiting(cli, own_id, as_json=as_json)
        raise typer.Exit(FAILED if wait else DONE)
    raise typer.Exit(_follow(cli, client, row, timeout, preview=preview, wait=wait, as_json=as_json))


def _reply(
    cli: CliContext, client: RequestClient, own_id: str | None, answers: list[str], *, cancel: bool
) -> tuple[RequestReply, str]:
    """To a question, and when the request last changed before it."""
    if not own_id:
        raise CliError("which request? Give its id, as in mend requests", USAGE)
    row = client.row(own_id)
    return reply_to(cli.user, own_id, row, answers, cancel), row["updated_at"] if row else ""


def _client(cli: CliContext, base_url: str | None, token_file: Path | None) -> RequestClient:
    """This machine's mesh, or where `base_url` is given the observer there alone."""
    if base_url is not None:
        return HttpRequestClient(base_url, read_token(token_file) if token_file else "")
    if token_file is not None:
        raise CliError("--token-file belongs to --base-url", USAGE)
    return LocalRequestClient(cli)


def _say_waiting(cli: CliContext, own_id: str, *, as_json: bool) -> None:
    if as_json:
        cli.say_json({"id": own_id, "state": None})
    else:
        cli.say(f"{own_id} waits: no planner has read it yet. mend status tells whether one runs.", "yellow")


def _follow(
    cli: CliContext, client: RequestClient, row: Row, timeout: float, *, preview: bool, wait: bool, as_json: bool
) -> int:
    """Say what a planner made of it, and what was asked for beside that; the exit status."""
    own_id, state = row["id"], row["state"]
    ended, filed = _ENDS.get(state, DONE), state == RequestState.FILED
    if (state == RequestState.CHECKED or (filed and (wait or preview))) and not as_json:
        say_playbook(cli, client, row)
    if not as_json:
        say_row(cli, row)
    previews: Previews = {}
    if filed and preview:
        ended, previews = preview_request(cli, client, own_id, min(timeout, PREVIEW_SECONDS), quiet=as_json)
    if filed and wait:
        ended = follow_row(cli, client, own_id, timeout, quiet=as_json)
    if as_json:
        cli.say_json({**(client.row(own_id) or row), **({"previews": previews} if preview else {})})
    return ended


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
    rows = _client(cli, base_url, token_file).rows()
    if as_json:
        cli.say_json(rows)
    elif not rows:
        cli.say('Nothing was asked for. mend request "install nginx" --host HOST would do it.')
    for row in () if as_json else rows:
        for line, style in lines_of(row):
            cli.say(line, style)


def _answered(client: RequestClient, own_id: str, before: str, seconds: float) -> Row | None:
    """What a planner said of it after that moment, once no model writes any more or time is up; None for nothing."""
    deadline = time.monotonic() + seconds
    while True:
        row = client.row(own_id)
        told = row if row and row["state"] and row["updated_at"] != before else None
        if (told and told["state"] != RequestState.WRITING) or time.monotonic() >= deadline:
            return told
        time.sleep(LOOK_SECONDS)
