"""The lines about trouble that waits for what is at work on its host: nobody should wonder why nothing is proposed."""

from __future__ import annotations

from mend.context import CliContext
from mend.output.text import plain


def say_held(cli: CliContext) -> None:
    """One line for each; nothing where Redis does not answer."""
    import asyncio  # as in obstacles.py

    for told in asyncio.run(_held(cli)):
        cli.say_beside("waits         ", plain(told, 400), "dim")


async def _held(cli: CliContext) -> list[str]:
    from mesh_core.messaging.bus import Bus
    from mesh_core.messaging.held import held_now
    from mesh_core.models.records import utc_now

    bus = Bus.connect(cli.redis_url, "mend")
    try:
        return [one.told for one in await held_now(bus, utc_now())]
    finally:
        await bus.close()
