"""A remedy and the values of one event to playbooks. Pure; the same proposal is always the same bytes.

Values enter as variables of the play, text as `!unsafe`: nothing that an event says becomes part of a task.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mesh_core.actions.playbooks import LOOK_TASK, PlaybookSet, Task, must_hold, node_of, play
from mesh_core.actions.remedies.looking import COMMAND, looking_problem
from mesh_core.actions.remedies.remedy_file import Remedy
from mesh_core.models.proposals import Proposal

NOT_MEASURED = -1  # of a number whose expression gave no whole number


def playbooks_for(remedy: Remedy, proposal: Proposal) -> PlaybookSet:
    """ValueError, a sentence, where the event does not give a value for each param."""
    return rendered(remedy, node_of(proposal), values_for(remedy, proposal))


def rendered(remedy: Remedy, node: str, values: dict[str, Any]) -> PlaybookSet:
    """The same with values from anywhere: for whoever judges a remedy before there is an event."""
    seen = [*(_looking(task) for task in remedy.look.tasks), _measure(remedy)]
    answer: Task = {
        "name": LOOK_TASK,
        "ansible.builtin.debug": {
            "msg": {
                "numbers": {name: f"{{{{ {name} }}}}" for name in remedy.look.numbers},
                "proven": f"{{{{ {remedy.proof} }}}}",
            }
        },
    }
    measured = must_hold(
        "All of it could be measured",
        f"[{', '.join(remedy.look.numbers)}] | min > {NOT_MEASURED}",
        f"not all that says whether it helped could be measured on {node}",
    )
    over = must_hold("The trouble is over", remedy.proof, f"it ran on {node}, and the trouble is not over")
    return PlaybookSet(
        apply=play(f"{remedy.title} on {node}", node, values, *(_applying(task) for task in remedy.apply)),
        look=play(f"Look at {node}", node, values, *seen, answer),
        converge=play(f"It helped {node}", node, values, *seen, measured, over),
    )


def values_for(remedy: Remedy, proposal: Proposal) -> dict[str, Any]:
    """The params, by name. ValueError, a sentence, where one is missing."""
    values = {name: param.value_in(proposal.event) for name, param in remedy.params.items()}
    for name, value in values.items():
        if value is None:
            raise ValueError(f"its event gives no {remedy.params[name].type} for {name}")
    return values


def _looking(task: Mapping[str, Any]) -> Task:
    """A look is a look in check mode, too: what prints runs there, and changes nothing."""
    return {**task, "changed_when": False, "check_mode": False} if COMMAND in task else dict(task)


def _applying(task: Mapping[str, Any]) -> Task:
    """What only looks does so in check mode, too: a preview of what comes after it depends on that."""
    return dict(task) if looking_problem(task) else _looking(task)


def _measure(remedy: Remedy) -> Task:
    numbers = {name: f"{{{{ ({said}) | int({NOT_MEASURED}) }}}}" for name, said in remedy.look.numbers.items()}
    return {"name": "Read the numbers", "ansible.builtin.set_fact": numbers}
