"""Shapes that playbooks of public repositories have: what of them passes, and what the sentence says to write instead.

In words of our own: nobody's text is kept.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from lint_rig import HEAD, lint

from mesh_core.policy.playbook_lint import Lint

REFUSED = (
    # prose and fences around it, tabs, a template without quotes
    ("Here you are:\n```yaml\n- hosts: n1\n  tasks: []\n```\nEnjoy!\n", "keep only what stands between the ``` lines"),
    ("- hosts: n1\n  tasks:\n\t- ping: {}\n", "in line 3: a tab, indent with blanks"),
    ("- hosts: n1\n  vars:\n    a: b: c\n  tasks: []\n", "in line 3"),
    (HEAD + "[{debug: {msg: {{ x }}}}]", "is no text; quote it"),
    ("hosts: n1\ntasks: []\n", "it is not a list of plays"),
    # words of a play
    ("- hosts: n1\n  roles: [common]\n", "roles: what it loads cannot be reviewed here; write its tasks out"),
    ("- hosts: n1\n  vars_prompt: [{name: x}]\n  tasks: []\n", "nobody is there to answer while it runs; use vars"),
    ("- hosts: n1\n  module_defaults: {}\n  tasks: []\n", "module_defaults: say each argument at its own task"),
    ("- hosts: n1\n  remote_user: root\n  tasks: []\n", "remote_user: it would lead to another host"),
    ("- hosts: n1\n  environment: {A: b}\n  tasks: []\n", "environment: it changes what the programs"),
    ("- hosts: n1\n  become_method: su\n  tasks: []\n", "become_method: how another user is become"),
    ("- hosts: n1\n  strategy: free\n  tasks: []\n", "strategy: it picks code of the executor"),
    ("- hosts: n1\n  serial: '{{ n }}'\n  tasks: []\n", "serial: a template may not name 'n'"),
    ("- hosts: n1\n  vars: {n: 1}\n  serial: '{{ n }}'\n  tasks: []\n", "serial may not be a template"),
    # tasks
    (HEAD + "[{apt: name=nginx state=present}]", "apt: say its arguments as a mapping"),
    (HEAD + "[{package: {name: '{{ item }}'}, with_items: [a]}]", "with_items': it is a lookup"),
    (HEAD + "[{ufw: {rule: allow}}]", "as community.general.ufw it is"),
    (HEAD + "[{sysctl: {name: a.b, value: 1}}]", "as ansible.posix.sysctl it is"),
    (HEAD + "[{community.general.docker_container: {name: a}}]", "as community.docker.docker_container it is"),
    (HEAD + "[{community.general.npm: {name: a}}]", "the executor does not have it"),
    (HEAD + "[{ansible.builtin.expect: {command: a}}]", "config/policy.yml can add to it"),
    (HEAD + "[{debug: {var: x}}]", "use msg with the name in braces"),
    (HEAD + "[{local_action: ping}]", "local_action: name the module as the task's own word"),
    (HEAD + "[{ping: {}, async: 10, poll: 0}]", "async: a run waits for each of its tasks"),
    (HEAD + "[{include: more.yml}]", "the module include may not be used"),
    (HEAD + "[{ansible.posix.selinux: {state: off}}]", "must be one of enforcing, permissive, disabled"),
)
ACCEPTED = (
    "- hosts: n1\n  serial: 1\n  become: true\n  tasks:\n    - yum: {name: [git, vim], state: latest}\n",
    HEAD + "[{ansible.builtin.yum: {name: bash, state: latest, security: true}}]",
    HEAD + "[{ansible.posix.selinux: {policy: targeted, state: enforcing}}]",
    HEAD + "[{ansible.posix.seboolean: {name: httpd_can_network_connect, state: true, persistent: true}}]",
    HEAD + "[{debug: {msg: '{{ ansible_memfree_mb }} {{ ansible_facts.loadavg }} {{ ansible_lsb.codename }}'}}]",
    HEAD + "[{debug: {msg: '{{ ansible_swaptotal_mb }}'}, when: ansible_facts.selinux.status == 'enabled'}]",
)


@pytest.mark.parametrize(("text", "told"), REFUSED, ids=range(len(REFUSED)))
def test_what_people_write_is_refused_with_what_to_write_instead(text: str, told: str) -> None:
    assert told in lint(text).sentence


@pytest.mark.parametrize("text", ACCEPTED, ids=range(len(ACCEPTED)))
def test_what_people_write_and_harms_nobody_passes(text: str) -> None:
    assert lint(text) == Lint()


def test_another_name_of_a_module_hides_no_danger() -> None:
    for module in ("dnf", "dnf5", "yum"):
        for removes in ("state: absent", "autoremove: true"):
            assert lint(HEAD + f"[{{{module}: {{name: git, {removes}}}}}]").dangers, (module, removes)


def test_every_rule_that_refused_one_is_explained_to_people() -> None:
    root = Path(__file__).parents[3]
    rows = (root / "benchmarks" / "playbooks_tried.tsv").read_text().splitlines()[1:]
    rules = {rule for row in rows for rule in row.split("\t")[3].split(", ")} - {"accepted"}
    words = (root / "docs" / "playbooks.md").read_text()
    assert len(rows) >= 120
    assert [rule for rule in sorted(rules) if f"\n| {rule} |" not in words] == []
