"""What stands against a yes, found for one command and told to its person. Reads files; asks Redis if told to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from mend.context import CliContext
from mend.output.text import plain
from mesh_core.approvals.obstacles import Obstacle, Surroundings
from mesh_core.approvals.surroundings import SurroundingsReader
from mesh_core.runtime.places_note import read_places

if TYPE_CHECKING:
    from mesh_core.messaging.explained import Explained

HEADING = "A yes would come to nothing now:"
APPROVED_HEADING = "As things are, it comes to nothing:"
MINOR_HEADING = "Before you say yes:"


def surroundings(cli: CliContext, redis: str = "") -> Surroundings:
    """Out of files alone."""
    return SurroundingsReader(cli.runtime).read(offline=read_places(cli.runtime).offline, redis=redis)


class ProposalContext(NamedTuple):
    """`times`: how often each trouble occurred so far (1: once; None: Redis cannot say). `explained`: what else is
    wrong because of that of one proposal."""

    times: list[int | None]
    explained: Sequence[Explained]
    surroundings: Surroundings


def look_around(cli: CliContext, event_ids: Sequence[str], action_id: str = "") -> ProposalContext:
    """What is around these proposals; what that one of them explains."""
    import asyncio  # only where somebody waits: these take as long as all the rest

    times, explained, redis = asyncio.run(_ask_redis(cli, event_ids, action_id))
    return ProposalContext(times, explained, surroundings(cli, redis))


async def _ask_redis(
    cli: CliContext, event_ids: Sequence[str], action_id: str
) -> tuple[list[int | None], Sequence[Explained], str]:
    from mesh_core.messaging.bus import NOT_SERVED, Bus, BusDown, masked
    from mesh_core.messaging.explained import explained_by
    from mesh_core.messaging.occurrences import occurrences_of
    from mesh_core.messaging.redis_state import read_state, refusal_of

    unknown: list[int | None] = [None] * len(event_ids)
    bus = Bus.connect(cli.redis_url, "mend")
    try:
        refusal = (await read_state(bus)).refusal
        explained = await explained_by(bus, action_id) if action_id else ()
        return await occurrences_of(bus, event_ids), explained, refusal or ""
    except BusDown:
        return unknown, (), f"Redis at {masked(cli.redis_url)} does not answer"
    except NOT_SERVED as error:
        return unknown, (), refusal_of(error)
    finally:
        await bus.close()


def obstacle_rows(found: Sequence[Obstacle]) -> list[dict[str, Any]]:
    """As `--json` gives them."""
    return [{"kind": o.kind.value, "sentence": o.sentence, "fix": o.fix, "blocks": o.blocks} for o in found]


def say_obstacles(cli: CliContext, found: Sequence[Obstacle], heading: str = HEADING) -> None:
    """In red, under a heading; nothing where there are none."""
    if found:
        cli.say(heading if any(one.blocks for one in found) else MINOR_HEADING, "bold red")
    for one in found:
        cli.say_beside("  ", plain(one.told, 600), "red")


def say_obstacles_of_all(cli: CliContext, found: Sequence[tuple[str, Sequence[Obstacle]]]) -> None:
    """Of several proposals (by what names them to people), each obstacle once: what many share is one line."""
    whose: dict[Obstacle, list[str]] = {}
    for name, obstacles in found:
        for one in obstacles:
            whose.setdefault(one, []).append(name)
    if whose:
        cli.say(HEADING if any(one.blocks for one in whose) else MINOR_HEADING, "bold red")
    for one, names in whose.items():
        who = "all" if len(names) == len(found) > 1 else ", ".join(names)
        cli.say_beside(f"  {who}: ", plain(one.told, 600), "red")
