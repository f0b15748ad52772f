"""The inventory is the list of hosts that can ever be touched: only names written out, and never a surprise."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mesh_core.policy.inventory import Inventory, InventoryError
from mesh_core.policy.inventory.inventory import MAX_INVENTORY_BYTES

TWO_LEVELS = b"""
all:
  hosts:
    one: {ansible_connection: local}
  children:
    web:
      hosts: {two: , web-3.example: {ansible_host: 10.0.0.3}}
      children:
        inner: {hosts: {four: {}}, vars: {db_password: !vault '$ANSIBLE_VAULT'}}
    empty:
"""


def test_every_host_of_every_group_is_a_host_and_no_group_is() -> None:
    inventory = Inventory.parse(TWO_LEVELS)
    assert inventory.hosts == {"one", "two", "web-3.example", "four"}
    assert inventory.is_host("two")
    for other in ("all", "web", "inner", "ungrouped", "tw", "two\n", "*", "one:two", ""):
        assert not inventory.is_host(other)
    assert inventory.text == TWO_LEVELS


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (b"", "empty"),
        (b"all:\n  hosts: {a: {}\n", "not YAML"),
        (b"\xff\xfe\x00", "line 1: not UTF-8"),
        (b"all: {hosts: [a, b]}", "mapping"),
        (b"all: {hosts: {}}", "names no host"),
        (b"all: {hosts: {'-H': {}}}", "nothing can be approved"),
        (b"all: {hosts: {'{{ x }}': {}}}", "nothing can be approved"),
        (b"all: {hosts: {12: {}}}", "in quotes"),
        (b"all: {hots: {a: {}}}", "only hosts, children and vars"),
        (b"all: {children: {web: {hosts: {web: {}}}}}", "host and a group"),
        (b"all: {hosts: {ungrouped: {}}}", "host and a group"),
        (b"a: &a {hosts: {h: {}}, children: {b: *a}}\n", "an alias within itself"),
        (b"plugin: community.docker.docker_containers\n", "line 1: it names an inventory plugin"),
        (b"#!/bin/sh\necho {}\n", "it is a program"),
        (b"$ANSIBLE_VAULT;1.1;AES256\n6133\n", "encrypted with ansible-vault"),
        (b"all:\n\thosts: {h: {}}\n", r"line 2: not YAML \(found character"),
        (b"all: {hosts: {h: {}}}\n---\nall: {}\n", "line 2: not YAML .*document"),
        (b"all: {hosts: {h: !!python/object/apply:os.system ['id']}}", "should be a mapping"),
        (b"all: {hosts: {h: {a: !!python/name:os.system }}}", "python/name"),
        (b"x" * (MAX_INVENTORY_BYTES + 1), "larger than"),
    ],
)
def test_what_is_not_a_plain_list_of_hosts_is_refused_in_words(text: bytes, word: str) -> None:
    with pytest.raises(InventoryError, match=word):
        Inventory.parse(text)


def test_deep_nesting_is_refused_and_not_a_crash() -> None:
    deep = b"{a: " * 5000 + b"{}" + b"}" * 5000
    with pytest.raises(InventoryError):
        Inventory.parse(deep)


def test_a_missing_file_says_which_and_what_to_write(tmp_path: Path) -> None:
    with pytest.raises(InventoryError, match=r"nowhere.yml: cannot be read.*ansible_connection"):
        Inventory.load(tmp_path / "nowhere.yml")
    (tmp_path / "there.yml").write_bytes(TWO_LEVELS)
    assert Inventory.load(tmp_path / "there.yml").is_host("four")


FLEET = b"""
all:
  vars: {ansible_user: ops}
  hosts:
    nas: {ansible_password: of-nas}
    web01: {ansible_become_password: of-web01}
    db01: {ansible_password: of-db01}
  children:
    web: {hosts: {web01: }, vars: {port: 80}}
    stores: {hosts: {nas: , db01: }, vars: {ansible_ssh_private_key_file: /keys/stores}, children: {deep: }}
deep: {hosts: {db01: {motto: !unsafe "{{ x }}", sealed: !vault "$ANSIBLE_VAULT"}}, vars: {depth: 2}}
"""


def test_a_pipe_in_its_place_keeps_nobody_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "inventory.yml")
    with pytest.raises(InventoryError, match="no regular file"):
        Inventory.load(tmp_path / "inventory.yml")


def test_the_inventory_of_one_host_has_its_groups_and_nothing_of_another() -> None:
    web = Inventory.parse(FLEET).only("web01")
    text = web.text.decode()
    assert Inventory.parse(web.text).hosts == web.hosts == frozenset({"web01"})
    assert not [word for word in ("nas", "db01", "stores", "deep", "/keys/", "depth") if word in text]
    assert {word for word in ("ansible_user", "of-web01", "port: 80") if word in text} == {
        "ansible_user",
        "of-web01",
        "port: 80",
    }
    db = Inventory.parse(FLEET).only("db01").text.decode()
    # a group that is written elsewhere than its parent counts: db01 is in stores through deep
    assert all(word in db for word in ("/keys/stores", "depth", '!unsafe "{{ x }}"', "!vault", "of-db01"))
    assert "of-nas" not in db
    assert "web" not in db


def test_an_inventory_of_a_host_that_is_not_in_it_is_refused_in_words() -> None:
    with pytest.raises(InventoryError, match=r"ghost is not in config/inventory\.yml; add it"):
        Inventory.parse(FLEET).only("ghost")


@pytest.mark.parametrize(
    ("name", "known"),
    [("NAS", "nas"), ("nas.lan", "nas"), ("nas.local.", "nas"), ("10.0.0.9", "web01"), ("::ffff:10.0.0.9", "web01")],
)
def test_a_host_that_an_agent_calls_otherwise_is_named_as_the_inventory_writes_it(name: str, known: str) -> None:
    inventory = Inventory.parse(b"all: {hosts: {nas: , web01: {ansible_host: 10.0.0.9}}}")
    assert f"set NODE_NAME={known}" in str(inventory.problem_with(name))
    assert inventory.problem_with(known) is None
    assert "add it there" in str(inventory.problem_with(f"{known}.somewhere.example"))
