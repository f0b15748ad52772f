"""What a trial of a remedy showed, for people: the numbers of its look, what each task of its apply would change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mend.context import CliContext
from mend.errors import FAILED, CliError
from mend.output.text import plain, plain_lines
from mend.remedies.trial import TaskSeen
from mesh_core.actions.playbooks import LOOK_TASK
from mesh_core.actions.remedies.remedy_file import Remedy
from mesh_core.actions.remedies.rendering import NOT_MEASURED
from mesh_core.actions.remedies.wording import filled, names_in
from mesh_core.models.truth import truth_in
from mesh_core.models.whole_numbers import whole_in

MAX_DIFF = 4000  # characters of one task that are shown
BAD = ("failed", "unreachable")


def report_trial(
    cli: CliContext,
    remedy: Remedy,
    values: Mapping[str, Any],
    node: str,
    look: Sequence[TaskSeen],
    apply: Sequence[TaskSeen],
) -> None:
    """CliError where the look fails, changes something or cannot measure, or a task of the apply fails."""
    for task in look:
        if task.status not in ("ok", "skipped"):
            raise CliError(f"the look: {plain(task.name)}: {task.status}: {plain(str(task.msg), 400)}", FAILED)
    lost = _say_numbers(cli, remedy, values, look)
    cli.say()
    cli.say("Approval would", "bold")
    for task in apply:
        _say_task(cli, task)
    if lost:
        raise CliError(f"it could not be measured: {', '.join(lost)}; nothing was changed", FAILED)
    if any(task.status in BAD for task in apply):
        raise CliError("not all of it could be tried (a task may build on one that a trial skips); nothing was changed")
    cli.say(f"Nothing was changed on {plain(node)}.", "green")


def _say_numbers(cli: CliContext, remedy: Remedy, values: Mapping[str, Any], look: Sequence[TaskSeen]) -> list[str]:
    """The names of those that could not be measured."""
    said = next((task.msg for task in look if task.name == LOOK_TASK), None)
    seen = said if isinstance(said, dict) else {}
    given = seen.get("numbers")
    numbers = {name: whole_in(given.get(name)) if isinstance(given, dict) else None for name in remedy.look.numbers}
    lost = [name for name, number in numbers.items() if number is None or number <= NOT_MEASURED]
    unsaid = " (? is what the event would say)" if {*names_in(remedy.estimate)} - {*values} else ""
    cli.say_beside("  estimate    ", plain(filled(remedy.estimate, values)) + unsaid)
    cli.say_beside("  now         ", plain(filled(remedy.shows, {**values, **numbers})))
    for name, number in numbers.items():
        told = "could not be measured" if name in lost else str(number)
        cli.say(f"    {name:<24} {told}", "red" if name in lost else "")
    holds = "holds already, so nothing would run" if truth_in(seen.get("proven")) is True else "does not hold"
    cli.say_beside("  proof       ", f"{plain(remedy.proof)}: {holds}")
    return lost


def _say_task(cli: CliContext, task: TaskSeen) -> None:
    told = {
        "ok": "change nothing",
        "changed": f"change {task.count} thing{'s' if task.count != 1 else ''}",
        "skipped": "run (no trial can tell what it changes), or be skipped",
    }.get(task.status, f"fail: {plain(str(task.msg), 400)}")
    cli.say_beside(f"  {plain(task.name)}: ", told, "red" if task.status in BAD else "")
    if task.diff:
        cli.say("\n".join(f"      {line}" for line in plain_lines(task.diff, MAX_DIFF).splitlines()), "dim")
