"""How much is risked where a requested playbook runs: by its tasks, a row for each module. Pure; refuses nothing.

What is not in the table is high, and so is a word that is only known when the playbook runs. Sentences about dangers
are the lint's; a playbook that has one is high, whatever its tasks are called.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any

from mesh_core.models.proposals import A_PERSON, Playbook, Proposal, Risk
from mesh_core.policy.playbook_lint import is_requested, lint_playbook
from mesh_core.policy.playbook_lint.roles import plays_of
from mesh_core.policy.playbook_lint.table import full_name, table
from mesh_core.policy.playbook_lint.yaml_text import NotReadable
from mesh_core.policy.policy import Policy
from mesh_core.policy.proposed_playbook.becoming import becomes_another, blocks_in
from mesh_core.policy.proposed_playbook.playbook_tasks import tasks_in

LOW, GUARDED, HIGH = Risk.LOW, Risk.GUARDED, Risk.HIGH
_OWN_PLACES = re.compile(r"/(opt|srv|var/www)(/[^/]+)+/?")
_KEYS_OF_THE_HOUSE = re.compile(r"/etc/(passwd|shadow|group|gshadow|sudoers|ssh|pam\.d|security)\b.*|.*/\.ssh(/.*)?")
_RULING_GROUPS = frozenset({"root", "sudo", "wheel", "admin", "docker", "adm", "disk", "lxd", "libvirt", "shadow"})

Arguments = Mapping[str, Any]


def risk_of_proposal(proposal: Proposal, policy: Policy) -> Risk:
    """Of one with a playbook: what was asked for in words is judged by its tasks, and is at least guarded where a model
    wrote them; what a person wrote is high."""
    if proposal.playbook is None or not is_requested(proposal):
        return HIGH
    risk = risk_of_playbook(proposal.playbook, proposal.node, policy)
    least = LOW if proposal.model.provider == A_PERSON.provider else GUARDED
    return max(risk, least, key=attrgetter("rank"))


def ceiling_problem(risk: Risk, policy: Policy) -> str | None:
    """Why a request of that risk may not be proposed, nor run any more, as a sentence; None where it may."""
    if risk.rank <= policy.max_risk.rank:
        return None
    return f"its risk is {risk}, and config/policy.yml allows {policy.max_risk} at most (requests: max_risk)"


def risk_of_playbook(playbook: Playbook, node: str, policy: Policy) -> Risk:
    """The highest of its tasks, at least guarded where it does not log in as the inventory says; `high` for what cannot
    be read."""
    lint = lint_playbook(playbook, node, policy.widened, protected=policy.is_lifeline)
    if lint.problems or lint.dangers or lint.by_policy:
        return HIGH
    try:
        plays = plays_of(playbook)
    except NotReadable:
        return HIGH
    tasks = [*tasks_in(plays)]
    if any(becomes_another(part) for part in (*plays, *tasks, *blocks_in(plays))):
        return HIGH
    least = GUARDED if playbook.login else LOW
    return max((least, *map(_risk_of, tasks)), key=attrgetter("rank"))


def _risk_of(task: Mapping[str, Any]) -> Risk:
    modules = [full_name(str(word)) for word in task if full_name(str(word)) in table().modules]
    if len(modules) != 1:  # a block, or a module that only a policy allows
        return LOW if "block" in task else HIGH
    rule = _RULES.get(modules[0].rpartition(".")[2], HIGH)
    given = next(value for word, value in task.items() if full_name(str(word)) == modules[0])
    arguments = {**_mapping(task.get("args")), **_mapping(given)}
    return rule if isinstance(rule, Risk) else rule(arguments)


def _mapping(value: object) -> dict[str, Any]:
    return dict(value) if isinstance(value, dict) else {}


def _words(value: object) -> list[str]:
    """Of an argument that is a text with commas, or a list."""
    listed = value if isinstance(value, list | tuple) else str(value).split(",")
    return [str(word).strip() for word in listed]


def _template(value: object) -> bool:
    return "{{" in str(value)


def _present(given: Arguments) -> Risk:
    """Low as long as nothing is taken away."""
    state = given.get("state", "present")
    if any(given.get(word) not in (None, False) for word in ("purge", "autoremove", "force", "upgrade")):
        return HIGH
    return LOW if state in ("present", "installed", "latest") else HIGH


def _written(given: Arguments) -> Risk:
    place = next((str(given[word]) for word in ("dest", "path", "name") if given.get(word)), "")
    if given.get("state") == "absent" or _template(place) or ".." in place or _KEYS_OF_THE_HOUSE.fullmatch(place):
        return HIGH
    return LOW if _OWN_PLACES.fullmatch(place) or given.get("state") == "directory" else GUARDED


def _unit(given: Arguments) -> Risk:
    state = given.get("state")
    if _template(state) or _template(given.get("enabled", "")) or given.get("masked"):
        return HIGH
    return LOW if state in (None, "started") and given.get("enabled") is not False else GUARDED


def _user(given: Arguments) -> Risk:
    groups = {*_words(given.get("groups", "")), str(given.get("group", ""))}
    if given.get("state", "present") != "present" or groups & _RULING_GROUPS or any(map(_template, groups)):
        return HIGH
    rules = given.get("name") == "root" or str(given.get("uid", "")) == "0"
    return HIGH if rules or given.get("password") or given.get("force") else GUARDED


def _group(given: Arguments) -> Risk:
    if given.get("state", "present") != "present" or str(given.get("gid", "")) == "0":
        return HIGH
    return GUARDED


def _firewall(given: Arguments) -> Risk:
    """Opening is guarded. Closing ssh, turning a firewall on or off, and its defaults can shut the way in."""
    words = {str(value).lower() for value in given.values()}
    ports = {word.partition("/")[0] for word in _words(given.get("port") or given.get("to_port") or "")}
    ways_in = {"22", "ssh", "openssh"} & (ports | words)
    closes = bool(words & {"deny", "reject", "limit", "disabled", "absent"}) or given.get("delete") is True
    whole = "default" in given or "policy" in given or words & {"reset", "reloaded", "drop"}
    if given.get("state") in ("enabled", "disabled") and "rule" not in given and not given.keys() & {"port", "service"}:
        whole = True
    return HIGH if whole or (closes and (ways_in or not ports)) or any(map(_template, words)) else GUARDED


def _container(given: Arguments) -> Risk:
    if given.get("state") == "absent" or given.get("volumes") or _template(given.get("state", "")):
        return HIGH  # a folder of the host inside of it is the host
    return GUARDED


def _cron(given: Arguments) -> Risk:
    """Its job runs later, as its user: as root that is root."""
    if given.get("state") == "absent" or given.get("user") in ("root", "0") or given.get("cron_file"):
        return HIGH
    return LOW


def _there(given: Arguments) -> Risk:
    return GUARDED if given.get("state", "present") in ("present", "started", "mounted") else HIGH


# By a module's short name. A module that only looks is low.
_RULES: Mapping[str, Risk | Callable[[Arguments], Risk]] = {
    **dict.fromkeys(("ping", "debug", "assert", "fail", "setup", "stat", "find", "wait_for", "set_fact"), LOW),
    **dict.fromkeys(("service_facts", "package_facts", "docker_container_info", "docker_image_info"), LOW),
    **dict.fromkeys(("docker_network_info", "docker_volume_info"), LOW),
    **dict.fromkeys(("apt", "dnf", "dnf5", "yum", "package"), _present),
    **dict.fromkeys(("copy", "template", "file", "lineinfile", "blockinfile", "replace", "assemble"), _written),
    **dict.fromkeys(("get_url", "git", "unarchive"), _written),
    **dict.fromkeys(("service", "systemd", "systemd_service"), _unit),
    **dict.fromkeys(("hostname", "timezone", "docker_image_pull", "known_hosts"), GUARDED),
    **dict.fromkeys(("sysctl", "docker_network", "docker_volume"), _there),
    **dict.fromkeys(("ufw", "firewalld"), _firewall),
    "user": _user,
    "group": _group,
    "cron": _cron,
    "docker_container": _container,
}
