"""`mend reject --always`: the rule that a rejection becomes is shown, agreed to and written before it is rejected."""

from __future__ import annotations

import sys

import typer

from mend.context import CliContext
from mend.errors import FAILED, USAGE, CliError
from mend.output.text import plain
from mesh_core.approvals.decisions import find_pending
from mesh_core.models.records import utc_now
from mesh_core.policy.rejection_rule import NoRule, rule_change, with_rule_named, write_rule

STYLE = {"+": "green", "-": "red", "@": "cyan"}


def put_rule(cli: CliContext, action_id: str, reason: str, *, ask: bool) -> tuple[str, str]:
    """(the rule that stands in config/policy.yml from now on, the reason with its name). CliError where it does not."""
    proposal = find_pending(cli.actions, action_id).proposal
    try:
        change = rule_change(cli.runtime, proposal, reason, cli.user, utc_now().date())
        for line in change.diff.splitlines():
            cli.say(line, STYLE.get(line[:1], ""))
        if ask:
            _agreed(str(change.file))
        write_rule(change)
    except NoRule as error:
        raise CliError(f"{error}. Nothing was decided", FAILED) from None
    return change.rule, with_rule_named(reason, change.rule)


def _agreed(file: str) -> None:
    if not sys.stdin.isatty():
        raise CliError(f"nothing was decided: say --yes to write this to {plain(file)}", USAGE)
    if not typer.confirm("Write this, and reject it?", default=False, err=True):
        raise CliError("nothing was decided", FAILED)
