"""What the lint finds in a proposal's own playbook, for a person who decides about it. Runs nothing."""

from __future__ import annotations

from mend.context import CliContext
from mend.text import plain
from mesh_core.models.proposals import Proposal
from mesh_core.policy.current_config import current_policy
from mesh_core.policy.playbook_lint import Lint, lint_proposal
from mesh_core.policy.policy import BadPolicy


def lint_of(cli: CliContext, proposal: Proposal) -> Lint:
    """By the policy of now; nothing to say of a proposal that carries none."""
    try:
        policy = current_policy(cli.runtime)
    except BadPolicy:  # what it would allow is not allowed then, and the findings say so
        return lint_proposal(proposal)
    return lint_proposal(proposal, policy.widened, policy.is_lifeline)


def say_dangers(cli: CliContext, lint: Lint) -> None:
    """In red: what it destroys or shuts if it runs."""
    for danger in lint.dangers:
        cli.say(f"  mind: {plain(danger)}", "bold red")
