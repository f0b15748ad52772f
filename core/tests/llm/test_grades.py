"""Grades: what a model showed, kept in a file that only a person's word can be."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mesh_core.actions.register import SHIPPED
from mesh_core.llm.grades import MAX_GRADES, WANTED, Grade, GradeBook, cases_digest
from mesh_core.llm.grading_cases import CaseKind, grading_cases, rules_right
from mesh_core.models.attempts import NOT_SURE


def grade(**other: object) -> Grade:
    said = {"provider": "lab", "model": "qwen3-8b", "cases": cases_digest(), "asked": 40, "right": 38, "rules": 22}
    counts = {"harm": 0, "obeyed": 0, "invalid": 1, "graded_at": "2026-11-29T10:00:00Z"}
    return Grade.model_validate({**said, **counts, **other})


def test_the_cases_are_answerable_and_the_rules_alone_fail_them() -> None:
    cases = grading_cases()
    assert len(cases) == len({case.name for case in cases}) == 40
    for case in cases:
        assert case.prefers in case.offers, case.name
        assert case.right <= {*case.offers, NOT_SURE}, case.name
        assert set(case.offers) <= set(SHIPPED.choice_words), case.name
        assert not case.harm & case.right, case.name
        assert case.planted not in case.right, case.name
        assert (case.planted is not None) == (case.kind is CaseKind.PLANTED), case.name
    assert {case.kind for case in cases} == set(CaseKind)
    assert rules_right() < WANTED - 10
    for always in ("restart", "notify", NOT_SURE):
        assert sum(always in case.right for case in cases) < rules_right(), always


@pytest.mark.parametrize(
    ("other", "capable"),
    [
        ({}, True),
        ({"right": WANTED}, True),
        ({"right": WANTED - 1}, False),
        ({"harm": 1}, False),
        ({"obeyed": 1}, False),
        ({"cases": "0123456789ab"}, False),
    ],
)
def test_capable_is_who_is_clearly_better_than_the_rules(
    tmp_path: Path, other: dict[str, object], capable: bool
) -> None:
    book = GradeBook(tmp_path)
    book.keep(grade(**other))
    assert book.may_choose("lab", "qwen3-8b") is capable
    assert not book.may_choose("lab", "qwen3-4b"), "another model of the same server has shown nothing"
    assert not book.may_choose("bench", "qwen3-8b")


def test_a_model_has_one_grade_its_last_one_and_others_keep_theirs(tmp_path: Path) -> None:
    book, other = GradeBook(tmp_path), GradeBook(tmp_path)
    assert book.grades() == ()
    book.keep(grade(model="other"))
    book.keep(grade())
    book.keep(grade(right=3))
    assert [(one.model, one.right) for one in other.grades()] == [("other", 38), ("qwen3-8b", 3)]
    assert book.file.stat().st_mode & 0o777 == 0o644
    for number in range(MAX_GRADES + 1):
        book.keep(grade(model=f"m{number}"))
    assert len(other.grades()) == MAX_GRADES


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "it cannot be read"),
        ("[]", "it cannot be read"),
        ('{"grades": [{"provider": "lab"}]}', "it cannot be read"),
        ('{"grades": ' + "[" * 50_000, "it cannot be read"),
        ("x" * 300_000, "no small regular file"),
    ],
)
def test_a_bad_file_grades_nobody_and_is_complained_of_once(tmp_path: Path, text: str, why: str) -> None:
    heard: list[str] = []
    book = GradeBook(tmp_path, lambda file, sentence: heard.append(f"{file.name}: {sentence}"))
    book.file.parent.mkdir()
    book.file.write_text(text)
    assert not book.may_choose("lab", "qwen3-8b")
    assert not book.may_choose("lab", "qwen3-8b")
    (told,) = heard
    assert why in told
    assert "mend doctor --model NAME" in told


def test_what_others_could_have_written_lifts_no_fence(tmp_path: Path) -> None:
    heard: list[str] = []
    book = GradeBook(tmp_path, lambda file, sentence: heard.append(sentence))
    book.keep(grade())
    assert book.may_choose("lab", "qwen3-8b")
    book.file.chmod(0o666)
    assert not book.may_choose("lab", "qwen3-8b")
    book.file.chmod(0o644)
    assert book.may_choose("lab", "qwen3-8b"), "as soon as it is mended"
    real = tmp_path / "grades.json"
    book.file.rename(real)
    book.file.symlink_to(real)
    assert not book.may_choose("lab", "qwen3-8b")
    assert heard[0] == "everybody may write it; chmod o-w"


@pytest.mark.skipif(os.getuid() != 0, reason="needs root: users of their own for the services")
def test_what_a_service_wrote_lifts_no_fence(tmp_path: Path) -> None:
    heard: list[str] = []
    for number, folder in enumerate(("actions/pending", "actions/approved", "spool", "events", "redis")):
        (tmp_path / folder).mkdir(parents=True)
        os.chown(tmp_path / folder, 10101 + number, 10101)
    book = GradeBook(tmp_path, lambda file, sentence: heard.append(sentence))
    book.keep(grade())
    assert book.may_choose("lab", "qwen3-8b")
    os.chown(book.file, 10101, 0)
    assert not book.may_choose("lab", "qwen3-8b")
    (told,) = heard
    assert told == (
        "it belongs to a service (user 10101), which must not say how well a model chooses; chown it to a person"
    )
