"""Grades one model of the fallback chain: can it write tasks, and does it choose better than the rules?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from mend.doctor.choosing_model import grade_choice
from mend.doctor.finding import Finding, broken, warning
from mend.doctor.writing_model import grade_writing
from mend.output.text import plain
from mesh_core.llm.chain import chain_for, marked_to_write
from mesh_core.llm.grades import GradeBook
from mesh_core.llm.provider_kind import BadChain
from mesh_core.llm.router import Provider
from mesh_core.llm.settings import ChainSettings
from mesh_core.runtime.settings import BadSettings, read_settings

CHECK = "model"


async def grade_model(
    environ: Mapping[str, str], runtime: Path, name: str, progress: Callable[[int], object]
) -> list[Finding]:
    """What it can do, in findings; the grade of its choices is kept. `progress` hears how many cases were asked."""
    if find_spec("planner_agent") is None:  # what asks is the planner's, which another machine may run
        return [broken(CHECK, "the planner is not installed here", "ask where it is: it grades as it would ask")]
    chain_file = runtime / "config" / "chain.yml"
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
        written = await grade_writing(provider, marked=name in marked)
        return [*written, *await grade_choice(runtime, provider, progress), *_asked_too_late(runtime, providers, name)]
    finally:
        for one in providers:
            await one.close()


def _asked_too_late(runtime: Path, providers: Sequence[Provider], name: str) -> list[Finding]:
    """A model that may choose behind one that may not is asked only where that one fails."""
    book = GradeBook(runtime)
    may = [book.may_choose(one.name, one.model) for one in providers]
    at = [one.name for one in providers].index(name)
    if not may[at] or all(may[:at]):
        return []
    before = ", ".join(plain(one.name, 40) for one, chooses in zip(providers[:at], may, strict=False) if not chooses)
    told = f"{plain(name, 40)} is asked only where {before} gives no answer, whose choice counts for nothing"
    return [warning(CHECK, told, f"put {plain(name, 40)} first in LLM_CHAIN")]
