"""What the lint finds in a proposal's own playbook, for a person who decides about it. Runs nothing."""

from __future__ import annotations

from mend.context import CliContext
from mend.output.text import plain
from mesh_core.policy.playbook_lint import Lint


def say_dangers(cli: CliContext, lint: Lint) -> None:
    """In red: what it destroys or shuts if it runs."""
    for danger in lint.dangers:
        cli.say(f"  mind: {plain(danger)}", "bold red")
