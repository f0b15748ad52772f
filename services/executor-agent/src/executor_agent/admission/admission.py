"""May an approved file run? Admission control: every check that stands between approved/ and a claim. Pure.

Moves nothing, runs nothing. Every denial is one sentence that says what to do.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from executor_agent.admission.candidate import Candidate
from mesh_core.actions.action_type import ActionType
from mesh_core.actions.reading import read_filed, read_proposal
from mesh_core.actions.register import action_type, current, playbook_for, risk_of_its_type, type_for, why_gone
from mesh_core.approvals.previews import why_no_preview
from mesh_core.approvals.proposal_files import ActionName, digest_of, name_of
from mesh_core.models.proposals import MAX_PROPOSAL_BYTES, Folder, Proposal
from mesh_core.models.strict_json import Refusal
from mesh_core.policy.current_config import ConfigSnapshot
from mesh_core.policy.inventory import Inventory
from mesh_core.policy.playbook_lint import is_requested, lint_playbook
from mesh_core.policy.policy import Policy
from mesh_core.policy.proposed_playbook.playbook_risk import ceiling_problem, risk_of_proposal
from mesh_core.policy.proposed_playbook.proposal_lint import lint_by_policy
from mesh_core.policy.proposed_playbook.requested_login import login_problem


@dataclass(frozen=True)
class Admitted:
    """May be claimed. `raw` are the very bytes that were reviewed."""

    name: ActionName
    proposal: Proposal
    raw: bytes


@dataclass(frozen=True)
class Denied:
    """Belongs into quarantine. `maybe_incomplete`: it may still be written; wait until it no longer changes."""

    reason: str
    maybe_incomplete: bool = False


@dataclass(frozen=True)
class Expired:
    """Was approved after its time."""

    name: ActionName
    proposal: Proposal


@dataclass(frozen=True)
class Incomplete:
    """Half a file, or config/ is just being saved: ask again in a moment."""


Admission = Admitted | Denied | Expired
_RETRIED = (Folder.FAILED, Folder.INTERRUPTED)  # what `mend retry` takes


def decide(
    candidate: Candidate, ran_in: str | None, config: ConfigSnapshot, now: datetime, *, settled: bool
) -> Admission | Incomplete:
    """What is to become of a file in approved/. Pure.

    `ran_in`: the folder in which its id runs or ran already (Ledger.ran_in). `settled`: it has not changed for long
    enough that nobody is still writing it.
    """
    if ran_in is not None:
        return Denied(_once_only(ran_in))
    admission = admit(candidate, config, now)
    if isinstance(admission, Denied) and admission.maybe_incomplete and not settled:
        return Incomplete()
    return admission


def admit(candidate: Candidate, config: ConfigSnapshot, now: datetime) -> Admission:
    """May this run? Pure. Whether its id ran before is the ledger's question, not asked here."""
    name = name_of(candidate.file_name)
    if candidate.raw is None:
        return Denied(candidate.problem, maybe_incomplete=candidate.no_permission or name is None)
    if name is None:
        return Denied(
            "its name is not that of a proposal (<id>.<digest>.json); move the file out of pending/ as it is, "
            "without renaming it",
            maybe_incomplete=True,  # a copying tool's temporary name is gone in a moment
        )
    if digest_of(candidate.raw) != name.digest:
        return _not_what_was_reviewed(candidate.raw)
    proposal = read_proposal(candidate.raw, MAX_PROPOSAL_BYTES)
    if isinstance(proposal, Refusal):
        return Denied(
            f"it is not a proposal that can be run: {proposal.reason}; approve the planner's own file, or inject "
            "the event again (`mend inject`)",
            maybe_incomplete=config.settling,  # a remedy is being saved
        )
    if problem := _identity_problem(name, proposal):
        return Denied(problem)
    if proposal.expired(now):
        return Expired(name, proposal)
    if problem := permission_problem(proposal, config):
        return Denied(problem, maybe_incomplete=config.settling)
    return Admitted(name, proposal, candidate.raw)


def permission_problem(proposal: Proposal, config: ConfigSnapshot) -> str | None:
    """Why this proposal may not run under this config, as a sentence; None when it may. Pure."""
    if gone := why_gone(proposal.type):  # it was there when the file was claimed
        return f"{gone}; put the file back, then {AGAIN}"
    if action_type(proposal.type).touches_host:  # a message to people asks nothing of any host
        if isinstance(config.inventory, str):
            return f"no host may be touched without an inventory: {config.inventory}; then {AGAIN}"
        if problem := config.inventory.problem_with(proposal.node):
            return f"{problem}; then {AGAIN}"
    if isinstance(config.policy, str):
        return f"the policy cannot be read: {config.policy}; correct it, then {AGAIN}"
    inventory = config.inventory if isinstance(config.inventory, Inventory) else None
    own = proposal.meant.playbook
    if own and (problem := login_problem(own, proposal.node, config.policy, inventory)):
        return f"{problem}; then {AGAIN}"
    return _shape_problem(proposal, config.policy, inventory.variables if inventory else frozenset[str]())


def dangers_of(proposal: Proposal, config: ConfigSnapshot) -> tuple[str, ...]:
    """What a person's own playbook destroys or shuts, as sentences; what the person approved it with. Pure."""
    if isinstance(config.policy, str) or proposal.preview_of:
        return ()
    return lint_by_policy(config.policy, proposal).dangers


def _once_only(folder: str) -> str:
    if folder == Folder.RUNNING:
        return "this id is being executed right now; nothing more to do"
    place = "" if folder == "executed" else f" (see {folder}/)"
    again = "`mend retry` makes another attempt" if folder in _RETRIED else "`mend inject` the event again if need be"
    return f"this id was executed already{place}, and one id runs at most once; {again}"


AGAIN = "move this file back to approved/"


def _not_what_was_reviewed(raw: bytes) -> Denied:
    """A wrong digest: either half a file, or one that was changed after it was reviewed."""
    proposal = read_filed(raw, MAX_PROPOSAL_BYTES)
    if isinstance(proposal, Refusal):
        reason = f"it is not whole: {proposal.reason}; copy it again in one piece, or approve the one in pending/"
    else:
        reason = (
            "its bytes are not the ones that were reviewed (the digest in the name differs); to change a proposal use "
            "`mend edit`, which makes a new file, then approve that one"
        )
    return Denied(reason, maybe_incomplete=True)


def _identity_problem(name: ActionName, proposal: Proposal) -> str | None:
    """Is it the proposal of just this event, on just this target?"""
    event = proposal.event
    if proposal.id != name.id:
        return f"the id inside ({proposal.id}) is not the one in its name; approve the file as the planner made it"
    if event.id is None:
        return "its event has no id, so nobody can tell whether it ran before; inject the event again (`mend inject`)"
    if (event.node, event.service) != (proposal.node, proposal.service):
        return (
            f"it would touch {proposal.target_key} but its event is about {event.target_key}; "
            "for another target wait for (or inject) an event of that target"
        )
    if proposal.attempt < 1:
        return "its attempt is below 1; attempts are made by `mend retry`, from what failed or was interrupted"
    if proposal.id != proposal.id_by_its_parts:
        return (
            "its id does not belong to its event and attempt; `mend edit` and `mend retry` keep them together, "
            "so start from the planner's own file"
        )
    if back := proposal.undoes:
        first = proposal.model_copy(update={"undoes": None, "attempt": back.attempt})
        if back.action_id != first.id_by_its_parts:
            return f"it takes back {back.action_id}, which is no action of its own event; make it anew with `mend undo`"
    return None


def _shape_problem(proposal: Proposal, policy: Policy, variables: frozenset[str]) -> str | None:
    """Do action, type, risk and playbook belong together, and does the policy allow it for this event?

    `variables`: the names that the inventory gives values to.
    """
    action = action_type(proposal.type)
    if action.only_asks or proposal.preview_of:
        return _preview_problem(proposal, action, policy, variables)
    if action.takes_back or proposal.undoes:
        return _undo_problem(proposal, action, policy)
    if action.choice is None or proposal.action not in current().choice_words:
        return _playbook_problem(proposal, action, policy, variables)
    if proposal.playbook is not None:
        return f"a {action.name} carries no playbook of its own; take it out with `mend edit`"
    expected = type_for(proposal.action, proposal.event)
    if expected is None:
        return f"its action is {proposal.action}: there is nothing to run; reject it instead"
    if action is not expected:
        return (
            f"its type {action.name} does not belong to the action {proposal.action} "
            f"of this event (that would be {expected.name}); correct it with `mend edit`"
        )
    if proposal.risk_level is not (risk := risk_of_its_type(proposal)):
        return f"its risk_level must be {risk.value}; correct it with `mend edit`"
    if wrong := _remedy_problem(proposal, policy):
        return wrong
    if not policy.permits(proposal.action, proposal.event):
        allowed = policy.allows(proposal.event)
        return (
            f"the policy does not allow {proposal.action} for this event ({allowed.reason}); allowed: "
            f"{', '.join(sorted(allowed.actions))}; change config/policy.yml or choose another action with `mend edit`"
        )
    return _no_playbook_problem(proposal)


def _remedy_problem(proposal: Proposal, policy: Policy) -> str | None:
    """Was the very playbook shown that would run, and may it?"""
    if current().is_data(proposal.type) and proposal.remedy_sha256 is None:
        return "it does not say which playbooks its remedy gave when it was shown; `mend edit` writes that"
    if wrong := lint_by_policy(policy, proposal).sentence:
        return f"the playbook of the remedy {proposal.type} may not run: {wrong}; correct config/remedies"
    return None


def _playbook_problem(proposal: Proposal, action: ActionType, policy: Policy, variables: frozenset[str]) -> str | None:
    """The same of what only a person asks for."""
    if proposal.action != action.action:
        return "type and action must both be playbook, or neither; correct it with `mend edit`"
    if proposal.playbook is None:
        return "it is of type playbook but carries none; add one with `mend edit`"
    if proposal.risk_level.rank < (risk := risk_of_proposal(proposal, policy)).rank:
        return f"its risk_level must be {risk.value}, by its tasks and config/policy.yml; correct it with `mend edit`"
    requested = is_requested(proposal)
    if requested and (too_high := ceiling_problem(proposal.risk_level, policy)):
        return f"{too_high}; `mend edit` it, or let the policy allow more"
    if wrong := lint_playbook(
        proposal.playbook, proposal.node, policy.widened, variables, requested=requested
    ).sentence:
        return f"its playbook may not run: {wrong}; correct it with `mend edit`, which also writes every sha256 anew"
    return _no_playbook_problem(proposal)


def _undo_problem(proposal: Proposal, action: ActionType, policy: Policy) -> str | None:
    """The same of what takes back an earlier run."""
    if not (action.takes_back and proposal.action == action.action and proposal.undoes and proposal.playbook is None):
        return "it is half an undo; make it anew with `mend undo`, and change nothing in it but its reason"
    if proposal.risk_level is not action.risk:
        return f"its risk_level must be {action.risk.value}; correct it with `mend edit`"
    if what := policy.protected_in_event(proposal.event):
        return (
            f"{what} is on the policy's never list: the mesh or its access depends on it, so nothing is taken away "
            "there; mend it by hand"
        )
    return _no_playbook_problem(proposal) or _remedy_problem(proposal, policy)


def _preview_problem(proposal: Proposal, action: ActionType, policy: Policy, variables: frozenset[str]) -> str | None:
    """A preview runs the playbooks of what it is of: what may not run is not asked about either."""
    of = proposal.preview_of
    if of is None or not action.only_asks or proposal.action != action.action:
        return "type, action and preview_of must all be those of a preview, or none; ask with `mend preview`"
    if proposal.risk_level is not action.risk:
        return f"its risk_level must be {action.risk.value}; ask with `mend preview`"
    if problem := why_no_preview(proposal.meant):
        return f"it cannot be asked what {of.id} would change: {problem}"
    if may_not := _shape_problem(proposal.meant, policy, variables):
        return f"what it is a preview of may not run: {may_not}"
    return None


def _no_playbook_problem(proposal: Proposal) -> str | None:
    if proposal.remedy_sha256 is not None and not current().is_data(proposal.type):
        return f"a {proposal.type} is no remedy and has no remedy_sha256; `mend edit` takes it out"
    try:
        playbook_for(proposal)
    except ValueError as error:
        return f"no honest playbook can be made of it: {error}; correct it with `mend edit` or reject it"
    return None
