"""What stands against a yes at this moment: why an approval would come to nothing, said before it is given. Pure.

`mend` and the page both ask here, with what `surroundings` found; so no card promises what cannot happen. Forbids
nothing: a person may approve all the same, and the executor alone decides what runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from mesh_core.actions.register import action_type, current, playbook_for, why_gone
from mesh_core.models.proposals import Folder, Proposal
from mesh_core.models.records import parse_time
from mesh_core.policy.inventory import Inventory
from mesh_core.policy.policy import Policy
from mesh_core.policy.proposed_playbook.proposal_lint import lint_by_policy


class ObstacleKind(StrEnum):
    """What stands in the way."""

    EXPIRED = "expired"
    ACCESS = "access"  # whoever asks may not write into approved/
    INVENTORY = "inventory"  # it does not name the host, or cannot be read
    POLICY = "policy"  # it forbids this by now, or cannot be read
    REMEDY = "remedy"  # its file is gone, was changed since, or gives a playbook that may not run
    LIFELINE = "lifeline"  # the mesh, or the way in to mend it, stands on what would be interrupted
    VARIABLE = "variable"  # the host lacks one that the run needs
    TARGETS = "targets"  # a message that nobody would get
    HOST = "host"  # it is offline
    EXECUTOR = "executor"  # none works
    REDIS = "redis"  # it takes no writes


@dataclass(frozen=True)
class Obstacle:
    """`sentence` says what is wrong, `fix` what to do about it. `blocks` False: it would run all the same."""

    kind: ObstacleKind
    sentence: str
    fix: str
    blocks: bool = True

    @property
    def told(self) -> str:
        return f"{self.sentence}; {self.fix}"


@dataclass(frozen=True)
class Surroundings:
    """What is around every proposal now. A config file that cannot be used is the sentence that says why; None: whoever
    asks may not read it, and the executor may.

    `targets` is how many people's targets the executor has (None: it has not said so), `executor` and `redis` why they
    would not do their part ('': they would). Of a host: `offline` since when its agent is silent, `unreached` when the
    last run there got no answer from it (RFC 3339).
    """

    inventory: Inventory | str | None
    policy: Policy | str | None
    targets: int | None = None
    offline: Mapping[str, str] = field(default_factory=dict)
    unreached: Mapping[str, str] = field(default_factory=dict)
    executor: str = ""
    redis: str = ""
    may_approve: bool = True


MATTERS_IN = (Folder.PENDING, Folder.APPROVED)  # what runs or has ended is past them


def obstacles_of(proposal: Proposal, around: Surroundings, now: datetime) -> tuple[Obstacle, ...]:
    """All of them, what is this proposal's own first."""
    found = (
        _expired(proposal, now),
        _access(around),
        _inventory(proposal, around),
        _remedy(proposal, around) or _lifeline(proposal, around) or _policy(proposal, around),
        _variable(proposal, around),
        _targets(proposal, around),
        _host(proposal, around),
        _executor(around),
        _redis(around),
    )
    return tuple(one for one in found if one is not None)


def _expired(p: Proposal, now: datetime) -> Obstacle | None:
    if not p.expired(now):
        return None
    fix = "wait for a new proposal, or make one with `mend retry` once it lies in expired/"
    return Obstacle(ObstacleKind.EXPIRED, f"it expired at {_local(p.expires_at)}: the executor refuses it", fix)


def _access(around: Surroundings) -> Obstacle | None:
    if around.may_approve:
        return None
    fix = "join the group operators, or ask one of them"
    return Obstacle(ObstacleKind.ACCESS, "this user may not move files from pending/ to approved/", fix)


def _inventory(p: Proposal, around: Surroundings) -> Obstacle | None:
    if not action_type(p.type).touches_host:
        return None
    if around.inventory is None:
        return _unseen(ObstacleKind.INVENTORY, "config/inventory.yml")
    if isinstance(around.inventory, str):
        sentence = f"no host may be touched without an inventory: {around.inventory}"
        return Obstacle(ObstacleKind.INVENTORY, sentence, "until then what is approved goes to quarantine")
    if not (problem := around.inventory.problem_with(p.node)):
        return None
    return Obstacle(ObstacleKind.INVENTORY, problem, "until then the executor puts what is approved into quarantine")


def _remedy(p: Proposal, around: Surroundings) -> Obstacle | None:
    """Is what would run there, the same that was proposed, and such that it may run?"""
    if gone := why_gone(p.type):
        fix = "put its file back, choose another action with `mend edit`, or reject this"
        return Obstacle(ObstacleKind.REMEDY, gone, fix)
    if not current().is_data(p.type):
        return None
    fix = "`mend edit` it without a change and look at it again, or inject its event again"
    if p.remedy_sha256 is None:
        return Obstacle(ObstacleKind.REMEDY, "it does not say which playbooks its remedy gave when it was made", fix)
    try:
        playbook_for(p)
    except ValueError as error:
        return Obstacle(ObstacleKind.REMEDY, str(error), fix)
    if around.policy is None or not (wrong := lint_by_policy(around.policy, p).sentence):
        return None
    return Obstacle(ObstacleKind.REMEDY, f"its playbook may not run: {wrong}", f"correct config/remedies/{p.type}.yml")


def _lifeline(p: Proposal, around: Surroundings) -> Obstacle | None:
    """As the executor will judge it; it alone also sees on the host what an event does not say."""
    action = action_type(p.type)
    if not action.interrupts or not isinstance(around.policy, Policy):
        return None
    if not (what := around.policy.protected_in_event(p.event)):
        return None
    return Obstacle(
        ObstacleKind.LIFELINE,
        f"{what} carries the mesh or the way in to mend it: the executor refuses to {action.in_words} it",
        "mend it by hand; if it does not, take its name off the never list (unprotect in config/policy.yml)",
    )


def _policy(p: Proposal, around: Surroundings) -> Obstacle | None:
    if around.policy is None:
        return _unseen(ObstacleKind.POLICY, "config/policy.yml")
    if isinstance(around.policy, str):
        sentence = f"the policy cannot be read: {around.policy}"
        return Obstacle(ObstacleKind.POLICY, sentence, "until then what is approved goes to quarantine")
    if p.playbook and (wrong := lint_by_policy(around.policy, p).sentence):
        fix = "correct it with `mend edit`, or let config/policy.yml allow it (requests)"
        return Obstacle(ObstacleKind.POLICY, f"its playbook may not run: {wrong}", fix)
    if action_type(p.type).choice is None or around.policy.permits(p.action, p.event):
        return None
    allowed = around.policy.allows(p.event)
    return Obstacle(
        ObstacleKind.POLICY,
        f"the policy does not allow {p.action} for this event any more ({allowed.reason})",
        f"it allows {', '.join(sorted(allowed.actions))}: choose with `mend edit`, or change config/policy.yml",
    )


def _unseen(kind: ObstacleKind, file: str) -> Obstacle:
    sentence = f"this user may not read {file}, so nobody can say here what it would come to"
    return Obstacle(
        kind,
        sentence,
        "the executor may, and decides at that moment; who is in the group operators sees more",
        blocks=False,
    )


def _variable(p: Proposal, around: Surroundings) -> Obstacle | None:
    if not isinstance(around.inventory, Inventory) or not around.inventory.is_host(p.node):
        return None
    missing = action_type(p.type).missing(p, around.inventory.variables_of(p.node)).rstrip(".")
    if not missing:
        return None
    return Obstacle(ObstacleKind.VARIABLE, missing, "until then the run fails before it changes anything")


def _targets(p: Proposal, around: Surroundings) -> Obstacle | None:
    if action_type(p.type).touches_host or around.targets != 0:
        return None
    fix = "a yes only acknowledges it; set NOTIFY_URLS (Apprise URLs, SCHEME://...) and start the executor again"
    return Obstacle(ObstacleKind.TARGETS, "NOTIFY_URLS is not set: approving tells nobody", fix)


def _host(p: Proposal, around: Surroundings) -> Obstacle | None:
    if not action_type(p.type).touches_host:
        return None
    fix = "is it on, and does it let the executor in? `mend doctor` looks"
    if since := around.offline.get(p.node):
        sentence = f"{p.node} is unreachable since {_local(since)}: its agent has given no sign of life"
        return Obstacle(ObstacleKind.HOST, sentence, fix)
    if at := around.unreached.get(p.node):
        sentence = f"the last run on {p.node}, at {_local(at)}, could not reach it"
        return Obstacle(ObstacleKind.HOST, sentence, fix, blocks=False)  # it may be back
    return None


def _executor(around: Surroundings) -> Obstacle | None:
    if not around.executor:
        return None
    fix = "what is approved waits until one works; `mend up` (or the deployment) starts it, `mend doctor` looks further"
    return Obstacle(ObstacleKind.EXECUTOR, around.executor, fix)


def _redis(around: Surroundings) -> Obstacle | None:
    if not around.redis:
        return None
    fix = "it would run all the same, and nobody hears what came of it until then"
    return Obstacle(ObstacleKind.REDIS, around.redis, fix, blocks=False)


def _local(text: str) -> str:
    try:
        return parse_time(text).astimezone().strftime("%Y-%m-%d %H:%M %Z")
    except ValueError:
        return text
