"""The plays that a proposal's playbook comes to: of a role's layout with the role's own tasks in the place of its name.

So whoever judges a playbook, or says what is in it, does that for both layouts alike. Pure; no other role is read.
"""

from __future__ import annotations

from typing import Any

from mesh_core.actions.playbooks import TEMPLATES
from mesh_core.actions.register import playbook_for
from mesh_core.models.proposals import Playbook, Proposal
from mesh_core.models.run_options import AnsibleRole
from mesh_core.policy.playbook_lint.yaml_text import NotReadable, mappings_in, plays_in

Plays = list[dict[Any, Any]]
_LISTS = ("pre_tasks", "tasks", "post_tasks", "handlers")
_TEMPLATE = ("template", "ansible.builtin.template")


def plays_of(playbook: Playbook) -> Plays:
    """NotReadable where a text is no playbook, or the site.yml of a role says more than its name."""
    plays = plays_in(playbook.text)
    if playbook.role is None:
        return plays
    named = plays[0].get("roles")
    if len(plays) != 1 or named != [playbook.role.name] or any(part in plays[0] for part in _LISTS):
        raise NotReadable(
            f"beside the role {playbook.role.name} its text must be one play with roles: [{playbook.role.name}] and no "
            "tasks of its own"
        )
    site = {word: said for word, said in plays[0].items() if word != "roles"}
    return [site | _lists_of(playbook.role)]


def plays_run_by(proposal: Proposal) -> Plays:
    """Of whatever the proposal would run. NotReadable likewise; ValueError where it would run nothing."""
    own = proposal.meant.playbook
    return plays_of(own) if own else plays_in(playbook_for(proposal).apply)


def _lists_of(role: AnsibleRole) -> dict[str, Any]:
    return {file.path.partition("/")[0]: _as_judged(mappings_in(file.text, "tasks")) for file in role.files}


def _as_judged(part: Any) -> Any:
    """A role keeps what it fills in in templates/; it is judged as every other attachment is."""
    if isinstance(part, list):
        return [_as_judged(one) for one in part]
    if not isinstance(part, dict):
        return part
    return {
        word: _with_source(said) if word in _TEMPLATE and isinstance(said, dict) else _as_judged(said)
        for word, said in part.items()
    }


def _with_source(arguments: dict[Any, Any]) -> dict[Any, Any]:
    source = arguments.get("src")
    if not isinstance(source, str) or not source.startswith(f"{TEMPLATES}/"):
        return arguments
    return {**arguments, "src": f"files/{source.removeprefix(f'{TEMPLATES}/')}"}
