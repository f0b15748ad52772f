"""A play as data, dumped as YAML: what all generated playbooks are made of. Pure; runs nothing, asks nobody.

Only this ever enters from outside: names of nodes, services and containers that match the name pattern, a number of
seconds within bounds, and the bytes of a playbook that a person reviewed. Nothing that a model or an event *says*
becomes part of a playbook. Whatever differs from host to host (where supervisorctl lies, which folder a compose project
has) is a variable of the host in config/inventory.yml, never of the event.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from mesh_core.models.proposals import Proposal
from mesh_core.models.records import is_name, is_service_name, sha256_of
from mesh_core.models.yaml_loader import SafeDumper

APPLY_FILE, LOOK_FILE, CONVERGE_FILE = "apply.yml", "look.yml", "converge.yml"
UNDO_FILE, UNDONE_FILE = "undo.yml", "undone.yml"
LOOK_TASK = "look"  # the look is the result of the task of this name
OUR_FILES = frozenset({APPLY_FILE, LOOK_FILE, CONVERGE_FILE, UNDO_FILE, UNDONE_FILE})
SITE_FILE = "site.yml"  # the apply of a role's layout, as people call it
TEMPLATES = "templates"  # in a role's layout the folder of what a template fills in
BEFORE = "mend_before"  # the numbers of the first look by name, which a run gives to what takes it back

_NOT_HOSTS = frozenset({"all", "ungrouped"})  # Ansible's own groups: as `hosts:` they would mean everybody

Task = dict[str, Any]


@dataclass(frozen=True)
class PlaybookSet:
    """YAML texts; '' where there is none (a notification has none at all, a person's own playbook only `apply`).

    `apply` changes the host, `look` only reads it, `converge` says the wished state and must change nothing.
    `undo` takes back what `apply` did, by itself where it did not help, and `undone` says in check mode that all is as
    before; both know the numbers of the first look as the variable BEFORE.
    `files` are what belongs to `apply`, by their paths beside it: attachments, a role, the same text under its name.
    `proof` false: there is no second run that has to change nothing.
    """

    apply: str
    look: str
    converge: str
    undo: str = ""
    undone: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    proof: bool = True

    @property
    def sha256(self) -> str:
        """Of the texts together, in this order; between them a byte that YAML cannot hold."""
        undo = (self.undo, self.undone) if self.undo else ()
        return sha256_of("\0".join((self.apply, self.look, self.converge, *undo)))


class UnsafeText(str):
    """Text that Ansible must never read as a template (`!unsafe`)."""

    __slots__ = ()


def play(title: str, node: str, variables: Task, *tasks: Task) -> str:
    """One play for one node, as YAML."""
    return as_yaml([{"name": title, "hosts": node, "gather_facts": False, "vars": variables, "tasks": list(tasks)}])


def as_yaml(parts: Sequence[Task]) -> str:
    """Plays or tasks as a file of them."""
    return yaml.dump(
        list(parts), Dumper=_PlayDumper, sort_keys=False, width=110, allow_unicode=True, explicit_start=True
    )


def must_hold(name: str, condition: str, otherwise: str) -> Task:
    """A task that fails with that sentence unless the condition holds."""
    return {
        "name": name,
        "ansible.builtin.assert": {"that": [condition], "fail_msg": otherwise, "quiet": True},
    }


def target_of(proposal: Proposal) -> tuple[str, str]:
    """(node, service), once more against the pattern: this is the last gate before text becomes a command.

    ValueError (a sentence) where there is no service, a name is no name, or the event is about something else.
    """
    if proposal.service is None:
        raise ValueError(f"a {proposal.type} needs a service, and this proposal is about a whole node")
    return node_of(proposal), proposal.service


def node_of(proposal: Proposal) -> str:
    """The node, likewise, of a proposal that may be about all of it."""
    node, service = proposal.node, proposal.service
    if not is_name(node):
        raise ValueError(f"the node of this proposal is not a plain name: {node!r}")
    if service is not None and not is_service_name(service):
        raise ValueError(f"the service of this proposal is not a plain name: {service!r}")
    if node in _NOT_HOSTS:
        raise ValueError(f"the node {node} is a group of Ansible's own, not a host")
    if (proposal.event.node, proposal.event.service) != (node, service):
        raise ValueError("the proposal names another node or service than its own event")
    return node


class _PlayDumper(SafeDumper):  # type: ignore[misc]
    def ignore_aliases(self, data: Any) -> bool:
        return True


_PlayDumper.add_representer(UnsafeText, lambda dumper, text: dumper.represent_scalar("!unsafe", str(text), style="'"))
