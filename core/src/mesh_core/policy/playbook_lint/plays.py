"""Plays, blocks and tasks, word by word: what is not known is refused, with a sentence.

Each part is judged with the names that its templates may say: what the play declares and what was registered so far.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mesh_core.models.records import is_name
from mesh_core.policy.playbook_lint.assignments import assignments_in
from mesh_core.policy.playbook_lint.checkers import CHECKERS, TaskContext, data, one_of
from mesh_core.policy.playbook_lint.harms import harms_of
from mesh_core.policy.playbook_lint.jinja_text import is_declarable
from mesh_core.policy.playbook_lint.keywords import YES_NO_WORDS, keyword_problem
from mesh_core.policy.playbook_lint.requested import requested_problem
from mesh_core.policy.playbook_lint.shutting_out import Protected, nothing
from mesh_core.policy.playbook_lint.table import Widened, checker_for, full_name, table, widening_problem

_LISTS = ("pre_tasks", "tasks", "post_tasks", "handlers")  # in the order in which they run
_BLOCKS = ("block", "rescue", "always")
MAX_FILLED_IN = 256 * 1024  # characters of attachments that one playbook may fill in, each as often as it does
_MODULE = re.compile(r"[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*){0,3}")
_TEXT_OF = {"ansible.builtin.command": "cmd", "ansible.builtin.shell": "cmd", "ansible.builtin.raw": "free_form"}
# Words of Ansible's that a person may know, and why they are not here.
_REFUSED_WORDS = {
    **dict.fromkeys(
        ("delegate_to", "delegate_facts", "connection", "remote_user", "port"), "it would lead to another host"
    ),
    **dict.fromkeys(("vars_files", "collections", "import_playbook"), "what it loads cannot be reviewed here"),
    "roles": "what it loads cannot be reviewed here; write its tasks out",
    "strategy": "it picks code of the executor",
    "vars_prompt": "nobody is there to answer while it runs; use vars",
    "module_defaults": "say each argument at its own task",
    "environment": "it changes what the programs of the host do",
    **dict.fromkeys(("become_method", "become_flags", "become_exe"), "how another user is become is the inventory's"),
    **dict.fromkeys(("async", "poll"), "a run waits for each of its tasks"),
    **dict.fromkeys(("action", "local_action"), "name the module as the task's own word"),
}


@dataclass(frozen=True)
class Scope:
    """What is judged against; `by_policy` and `dangers` fill while it is judged."""

    node: str | None
    attachments: Mapping[str, str]
    widened: Widened
    keywords: frozenset[str] = frozenset()
    taken: frozenset[str] = frozenset()
    protected: Protected = nothing
    requested: bool = False  # it came of a request in words
    by_policy: dict[str, set[str]] = field(default_factory=dict)
    dangers: list[str] = field(default_factory=list)
    assigned: dict[str, list[Any]] = field(default_factory=dict)
    filled_in: list[int] = field(default_factory=list)  # characters of attachments that were judged as templates


def play_findings(plays: list[dict[Any, Any]], scope: Scope) -> Iterator[str]:
    """Sentences saying what makes these plays unfit."""
    names = table().host_variables
    scope.assigned.update(assignments_in(plays))
    for play in plays:
        set_by_tasks = _declared_by(play)
        for name in sorted(set_by_tasks & scope.taken):
            yield f"the variable {name} is one of the inventory's: give what a task sets or registers another name"
        names |= set_by_tasks
        yield from _play(play, names, scope)


def _play(play: dict[Any, Any], names: frozenset[str], scope: Scope) -> Iterator[str]:
    hosts = play.get("hosts")
    if not isinstance(hosts, str) or not is_name(hosts) or hosts in ("all", "ungrouped"):
        yield "hosts of each play must be one plain host name"
    elif scope.node is not None and hosts != scope.node:
        yield f"a play is for {hosts}, but the proposal is for {scope.node}"
    known = names | _variables_of(play)
    yield from _keywords("a play", play, _PLAY_WORDS, frozenset(("hosts", *_LISTS)), known, scope)
    for word in _LISTS:
        yield from _tasks(word, play.get(word), known, scope)


def _tasks(word: str, tasks: object, names: frozenset[str], scope: Scope) -> Iterator[str]:
    if tasks is None:
        return
    if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
        yield f"{word} must be a list of tasks"
        return
    for task in tasks:
        yield from _block(task, names, scope) if "block" in task else _task(task, names, scope)


def _block(block: dict[Any, Any], names: frozenset[str], scope: Scope) -> Iterator[str]:
    known = names | _variables_of(block)
    yield from _keywords("a block", block, _BLOCK_WORDS, frozenset(_BLOCKS), known, scope)
    for word in _BLOCKS:
        yield from _tasks(word, block.get(word), known, scope)


def _task(task: dict[Any, Any], names: frozenset[str], scope: Scope) -> Iterator[str]:
    known = names | _variables_of(task) | _looped(task)
    modules = [word for word in task if word not in _NO_MODULES and not _is_refused_word(word)]
    yield from _keywords("a task", task, _TASK_WORDS, frozenset(("args", *modules)), known, scope)
    if len(modules) != 1:
        said = ", ".join(repr(word[:60]) for word in modules[:5])
        yield f"a task must use exactly one module, this one has {said or 'none'}"
    for word in modules[:5]:
        yield from _module(word, task, known, scope)


def _module(word: str, task: dict[Any, Any], names: frozenset[str], scope: Scope) -> Iterator[str]:
    if not _MODULE.fullmatch(word):
        yield f"{word[:60]!r} is not a module's name"
        return
    module = full_name(word)
    known = module in table().modules or module in scope.widened.modules
    if not known or module in table().never_modules:
        yield f"the module {word} may not be used{_instead_of(module)}"
        return
    arguments = _arguments(module, task[word], task.get("args"))
    if isinstance(arguments, str):
        yield f"{word}: {arguments}"
        return
    if module not in table().modules:
        scope.by_policy.setdefault(module, set())
    beside = TaskContext(names, arguments, scope.attachments, module == "ansible.builtin.template", scope.assigned)
    if beside.is_template_file and sum(scope.filled_in) > MAX_FILLED_IN:
        yield f"it fills in more than {MAX_FILLED_IN} characters of attachments"
        return
    for argument, value in arguments.items():
        checker, by_policy = checker_for(module, argument, scope.widened)
        if checker is None:
            why = widening_problem(module, argument)
            yield f"{word} may not take {argument[:60]!r}; {why or 'config/policy.yml can add it (requests.modules)'}"
            continue
        if by_policy:
            scope.by_policy.setdefault(module, set()).add(argument)
        if checker == "variables" and not is_declarable(argument):
            yield f"the variable {argument[:60]!r} would change how or where Ansible connects, or what it means"
        if checker == "attachment":
            scope.filled_in.append(len(scope.attachments.get(str(value).removeprefix("files/"), "")))
        problem = one_of(value, checker, beside) if isinstance(checker, tuple) else CHECKERS[checker](value, beside)
        if problem:
            yield (
                f"{word}: {argument} {problem}"
                if problem.startswith(("must", "names"))
                else f"{word}: {argument}: {problem}"
            )
    scope.dangers.extend(harms_of(module, beside, scope.protected))


def _arguments(module: str, given: object, more: object) -> dict[str, Any] | str:
    """What the module gets, in one mapping; a sentence if that cannot be said."""
    if isinstance(given, str) and module in _TEXT_OF:
        given = {_TEXT_OF[module]: given}
    if given is None:
        given = {}
    if not isinstance(given, dict) or not isinstance(more if more is not None else {}, dict):
        return "say its arguments as a mapping (name: value), not as one text"
    both: dict[str, Any] = {**(more or {}), **given}  # type: ignore[dict-item]
    if len(both) < len(given) + len(more or ()):  # type: ignore[arg-type]
        return "an argument stands both there and in args; say it once"
    return both


def _keywords(
    where: str,
    part: dict[Any, Any],
    allowed: frozenset[str],
    apart: frozenset[str],
    names: frozenset[str],
    scope: Scope,
) -> Iterator[str]:
    """All that a play, block or task says, but what is `apart`: its modules and its lists of tasks."""
    for word, value in part.items():
        if word == "vars":
            yield from _variables(value, names, scope)
        elif word in apart:
            continue
        elif scope.requested and (why := requested_problem(word, part)):
            yield f"{where} of a request may not use {word}: {why}"
        elif word in allowed:
            if problem := keyword_problem(word, value, names, scope.keywords):
                yield problem
        else:
            yield _no_word(where, word)


def _variables(variables: object, names: frozenset[str], scope: Scope) -> Iterator[str]:
    if variables is None:
        return
    if not isinstance(variables, dict):
        yield "variables must be a mapping"
        return
    for name, value in variables.items():
        if not is_declarable(name):
            yield f"the variable {name[:60]!r} would change how or where Ansible connects, or what it means"
        if problem := data(value, TaskContext(names, {}, {})):
            yield f"the variable {name[:60]}: {problem}"


def _variables_of(part: dict[Any, Any]) -> frozenset[str]:
    own = part.get("vars")
    return frozenset(name for name in own if is_declarable(name)) if isinstance(own, dict) else frozenset()


def _looped(task: dict[Any, Any]) -> frozenset[str]:
    if "loop" not in task:
        return frozenset()
    control = task.get("loop_control")
    said = [control.get("loop_var"), control.get("index_var")] if isinstance(control, dict) else []
    return frozenset({"item"} | {str(name) for name in said if is_declarable(name)})


def _declared_by(play: dict[Any, Any]) -> frozenset[str]:
    """What the play's tasks register or set: names of the host from then on, in later plays too."""
    found: set[str] = set()
    todo = [task for word in _LISTS if isinstance(tasks := play.get(word), list) for task in tasks]
    while todo:
        task = todo.pop()
        if not isinstance(task, dict):
            continue
        for word in _BLOCKS:
            more = task.get(word)
            todo += more if isinstance(more, list) else []
        for word in ("set_fact", "ansible.builtin.set_fact"):
            facts = _arguments("", task.get(word), task.get("args"))
            found |= set(facts) if word in task and isinstance(facts, dict) else set()
        found.add(task["register"] if isinstance(task.get("register"), str) else "")
    return frozenset(name for name in found if is_declarable(name))


def _is_refused_word(word: str) -> bool:
    return word in _REFUSED_WORDS or word.startswith("with_")


def _no_word(where: str, word: str) -> str:
    if why := _REFUSED_WORDS.get(word):
        return f"{where} may not use {word}: {why}"
    if word.startswith("with_"):
        return f"{where} may not use {word[:60]!r}: it is a lookup, which runs on the executor; use loop"
    return f"{where} may not use {word[:60]!r}"


def _instead_of(module: str) -> str:
    """What to know about a module that may not be used: why, its name in the table, or where the list is."""
    short = module.rpartition(".")[2]
    if why := table().never_modules.get(module) or table().never_modules.get(f"ansible.builtin.{short}"):
        return f": {why}"
    if full := next((name for name in table().modules if name.rpartition(".")[2] == short), None):
        return f"; by this name it is not on the list, as {full} it is"
    if never := widening_problem(module):
        return f"; {never}"
    return "; the list is in docs/playbooks.md, and config/policy.yml can add to it (requests.modules)"


_EVERYWHERE = frozenset({"name", "become_user", "tags", "check_mode", "timeout", *YES_NO_WORDS})
_PLAY_WORDS = _EVERYWHERE - {"run_once"} | {"serial"}
_BLOCK_WORDS = (_EVERYWHERE | {"when", "notify", "throttle"}) - {"gather_facts"}
_TASK_WORDS = _BLOCK_WORDS | frozenset(
    (  # noqa: SIM905
        "loop loop_control register changed_when failed_when until retries delay listen"
    ).split()
)
_NO_MODULES = _TASK_WORDS | {"args", "vars"}
