"""A preview in words: what each task would change, what nobody can say, in red what nobody was shown. Only prints."""

from __future__ import annotations

from typing import Any

from mend.context import CliContext
from mend.output.text import plain, plain_lines
from mend.output.times import age, seconds_between
from mesh_core.approvals.previews import FoundPreview
from mesh_core.models.previews import Effect, Preview
from mesh_core.models.proposals import Folder
from mesh_core.models.records import utc_now

STYLE = {Effect.CHANGES: "bold yellow", Effect.FAILED: "bold red", Effect.UNKNOWN: "yellow"}


def line_of(found: FoundPreview, *, holds: bool) -> str:
    """One line: when, by whom, what it came to; and that it is old, once the proposal was edited."""
    by = f" by {plain(found.by, 80)}" if found.by else ""
    when = f"{age(seconds_between(found.at, utc_now()))} ago{by}"
    if found.works:
        return f"asked for {when}; it lies in {found.folder}/"
    if found.said is None:
        return f"asked for {when}, and came to nothing: {plain(found.reason, 300) or found.folder.value}"
    old = "" if holds else "OLD, of what was there before an edit: "
    return f"{old}previewed {when}: {plain(found.said.sentence, 400)}"


def say_preview(cli: CliContext, said: Preview) -> None:
    """All of it."""
    if said.sees:
        cli.say_beside("  sees now    ", plain(said.sees, 500))
    for task in said.tasks:
        more = ", ".join(plain(thing, 200) for thing in task.things) or plain(task.why, 300)
        words = plain(task.name, 200) + (f": {more}" if more else "")
        cli.say_beside(f"  {task.effect.words:<16}  ", words, STYLE.get(task.effect, ""))
        for line in plain_lines(task.diff, 4096).splitlines() if task.diff else ():
            cli.say(f"      {line}", "green" if line.startswith("+") else "red" if line.startswith("-") else "dim")
    for surprise in said.surprises:
        cli.say_beside("  NOT ON THE CARD  ", plain(surprise, 400), "bold red")
    if said.cut:
        cli.say("  there was more than is kept", "dim")
    cli.say_beside(
        "  so          ", plain(said.sentence, 600), "bold red" if said.surprises or said.problem else "bold"
    )


def preview_row(found: FoundPreview | None, *, holds: bool) -> dict[str, Any] | None:
    """As `--json` gives it; `preview` is null while there is no answer, and `reason` says why it came to none."""
    if found is None:
        return None
    return {
        "id": found.id,
        "folder": found.folder.value,
        "by": found.by,
        "at": found.at,
        "holds": holds,
        "reason": found.reason,
        "preview": None if found.said is None else found.said.model_dump(mode="json"),
    }


def is_good(found: FoundPreview | None) -> bool:
    """It has an answer, and nothing in it that nobody was shown."""
    if found is None or found.said is None:
        return False
    return found.folder is Folder.DONE and not found.said.surprises
