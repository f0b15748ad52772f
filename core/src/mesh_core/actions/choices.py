"""Choices that more than one room names: a restart (of two types), to tell people, to do nothing (of no type)."""

from __future__ import annotations

from mesh_core.actions.action_type import Choice, FactCondition

RESTART = Choice(
    "restart",
    "stop and start this service; it is down or hangs",
    interrupts=True,
    loop_guarded=True,
    conditions=(FactCondition("gone", False, "gone", "there is no container that could be restarted"),),
)
NOTIFY = Choice("notify", "change nothing, tell a person; a restart would not help or might do harm", stands_in=True)
IGNORE = Choice("ignore", "do nothing and tell nobody; nothing is wrong", stands_in=True)
