"""`mend status`: is the mesh well, in one screen. Looks at heartbeats, folders and streams; changes nothing."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict, dataclass, field
from typing import Any

import redis.exceptions
import typer
from rich.text import Text

from mend.context import CliContext
from mend.errors import DONE, FAILED
from mend.options import AsJson
from mend.output.text import plain
from mend.output.times import age, seconds_between
from mesh_core.approvals.action_folders import ActionFolders
from mesh_core.approvals.proposal_files import is_beside, name_of
from mesh_core.llm.grades import GradeBook
from mesh_core.messaging.bus import NOT_SERVED, Bus, masked
from mesh_core.messaging.failing_probes import failing_probes
from mesh_core.messaging.held import held_now
from mesh_core.messaging.redis_settings import server_version
from mesh_core.messaging.redis_state import read_state
from mesh_core.messaging.replies import pairs_of, text_of
from mesh_core.models.attempts import AttemptOutcome, ModelAttempt
from mesh_core.models.proposals import Folder
from mesh_core.models.records import utc_now
from mesh_core.models.requests import Request
from mesh_core.models.streams import EVENT_STREAM_PREFIX
from mesh_core.runtime.chain_note import read_chain
from mesh_core.runtime.heartbeats import FRESH_SECONDS, heartbeats, stuck_loops
from mesh_core.silences.commands import active

GONE_SECONDS = 300.0  # what healthcheck.sh calls dead
CIRCUIT_SECONDS = 60.0
MAX_STREAMS = 1000


@dataclass
class Status:
    """Ages in seconds. `redis_problem`: it does not answer, or takes no writes.

    `models` are asked in this order, `models_refused` never, and why: as the planner started, not as this shell is set.
    `lag` is entries per group that nobody has read yet; `waiting` those read, not acknowledged. `failing_probes`: what
    should be watched there is not. `held`: what waits for something that is at work on its host. `grades`: what
    `mend doctor --model` found of each model. `budgets`: what was used of each limit of config/chain.yml.
    """

    runtime: str
    redis_url: str
    redis_version: str | None = None
    redis_problem: str | None = None
    services: dict[str, float] = field(default_factory=dict)
    stuck: dict[str, str] = field(default_factory=dict)
    folders: dict[str, int] = field(default_factory=dict)
    lag: dict[str, int] = field(default_factory=dict)
    waiting: dict[str, int] = field(default_factory=dict)
    dead_letters: int = 0
    open_circuits: list[str] = field(default_factory=list)
    silences: list[str] = field(default_factory=list)
    failing_probes: list[str] = field(default_factory=list)
    grades: list[str] = field(default_factory=list)
    budgets: list[str] = field(default_factory=list)
    models: list[str] = field(default_factory=list)
    models_refused: dict[str, str] = field(default_factory=dict)
    held: list[str] = field(default_factory=list)

    @property
    def well(self) -> bool:
        fresh = bool(self.services) and all(seconds <= FRESH_SECONDS for seconds in self.services.values())
        return fresh and not self.stuck and self.redis_problem is None


def status(ctx: typer.Context, as_json: AsJson = False) -> None:
    """Show whether the services live, what waits, and how far the planners are behind.

    Exit status 0 when every service that has run here is alive and Redis takes writes, else 1.

    \b
    Examples
      mend status
      mend status --json | jq .lag
    """
    cli: CliContext = ctx.obj
    found = asyncio.run(read_status(cli))
    if as_json:
        cli.say_json({"well": found.well, **asdict(found)})
    else:
        _print(cli, found)
    raise typer.Exit(DONE if found.well else FAILED)


async def read_status(cli: CliContext) -> Status:
    """Everything, also when Redis is away."""
    found = Status(runtime=str(cli.runtime), redis_url=plain(masked(cli.redis_url)))
    found.services = heartbeats(cli.runtime)
    found.stuck = stuck_loops(cli.runtime)
    if chain := read_chain(cli.runtime):
        found.models, found.models_refused = list(chain.asked), dict(chain.refused)
    found.folders = counts(cli.actions)
    found.silences = [silence.id for silence in active(cli.silences, utc_now())]
    found.grades = grades(cli)
    bus = Bus.connect(cli.redis_url, "mend")
    try:
        found.redis_version = await server_version(bus)
        found.redis_problem = (await read_state(bus)).refusal
        await _streams(bus, found)
        found.budgets = await budgets(bus, cli)
    except NOT_SERVED as error:
        found.redis_problem = found.redis_problem or str(error)
    finally:
        await bus.close()
    return found


def counts(actions: ActionFolders) -> dict[str, int]:
    """How many proposals lie in each folder; -1 for a folder that this user may not read."""
    found = {}
    for folder in Folder:
        try:
            names = [path.name for path in actions.folder(folder).iterdir()]
        except FileNotFoundError:
            names = []
        except PermissionError:
            found[folder.value] = -1
            continue
        counted = [name for name in names if not is_beside(name) and (folder is not Folder.PENDING or name_of(name))]
        found[folder.value] = len(counted)
    return found


async def budgets(bus: Bus, cli: CliContext) -> list[str]:
    """Of each limit of a provider, in a sentence; of a chain.yml that cannot be used the doctor tells."""
    file = cli.runtime / "config" / "chain.yml"
    if not file.exists():
        return []
    from mesh_core.llm.chain import budgets_in  # the vendors' clients take a second
    from mesh_core.llm.provider_kind import BadChain

    try:
        limits = budgets_in(file)
    except BadChain:
        return []
    windows = [(name, one) for name, budget in limits.items() for one in budget.windows(name, utc_now())]
    used = await bus.call("MGET", *(one.key for _, one in windows)) if windows else []
    return [
        f"{plain(name, 40)}: {one.share(int(count or 0))}" for (name, one), count in zip(windows, used, strict=True)
    ]


def grades(cli: CliContext) -> list[str]:
    """Of each graded model, in a sentence. A file of them that does not count is for `mend doctor` to tell."""
    return [plain(grade.in_words, 300) for grade in GradeBook(cli.runtime).grades()]


async def _streams(bus: Bus, found: Status) -> None:
    cursor, streams = "0", []
    while True:
        cursor, keys = await bus.call(
            "SCAN", cursor, "MATCH", f"{EVENT_STREAM_PREFIX}*", "COUNT", 500, "TYPE", "stream"
        )
        streams += keys
        if int(cursor) == 0 or len(streams) > MAX_STREAMS:
            break
    for stream in (*streams, Request.stream):
        try:
            groups = await bus.call("XINFO", "GROUPS", stream)
        except redis.exceptions.ResponseError:
            continue
        for group in groups:
            facts = pairs_of(group)
            name = text_of(facts["name"])
            found.lag[name] = found.lag.get(name, 0) + int(facts.get("lag") or 0)
            found.waiting[name] = found.waiting.get(name, 0) + int(facts.get("pending") or 0)
    found.failing_probes = [plain(one.told, 300) for one in await failing_probes(bus, streams)]
    found.held = [plain(one.told, 400) for one in await held_now(bus, utc_now())]
    found.dead_letters = int(await bus.call("XLEN", "mesh:dead_letters"))
    found.open_circuits = _open_circuits(await bus.call("XREVRANGE", ModelAttempt.stream, "+", "-", "COUNT", 100))


def _open_circuits(entries: Any) -> list[str]:
    """Models whose newest attempt, within the last minute, was not even made."""
    newest: dict[str, bool] = {}
    for _, fields in entries or ():
        try:
            attempt = json.loads(pairs_of(fields)["p"])
            recent = seconds_between(attempt["ts"], utc_now()) < CIRCUIT_SECONDS
            name = f"{attempt['provider']}:{attempt['model']}"
            newest.setdefault(name, recent and attempt["outcome"] == AttemptOutcome.CIRCUIT_OPEN)
        except (KeyError, ValueError, TypeError):
            continue
    return sorted(plain(name, 100) for name, is_open in newest.items() if is_open)


def _print(cli: CliContext, found: Status) -> None:
    _say_services(cli, found)
    _say_redis(cli, found)
    _say_models(cli, found)
    folders = [f"{name} {'?' if n < 0 else n}" for name, n in found.folders.items() if n]
    cli.say(f"{'actions':<18}{', '.join(folders) or 'none yet'}")
    if found.folders.get("pending"):
        cli.say(f"{'':<18}mend pending lists what waits for you", "dim")
    if found.silences:
        cli.say(f"{'silences':<18}{len(found.silences)}: nothing is proposed there (mend silences)", "yellow")


def _say_services(cli: CliContext, found: Status) -> None:
    if not found.services:
        cli.say(f"No service has run under {plain(found.runtime)} yet. `mend up` starts the mesh.", "yellow")
    for name, seconds in found.services.items():
        word, style = ("alive", "green") if seconds <= FRESH_SECONDS else ("late", "yellow")
        if seconds > GONE_SECONDS:
            word, style = "gone", "red"
        if name in found.stuck:
            word, style = "stuck", "red"
        beat = (f"heartbeat {age(seconds)} ago", "dim")
        cli.say_beside(f"{plain(name, 40):<18}", Text.assemble((f"{word:<8}", style), beat))
        if name in found.stuck:
            cli.say_beside(" " * 18, plain(found.stuck[name], 400), "red")


def _say_redis(cli: CliContext, found: Status) -> None:
    """The server, and what lies in it that somebody should know of."""
    if found.redis_problem is None:
        line = Text.assemble(("answers ", "green"), (f"version {found.redis_version}, {found.redis_url}", "dim"))
    else:
        line = Text.assemble(
            ("silent  " if found.redis_version is None else "refuses ", "red"),
            (f"{plain(found.redis_problem, 240)}; {found.redis_url}", "dim"),
        )
    cli.say_beside(f"{'redis':<18}", line)
    for group, lag in sorted(found.lag.items()):
        style = "green" if lag < 1000 else "yellow"
        told = f"{lag} events behind, {found.waiting.get(group, 0)} in hand"
        cli.say_beside(f"{'group ' + plain(group, 30):<18}", Text(told, style))
    for said in found.failing_probes:
        cli.say_beside(f"{'probe fails':<18}", said, "red")
    for said in found.held:
        cli.say_beside(f"{'waits':<18}", said, "yellow")
    if found.dead_letters:
        cli.say(f"{'dead letters':<18}{found.dead_letters} (mend deadletters)", "yellow")


def _say_models(cli: CliContext, found: Status) -> None:
    if found.models or found.models_refused:
        cli.say(f"{'models':<18}{', '.join(plain(name, 40) for name in found.models) or 'none: the rules alone'}")
    for name, why in found.models_refused.items():
        cli.say_beside(" " * 18, f"{plain(name, 40)} is never asked (LLM_PRIVACY=local): {plain(why, 200)}", "dim")
    for name in found.open_circuits:
        cli.say(f"{'circuit open':<18}{name}: it failed too often and is not asked for a while", "yellow")
    for told in found.budgets:
        cli.say_beside(f"{'model budget':<18}", told, "dim")
    for told in found.grades:
        cli.say_beside(f"{'graded model':<18}", told, "dim")
