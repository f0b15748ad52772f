"""As whom a playbook may log in: the users that a policy lists, over ssh, and else as the inventory says."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from mesh_core.models.proposals import Playbook
from mesh_core.models.run_options import SshLogin
from mesh_core.policy.inventory import Inventory
from mesh_core.policy.policy import BadPolicy, Policy
from mesh_core.policy.proposed_playbook.requested_login import login_problem

INVENTORY = Inventory.parse(b"all: {hosts: {web01: {}, here: {ansible_connection: local}}}")
POLICY = Policy.from_text("requests: {users: [rocky, deploy]}")


def why(login: SshLogin | None, node: str = "web01", policy: Policy = POLICY) -> str:
    book = Playbook(name="p", sha256="0" * 64, text="", login=login)
    return login_problem(book, node, policy, INVENTORY)


def test_listed_users_and_named_keys_may() -> None:
    for login in (None, SshLogin(user="rocky"), SshLogin(user="deploy", port=2222, key="k"), SshLogin(key="k")):
        assert why(login) == ""
    assert why(None, "here") == ""


def test_nobody_else_may() -> None:
    assert why(SshLogin(user="root")) == (
        "it would log in as root, and config/policy.yml lets only deploy, rocky be named there (requests: users: [...])"
    )
    assert "lets nobody be named" in why(SshLogin(user="rocky"), policy=Policy.load(None))
    assert "without a user" in why(SshLogin(port=22))
    assert why(SshLogin(key="k"), "here").startswith("here is reached by local and not over ssh")


@pytest.mark.parametrize("said", [{}, {"user": "-o"}, {"user": "a b"}, {"key": "../k"}, {"port": 0}, {"key": "a/b"}])
def test_what_is_no_login_is_none(said: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        SshLogin.model_validate(said)


def test_a_policy_lists_names_of_users() -> None:
    with pytest.raises(BadPolicy, match=r"requests\.users\.0"):
        Policy.from_text("requests: {users: ['-oProxyCommand=x']}")
