"""A request and what is known now to a playbook for each host, to questions, or to the sentence why not. Pure.

The lint is asked here as it is asked of an edited playbook: what the executor would refuse is not even proposed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any

from mesh_core.actions.register import current
from mesh_core.models.proposals import Attachment, Playbook, Risk
from mesh_core.models.requests import MAX_HOSTS, OpenQuestion, Request
from mesh_core.models.run_options import SshLogin
from mesh_core.policy.current_config import ConfigSnapshot
from mesh_core.policy.inventory import Inventory
from mesh_core.policy.inventory.fleet import ALL
from mesh_core.policy.playbook_lint import lint_playbook
from mesh_core.policy.policy import Policy
from mesh_core.policy.proposed_playbook.playbook_risk import ceiling_problem, risk_of_playbook
from mesh_core.policy.proposed_playbook.requested_login import login_problem
from planner_agent.requests.layout import login_for, playbook_for_host, tagged
from planner_agent.requests.understanding import Beyond, Draft, NotUnderstood, Questions, understand
from planner_agent.requests.wording import slug_of


@dataclass(frozen=True)
class Drafted:
    """`playbooks` by host, in the order in which they were asked for; `slug` names the request in their ids."""

    slug: str
    playbooks: Mapping[str, Playbook]
    risk: Risk
    recipes: tuple[str, ...]


@dataclass(frozen=True)
class QuestionsOpen:
    """Something is missing."""

    questions: tuple[OpenQuestion, ...]


@dataclass(frozen=True)
class Refused:
    """Nothing can be proposed; `reason` names what and, where there is one, the way out. `beyond`: unless a model that
    may write finds tasks for it."""

    reason: str
    beyond: Beyond | None = None


def drafted(request: Request, answers: Mapping[str, str], config: ConfigSnapshot) -> Drafted | QuestionsOpen | Refused:
    """What becomes of this request. `answers`: by slot, of what was asked before."""
    where = _where(request, config)
    if isinstance(where, Refused):
        return where
    attachments = tuple(file.attachment for file in request.files)
    names = where.inventory.hosts | where.inventory.group_names
    understood = understand(request.text, current().asked_for, answers=answers, attachments=attachments, hosts=names)
    match understood:
        case NotUnderstood():
            return Refused(understood.reason, understood.beyond)
        case Questions():
            return QuestionsOpen(understood.open)
        case Draft():
            return _drafted(request, attachments, understood, where)


def drafted_of(
    request: Request, order: Beyond, tasks: Sequence[Mapping[str, Any]], config: ConfigSnapshot, *, first: bool = False
) -> Drafted | Refused:
    """What becomes of tasks that a model wrote for the order: at least guarded, and nothing that destroys. `first`: on
    the first host alone; the others differ in nothing but their name."""
    where = _where(request, config)
    if isinstance(where, Refused):
        return where
    said = replace(where, hosts=where.hosts[:1]) if first and not order.hosts else where
    attachments = tuple(file.attachment for file in request.files)
    made = _drafted(request, attachments, Draft(tuple(tasks), Risk.GUARDED, (), order.hosts), said)
    if isinstance(made, Refused):
        return made
    host, playbook = next(iter(made.playbooks.items()))
    lint = lint_playbook(playbook, host, where.policy.widened, protected=where.policy.is_lifeline)
    if lint.dangers:
        return Refused(f"no model proposes what destroys something: {lint.dangers[0]}")
    return made


@dataclass(frozen=True)
class _Where:
    """The hosts that a request is for, and what holds there."""

    hosts: tuple[str, ...]
    policy: Policy
    inventory: Inventory


def _where(request: Request, config: ConfigSnapshot) -> _Where | Refused:
    if isinstance(config.policy, str):
        return Refused(f"the policy cannot be read: {config.policy}; correct config/policy.yml, then ask again")
    if isinstance(config.inventory, str):
        return Refused(f"no host may be touched without an inventory: {config.inventory}")
    hosts = _wanted(request, config.inventory)
    return hosts if isinstance(hosts, Refused) else _Where(hosts, config.policy, config.inventory)


def _wanted(request: Request, inventory: Inventory) -> tuple[str, ...] | Refused:
    """Of the hosts that it names those within its limit that the role is for."""
    hosts = _hosts(request.hosts, inventory)
    for what, names in (("within the limit", request.limit), ("among the hosts of the role,", request.role_hosts)):
        within = _hosts(names, inventory) if names and names != (ALL,) else hosts
        if isinstance(hosts, Refused) or isinstance(within, Refused):
            return hosts if isinstance(hosts, Refused) else within
        left = tuple(host for host in hosts if host in within)
        if not left:
            return Refused(f"none of {', '.join(hosts)} is {what} {', '.join(names)}")
        hosts = left
    return hosts


def _logins(request: Request, inventory: Inventory) -> Mapping[str, SshLogin] | Refused:
    """By host; a group's is that of each of its hosts."""
    found: dict[str, SshLogin] = {}
    for name, login in request.logins.items():
        hosts = _hosts((name,), inventory)
        if isinstance(hosts, Refused):
            return hosts
        found |= dict.fromkeys(hosts, login)
    return found


def _hosts(named: Iterable[str], inventory: Inventory) -> tuple[str, ...] | Refused:
    """Each host once; a group stands for its hosts."""
    found: dict[str, None] = {}
    for name in named:
        members = None if inventory.is_host(name) else inventory.members_of(name)
        if members is None and (problem := inventory.problem_with(name)):
            return Refused(problem)
        if members == ():
            return Refused(f"the group {name} of config/inventory.yml has no host that can be used")
        found |= dict.fromkeys((name,) if members is None else members)
    if len(found) > MAX_HOSTS:
        return Refused(f"these are {len(found)} hosts, and one request is for {MAX_HOSTS} at most; ask in parts")
    return tuple(found)


def _drafted(
    request: Request,
    attachments: tuple[Attachment, ...],
    draft: Draft,
    where: _Where,
) -> Drafted | Refused:
    hosts, policy, inventory = where.hosts, where.policy, where.inventory
    said = _hosts(draft.hosts, inventory) if draft.hosts else hosts
    if isinstance(said, Refused):
        return said
    if strangers := [name for name in said if name not in hosts]:
        return Refused(
            f"the text says on {', '.join(strangers)}, and it is asked for {', '.join(hosts)}; say the same in both"
        )
    if unused := next((one.name for one in attachments if not _is_used(one, draft)), None):
        return Refused(f"the file {unused} came along, and nothing is said of it; name it in the text")
    tasks = tagged(draft, request.tags)
    if isinstance(tasks, str):
        return Refused(tasks)
    logins = _logins(request, inventory)
    if isinstance(logins, Refused):
        return logins
    slug, playbooks = slug_of(request), dict[str, Playbook]()
    for host in said:
        login = login_for(request, logins.get(host))
        playbook = playbook_for_host(request, slug, host, tasks, attachments, login)
        if wrong := login_problem(playbook, host, policy, inventory):
            return Refused(wrong)
        if wrong := lint_playbook(
            playbook, host, policy.widened, inventory.variables, policy.is_lifeline, requested=True
        ).sentence:
            return Refused(f"its playbook may not run: {wrong}")
        playbooks[host] = playbook
    # They differ in nothing but `hosts` and the login, which somebody may have asked for one host alone.
    risks = [risk_of_playbook(playbooks[host], host, policy) for host in _unlike(playbooks)]
    risk = max((draft.risk, *risks), key=attrgetter("rank"))
    if too_high := ceiling_problem(risk, policy):
        return Refused(too_high)
    return Drafted(slug, playbooks, risk, draft.recipes)


def _unlike(playbooks: Mapping[str, Playbook]) -> Iterable[str]:
    """A host with a login of its own, and one without: judging takes longer than anything else here."""
    return {book.login is None: host for host, book in playbooks.items()}.values()


def _is_used(one: Attachment, draft: Draft) -> bool:
    """As a file of the proposal, or as a value: a public key's text."""
    arguments = [said for task in draft.tasks for said in task.values() if isinstance(said, dict)]
    values = [value for said in arguments for value in said.values()]
    return f"files/{one.sha256}" in values or one.text.strip() in values
