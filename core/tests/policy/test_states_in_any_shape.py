"""Events as tools send or print them, of which a field says that a thing does not run, hangs or is not as declared, or
the opposite (decision 0211). They lie in states_in_any_shape.txt: what they want, type, service, severity, payload."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from policy_rig import REDEPLOY, RESTART, allows

TOLD = Path(__file__).with_name("states_in_any_shape.txt").read_text(encoding="utf-8")
BY_TOOL = {tool: lines for tool, *lines in (part.splitlines() for part in TOLD.split("# ") if part)}
AT = "2026-11-24T06:00:00Z"


def chosen_for(line: str) -> tuple[str, str]:
    """(what it wants, what is preferred)."""
    wanted, type_, service, severity, payload = line.split("|", 4)
    told = allows(type_, json.loads(payload), service=service, severity=severity, timestamp=AT)
    return wanted, told.preferred


@pytest.mark.parametrize("tool", BY_TOOL)
def test_a_state_is_read_as_the_tool_gives_it(tool: str) -> None:
    named = {"R": {RESTART}, "D": {REDEPLOY}}
    wrong = {}
    for line in BY_TOOL[tool]:
        wanted, preferred = chosen_for(line)
        if preferred not in named[wanted] if wanted in named else preferred in (RESTART, REDEPLOY):
            wrong[line] = preferred
    assert not wrong


def test_both_sides_are_many() -> None:
    wanted = [line[0] for lines in BY_TOOL.values() for line in lines]
    assert wanted.count("R") > 120
    assert wanted.count("N") > 80
