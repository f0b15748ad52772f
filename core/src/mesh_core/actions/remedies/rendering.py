"""A remedy and the values of one event to playbooks. Pure; the same proposal is always the same bytes.

Values enter as variables of the play, text as `!unsafe`: nothing that an event says becomes part of a task.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mesh_core.actions.playbooks import BEFORE, LOOK_TASK, PlaybookSet, Task, must_hold, node_of, play
from mesh_core.actions.remedies.looking import COMMAND, looking_problem
from mesh_core.actions.remedies.remedy_file import BEFORE_NAME, Remedy, Undo
from mesh_core.actions.remedies.targets import looks_at_targets
from mesh_core.actions.settable import values_set
from mesh_core.models.proposals import Proposal

NOT_MEASURED = -1  # of a number whose expression gave no whole number


def playbooks_for(remedy: Remedy, proposal: Proposal) -> PlaybookSet:
    """ValueError, a sentence, where the event does not give a value for each param."""
    return rendered(remedy, node_of(proposal), values_for(remedy, proposal))


def rendered(remedy: Remedy, node: str, values: dict[str, Any]) -> PlaybookSet:
    """The same with values from anywhere: for whoever judges a remedy before there is an event."""
    seen = _seen(remedy)
    over = must_hold("The trouble is over", remedy.proof, f"it ran on {node}, and the trouble is not over")
    plays = PlaybookSet(
        apply=play(f"{remedy.title} on {node}", node, values, *(_applying(task) for task in remedy.apply)),
        look=play(f"Look at {node}", node, values, *seen, *_answer(remedy, remedy.proof)),
        converge=play(f"It helped {node}", node, values, *seen, _measured(remedy, node), over),
    )
    if remedy.undo is None or not remedy.undo.by_itself:
        return plays
    # What will be seen first nobody knows yet: the run gives it to these very bytes.
    back = undoing(remedy, remedy.undo, node, values, {n: f"{{{{ {BEFORE}.{n} }}}}" for n in remedy.look.numbers})
    return replace(plays, undo=back.apply, undone=back.converge)


def rendered_example(remedy: Remedy, node: str) -> PlaybookSet:
    """With values that fit and stand for any."""
    return rendered(remedy, node, _examples(remedy))


def undoing_example(remedy: Remedy, undo: Undo, node: str) -> PlaybookSet:
    """Likewise, after a first look that saw nothing but zeros."""
    return undoing(remedy, undo, node, _examples(remedy), dict.fromkeys(remedy.look.numbers, 0))


def undoing(remedy: Remedy, undo: Undo, node: str, values: Mapping[str, Any], before: Mapping[str, Any]) -> PlaybookSet:
    """What takes back a run of the remedy whose first look saw the numbers `before`."""
    known = {**values, **{f"{BEFORE_NAME}{name}": before[name] for name in remedy.look.numbers}}
    as_before = undo.proof or " and ".join(f"{name} == {BEFORE_NAME}{name} | int" for name in remedy.look.numbers)
    answer, measured = _answer(remedy, as_before), _measured(remedy, node)
    held = must_hold("All is as before", as_before, f"it was taken back on {node}, and not all is as before")
    seen = _seen(remedy)
    return PlaybookSet(
        apply=play(f"Take back on {node}: {remedy.title}", node, known, *(_applying(task) for task in undo.tasks)),
        look=play(f"Look at {node}", node, known, *seen, *answer),
        converge=play(f"All is as before on {node}", node, known, *seen, *answer, measured, held),
    )


def _examples(remedy: Remedy) -> dict[str, Any]:
    return {name: param.example for name, param in remedy.params.items()}


def _seen(remedy: Remedy) -> list[Task]:
    return [*(_looking(task) for task in remedy.look.tasks), _measure(remedy)]


def _answer(remedy: Remedy, proof: str) -> list[Task]:
    """Its numbers, whether that holds, and what it would interrupt, whatever that is called."""
    targets = looks_at_targets(remedy)
    answer: Task = {
        "numbers": {name: f"{{{{ {name} }}}}" for name in remedy.look.numbers},
        "proven": f"{{{{ {proof} }}}}",
        **({"touched": [told for _, told in targets]} if targets else {}),
    }
    asked = [_looking(task) for task, _ in targets]
    return [*asked, {"name": LOOK_TASK, "ansible.builtin.debug": {"msg": answer}}]


def _measured(remedy: Remedy, node: str) -> Task:
    return must_hold(
        "All of it could be measured",
        f"[{', '.join(remedy.look.numbers)}] | min > {NOT_MEASURED}",
        f"not all that says whether it helped could be measured on {node}",
    )


def values_for(remedy: Remedy, proposal: Proposal) -> dict[str, Any]:
    """The params, by name. ValueError, a sentence, where one is missing or may not be what a person set."""
    given = {name: param.value_in(proposal.event) for name, param in remedy.params.items()}
    values = {**given, **values_set(remedy.settable, proposal.params)}
    for name, value in values.items():
        if value is None:
            raise ValueError(f"its event gives no {remedy.params[name].type} for {name}")
    return values


def _looking(task: Mapping[str, Any]) -> Task:
    """A look is a look in check mode, too: what prints runs there, and changes nothing."""
    return {**task, "changed_when": False, "check_mode": False} if COMMAND in task else dict(task)


def _applying(task: Mapping[str, Any]) -> Task:
    """What only looks does so in check mode, too: a preview of what comes after it depends on that. Not what waits for
    something that the preview did not do."""
    return dict(task) if "until" in task or looking_problem(task) else _looking(task)


def _measure(remedy: Remedy) -> Task:
    numbers = {name: f"{{{{ ({said}) | int({NOT_MEASURED}) }}}}" for name, said in remedy.look.numbers.items()}
    return {"name": "Read the numbers", "ansible.builtin.set_fact": numbers}
