"""One look at the target of an action, through its read-only playbook. Reads only; never repairs.

What the answer amounts to is said by the action's own type (mesh_core's action types).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from executor_agent.runner.ansible import StageContext, run_stage
from executor_agent.runner.stages import LOOK, StagePlan
from mesh_core.actions.playbooks import LOOK_TASK
from mesh_core.actions.register import action_type
from mesh_core.actions.target_state import TargetState, TargetStatus
from mesh_core.models.outcomes import Stage
from mesh_core.models.proposals import Proposal


def look(proposal: Proposal, context: StageContext, on_line: Callable[[str], None] = lambda line: None) -> TargetState:
    """Look once (about 0.4 s on this machine's own engine); blocks, does not raise for a host that does not answer.

    The look playbook must be in project/ (`write_project`). A type without one gives UNKNOWN.
    """
    if action_type(proposal.type).read_look is None:
        return TargetState.seen(TargetStatus.UNKNOWN, f"a {proposal.type} has no target of its own to look at")
    seen, stage = answered(proposal, LOOK, context, on_line)
    if not stage.ok or seen is None:
        return TargetState.seen(TargetStatus.UNKNOWN, f"could not look: {stage.detail or 'no answer'}")
    return seen


def answered(
    proposal: Proposal, plan: StagePlan, context: StageContext, on_line: Callable[[str], None] = lambda line: None
) -> tuple[TargetState | None, Stage]:
    """What a playbook with a look in it saw, and how its stage went; None where it came to no answer."""
    answers: list[dict[str, Any]] = []

    def keep(task: str, result: dict[str, Any]) -> None:
        if task == LOOK_TASK:
            answers.append(result)

    stage = run_stage(plan, context, on_line, keep)
    read_look = action_type(proposal.type).read_look
    return (read_look(proposal, answers[-1]) if answers and read_look else None), stage
