"""May it begin? What can only be asked right before: what was seen on the host, what ran before. Pure.

Every answer is one sentence that says what to do, or None where nothing stands against it.
"""

from __future__ import annotations

from collections.abc import Callable

from executor_agent.admission.admission import AGAIN
from mesh_core.actions.register import action_type
from mesh_core.actions.target_state import TargetState
from mesh_core.models.owner_labels import AUTOHEAL, RESTART
from mesh_core.models.proposals import Folder, Proposal
from mesh_core.policy.current_config import ConfigSnapshot
from mesh_core.policy.lifeline import containers_in


def lifeline_problem(proposal: Proposal, config: ConfigSnapshot, seen: TargetState) -> str | None:
    """Why what was seen on the host may not be touched, whatever the event called it; None if it may. Pure."""
    action = action_type(proposal.type)
    if not action.interrupts or isinstance(config.policy, str) or isinstance(config.inventory, str):
        return None
    host = config.inventory.variables_of(proposal.node)
    address = str(host.get("ansible_host", ""))
    if action.look_says_what and not seen.facts.keys() - {"words"}:
        return (
            f"nobody could see what {proposal.type} would interrupt on {proposal.node}: {seen.sentence}; then {AGAIN}"
        )
    # A run of a local connection sees its own processes alone.
    local = host.get("ansible_connection") == "local"
    where = config.policy.lifeline.on_host(proposal.node, address)
    if action.whole_node and (what := _mesh_needs(where, carries=local or seen.facts.get("carries_mesh"))):
        return f"{proposal.node} may not be taken away whole: {what}; mend it by hand"
    if what := config.policy.protected_in_look(seen.facts, proposal.node, address):
        return (
            f"{proposal.target_key} is {what}, which is on the policy's never list: the mesh or its access depends "
            f"on it; mend it by hand, or take the name off in config/policy.yml (unprotect), then {AGAIN}"
        )
    return None


def _mesh_needs(where: str, *, carries: object) -> str:
    if carries is None:
        return "nobody could see whether the mesh runs there"
    return "the mesh itself runs there" if carries else where and f"the mesh needs {where}, which is there"


def owner_problem(proposal: Proposal, seen: TargetState) -> str | None:
    """Why the owner of what was seen forbids it, where the event did not say so; None if nobody does. Pure.

    An alert tells nothing of a container's labels, and one that was made anew may have others.
    """
    if not action_type(proposal.type).interrupts:
        return None
    names = [str(one.get("name")) for one in containers_in(seen.facts) if one.get("restart_forbidden")]
    if not names:
        return None
    return (
        f"the owner of {', '.join(names)} forbids automatic restarts by a label ({RESTART} or {AUTOHEAL}): restart it "
        f"by hand, or take the label off, then {AGAIN}"
    )


def never_ran(proposal: Proposal, ran_in: Callable[[str], str | None]) -> str | None:
    """Why this undo may not run: what it takes back never ran here. None for one of what did, and for all else."""
    back = proposal.undoes
    if back is None or ran_in(back.action_id) not in (None, Folder.RUNNING, Folder.WITHDRAWN):
        return None
    return f"{back.action_id} did not run here, or still does, so there is nothing of it to take back; reject this"


def too_often(proposal: Proposal, begun_within_hour: Callable[[], int]) -> str | None:
    """Why it may not begin although it is allowed: its own limit for one target. Asked only where there is one."""
    choice = action_type(proposal.type).choice
    if choice is None or choice.per_hour is None or (times := begun_within_hour()) < choice.per_hour:
        return None
    return (
        f"{proposal.action} began {times} times on {proposal.target_key} within the hour, its limit is "
        f"{choice.per_hour}; look why it does not last, or wait, then {AGAIN}"
    )
