"""The judge of playbooks as its tests ask it: a playbook that passes, and short ways of writing one task."""

from __future__ import annotations

import hashlib
from typing import Any

import yaml

from mesh_core.models.yaml_loader import SafeDumper
from mesh_core.policy.playbook_lint import Lint, Widened, lint_text

MOTD = "Welcome to {{ greeting }}\n{% for one in mirrors if one %}{{ loop.index }} {{ one | upper }}\n{% endfor %}"
SHA = hashlib.sha256(MOTD.encode()).hexdigest()

HEAD = "- hosts: n1\n  tasks: "

GOOD = f"""
- name: Put up a page
  hosts: n1
  gather_facts: true
  become: true
  vars: {{days: 7, folder: /var/www, greeting: "host {{{{ inventory_hostname }}}}", mirrors: [a, b]}}
  pre_tasks:
    - ansible.builtin.apt: {{name: [nginx, "curl"], state: present, update_cache: true, cache_valid_time: 3600}}
      when: ansible_facts['os_family'] == 'Debian' and ansible_facts.distribution_version is version('11', '>=')
      register: installed
  tasks:
    - file: {{path: "{{{{ folder }}}}/html", state: directory, mode: "0755", owner: www-data}}
    - ansible.builtin.template: {{src: files/{SHA}, dest: "{{{{ folder }}}}/motd", mode: 0644}}
    - ansible.builtin.copy: {{src: files/{SHA}, dest: /etc/motd, backup: yes}}
    - ansible.builtin.copy: {{src: /etc/hosts, remote_src: true, dest: /etc/hosts.before}}
    - ansible.builtin.copy: {{content: !unsafe "{{{{ $labels.node }}}} is down", dest: /etc/rule}}
    - ansible.builtin.unarchive: {{src: "https://example.org/x.tgz", remote_src: true, dest: /opt}}
    - ansible.builtin.lineinfile: {{path: /etc/x, regexp: "^a=", line: "a={{{{ days | int + 1 }}}}"}}
    - ansible.builtin.get_url: {{url: "https://example.org/{{{{ days }}}}.txt", dest: /opt/x, mode: "0644"}}
    - ansible.builtin.git: {{repo: "https://example.org/x.git", dest: /opt/x, version: main}}
    - ansible.builtin.user: {{name: "{{{{ item.name }}}}", groups: [wheel], append: true}}
      loop: [{{name: ann}}, {{name: bob}}]
      loop_control: {{label: "{{{{ item.name }}}}"}}
    - ansible.builtin.uri: {{url: "http://127.0.0.1/", status_code: [200, 204]}}
      register: answer
      until: answer.status == 200
      retries: 3
      delay: 2
    - ansible.builtin.cron: {{name: tidy, minute: "*/5", job: /usr/bin/true}}
    - block:
        - community.docker.docker_prune: {{images: true}}
      rescue:
        - ansible.builtin.debug: {{msg: "no docker; the query was fine {{{{ answer | default({{}}) | to_json }}}}"}}
      when: days | int > 3
      vars: {{inner: "{{{{ mirrors | map('upper') | list | first }}}}"}}
    - ansible.builtin.set_fact: {{there: "{{{{ answer.json.get('a', 'b') if answer is defined else omit }}}}"}}
    - ansible.builtin.assert:
        that: [there is defined, "'x' in there or answer.content is search('ok|fine')"]
        fail_msg: "{{{{ there }}}} is not it"
    - ansible.posix.sysctl: {{name: net.ipv4.ip_forward, value: "1"}}
    - community.general.ufw: {{rule: allow, port: "80", proto: tcp}}
  handlers:
    - name: reload
      ansible.builtin.systemd_service: {{name: nginx.service, state: reloaded}}
"""


def lint(text: str, node: str = "n1", widened: Widened | None = None, files: dict[str, str] | None = None) -> Lint:
    return lint_text(text, node, {SHA: MOTD} if files is None else files, widened or Widened())


def a_task(**said: Any) -> str:
    return playbook({"hosts": "n1", "tasks": [said]})


def playbook(*plays: dict[str, Any]) -> str:
    """Each value on one line, however long it is."""
    text: str = yaml.dump(list(plays), Dumper=SafeDumper, sort_keys=False, width=1_000_000)
    return text


def template(text: str) -> str:
    return a_task(**{"ansible.builtin.debug": {"msg": text}})
