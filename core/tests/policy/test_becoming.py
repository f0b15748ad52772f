"""Whom a playbook becomes is said once, wherever it says so; what cannot be read says nothing."""

from __future__ import annotations

import hashlib

import pytest

from mesh_core.models.proposals import Playbook
from mesh_core.policy.proposed_playbook.becoming import how_it_becomes


def playbook(text: str) -> Playbook:
    return Playbook(name="p", sha256=hashlib.sha256(text.encode()).hexdigest(), text=text)


@pytest.mark.parametrize(
    ("text", "users"),
    [
        ("- {hosts: web01, tasks: [{ping: {}}]}", ""),
        ("- {hosts: web01, become: false, tasks: [{ping: {}}]}", ""),
        ("- {hosts: web01, become: true, tasks: [{ping: {}}]}", "root"),
        ("- {hosts: web01, tasks: [{ping: {}, become: true, become_user: ann}]}", "ann"),
        ("- {hosts: web01, tasks: [{block: [{ping: {}, become: true}], become: true, become_user: d}]}", "d and root"),
        ("- {hosts: web01, handlers: [{ping: {}, become: true}]}", "root"),
        ("- {hosts: web01, tasks: [{block: [], rescue: [{block: [], become: '{{ x }}'}]}]}", "root"),
        ("- [", ""),
        ("just words", ""),
    ],
)
def test_whom_it_becomes(text: str, users: str) -> None:
    assert how_it_becomes(playbook(text)) == ((f"it becomes {users} on the host (become)",) if users else ())
    assert how_it_becomes(None) == ()
