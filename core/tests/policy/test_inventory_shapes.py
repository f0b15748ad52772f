"""Inventories as people have them: in every shape that Ansible reads, and one bad host never stops the others."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import pytest

from mesh_core.policy.inventory import Inventory, InventoryError
from mesh_core.policy.inventory.connection import connection_of, filled_in
from mesh_core.policy.inventory.host_patterns import BadPattern, expand
from mesh_core.policy.inventory.ini_form import value_of
from mesh_core.policy.inventory.variable_files import inventory_stamp

GOOD = "good: {ansible_host: 192.0.2.1}"


@pytest.mark.parametrize(
    ("pattern", "names", "port"),
    [
        ("web01", ["web01"], None),
        ("web01:2222", ["web01"], 2222),
        ("pi[1:3]", ["pi1", "pi2", "pi3"], None),
        ("pi[08:10]-x:22", ["pi08-x", "pi09-x", "pi10-x"], 22),
        ("[a:c]1", ["a1", "b1", "c1"], None),
        ("n[0:6:3]", ["n0", "n3", "n6"], None),
        ("r[1:2]u[1:2]", ["r1u1", "r1u2", "r2u1", "r2u2"], None),
        ("n[:1]", ["n0", "n1"], None),
        ("2001:db8::7", ["2001:db8::7"], None),
        ("[2001:db8::7]:2222", ["2001:db8::7"], 2222),
    ],
)
def test_a_pattern_stands_for_the_hosts_that_ansible_finds(pattern: str, names: list[str], port: int | None) -> None:
    assert expand(pattern) == (names, port)


@pytest.mark.parametrize(
    "pattern", ["n[1:", "n[]", "n[1]", "n[3:1]", "n[01:100]", "n[1:9:0]", "n[a:9]", "n[1:999999999]", "n[1:2:3:4]"]
)
def test_a_pattern_that_stands_for_nothing_is_refused(pattern: str) -> None:
    with pytest.raises(BadPattern):
        expand(pattern)


@pytest.mark.parametrize(
    ("bad", "word"),
    [
        ('"2001:db8::7": {}', "line 4.*keep the address"),
        ("büro: {ansible_host: 10.0.0.9}", "line 4.*underscore and keep what it says$"),
        ('"Zoë-laptop": {}', "line 4.*letters"),
        ("n[1:999999999]: {}", "line 4.*more than"),
        ("12: {}", "line 4.*quotes"),
        ("bad: [a, b]", "line 4.*mapping"),
        ("bad: {when: 2024-13-45}", "line 4.*quotes"),
        ("bad: {a: !strange x}", "line 4.*strange"),
        ("bad: {ansible_user: {{ user }}}", "line 4"),
        ('bad: {ansible_become_password: !vault "6133"}', "line 4.*ansible_become_password is encrypted"),
        ('bad: {ansible_become_password: "{{ sudo }}", sudo: !vault "6133"}', "line 4: sudo is encrypted"),
    ],
)
def test_a_bad_host_is_refused_alone_with_its_line(bad: str, word: str) -> None:
    inventory = Inventory.parse(f"all:\n  hosts:\n    {GOOD}\n    {bad}\n".encode())
    assert inventory.hosts == {"good"}
    ((name, reason),) = inventory.refused.items()
    assert re.search(word, reason), reason
    assert not inventory.is_host(name)
    with pytest.raises(InventoryError):
        inventory.only(name)
    assert inventory.only("good").hosts == {"good"}


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ("{hosts: [bad, worse]}", "should be a mapping"),
        ("{hosts: {bad: , worse: }, vars: [a]}", "should be a mapping"),
        ("{hosts: {bad: , worse: }, vars: {a: !strange x}}", "strange"),
        ("{children: {low: {hosts: {bad: , worse: }}}, vars: {a: 2024-13-45}}", "quotes"),
        ("{children: {low: {hosts: {bad: , worse: }, children: {odd: }}}}", "among its own children"),
    ],
)
def test_what_is_wrong_with_a_group_refuses_its_hosts_wherever_else_they_stand(body: str, word: str) -> None:
    inventory = Inventory.parse(f"all:\n  hosts:\n    {GOOD}\n    bad:\nodd: {body}\n".encode())
    assert inventory.hosts == {"good"}
    assert word in inventory.refused["bad"]
    assert inventory.refused.keys() == {"bad", "worse"}


def test_a_host_that_is_called_like_a_group_is_refused_alone() -> None:
    inventory = Inventory.parse(b"all: {hosts: {good: , web: }}\nweb: {hosts: {good: }}\n")
    assert inventory.hosts == {"good"}
    assert "host and a group" in inventory.refused["web"]


def test_text_aliases_merges_and_a_key_said_twice_are_read_as_ansible_reads_them() -> None:
    inventory = Inventory.parse(
        b"\xef\xbb\xbfall:\n  vars: &common {ansible_user: ops, port: 1}\n  children:\n"
        b"    one: {hosts: a01, vars: {<<: *common, port: 2}}\n    two: &two {hosts: {b: {x: 1}, b: {x: 2}}}\n"
        b"    three: *two\n"
    )
    assert inventory.hosts == {"a01", "b"}
    assert inventory.variables_of("a01") == {"ansible_user": "ops", "port": 2}
    assert inventory.variables_of("b") == {"ansible_user": "ops", "port": 1, "x": 2}
    assert b"*" not in inventory.only("a01").text


def test_aliases_that_swell_are_refused() -> None:
    lines = [b"a0: &a0 {vars: {x: [1,2,3,4,5,6,7,8,9]}}"]
    lines += [f"a{n}: &a{n} {{vars: {{x: [{', '.join([f'*a{n - 1}'] * 9)}]}}}}".encode() for n in range(1, 9)]
    with pytest.raises(InventoryError, match="write them out"):
        Inventory.parse(b"\n".join([b"all: {hosts: {h: }}", *lines]))


def test_an_inventory_in_ini() -> None:
    inventory = Inventory.parse(
        b"# mine\nalone ansible_connection=local\n\n[web]\nweb[01:02]:2222 tags='[\"a\", \"b\"]' note='two words' # c\n"
        b"[db]\ndb1 ansible_host=192.0.2.7\n[db:vars]\nport=5432\nlevel = yes\n[all:vars]\nansible_user=ops\n"
        b"[fleet:children]\nweb\ndb\n[fleet:vars]\nport=1\n"
    )
    assert inventory.hosts == {"alone", "web01", "web02", "db1"}
    ops = {"ansible_user": "ops"}
    assert inventory.variables_of("alone") == {**ops, "ansible_connection": "local"}
    assert inventory.variables_of("web02") == {
        **ops, "port": 1, "ansible_port": 2222, "tags": ["a", "b"], "note": "two words"
    }  # fmt: skip
    assert inventory.variables_of("db1") == {**ops, "port": 5432, "level": "yes", "ansible_host": "192.0.2.7"}
    one = Inventory.parse(inventory.only("db1").text)
    assert (one.hosts, one.variables_of("db1")) == ({"db1"}, inventory.variables_of("db1"))


def test_names_one_a_line_are_an_inventory_too() -> None:
    assert Inventory.parse(b"web01\nweb02 ansible_host=192.0.2.2\n").hosts == {"web01", "web02"}


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        (
            b"web01\n\n# the second\nweb02 ansible_host=192.0.2.2 note='a b' # c\nweb[03:04]:2222\n",
            "web01 web02 web03 web04",
        ),
        (b"; old\n192.0.2.7\n\nnas.lan\n", "192.0.2.7 nas.lan"),
        (b"all:\n  hosts:\n    a:\n      x:\t1\n", "a"),
        (b'{\n\t"all": {\n\t\t"hosts": {"a": {"x": 1}}\n\t}\n}', "a"),
        (b"#!/usr/bin/env ansible-playbook\nall: {hosts: {a: }}\n", "a"),
        (b"%YAML 1.1\n---\nall: {hosts: {a: }}\n...\n", "a"),
    ],
)
def test_what_ansible_reads_is_read_whatever_it_looks_like(text: bytes, hosts: str) -> None:
    assert Inventory.parse(text).hosts == set(hosts.split())


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (b"#!/bin/sh\necho '{}'\n", "is a program"),
        (b"#!/usr/bin/python3\nprint({'all': {}})\nx: [\n", "is a program"),
        (b"all:\n\thosts:\n", "line 2: not YAML"),
        (b"web01\n\nhosts:\n  - a\n", "not YAML"),
        (b"- a\n- b\n", "mapping of groups"),
        (b"[" * 500_000, "nested too deeply"),
        (b"a: " + b"{b: " * 50_000, "nested too deeply"),
    ],
)
def test_what_is_no_inventory_is_refused_with_its_reason(text: bytes, word: str) -> None:
    with pytest.raises(InventoryError, match=word):
        Inventory.parse(text)


def test_five_thousand_hosts_are_read_in_reasonable_time() -> None:
    groups = (
        f"g{g}:\n  vars: {{x: {g}}}\n  hosts:\n"
        + "".join(f"    h{g}-{n}: {{ansible_host: 10.0.{g}.{n}}}\n" for n in range(100))
        for g in range(50)
    )
    began = time.process_time()
    inventory = Inventory.parse("".join(groups).encode())
    assert len(inventory.addresses()) == 5000
    assert inventory.only("h49-99").variables_of("h49-99") == {"x": 49, "ansible_host": "10.0.49.99"}
    assert time.process_time() - began < 30


@pytest.mark.parametrize(
    ("lines", "word"),
    [
        ("bad x", "line 3.*NAME=VALUE"),
        ("bad x='y", "line 3.*quot"),
        ("bad x=\udcff", "line 3.*UTF-8"),
        ("bad[1", "line 3.*no end"),
        ("[odd]\nbad\n[odd:vars]\nx", "line 6.*NAME=VALUE"),
        ("[odd]\nbad\n[odd:vra]\nx=1", "line 5.*is no section"),
        ("[o d]\nbad", "line 3.*is no section"),
        ("[odd]\nbad\n[odd:children]\nodd", "among its own children"),
    ],
)
def test_a_bad_line_of_ini_refuses_its_hosts_alone(lines: str, word: str) -> None:
    raw = f"[fine]\ngood\n{lines}\n".encode("utf-8", "surrogateescape")
    inventory = Inventory.parse(raw)
    assert inventory.hosts == {"good"}
    assert [name.removesuffix("[1") for name in inventory.refused] == ["bad"]
    assert re.search(word, next(iter(inventory.refused.values())))


def test_values_of_ini_are_literals_where_they_are_some() -> None:
    assert [value_of(text) for text in ("22", "True", "(1, 2)", "{'a': b'x'}", "1+2j", "...", "yes", "[" * 9999)] == [
        22, True, [1, 2], {"a": "x"}, "(1+2j)", "...", "yes", "[" * 9999
    ]  # fmt: skip


def write(folder: Path, files: dict[str, str]) -> Path:
    for parent in {(folder / name).parent for name in files}:
        parent.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder / "inventory.yml"


def test_the_folders_beside_it_belong_to_it(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        {
            "inventory.yml": "top: {children: {low: {hosts: {a: {x: host}, b: }, vars: {x: low, y: low}}}}",
            "group_vars/all.yml": "x: all-file\nz: all-file\nansible_become: true\n",
            "group_vars/low/1.yml": "y: one\nw: one\n",
            "group_vars/low/2": "w: two\n",
            "group_vars/low/.hidden.yml": "w: hidden\n",
            "group_vars/low/notes.md": "w: notes\n",
            "group_vars/top.json": '{"z": "top-file"}',
            "host_vars/b.yml": "x: b-file\n",
            "host_vars/gone.yml": "x: 1\n",
        },
    )
    inventory = Inventory.load(path)
    assert inventory.variables_of("a") == {
        "x": "host", "y": "one", "z": "top-file", "w": "two", "ansible_become": True
    }  # fmt: skip
    assert inventory.variables_of("b")["x"] == "b-file"
    assert {"ansible_become", "w", "z"} <= inventory.variables
    assert [note.rpartition("/")[2] for note in inventory.notes] == ["gone.yml is for no host of the inventory"]
    one = inventory.only("a")
    assert set(one.files) == {"group_vars/all.yml", "group_vars/low/1.yml", "group_vars/low/2", "group_vars/top.json"}
    assert one.variables_of("a") == inventory.variables_of("a")


def test_a_file_beside_it_that_cannot_be_used_refuses_those_it_is_for(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        {
            "inventory.yml": "all: {hosts: {good: }}\nx: {hosts: {sealed: }}\ny: {children: {z: {hosts: {below: }}}}\n",
            "group_vars/x/vault.yml": "$ANSIBLE_VAULT;1.1;AES256\n6133\n",
            "group_vars/y.yml": "fine: 1\nbroken: [\n",
            "host_vars/odd/a.yml": "- a list\n",
        },
    )
    os.mkfifo(tmp_path / "host_vars" / "pipe")
    inventory = Inventory.load(path)
    assert inventory.hosts == {"good"}
    assert "group_vars/x/vault.yml, line 1: the file is encrypted" in inventory.refused["sealed"]
    assert "move what a run needs into a plain file" in inventory.refused["sealed"]
    assert "group_vars/y.yml, line 3" in inventory.refused["below"]
    assert inventory.refused.keys() == {"sealed", "below"}


def test_a_folder_of_inventories_is_refused_with_the_way_to_one_file(tmp_path: Path) -> None:
    path = write(tmp_path, {"inventory.yml/10-web.yml": "web: {hosts: {a: }}", "inventory.yml/20-db.ini": "[db]\nb\n"})
    with pytest.raises(InventoryError, match=r"is a folder.*ansible-inventory -i FOLDER --list --yaml"):
        Inventory.load(path)


def test_a_file_for_each_of_many_hosts_is_read(tmp_path: Path) -> None:
    hosts = [f"h{number}" for number in range(3000)]
    files = {f"host_vars/{host}.yml": f"x: {host}\n" for host in hosts}
    inventory = Inventory.load(write(tmp_path, {"inventory.yml": "\n".join(["[g]", *hosts]), **files}))
    assert inventory.variables_of("h2999") == {"x": "h2999"}
    assert inventory.refused == {}


def test_a_change_in_the_folders_is_seen(tmp_path: Path) -> None:
    path = write(tmp_path, {"inventory.yml": "all: {hosts: {a: }}", "group_vars/all/x.yml": "a: 1\n"})
    before = inventory_stamp(path)
    assert inventory_stamp(path) == before
    write(tmp_path, {"host_vars/a.yml": "a: 2\n"})
    after = inventory_stamp(path)
    assert after != before
    (tmp_path / "group_vars" / "all" / "x.yml").write_text("a: 11\n")
    assert inventory_stamp(path) != after


def test_who_is_not_there_learns_what_to_write() -> None:
    inventory = Inventory.parse(
        b"all: {hosts: {NAS01: , pi: {ansible_host: 192.0.2.9}}, children: {web: {hosts: {a: }}}}"
    )
    assert inventory.problem_with("NAS01") is None
    said = {name: inventory.problem_with(name) or "" for name in ("nas01", "192.0.2.9", "web", "new")}
    assert "NODE_NAME=NAS01" in said["nas01"]
    assert "NODE_NAME=pi" in said["192.0.2.9"]
    assert "is a group" in said["web"]
    assert "new: {ansible_host: ADDRESS}" in said["new"]
    ini = Inventory.parse(b"[web]\na\n").problem_with("new") or ""
    assert "new ansible_host=ADDRESS" in ini
    refused = Inventory.parse(b"all: {hosts: {a: , bad: {x: !y z}}}").problem_with("bad") or ""
    assert "line 1" in refused


def test_how_a_host_is_reached_follows_from_its_variables() -> None:
    said = filled_in(
        "pi.lan", {"ansible_host": "{{ inventory_hostname_short }}.{{ zone }}", "zone": "{{ z }}", "z": "x"}
    )
    assert said["ansible_host"] == "pi.x"
    reached = connection_of(
        "pi", {"ansible_port": 2222, "ansible_ssh_user": "ops", "ansible_ssh_common_args": "-F 'a b'"}
    )
    assert (reached.kind, reached.address) == ("ssh", "pi")
    assert reached.options == ("-F", "a b", "-o", "Port=2222", "-l", "ops")
    assert connection_of("pi", {"ansible_connection": "ansible.builtin.local"}).kind == "local"
    assert connection_of("pi", {"ansible_connection": "community.docker.docker"}).kind == "engine"
    assert connection_of("pi", {"ansible_connection": "winrm"}).kind == "other"
    assert connection_of("pi", {"ansible_host": "{{ lookup('x') }}"}).is_template
