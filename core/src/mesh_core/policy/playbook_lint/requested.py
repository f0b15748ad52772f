"""What a playbook that came of a request may not say about how its own tasks end. Pure.

Nobody wrote it by hand, and its second pass is the only proof: a task that calls a failure or a change by another name
would prove itself. Remedies may: they are proven by numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mesh_core.incidents.event_types import EventType
from mesh_core.models.proposals import Proposal
from mesh_core.policy.playbook_lint.table import full_name

_HIDES_A_FAILURE = frozenset({"ignore_errors", "ignore_unreachable", "failed_when"})
_UNITS = frozenset({"ansible.builtin.service", "ansible.builtin.systemd", "ansible.builtin.systemd_service"})
_CONTAINER = "community.docker.docker_container"


def is_requested(proposal: Proposal) -> bool:
    """Did somebody ask for it in words? By the event, which nobody can change once it is filed."""
    return proposal.event.type == EventType.PLAYBOOK_REQUESTED


def requested_problem(word: str, part: Mapping[Any, Any]) -> str | None:
    """Why a play, block or task of a request may not say this word, as a sentence; None where it may."""
    if word in _HIDES_A_FAILURE and part[word] is not False:
        return "it would say of a failure that it is none"
    if word == "changed_when" and not (part[word] is False and _is_no_state(part)):
        return "it would say of a change that it is none; only a restart or a reload may, with false"
    return None


def _is_no_state(task: Mapping[Any, Any]) -> bool:
    """A restart or a reload: done once more it is done once more, and the second pass would call that a change."""
    for word, given in task.items():
        arguments = given if isinstance(given, dict) else {}
        if full_name(str(word)) in _UNITS and arguments.get("state") in ("restarted", "reloaded"):
            return True
        if full_name(str(word)) == _CONTAINER and arguments.get("restart") is True:
            return True
    return False
