"""What we read out of an inventory is what Ansible reads out of it, and what a run gets says the same of its host."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from executor_agent.runner.ansible import write_project
from mesh_core.actions.playbooks import PlaybookSet
from mesh_core.policy.inventory import Inventory

YAML_FLEET = """\
all:
  vars: &base {ansible_user: ops, level: all, list: [1, two], time: 2024-05-01, octal: 0644}
  hosts:
    solo: {level: host, quoted: "0644", empty: , yes_text: "yes", tabbed:	1}
    rack[01:03]:2200: {seq: 1}
  children:
    west: {hosts: solo, vars: {<<: *base, level: west, port: 1}}
    apps:
      vars: {level: apps, ansible_group_priority: 5}
      children: {web: {hosts: {rack01: {seq: 2}, Web-9.Example: }, vars: {level: web, own: web}}, db: }
db: {hosts: {rack02: , rack01: }, vars: {own: db, level: db}}
zeta: {children: {db: }, vars: {deep: zeta}}
"""
INI_FLEET = """\
lonely ansible_connection=local n=07 t=True w="two words" h='{"a": [1, 2]}'
[web]
web[1:2]:2222 x=1
extra ansible_host=192.0.2.4 # comment
[db:vars]
text = yes and more
n = 5
[db]
web1
[fleet:children]
web
db
[fleet:vars]
n=3
[all:vars]
n=1
only=all
"""
FILES = {
    "group_vars/all/a.yml": "from_all: 1\nlevel: all-file\n",
    "group_vars/all/b.yaml": "from_all: 2\n",
    "group_vars/all/deep/c.yml": "deep_file: 3\n",
    "group_vars/web.yml": "own: web-file\nx: 7\n",
    "group_vars/db": "own: db-file\n",
    "group_vars/ungrouped.yml": "free: true\n",
    "host_vars/rack01/1.yml": "own: of-rack01\n",
    "host_vars/web1.json": '{"x": [1, {"y": null}]}',
}


def asked(folder: Path, home: Path) -> dict[str, dict[str, Any]]:
    """Each host's variables, as Ansible says them."""
    (home / "none.cfg").touch()
    done = subprocess.run(
        [str(Path(sys.executable).with_name("ansible-inventory")), "-i", str(folder / "inventory.yml"), "--list"],
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "ANSIBLE_CONFIG": str(home / "none.cfg"),
            "LC_ALL": "C.UTF-8",
        },
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    said = json.loads(done.stdout)
    hosts = {host for group in said.values() for host in group.get("hosts", ())}
    return {host: said["_meta"]["hostvars"].get(host, {}) for host in hosts}


@pytest.mark.parametrize("text", [YAML_FLEET, INI_FLEET], ids=["yaml", "ini"])
def test_hosts_and_variables_are_those_that_ansible_finds(text: str, tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    for name, content in {"inventory.yml": text, **FILES}.items():
        (whole / name).parent.mkdir(parents=True, exist_ok=True)
        (whole / name).write_text(content)
    inventory, ansibles = Inventory.load(whole / "inventory.yml"), asked(whole, tmp_path)
    assert inventory.refused == {}
    ours = {host: json.loads(json.dumps(inventory.variables_of(host), default=str)) for host in inventory.hosts}
    for said in (*ours.values(), *ansibles.values()):
        said.pop("ansible_group_priority", None)  # Ansible keeps it as the group's, not as a variable
    assert ours == ansibles
    one = next(host for host in ("rack01", "web1") if host in inventory.hosts)
    write_project(tmp_path, PlaybookSet("", "", ""), inventory.only(one))
    assert asked(tmp_path / "inventory", tmp_path) == {one: ansibles[one]}
