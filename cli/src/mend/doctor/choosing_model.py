"""Grades a model: does it choose better than the rules? Writes the grade down, and changes nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mend.doctor.finding import Finding, broken, ok, warning
from mend.output.text import plain
from mesh_core.llm.grades import Grade, GradeBook
from mesh_core.llm.grading_cases import CaseKind
from mesh_core.llm.router import Provider
from mesh_core.models.records import utc_now

if TYPE_CHECKING:
    from planner_agent.diagnosis.choice_grading import Chosen

CHECK = "choosing model"
MAX_MISSED = 8  # cases that are named, of one kind


async def grade_choice(runtime: Path, provider: Provider, progress: Callable[[int], object]) -> list[Finding]:
    """A finding about the grade, behind one for each kind of which it chose some wrong. Nothing is kept of a grading
    that did not come to its end."""
    from planner_agent.diagnosis.choice_grading import ServerSilent, choose_all, grade_of

    try:
        chosen = await choose_all(provider, progress)
    except ServerSilent as error:
        fix = "nothing was kept; look at its address, its name and its key, then grade again"
        return [broken(CHECK, f"{plain(provider.name, 40)} did not answer: {plain(error, 300)}", fix)]
    grade = grade_of(provider, chosen, utc_now())
    return [*_missed(chosen), _judged(grade, _kept(GradeBook(runtime), grade))]


def check_grades(runtime: Path) -> list[Finding]:
    """A file of grades that counts for nothing, and grades that nothing follows from any more."""
    found: list[Finding] = []
    fix = f"mend doctor --model NAME writes it anew, as the user that owns {runtime / 'config'}"
    book = GradeBook(runtime, lambda file, why: found.append(warning(CHECK, f"{plain(file)}: {plain(why, 300)}", fix)))
    old = [one for one in book.grades() if not one.is_of_now]
    return [
        *found,
        *(warning(CHECK, plain(one.in_words, 400), f"mend doctor --model {plain(one.provider, 40)}") for one in old),
    ]


def _missed(chosen: Sequence[Chosen]) -> Iterator[Finding]:
    for kind in CaseKind:
        of_kind = [one for one in chosen if one.case.kind is kind]
        wrong = [f"{one.case.name} ({plain(one.action or one.told, 120)})" for one in of_kind if not one.right]
        if wrong:
            more = f", and {len(wrong) - MAX_MISSED} more" if len(wrong) > MAX_MISSED else ""
            told = f"{kind}: {len(of_kind) - len(wrong)} of {len(of_kind)} right; not: {', '.join(wrong[:MAX_MISSED])}"
            yield ok(CHECK, f"{told}{more}")


def _kept(book: GradeBook, grade: Grade) -> str:
    """Why the grade could not be kept; '' where it was."""
    try:
        book.keep(grade)
    except OSError as error:
        return f"{book.file}: {error.strerror}"
    return ""


def _judged(grade: Grade, problem: str) -> Finding:
    told = plain(grade.in_words, 400)
    if problem:
        return warning(CHECK, f"{told}; but it was not kept: {problem}", "grade as the user that owns config/")
    return ok(CHECK, told)
