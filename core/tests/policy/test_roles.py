"""A role that lies in the proposal is judged as if its tasks stood in the play; no other role is."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
import yaml

from mesh_core.actions.playbooks import as_yaml
from mesh_core.models.proposals import Attachment, Playbook, Risk
from mesh_core.models.run_options import AnsibleRole, RoleFile, SshLogin
from mesh_core.policy.playbook_lint import lint_playbook
from mesh_core.policy.playbook_lint.roles import plays_of
from mesh_core.policy.policy import Policy
from mesh_core.policy.proposed_playbook.playbook_risk import risk_of_playbook

POLICY = Policy.load(None)
MOTD = "Hello {{ who }}\n"


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def with_role(
    *tasks: dict[str, Any], handlers: tuple[dict[str, Any], ...] = (), play: dict[str, Any] | None = None
) -> Playbook:
    site = as_yaml([play or {"name": "p", "hosts": "web01", "vars": {"who": "you"}, "roles": ["webapp"]}])
    texts = {"tasks/main.yml": as_yaml(tasks)} | ({"handlers/main.yml": as_yaml(handlers)} if handlers else {})
    files = tuple(RoleFile(path=path, sha256=sha256(text), text=text) for path, text in texts.items())  # type: ignore[arg-type]
    attachment = Attachment(name="motd.j2", sha256=sha256(MOTD), text=MOTD)
    role = AnsibleRole(name="webapp", files=files)
    return Playbook(name="page", sha256=sha256(site), text=site, attachments=(attachment,), role=role)


def test_its_tasks_and_handlers_are_the_plays() -> None:
    template = {"ansible.builtin.template": {"src": f"templates/{sha256(MOTD)}", "dest": "/srv/motd"}, "notify": "say"}
    book = with_role(template, handlers=({"name": "say", "debug": {"msg": "done"}},))
    assert lint_playbook(book, "web01").problems == ()
    assert risk_of_playbook(book, "web01", POLICY) is Risk.LOW
    (play,) = plays_of(book)
    assert [*play] == ["name", "hosts", "vars", "tasks", "handlers"]
    assert play["tasks"][0]["ansible.builtin.template"]["src"] == f"files/{sha256(MOTD)}"


@pytest.mark.parametrize(
    ("book", "told"),
    [
        (with_role({"shell": "id"}), "the module shell may not be used"),
        (with_role({"block": [{"raw": "id"}]}), "the module raw may not be used"),
        (with_role({"ping": {}}, handlers=({"command": "id"},)), "the module command may not be used"),
        (with_role({"include_role": {"name": "x"}}), "the module include_role may not be used"),
        (with_role({"copy": {"src": f"templates/{sha256(MOTD)}", "dest": "/x"}}), "must name an attachment"),
        (with_role({"template": {"src": f"templates/{'0' * 64}", "dest": "/x"}}), "does not carry"),
        (with_role({"template": {"src": f"../templates/{sha256(MOTD)}", "dest": "/x"}}), "must name an attachment"),
        (with_role({"ping": {}}, play={"hosts": "web01", "roles": ["other"]}), "must be one play with roles: [webapp]"),
        (with_role({"ping": {}}, play={"hosts": "web01", "roles": [{"role": "webapp"}]}), "roles: [webapp]"),
        (with_role({"ping": {}}, play={"hosts": "web01", "roles": ["webapp"], "tasks": []}), "no tasks of its own"),
        (with_role({"ping": {}}, play={"hosts": "all", "roles": ["webapp"]}), "must be one plain host name"),
        (with_role({"ping": {}}, play={"hosts": "web02", "roles": ["webapp"]}), "a play is for web02"),
    ],
)
def test_what_no_play_may_say_no_role_may_say(book: Playbook, told: str) -> None:
    assert told in lint_playbook(book, "web01").sentence
    assert risk_of_playbook(book, "web01", POLICY) is Risk.HIGH


def test_a_role_that_is_not_in_the_proposal_is_refused() -> None:
    text = yaml.safe_dump([{"hosts": "web01", "roles": ["webapp"]}])
    outside = Playbook(name="page", sha256=sha256(text), text=text)
    assert "a play may not use roles" in lint_playbook(outside, "web01").sentence


def test_a_changed_byte_of_a_role_is_seen() -> None:
    book = with_role({"ping": {}})
    assert book.role
    (file,) = book.role.files
    changed = book.role.model_copy(update={"files": (file.model_copy(update={"text": f"{file.text}\n"}),)})
    spoilt = book.model_copy(update={"role": changed})
    assert lint_playbook(spoilt, "web01").problems == ("tasks/main.yml of the role webapp does not match its sha256",)


def test_another_login_is_guarded_at_least() -> None:
    book = with_role({"ping": {}}).model_copy(update={"login": SshLogin(key="deploy")})
    assert risk_of_playbook(book, "web01", POLICY) is Risk.GUARDED


def test_of_a_request_its_tasks_hide_nothing_either() -> None:
    book = with_role({"ansible.builtin.ping": {}, "ignore_errors": True})
    assert lint_playbook(book, "web01").problems == ()
    assert "of a request may not use ignore_errors" in lint_playbook(book, "web01", requested=True).sentence
