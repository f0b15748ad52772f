"""Grades one model of the fallback chain: can it write the tasks of requests that no recipe knows? Changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mend.doctor.finding import Finding, broken, ok, warning
from mend.text import plain
from mesh_core.llm.chain import chain_for, marked_to_write
from mesh_core.llm.provider_kind import BadChain
from mesh_core.llm.settings import ChainSettings
from mesh_core.runtime.settings import BadSettings, read_settings

CHECK = "writing model"


async def grade_model(environ: Mapping[str, str], chain_file: Path, name: str) -> list[Finding]:
    """A finding about the grade, behind one for each order that was not written as it was meant."""
    try:  # what writes is the planner's, which another machine may run
        from planner_agent.requests.writing.grading import WANTED, grade
    except ImportError:
        return [broken(CHECK, "the planner is not installed here", "ask where it is: it grades as it would write")]
    try:
        providers = chain_for(read_settings(ChainSettings, environ), chain_file, environ=environ)
        marked = marked_to_write(chain_file)
    except (BadSettings, BadChain) as error:
        return [broken(CHECK, plain(error, 400), "correct it: the planner does not start with it")]
    try:
        provider = next((one for one in providers if one.name == name), None)
        if provider is None:
            known = ", ".join(plain(one.name, 40) for one in providers) or "nobody"
            return [broken(CHECK, f"there is no model {plain(name, 60)} in the chain", f"name one of it: {known}")]
        graded = await grade(provider)
        title = f"{plain(provider.name, 40)} ({plain(provider.model, 60)})"
    finally:
        for one in providers:
            await one.close()
    right = sum(one.right for one in graded)
    missed = [warning(CHECK, f"{one.text!r}: {plain(one.told, 300)}", "") for one in graded if not one.right]
    told = f"{title} wrote {right} of {len(graded)} orders as they were meant; {WANTED} are wanted"
    return [*missed, _judged(told, good=right >= WANTED, marked=name in marked)]


def _judged(told: str, *, good: bool, marked: bool) -> Finding:
    if good:
        return ok(CHECK, f"{told}; " + ("it may write" if marked else "writes: true in config/chain.yml lets it write"))
    if marked:
        return warning(CHECK, f"{told}, and it may write", "take writes: true out of config/chain.yml")
    return ok(CHECK, f"{told}; it may not write, and should not")
