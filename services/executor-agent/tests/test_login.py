"""A run logs in as its proposal says, with a key of the executor's own folder, whatever the inventory says."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from executor_agent.runner.login import key_file, login_variables
from mesh_core.models.run_options import SshLogin
from mesh_core.policy.inventory import Inventory

INVENTORY = b"""
all:
  vars: {ansible_ssh_user: group, ansible_port: 1}
  hosts: {web01: {ansible_user: inline, ansible_host: 10.0.0.1}, db01: {}}
"""


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    folder = tmp_path / "keys"
    folder.mkdir(mode=0o700)
    (folder / "deploy").write_text("KEY")
    (folder / "deploy").chmod(0o400)
    return folder


def test_it_wins_over_all_that_the_inventory_says_of_its_host(keys: Path) -> None:
    files = {"host_vars/web01.yml": b"ansible_user: file\nansible_private_key_file: /other\nport: 8080\n"}
    whole = Inventory.parse(INVENTORY, "inventory", files)
    over = login_variables(SshLogin(user="rocky", port=2222, key="deploy"), keys)
    said = whole.only("web01", over).variables_of("web01")
    assert said["ansible_host"] == "10.0.0.1"
    assert said["port"] == 8080, "what else a file says of the host stays"
    for name in ("user", "port", "private_key_file"):
        assert said[f"ansible_{name}"] == said[f"ansible_ssh_{name}"] == over[f"ansible_{name}"]
    assert over["ansible_private_key_file"] == str(keys / "deploy")
    only_key = whole.only("web01", login_variables(SshLogin(key="deploy"), keys)).variables_of("web01")
    assert (only_key["ansible_user"], only_key["ansible_ssh_user"]) == ("file", "group"), "the rest is the inventory's"


def test_a_key_is_a_private_file_of_the_folder_and_nothing_else(keys: Path, tmp_path: Path) -> None:
    assert key_file(keys, "deploy") == keys / "deploy"
    outside = tmp_path / "outside"
    outside.write_text("KEY")
    outside.chmod(0o600)
    (keys / "linked").symlink_to(outside)
    (keys / "folder").mkdir()
    os.mkfifo(keys / "pipe")
    (keys / "open").write_text("KEY")
    (keys / "open").chmod(0o644)
    for name, told in (
        ("linked", "the key linked is no plain file"),
        ("folder", "is no plain file"),
        ("pipe", "is no plain file"),
        ("open", f"must belong to uid {os.geteuid()} and have the mode 0400 or 0600, not 0644"),
        ("gone", "the key gone cannot be used (No such file or directory); in"),
    ):
        with pytest.raises(ValueError, match="key") as refused:
            key_file(keys, name)
        assert told in str(refused.value)


def test_a_folder_of_keys_is_nobody_elses(keys: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(keys)
    with pytest.raises(ValueError, match="must be a folder, no link"):
        key_file(tmp_path / "link", "deploy")
    keys.chmod(0o777)
    with pytest.raises(ValueError, match="that nobody else may change"):
        key_file(keys, "deploy")
    with pytest.raises(ValueError, match="has no folder of keys"):
        login_variables(SshLogin(key="deploy"), None)
