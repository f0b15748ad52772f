"""A remedy of a person's own, an event that it is for and a proposal of it. Knows no service."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from action_rig import a_proposal

from mesh_core.actions.register import with_digest
from mesh_core.models.events import HealthEvent, Trust
from mesh_core.models.proposals import Proposal, Risk
from mesh_core.policy.remedy_folder import RemedyFolder

GOOD = """\
title: empties the scratch folder
explain: empty the scratch folder; it is full
when:
  types: [scratch_full]
  needs:
    disk.used_percent: {at_least: 80}
params:
  mount: {type: mount, from: payload.mount}
  days: {type: integer, min: 1, max: 30, default: 7}
risk: low
interrupts: false
look:
  tasks:
    - name: See how full it is
      ansible.builtin.command: {argv: [df, -P, -k, --, "{{ mount }}"]}
      register: space
  numbers:
    used_percent: (space.stdout_lines | last | split)[4] | replace('%', '')
estimate: "empties what is older than {days} days; {disk.used_percent} full"
apply:
  - name: Empty it
    ansible.builtin.command: {argv: [rm, -rf, --, /srv/scratch/old]}
proof: used_percent < 90
shows: "{mount} {used_percent} full"
limits: {seconds: 60}
"""
SET_DAYS = GOOD.replace("default: 7}", "from: person, default: 7}")  # it leaves the days to a person
# What the lint of playbooks refuses.
SHELL = GOOD.replace("command: {argv: [rm, -rf, --, /srv/scratch/old]}", "shell: {cmd: rm -rf /srv/scratch/old}")
GOOD_WITH_UNDO = f"""{GOOD}\
undo:
  by_itself: true
  tasks:
    - name: Put it back
      ansible.builtin.command: {{argv: [touch, "/srv/{{{{ before_used_percent }}}}"]}}
"""
MINE = {"mount": "/srv", "used_percent": 97.0, "investigation": {"disk": {"used_percent": 97.0}}}


def own_folder(runtime: Path, **files: str) -> RemedyFolder:
    """config/remedies of that runtime with these files (name without .yml -> text), in use."""
    folder = RemedyFolder(runtime)
    folder.folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder.folder / f"{name}.yml").write_text(text)
    folder.use()
    return folder


def scratch_full(**more: Any) -> HealthEvent:
    said = {"id": "n1/1-0", "node": "n1", "type": "scratch_full", "severity": "error", "trust": Trust.NODE}
    return HealthEvent.model_validate({**said, "payload": MINE, **more})


def scratch_proposal(name: str = "mine", **more: Any) -> Proposal:
    """As a planner writes it, by the register of now."""
    event = scratch_full(**more)
    made = {"event": event, "action": name, "risk_level": Risk.LOW}
    return with_digest(a_proposal(name, event.service).model_copy(update=made))
