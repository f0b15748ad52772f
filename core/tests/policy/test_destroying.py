"""Tasks that destroy a host's data or shut the way in are said on the card in red, by whatever module or place."""

from __future__ import annotations

import hashlib
import time
from typing import Any

import pytest
import yaml
from destroying_rig import WIDENED, lint, shell

from mesh_core.models.yaml_loader import SafeDumper
from mesh_core.policy.playbook_lint import lint_text


@pytest.mark.parametrize(
    "task",
    [
        {"file": {"path": "/", "state": "absent"}},
        {"file": {"path": "/srv/photos", "state": "absent"}},
        {"file": {"path": "/etc/nginx/sites.d", "state": "absent"}},
        {"file": {"dest": "{{ where }}", "state": "absent"}, "vars": {"where": "/srv/data"}},
        {"file": {"path": "{{ item }}", "state": "absent"}, "loop": ["/tmp/x", "/var/lib/mysql"]},
        {"file": {"path": "/", "state": "directory", "recurse": True, "mode": "0777"}},
        {"file": {"path": "/srv/x", "state": "directory", "recurse": True, "mode": "a+rwx"}},
        {"copy": {"content": "x", "dest": "/dev/sda"}},
        {"copy": {"content": "", "dest": "/etc/ssh/sshd_config"}},
        {"lineinfile": {"path": "/etc/sudoers", "line": "x"}},
        {"copy": {"content": "#!/bin/sh\nrm -rf /srv/data\n", "dest": "/root/x"}},
        {"copy": {"content": "rm -rf /srv/data\n", "dest": "/root/x", "mode": "0755"}},
        {"copy": {"content": "[Service]\nExecStart=/bin/rm -rf /srv/data\n", "dest": "/etc/systemd/system/x.service"}},
        {"cron": {"name": "x", "job": "rm -rf /srv/data"}},
        {"community.docker.docker_container": {"name": "x", "image": "a", "command": ["rm", "-rf", "/host"]}},
        {"community.docker.docker_volume": {"name": "db", "state": "absent"}},
        {"community.docker.docker_compose_v2": {"project_src": "/srv/x", "state": "absent"}},
        {"community.docker.docker_prune": {"containers": True}},
        {"community.docker.docker_container": {"name": "redis", "state": "stopped"}},
        {"systemd": {"name": "sshd", "state": "stopped"}},
        {"service": {"name": "ssh.service", "enabled": False}},
        {"systemd": {"name": "{{ item }}", "masked": True}, "loop": ["nginx", "tailscaled"]},
        {"user": {"name": "anna", "state": "absent", "remove": True}},
        {"apt": {"name": "docker-ce", "state": "absent", "purge": True}},
        {"apt": {"autoremove": True}},
        {"ansible.posix.mount": {"path": "/srv", "state": "absent"}},
        {"ansible.posix.authorized_key": {"user": "root", "key": "x", "exclusive": True}},
        {"community.general.ufw": {"state": "reset"}},
        {"community.general.ufw": {"default": "deny"}},
        {"ansible.posix.selinux": {"state": "permissive"}},
        {"git": {"repo": "https://example.org/x.git", "dest": "/srv/x", "force": True}},
        {"copy": {"content": "", "dest": "/srv/db.sqlite"}},
        {"user": {"name": "root", "shell": "/usr/sbin/nologin"}},
        {"user": {"name": "anna", "password": "!"}},
        {"service": {"name": "networking", "state": "stopped"}},
        {"ansible.builtin.iptables": {"chain": "INPUT", "flush": True}},
        {"command": {"argv": ["/usr/bin/env", "sh", "-c", "rm -rf /srv"]}},
        {"command": "rm -rf /srv/data"},
        {"shell": {"cmd": "rm -rf *", "chdir": "/"}},
        {"shell": {"cmd": "sh", "stdin": "rm -rf /srv/data"}},
    ],
)
def test_a_task_that_takes_away_is_named_by_its_module(task: dict[str, Any]) -> None:
    found = lint(task)
    assert not found.problems
    assert found.dangers


@pytest.mark.parametrize(
    "task",
    [
        {"file": {"path": "/etc/apt/sources.list.d/x.list", "state": "absent"}},
        {"file": {"path": "/tmp/x", "state": "absent"}},
        {"file": {"path": "/srv/x", "state": "directory", "owner": "www-data", "recurse": True}},
        {"copy": {"content": "rm -rf is a command", "dest": "/etc/motd", "mode": "0644"}},
        {"systemd": {"name": "nginx", "state": "stopped"}},
        {"systemd": {"name": "sshd", "state": "restarted"}},
        {"apt": {"name": ["parted", "nginx"], "state": "present", "update_cache": True}},
        {"community.docker.docker_container": {"name": "web", "state": "stopped"}},
        {"community.docker.docker_prune": {"images": True}},
        {"community.general.ufw": {"rule": "allow", "port": "80"}},
        {"ansible.posix.selinux": {"state": "enforcing", "policy": "targeted"}},
        {"ansible.posix.mount": {"path": "/srv", "src": "x", "fstype": "nfs", "state": "mounted"}},
        {"cron": {"name": "x", "job": "/usr/bin/true"}},
        {"copy": {"content": "", "dest": "/srv/x", "force": False}},
    ],
)
def test_an_ordinary_task_is_not(task: dict[str, Any]) -> None:
    found = lint(task)
    assert (found.problems, found.dangers) == ((), ())


EVIL = "rm -rf /srv/data"


@pytest.mark.parametrize(
    "play",
    [
        {"tasks": [{"block": [{"shell": EVIL}]}]},
        {"tasks": [{"block": [{"ping": {}}], "rescue": [{"shell": EVIL}]}]},
        {"tasks": [{"block": [{"ping": {}}], "always": [{"block": [{"shell": EVIL}]}]}]},
        {"tasks": [], "handlers": [{"name": "h", "shell": EVIL}]},
        {"pre_tasks": [{"shell": EVIL}]},
        {"post_tasks": [{"shell": EVIL, "when": "false"}]},
        {"vars": {"what": EVIL}, "tasks": [{"shell": "{{ what }}"}]},
        {"vars": {"a": "r", "b": "m -rf"}, "tasks": [{"shell": "{{ a }}{{ b }} /srv/data"}]},
        {"vars": {"outer": "{{ inner }} /srv", "inner": "rm -rf"}, "tasks": [{"shell": "{{ outer }}"}]},
        {"vars": {"m": {"x": [EVIL]}}, "tasks": [{"shell": "{{ m.x[0] }}"}]},
        {"tasks": [{"shell": "{{ item }}", "loop": ["true", EVIL]}]},
        {"tasks": [{"shell": "{{ item }}", "loop": [*["true"] * 150, EVIL]}]},
        {"tasks": [{"shell": "{{ item }}", "loop": [*["true"] * 900, EVIL]}]},
        {"tasks": [{"shell": "{{ item.c }}", "loop": [{"c": "true"}, {"c": EVIL}]}]},
        {"vars": {"all_of_it": ["true", EVIL]}, "tasks": [{"shell": "{{ item }}", "loop": "{{ all_of_it }}"}]},
        {"tasks": [{"shell": "{{ 'rm' ~ ' -rf ' }}/srv/data"}]},
        {"tasks": [{"shell": "{{ nowhere | default('rm -rf') }} /srv/data", "vars": {"nowhere": ""}}]},
        {"tasks": [{"set_fact": {"said": EVIL}}, {"shell": "{{ said }}"}]},
        {"tasks": [{"command": "cat /x", "register": "out"}, {"shell": "{{ out.stdout }}"}]},
        {"tasks": [{"command": "cat /x", "register": "out"}, {"shell": "rm -rf {{ out.stdout }}"}]},
        {
            "tasks": [
                {"command": "cat /x", "register": "out"},
                {"file": {"path": "{{ out.stdout }}", "state": "absent"}},
            ]
        },
    ],
)
def test_no_place_in_a_playbook_hides_it(play: dict[str, Any]) -> None:
    text = yaml.dump([{"hosts": "n1", **play}], Dumper=SafeDumper, sort_keys=False)
    found = lint_text(text, "n1", {}, WIDENED)
    assert not found.problems
    assert found.dangers


def test_a_program_among_the_attachments_is_read() -> None:
    script = "#!/bin/sh\nset -e\nrm -rf /srv/data\n"
    sha256 = hashlib.sha256(script.encode()).hexdigest()
    copied = {"copy": {"src": f"files/{sha256}", "dest": "/root/tidy"}}
    assert "removes a whole tree" in " ".join(lint(copied, files={sha256: script}).dangers)


def test_the_sentence_says_what_and_where() -> None:
    assert shell("sudo rm -rf /srv/data") == ("it removes a whole tree of the host: sudo rm -rf /srv/data",)
    assert lint({"systemd": {"name": "sshd", "state": "stopped"}}).dangers == (
        "it stops sshd, which the mesh or the way in depends on: systemd sshd",
    )
    assert len(shell("rm -rf " + "/srv/data/" * 99)[0]) < 200


@pytest.mark.slow
def test_text_of_any_size_takes_no_time() -> None:
    began = time.process_time()
    for text in (
        "rm -rf /srv " * 20_000,
        "$(" * 100_000,
        "a() { | " * 20_000,
        "> " * 100_000,
        "`" * 200_000,
        "<" * 200_000,
        "chmod -R " + "a" * 200_000 + " /srv",
    ):
        lint({"shell": text[: 240 * 1024]})
    assert time.process_time() - began < 20
