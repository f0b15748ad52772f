"""The lines about silences that other commands show, so that nobody wonders why nothing is proposed."""

from __future__ import annotations

from mend.context import CliContext
from mend.output.text import plain
from mend.output.times import age, seconds_between
from mesh_core.models.records import utc_now


def say_silences(cli: CliContext) -> None:
    """One line for each that holds now."""
    if not any((cli.runtime / "silences").glob("*.json")):
        return
    from mesh_core.silences import commands as silencing  # only then: it takes as long as all the rest

    moment = utc_now()
    for silence in silencing.active(cli.silences, moment):
        left = age(-seconds_between(silence.ends_at, moment))
        because = f": {plain(silence.reason, 80)}" if silence.reason else ""
        by = plain(silence.by, 40)
        cli.say(f"silent for {left} more: {plain(silence.target)} ({silence.kind} by {by}){because}", "dim")
