"""Grades a model: can it write the tasks of requests that no recipe knows? Changes nothing."""

from __future__ import annotations

from mend.doctor.finding import Finding, ok, warning
from mend.output.text import plain
from mesh_core.llm.router import Provider

CHECK = "writing model"


async def grade_writing(provider: Provider, *, marked: bool) -> list[Finding]:
    """A finding about it, behind one for each order that was not written as it was meant. `marked`: it may write."""
    from planner_agent.requests.writing.grading import WANTED, grade

    graded = await grade(provider)
    right = sum(one.right for one in graded)
    missed = [warning(CHECK, f"{one.text!r}: {plain(one.told, 300)}", "") for one in graded if not one.right]
    title = f"{plain(provider.name, 40)} ({plain(provider.model, 60)})"
    told = f"{title} wrote {right} of {len(graded)} orders as they were meant; {WANTED} are wanted"
    return [*missed, _judged(told, good=right >= WANTED, marked=marked)]


def _judged(told: str, *, good: bool, marked: bool) -> Finding:
    if good:
        return ok(CHECK, f"{told}; " + ("it may write" if marked else "writes: true in config/chain.yml lets it write"))
    if marked:
        return warning(CHECK, f"{told}, and it may write", "take writes: true out of config/chain.yml")
    return ok(CHECK, f"{told}; it may not write, and should not")
