"""Tasks to the playbook of one host, in the layout that the request wants, with its tags and its login. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mesh_core.actions.playbooks import TEMPLATES, as_yaml, play
from mesh_core.models.proposals import Attachment, Playbook
from mesh_core.models.records import sha256_of
from mesh_core.models.requests import Request
from mesh_core.models.run_options import AnsibleRole, Layout, RoleFile, SshLogin, Verify
from planner_agent.requests.understanding import Draft

ROLE = "webapp"  # as the system before this one called it
_TEMPLATE = "ansible.builtin.template"

Task = Mapping[str, Any]


def tagged(draft: Draft, tags: Sequence[str]) -> tuple[Task, ...] | str:
    """The tasks that have one of these tags, each with its own; all, as they are, where none is asked for. A sentence
    where there is no such tag."""
    if not tags:
        return draft.tasks
    made_by = draft.made_by or ("",) * len(draft.tasks)
    each = [(task, _tags_of(task, name)) for task, name in zip(draft.tasks, made_by, strict=True)]
    known = sorted({tag for _, own in each for tag in own})
    if unknown := next((tag for tag in tags if tag not in known), None):
        return f"no task of it has the tag {unknown}; there are: {', '.join(known) or 'none'}"
    return tuple({**task, "tags": own} for task, own in each if {*own} & {*tags})


def playbook_for_host(
    request: Request,
    slug: str,
    host: str,
    tasks: Sequence[Task],
    attachments: tuple[Attachment, ...],
    login: SshLogin | None,
) -> Playbook:
    """All playbooks of one request differ in nothing but their host and its login."""
    title, variables = f"Asked for: {slug}", dict(request.extra_vars)
    listed, role = [dict(task) for task in tasks], None
    if request.layout is Layout.ROLE:
        role = _role(request.role_name or ROLE, listed)
        text = as_yaml([{"name": title, "hosts": host, "gather_facts": False, "vars": variables, "roles": [role.name]}])
    else:
        text = play(title, host, variables, *listed)
    verify = Verify.NONE if request.verify is Verify.NONE else Verify.ALL
    return Playbook(
        name=slug, sha256=sha256_of(text), text=text, attachments=attachments, role=role, login=login, verify=verify
    )


def login_for(request: Request, own: SshLogin | None) -> SshLogin | None:
    """What is said of the host itself wins over what is said for all; None where nothing is said."""
    user = (own and own.user) or request.user
    key = (own and own.key) or request.ssh_key
    port = own.port if own else None
    return SshLogin(user=user, port=port, key=key) if user or key or port else None


def _role(name: str, tasks: Sequence[dict[str, Any]]) -> AnsibleRole:
    text = as_yaml([_as_in_a_role(task) for task in tasks])
    return AnsibleRole(name=name, files=(RoleFile(path="tasks/main.yml", sha256=sha256_of(text), text=text),))


def _as_in_a_role(task: dict[str, Any]) -> dict[str, Any]:
    """What is filled in lies in the role's templates/, what is copied in its files/."""
    filled = task.get(_TEMPLATE)
    if not isinstance(filled, dict):
        return task
    source = str(filled.get("src", "")).removeprefix("files/")
    return {**task, _TEMPLATE: {**filled, "src": f"{TEMPLATES}/{source}"}}


def _tags_of(task: Task, recipe: str) -> list[str]:
    own = task.get("tags", [])
    said = own if isinstance(own, list) else [own]
    return list(dict.fromkeys([*([recipe] if recipe else []), *map(str, said)]))
