"""`mend deadletters`: what was refused and why; `replay` lets one in again if it is good now. Deletes nothing."""

from __future__ import annotations

import asyncio
import time
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import redis.exceptions
import typer
from pydantic import ValidationError
from rich.text import Text

from mend.context import CliContext
from mend.errors import NOT_THERE, USAGE, CliError
from mend.options import AsJson
from mend.output.listing import Column, listing
from mend.output.text import plain
from mend.output.times import local_time
from mesh_core.messaging.bus import DEAD_LETTER_BYTES, Bus
from mesh_core.messaging.replies import pairs_of
from mesh_core.models.events import DeadLetter, Trust
from mesh_core.models.parsing import read_asked, read_event
from mesh_core.models.requests import Request
from mesh_core.models.strict_json import Refusal

COLUMNS = (
    Column("id"),
    Column("when", 2),
    Column("came by", 3),
    Column("refused by", 4),
    Column("why", prose=True),
    Column("it began with", 5, prose=True),
)


@dataclass(frozen=True)
class Letter:
    """One refused message; `id` is its place in the stream."""

    id: str
    ts: str
    source: str
    entry_id: str
    reason: str
    by: str
    raw: str


def deadletters(
    ctx: typer.Context,
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[replay ID]", help="replay and an id: let that one in again.", show_default=False),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="The newest so many.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List messages that were refused, with the reason; or let one in again.

    A replayed message is judged anew and enters as a foreign event with an id of its own, or as a request.

    \b
    Examples
      mend deadletters
      mend deadletters --json | jq -r '.[0].raw'
      mend deadletters replay 1763698351022-0
    """
    cli: CliContext = ctx.obj
    match words or []:
        case []:
            _list(cli, asyncio.run(read_letters(cli, limit)), as_json)
        case ["replay", letter_id]:
            asyncio.run(_replay(cli, letter_id, as_json))
        case _:
            raise CliError("say `mend deadletters` or `mend deadletters replay ID`", USAGE)


async def read_letters(cli: CliContext, limit: int) -> list[Letter]:
    """The newest first."""
    async with cli.bus() as bus:
        entries = await bus.call("XREVRANGE", DeadLetter.stream, "+", "-", "COUNT", limit)
    return [letter for entry in entries or () if (letter := _letter(entry))]


async def _replay(cli: CliContext, letter_id: str, as_json: bool) -> None:
    async with cli.bus() as bus:
        try:
            entries = await bus.call("XRANGE", DeadLetter.stream, letter_id, letter_id)
        except redis.exceptions.ResponseError:
            raise CliError(
                f"{plain(letter_id, 80)!r} is no id of a dead letter; they look like 1763698351022-0", USAGE
            ) from None
        letter = _letter(entries[0]) if entries else None
        if letter is None:
            raise CliError(f"there is no dead letter {plain(letter_id, 80)}; `mend deadletters` lists them", NOT_THERE)
        if letter.source in (Request.channel, Request.stream):
            entered_id = await _request_again(bus, letter)
        else:
            entered_id = await _event_again(bus, letter)
    if as_json:
        cli.say_json({"letter": letter.id, "event_id": entered_id})
    else:
        cli.say(f"replayed as {entered_id}")


async def _event_again(bus: Bus, letter: Letter) -> str | None:
    event = read_event(letter.raw.encode())
    if isinstance(event, Refusal):
        raise _not_replayed(letter, event, "mend inject")
    entered = await bus.enter(event, Trust.FOREIGN)
    return entered.id if entered else None


async def _request_again(bus: Bus, letter: Letter) -> str | None:
    asked = read_asked(letter.raw.encode(), int(time.time() * 1000))
    if isinstance(asked, Refusal):
        raise _not_replayed(letter, asked, "mend request")
    if not await bus.enter_request(asked):
        raise CliError("not replayed: the same is in its stream already; `mend requests` tells where it stands")
    return asked.id if isinstance(asked, Request) else asked.request


def _not_replayed(letter: Letter, why: Refusal, command: str) -> CliError:
    cut = len(letter.raw.encode()) >= DEAD_LETTER_BYTES
    reason = f"only its first {DEAD_LETTER_BYTES} bytes were kept" if cut else plain(why.reason)
    return CliError(f"not replayed: {reason}. Correct it and send it with `{command}`.")


def _letter(entry: Any) -> Letter | None:
    entry_id, fields = entry
    try:
        letter = DeadLetter.model_validate_json(pairs_of(fields).get("p", b""))
    except ValidationError:
        return None
    return Letter(id=entry_id.decode(), **letter.model_dump())


def _list(cli: CliContext, letters: list[Letter], as_json: bool) -> None:
    if as_json:
        cli.say_json([asdict(letter) for letter in letters])
        return
    if not letters:
        cli.say("No message was refused.")
        return
    rows = [
        [
            Text(letter.id, "cyan"),
            Text(local_time(letter.ts), "dim"),
            Text(plain(letter.source, 40)),
            Text(plain(letter.by, 40)),
            Text(plain(letter.reason, 200), "yellow"),
            Text(plain(letter.raw, 80), "dim"),
        ]
        for letter in letters
    ]
    cli.out.print(listing(COLUMNS, rows, cli.out.width))
