"""What comes along as an inventory names hosts, users and ports; whatever else it says is refused by its name."""

from __future__ import annotations

import pytest

from mesh_core.models.requests import Request
from mesh_core.models.run_options import SshLogin
from mesh_core.policy.inventory.host_list import read_host_list, with_host_list
from mesh_core.policy.inventory.values import Unreadable

ROCKY = SshLogin(user="rocky")


@pytest.mark.parametrize(
    ("text", "hosts", "logins"),
    [
        ("web01,web02", ("web01", "web02"), {}),
        (" web01 , ", ("web01",), {}),
        ("[web]\\nweb01\\nweb02 ansible_user=rocky", ("web01", "web02"), {"web02": ROCKY}),
        ("[web]\nn[1:2]\n[web:vars]\nansible_ssh_user=rocky", ("n1", "n2"), {"n1": ROCKY, "n2": ROCKY}),
        (
            "[all:vars]\nansible_user=rocky\n[web]\nn1 ansible_user=ada ansible_port=2222",
            ("n1",),
            {"n1": SshLogin(user="ada", port=2222)},
        ),
        ("[web]\nn1\n[db]\nn1\nn2", ("n1", "n2"), {}),
        ("[web:children]\napi\n[api]\nn1", ("n1",), {}),
        ("all: {hosts: {n1: {ansible_port: 2222}}}", ("n1",), {"n1": SshLogin(port=2222)}),
        ('{"all": {"children": {"web": {"hosts": {"n1": {"ansible_user": "rocky"}}}}}}', ("n1",), {"n1": ROCKY}),
    ],
)
def test_hosts_and_their_logins(text: str, hosts: tuple[str, ...], logins: dict[str, SshLogin]) -> None:
    listed = read_host_list(text, "--inventory")
    assert (listed.hosts, dict(listed.logins)) == (hosts, logins)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "--inventory: empty"),
        ("web01,web01", "--inventory: web01 is there twice"),
        ("[web]\nn1\nn1", "--inventory, line 3: n1 is there twice"),
        ("[web]\nn1 ansible_user=a\n[db]\nn1 ansible_user=b", "--inventory, line 4: n1 is there twice"),
        ('{"all": {"hosts": {"n1": {}, "n1": {}}}}', "n1 is there twice"),
        ('{"all": {"hosts": ', "--inventory, line 2: not YAML"),
        ("[web\nn1", "not YAML"),
        ("[web:hostz]\nn1", "[web:hostz] is no section"),
        ("../../etc/passwd", "must be a mapping of groups"),
        ("plugin: amazon.aws.aws_ec2", "it names an inventory plugin"),
        ("#!/bin/sh\necho", "it is a program"),
        ("n[1:60]\nx", "more than 50 hosts"),
        (",".join(f"n{number}" for number in range(51)), "51 hosts"),
        ("n1 ansible_user=-oProxyCommand=x", "ansible_user"),
        ('n1 ansible_user=\'{{ lookup("pipe","id") }}\'', "ansible_user"),
        ("n1 ansible_port=0", "ansible_port"),
        ("x" * 70_000, "larger than"),
        *(
            (f"n1 {name}=x", f"--inventory: {name} of n1 is config/inventory.yml's to say")
            for name in (
                "ansible_host",
                "ansible_connection",
                "ansible_python_interpreter",
                "ansible_ssh_common_args",
                "ansible_ssh_private_key_file",
                "ansible_become",
                "ansible_shell_executable",
                "ansible_ssh_executable",
                "http_port",
            )
        ),
        ("[web]\nn1\n[web:vars]\nansible_connection=local", "ansible_connection of the group web"),
        ("[db:vars]\nansible_connection=local\n[web]\nn1", "ansible_connection of the group db"),
    ],
)
def test_anything_else_is_one_sentence(text: str, told: str) -> None:
    with pytest.raises(Unreadable) as refused:
        read_host_list(text, "--inventory")
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)


def test_its_hosts_join_those_of_the_request_and_its_groups_stand_for_their_hosts() -> None:
    listed = read_host_list("[front]\nweb01 ansible_user=rocky\n[back]\ndb01\ndb02", "inventory")
    asked = {
        "text": "x",
        "hosts": ["cache", "db01"],
        "limit": ["back", "cache"],
        "layout": "role",
        "role_hosts": ["back"],
    }
    both = with_host_list(asked, listed)
    request = Request.model_validate({"id": "req-0123456789ab", **both})
    assert request.hosts == ("cache", "db01", "web01", "db02")
    assert (request.limit, request.role_hosts) == (("db01", "db02", "cache"), ("db01", "db02"))
    assert request.logins == {"web01": ROCKY}
