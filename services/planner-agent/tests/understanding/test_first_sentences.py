"""Sentences become tasks, questions, or a reason."""

from __future__ import annotations

from mesh_core.actions.register import SHIPPED
from planner_agent.requests.understanding import Draft, NotUnderstood, Questions, understand


def test_a_package_is_installed_asked_for_or_not_understood() -> None:
    draft = understand("Install nginx on node1", SHIPPED.asked_for)
    assert isinstance(draft, Draft)
    assert draft.tasks[0]["ansible.builtin.package"] == {"name": ["nginx"], "state": "present"}
    assert isinstance(understand("install", SHIPPED.asked_for), Questions)
    assert isinstance(understand("Roses are red", SHIPPED.asked_for), NotUnderstood)
