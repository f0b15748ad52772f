"""A person's own playbook is judged in pure Python before Ansible sees it: checking the syntax would run it."""

from __future__ import annotations

import pytest

from mesh_core.playbooks import playbook_hazards

GOOD = """
- name: Free some space
  hosts: n1
  become: true
  vars: {days: 7, folder: /var/log}
  tasks:
    - name: Old logs of {{ folder }}
      ansible.builtin.command:
        argv: [find, "{{ folder }}", -mtime, "+{{ days }}", -delete]
      changed_when: true
    - block:
        - community.docker.docker_prune: {images: true}
      rescue:
        - ansible.builtin.debug: {msg: "no docker; the query was fine"}
      when: days | int > 3
  handlers:
    - name: reload
      ansible.builtin.systemd_service: {name: x, state: reloaded}
"""


def test_an_ordinary_playbook_for_the_node_passes() -> None:
    assert playbook_hazards(GOOD, "n1") == ()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "- just text",
        "[]",
        "- hosts: n2\n  tasks: []",
        "- hosts: all\n  tasks: []",
        "- hosts: [n1]\n  tasks: []",
        "- hosts: 'n1,n2'\n  tasks: []",
        "- hosts: \"{{ lookup('pipe', 'id') }}\"\n  tasks: []",
        "- name: \"{{ lookup('pipe', 'id') }}\"\n  hosts: n1\n  tasks: []",
        "- name: '{% set x = 1 %}'\n  hosts: n1\n  tasks: []",
        "- hosts: n1\n  become_user: '{{ x }}'\n  tasks: []",
        "- hosts: n1\n  vars_files: [\"{{ lookup('pipe','id') }}\"]\n  tasks: []",
        "- hosts: n1\n  roles: [x]",
        "- hosts: n1\n  connection: local\n  tasks: []",
        "- hosts: n1\n  vars: {ansible_host: evil}\n  tasks: []",
        "- hosts: n1\n  vars: {x: \"{{ lookup('pipe','id') }}\"}\n  tasks: []",
        "- import_playbook: other.yml",
        "- hosts: n1\n  tasks: [{import_tasks: \"{{ lookup('pipe','id') }}\"}]",
        "- hosts: n1\n  tasks: [{ansible.builtin.include_tasks: x.yml}]",
        "- hosts: n1\n  tasks: [{include_role: {name: x}}]",
        "- hosts: n1\n  tasks: [{command: id, delegate_to: n2}]",
        "- hosts: n1\n  tasks: [{local_action: command id}]",
        "- hosts: n1\n  tasks: [{action: command id}]",
        "- hosts: n1\n  tasks: [{add_host: {name: n2}}]",
        "- hosts: n1\n  tasks: [{set_fact: {ansible_host: n2}}]",
        "- hosts: n1\n  tasks: [{set_fact: 'ansible_host=n2'}]",
        "- hosts: n1\n  tasks: [{set_fact: , args: {ansible_host: n2}}]",
        "- hosts: n1\n  tasks: [{command: id, loop: [n2], loop_control: {loop_var: ansible_host}}]",
        "- hosts: n1\n  tasks: [{command: id, register: ansible_connection}]",
        "- hosts: n1\n  tasks: [{command: id, with_pipe: id}]",
        "- hosts: n1\n  tasks: [{command: \"echo {{ query('pipe', 'id') }}\"}]",
        "- hosts: n1\n  tasks: [{command: \"{% set l = q %}{{ l('pipe', 'id') }}\"}]",
        "- hosts: n1\n  tasks: [{command: id, when: \"lookup('pipe', 'id') == ''\"}]",
        "- hosts: n1\n  tasks: [{command: id, async: 100, poll: 0}]",
        "- hosts: n1\n  tasks: [{command: id, shell: id}]",
        "- hosts: n1\n  tasks: [{name: nothing}]",
        "- hosts: n1\n  tasks: [{block: [{add_host: {name: x}}]}]",
        "- hosts: n1\n  tasks: {command: id}",
        "- hosts: n1\n  hosts: n2\n  tasks: []",
        "- hosts: n1\n  tasks: &t []\n  handlers: *t",
        "- hosts: n1\n  tasks: !!python/object/apply:os.system ['id']",
        "- hosts: n1\n  tasks: [" + "{block: [" * 3000,
    ],
)
def test_what_could_act_before_or_beyond_the_review_is_named(text: str) -> None:
    hazards = playbook_hazards(text, "n1")
    assert hazards
    assert all(isinstance(sentence, str) and sentence for sentence in hazards)


def test_a_very_long_line_costs_its_length_only() -> None:
    assert playbook_hazards(f"- hosts: n1\n  tasks: [{{command: '{'{% q' * 50_000}'}}]", "n1")
