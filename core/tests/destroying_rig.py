"""Playbooks of one task, judged with a policy that allows commands. Not a test."""

from __future__ import annotations

from typing import Any

import yaml

from mesh_core.models.yaml_loader import SafeDumper
from mesh_core.policy.playbook_lint import Lint, Widened, lint_text
from mesh_core.policy.policy import Policy

POLICY = Policy.load(None)
WIDENED = Widened(
    {
        "ansible.builtin.shell": ("cmd", "chdir", "stdin"),
        "ansible.builtin.command": ("argv", "cmd"),
        "ansible.builtin.iptables": ("chain", "flush"),
    }
)


def lint(*tasks: dict[str, Any], files: dict[str, str] | None = None, **play: Any) -> Lint:
    plays = [{"hosts": "n1", **play, "tasks": list(tasks)}]
    text = yaml.dump(plays, Dumper=SafeDumper, sort_keys=False)  # the one in Python takes seconds for a long text
    return lint_text(text, "n1", files or {}, WIDENED, protected=POLICY.is_lifeline)


def shell(command: str) -> tuple[str, ...]:
    found = lint({"shell": command})
    assert not found.problems
    return found.dangers
