"""What a preview comes to: a sentence for people, and what would be changed beyond what they were shown. Pure.

Shown is the playbook, byte for byte, and the sentence about what it touches. A task that would change something
although it is there to look, or a file, a unit or a container that neither of the two names, is a surprise.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from executor_agent.runner.preview_recorder import NOT_RUN
from mesh_core.actions.register import is_wide, what_it_touches
from mesh_core.actions.remedies.looking import COMMAND, looking_problem, only_reads, shape_problem
from mesh_core.models.name_lists import first_of
from mesh_core.models.previews import Effect, TaskPreview
from mesh_core.models.proposals import Proposal
from mesh_core.policy.proposed_playbook.playbook_tasks import tasks_in, variables_in

MAX_SURPRISES = 20
MAX_NAMED = 5
_PATH = re.compile(r"(?<![\w}/.])/[\w.@+:-][^\s'\"{}|,;)]*")
_WORD = re.compile(r"[\w@.:-]+")
_NAMED = re.compile(r"community\.docker\..+|ansible\.builtin\.(?:systemd|systemd_service|service)")
_SUFFIX = ".service"
_NEVER = (False, "false")
NEVER_SHOWN = "it does its work each time it runs (a restart), which check mode does not show as a change"
ONLY_LOOKS = "it only looks, which check mode leaves out"


def surprises_in(
    proposal: Proposal, plays: Sequence[Mapping[str, Any]], tasks: Sequence[TaskPreview]
) -> tuple[str, ...]:
    """Sentences. `proposal` is what the preview is of, `plays` what would run."""
    return tuple(dict.fromkeys(_surprises(proposal, plays, tasks)))[:MAX_SURPRISES]


def sentence_of(tasks: Sequence[TaskPreview]) -> str:
    """ "2 of 3 tasks would change something: ..."."""
    by = {effect: [task.name for task in tasks if task.effect is effect] for effect in Effect}
    changes, unsure, fails = by[Effect.CHANGES], by[Effect.UNKNOWN], by[Effect.FAILED]
    if changes:
        said = [f"{len(changes)} of {_tasks(len(tasks))} would change something: {first_of(changes, MAX_NAMED)}"]
    else:
        said = ["nothing that check mode can see would change" if unsure else "nothing would change"]
    if unsure:
        said.append(f"of {_tasks(len(unsure))} check mode cannot say: {first_of(unsure, MAX_NAMED)}")
    if fails:
        said.append(f"it would fail: {first_of(fails, MAX_NAMED)}")
    return "; ".join(said)


def as_they_are(plays: Sequence[Mapping[str, Any]], tasks: Sequence[TaskPreview]) -> tuple[TaskPreview, ...]:
    """What check mode takes for no change and is one, or may be, cannot be said; what it skips and only looks changes
    nothing."""
    declared: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for task in tasks_in(plays):
        declared[str(task.get("name", ""))].append(task)
    made: list[TaskPreview] = []
    not_made: dict[str, None] = {}  # paths that an earlier task would have made or changed
    for seen in tasks:
        made.append(_as_it_is(seen, declared[seen.name], not_made))
        if seen.effect is Effect.CHANGES:
            not_made.update(dict.fromkeys(thing for thing in seen.things if thing.startswith("/")))
    return tuple(made)


def _as_it_is(seen: TaskPreview, declared: Sequence[Mapping[str, Any]], not_made: Collection[str]) -> TaskPreview:
    """`declared`: the tasks of its name, as they were shown."""
    effect, why = seen.effect, seen.why
    if why == NOT_RUN and declared and all(map(_only_looks, declared)):
        effect, why = Effect.NOTHING, ONLY_LOOKS
    elif effect is Effect.NOTHING and any(map(_hides_its_change, declared)):
        effect, why = Effect.UNKNOWN, NEVER_SHOWN
    elif effect is Effect.NOTHING and not all(map(_only_looks, declared)):
        named = {path.rstrip("/") for task in declared for text in _texts(task) for path in _PATH.findall(text)}
        if path := next((path for path in not_made if path in named), ""):
            effect, why = Effect.UNKNOWN, f"an earlier task would change {path} first, which check mode did not do"
    return seen if effect is seen.effect else seen.model_copy(update={"effect": effect, "why": why})


def _only_looks(task: Mapping[str, Any]) -> bool:
    """A module that reads, or a command that is listed as looking."""
    return only_reads(task) or (COMMAND in task and not shape_problem(task) and not looking_problem(task))


def _hides_its_change(task: Mapping[str, Any]) -> bool:
    """With `changed_when: false` what is more than a look (a restart) reports no change, whatever it does. A command
    runs in check mode only where it is listed as looking."""
    return task.get("changed_when") in _NEVER and not only_reads(task) and COMMAND not in task


def _surprises(proposal: Proposal, plays: Sequence[Mapping[str, Any]], tasks: Sequence[TaskPreview]) -> Iterator[str]:
    shown = [*tasks_in(plays)]
    changing = {str(task.get("name", "")) for task in shown if _may_change(task)}
    texts = [*_texts(shown), *_texts(variables_in(plays)), what_it_touches(proposal)]
    paths = {path.rstrip("/") for text in texts for path in _PATH.findall(text)}
    words = {_bare(word) for text in texts for word in _WORD.findall(text)}
    for task in tasks:
        if task.effect is Effect.FAILED:
            yield f"it would fail at {task.name!r}: {task.why}"
        if task.effect is not Effect.CHANGES:
            continue
        if task.name not in changing:
            yield f"{task.name!r} would change something, and it is there to look only"
        for thing in task.things:
            if thing.startswith("/"):
                if not any(thing == path or thing.startswith(f"{path}/") for path in paths):
                    yield f"{task.name!r} would change {thing}, which the playbook does not name"
            elif _NAMED.fullmatch(task.module) and not is_wide(proposal) and _bare(thing) not in words:
                yield f"{task.name!r} would change {thing}, which the card does not name"


def _may_change(task: Any) -> bool:
    return task.get("changed_when") not in _NEVER and not only_reads(task)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, one in value.items():
            if key != "name" or not isinstance(one, str) or "{" not in one:
                yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)


def _bare(word: str) -> str:
    """A unit may be called with its suffix or without."""
    return word.rstrip(".:").removesuffix(_SUFFIX)


def _tasks(number: int) -> str:
    return f"{number} task{'' if number == 1 else 's'}"
