"""How much is risked where a requested playbook runs, by its tasks; a person's own is high."""

from __future__ import annotations

import hashlib

import pytest
import yaml

from mesh_core.models.events import HealthEvent
from mesh_core.models.proposals import A_PERSON, ModelRef, Playbook, Proposal, Risk, proposal_id
from mesh_core.policy.policy import Policy
from mesh_core.policy.proposed_playbook.playbook_risk import risk_of_playbook, risk_of_proposal

POLICY = Policy.load(None)
TEMPLATED = "{{ which }}"
ROWS = {
    "low": (
        "ping: {}",
        "package: {name: nginx, state: present}",
        "apt: {name: [nginx, curl], state: latest, update_cache: true}",
        "yum: {name: nginx, state: present}",
        "file: {path: /srv/shop, state: directory}",
        "copy: {content: hello, dest: /var/www/html/index.html}",
        "git: {repo: 'https://example.org/x.git', dest: /opt/x}",
        "cron: {name: tidy, job: /opt/tidy, minute: '5'}",
        "service: {name: nginx, state: started, enabled: true}",
        "stat: {path: /etc/shadow}",
    ),
    "guarded": (
        "copy: {content: hello, dest: /etc/motd}",
        "lineinfile: {path: /etc/sysctl.conf, line: 'vm.swappiness = 1'}",
        "service: {name: nginx, state: restarted}",
        "systemd: {name: nginx, enabled: false}",
        "community.docker.docker_container: {name: web, image: nginx, state: started}",
        "community.general.ufw: {rule: allow, port: '8080'}",
        "ansible.posix.firewalld: {port: 8080/tcp, state: enabled}",
        "ansible.posix.sysctl: {name: vm.swappiness, value: '1'}",
        "user: {name: ann, groups: [www-data], append: true}",
    ),
    "high": (
        "package: {name: nginx, state: absent}",
        "apt: {name: nginx, purge: true}",
        "package: {name: nginx, state: '" + TEMPLATED + "'}",
        "ansible.posix.selinux: {state: disabled}",
        "file: {path: /srv/shop, state: absent}",
        "copy: {content: x, dest: /etc/sudoers.d/ann}",
        "copy: {content: x, dest: /etc/ssh/sshd_config}",
        "copy: {content: x, dest: /srv/ann/.ssh/authorized_keys}",
        "copy: {content: x, dest: /opt/../etc/shadow}",
        "copy: {content: x, dest: '/opt/" + TEMPLATED + "'}",
        "user: {name: ann, groups: [sudo], append: true}",
        "user: {name: ann, groups: 'www-data,docker'}",
        "user: {name: ann, state: absent}",
        "ansible.posix.authorized_key: {user: ann, key: ssh-ed25519 AAAA}",
        "community.general.ufw: {rule: deny, port: '22'}",
        "community.general.ufw: {state: enabled}",
        "ansible.posix.firewalld: {service: ssh, state: disabled}",
        "service: {name: sshd, state: stopped}",
        "cron: {name: tidy, job: /opt/tidy, user: root}",
        "community.docker.docker_container: {name: web, image: nginx, volumes: ['/:/host']}",
        "package: {name: nginx}\n  become: true",
        "package: {name: nginx}\n  become_user: ann",
        "raw: reboot",
        "nonsense",
    ),
}


def playbook(task: str, more: str = "") -> Playbook:
    text = f"- hosts: web01\n  vars: {{which: absent}}\n{more}  tasks:\n    - " + task.replace("\n", "\n    ") + "\n"
    return Playbook(name="p", sha256=hashlib.sha256(text.encode()).hexdigest(), text=text)


def proposal(kind: str, made: Playbook) -> Proposal:
    event = HealthEvent(id="web01/1-1", type=kind, node="web01", service="p")
    return Proposal(
        id=proposal_id("web01/1-1", "web01", "p"),
        type="playbook",
        action="playbook",
        risk_level=Risk.LOW,
        node="web01",
        service="p",
        reason="somebody asked for it",
        confidence=1,
        created_at="2026-01-01T00:00:00Z",
        expires_at="2027-01-01T00:00:00Z",
        event=event,
        model=A_PERSON,
        playbook=made,
    )


@pytest.mark.parametrize("wanted", ROWS)
def test_the_risk_follows_from_the_tasks(wanted: str) -> None:
    said = {task: risk_of_playbook(playbook(task), "web01", POLICY) for task in ROWS[wanted]}
    assert said == dict.fromkeys(ROWS[wanted], Risk(wanted))


def test_the_riskiest_task_counts_wherever_it_stands_and_whoever_it_becomes() -> None:
    absent = {"package": {"name": "nginx", "state": "absent"}}
    for hidden in ({"block": [absent]}, {"block": [{"ping": {}}], "rescue": [absent]}, {"block": [], "become": True}):
        task = yaml.safe_dump([hidden], default_flow_style=True).strip().removeprefix("[").removesuffix("]")
        assert risk_of_playbook(playbook(task), "web01", POLICY) is Risk.HIGH, hidden
    assert risk_of_playbook(playbook("ping: {}", "  become: true\n"), "web01", POLICY) is Risk.HIGH


def test_what_a_person_wrote_is_high_and_what_a_policy_widened_is_too() -> None:
    asked, written = proposal("playbook_requested", playbook("ping: {}")), proposal("oom", playbook("ping: {}"))
    assert (risk_of_proposal(asked, POLICY), risk_of_proposal(written, POLICY)) == (Risk.LOW, Risk.HIGH)
    by_a_model = asked.model_copy(update={"model": ModelRef(name="m", provider="openai", position=1, latency_ms=1)})
    assert risk_of_proposal(by_a_model, POLICY) is Risk.GUARDED
    wide = Policy.from_text("requests: {modules: {ansible.builtin.shell: [cmd]}}")
    assert risk_of_playbook(playbook("shell: {cmd: id}"), "web01", wide) is Risk.HIGH
