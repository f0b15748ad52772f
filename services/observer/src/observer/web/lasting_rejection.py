"""The rule that a rejection becomes where it is to last: as it would be, and written only as it was shown."""

from __future__ import annotations

import os

from pydantic import BaseModel, Field

from mesh_core.approvals.decisions import LocatedProposal, check_digest, find_pending
from mesh_core.policy.rejection_rule import NoRule, RuleChange, rule_change, write_rule
from observer.web.app_context import AppContext
from observer.web.errors import HttpProblem
from observer.web.proposal_lookup import Digest


class RejectionRule(BaseModel):
    """A rule that is not written yet."""

    name: str
    diff: str = Field(description="of config/policy.yml, as diff -u tells it")
    digest: Digest
    writable: bool = Field(description="may the observer write there? Else: mend reject --always, on the host")


def shown_rule(context: AppContext, found: LocatedProposal, by: str, reason: str) -> RejectionRule:
    change = _change(context, found.id, by, reason)
    folder = change.file.parent
    writable = os.access(folder if folder.is_dir() else folder.parent, os.W_OK)
    return RejectionRule(name=change.rule, diff=change.diff, digest=change.digest, writable=writable)


def put_rule(context: AppContext, found: LocatedProposal, by: str, reason: str, seen: str, rule: str) -> str:
    """The name of the rule that stands there from now on. `seen`, `rule`: the digests of what the person looked at."""
    check_digest(find_pending(context.actions, found.id), seen)
    change = _change(context, found.id, by, reason)
    if change.digest != rule:
        raise HttpProblem(
            409, "changed", "the rule would be another one than you saw, or its file was changed; look again"
        )
    try:
        write_rule(change)
    except NoRule as error:
        raise HttpProblem(409, "changed", str(error)) from None
    except OSError as error:
        said = (
            f"config/policy.yml cannot be written by the observer ({error.strerror}): mend reject --always on its host"
        )
        raise HttpProblem(403, "forbidden", said) from None
    return change.rule


def _change(context: AppContext, action_id: str, by: str, reason: str) -> RuleChange:
    proposal = find_pending(context.actions, action_id).proposal
    try:
        return rule_change(context.runtime, proposal, reason, by, context.now().date())
    except NoRule as error:
        raise HttpProblem(409, "no_rule", str(error)) from None
