"""A chart that many ask for at once is worked out once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from observer.index.query_cache import MOST, QueryCache


def test_an_answer_is_kept_for_its_seconds_and_no_longer() -> None:
    now = [100.0]
    answers, asked = QueryCache(clock=lambda: now[0]), iter(range(9))
    assert [answers.get("a", 5, lambda: next(asked)) for _ in range(3)] == [0, 0, 0]
    assert answers.get("b", 5, lambda: next(asked)) == 1
    now[0] += 5
    assert answers.get("a", 5, lambda: next(asked)) == 2
    answers.clear()
    assert answers.get("a", 5, lambda: next(asked)) == 3


def test_those_who_ask_together_wait_for_one() -> None:
    answers, go, made = QueryCache(), Event(), []

    def make() -> int:
        assert go.wait(60)
        made.append(1)
        return len(made)

    with ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(answers.get, "a", 60, make) for _ in range(8)]
        go.set()
        assert [one.result(10) for one in waiting] == [1] * 8


def test_a_failure_is_not_kept() -> None:
    answers = QueryCache()

    def fail() -> int:
        raise OSError("not now")

    with pytest.raises(OSError, match="not now"):
        answers.get("a", 60, fail)
    assert answers.get("a", 60, lambda: 7) == 7


def test_however_many_questions_only_some_are_kept() -> None:
    answers = QueryCache()
    for number in range(10 * MOST):
        assert answers.get(number, 60, lambda n=number: n) == number  # type: ignore[misc]
    assert answers.get(3, 60, lambda: -1) == -1
