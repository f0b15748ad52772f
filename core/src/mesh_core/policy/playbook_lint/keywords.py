"""Words of plays, blocks and tasks that are no module and hold no tasks: what each may say. Pure.

Conditions and loops are judged as what Ansible makes of them; everything else is plain words, never a template.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from mesh_core.policy.playbook_lint.checkers import TaskContext, conditions, data, number
from mesh_core.policy.playbook_lint.jinja_text import is_declarable, is_template, template_problem

YES_NO_WORDS = frozenset(
    (  # noqa: SIM905  (a list of one word a line is harder to read)
        "gather_facts become ignore_errors ignore_unreachable any_errors_fatal diff no_log run_once"
    ).split()
)
MAX_WAITING = 1_000_000  # seconds, or times
_USER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}\$?")
_TEMPLATED = frozenset({"when", "changed_when", "failed_when", "until", "loop", "loop_control"})


def keyword_problem(word: str, value: Any, names: frozenset[str], ours: frozenset[str]) -> str | None:
    """What is wrong with a known keyword's value, as a sentence; `ours` are those that only our own playbooks use."""
    beside = TaskContext(names, {}, {})
    if word in ("when", "changed_when", "failed_when", "until"):
        problem = conditions(value, beside)
    elif word == "loop":
        problem = data(value, beside) if isinstance(value, list) else _whole(value, names)
    elif word == "loop_control":
        problem = _loop_control(value, beside)
    elif word == "register":
        problem = None if is_declarable(value) else "must be a plain name that Ansible does not use itself"
    elif word == "check_mode":
        own = word in ours or value is True
        problem = None if own else "may only be true: a task that runs in a preview is no preview"
    elif word in ("retries", "delay", "timeout", "throttle", "serial"):
        problem = number(value, beside) or _waiting(value)
    elif word in YES_NO_WORDS:
        problem = None if isinstance(value, bool) else "must be true or false"
    elif word == "become_user":
        fits = isinstance(value, str) and _USER.fullmatch(value)  # sudo's and su's command lines hold it as it is
        problem = None if fits else "must be a user's name"
    else:
        problem = _plain_words(value)
    if problem is None and word not in _TEMPLATED and any(is_template(said) for said in _texts(value)):
        problem = "may not be a template: templates belong into arguments and variables"
    if problem is None:
        return None
    return f"{word} {problem}" if problem.startswith(("must", "may")) else f"{word}: {problem}"


def _waiting(value: Any) -> str | None:
    within = is_template(str(value)) or 0 <= float(value) <= MAX_WAITING
    return None if within else f"must be between 0 and {MAX_WAITING}"


def _whole(value: object, names: frozenset[str]) -> str | None:
    if not isinstance(value, str) or not is_template(value):
        return "must be a list, or a template that gives one"
    return template_problem(value, names)


def _loop_control(value: object, beside: TaskContext) -> str | None:
    if not isinstance(value, dict):
        return "must be a mapping"
    for key, said in value.items():
        if key in ("loop_var", "index_var"):
            if not is_declarable(said):
                return f"must not name its {key} {str(said)[:60]!r}: Ansible means something else by it"
        elif key == "label":
            if problem := data(said, beside):
                return problem
        else:
            return f"may not hold {key[:60]!r}"
    return None


def _plain_words(value: object) -> str | None:
    fits = isinstance(value, str | int | type(None)) or (
        isinstance(value, list) and all(isinstance(one, str | int) for one in value)
    )
    return None if fits else "must be plain words"


def _texts(value: object) -> Iterator[str]:
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, str):
            yield one
