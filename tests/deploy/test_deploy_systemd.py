"""deploy.sh --systemd against a container with sshd and systemd: the real agent as a unit, from bare host to gone."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from parts.deploying import Checkout, Done, Host
from parts.engine import Engine
from parts.nodes import SystemdNode, new_key, systemd_container

from mesh_core.testing import free_port, within

UNIT = "mendmesh-node-agent"
ENV = "/etc/mendmesh/node-agent.env"
MAIN = "services/node-agent/src/node_agent/__main__.py"
START = "def main() -> None:\n"
SETTINGS = "NODE_NAME=web01\nREDIS_URL=redis://127.0.0.1:6379/0\n"


@pytest.fixture(scope="module")
def node(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SystemdNode]:
    with systemd_container(engine, tmp_path_factory.mktemp("deploy-node")) as node:
        yield node


@pytest.fixture(scope="module")
def host(node: SystemdNode) -> Host:
    host = Host(node.engine, node.name)
    host.sh("mount --make-rshared /")  # as on any real host; a container's root is private, and credentials need it
    return host


@pytest.fixture
def checkout(tmp_path: Path, node: SystemdNode) -> Checkout:
    """A fresh copy for each test, so that what a test breaks is only its own."""
    checkout = Checkout.copy(tmp_path / "checkout")
    checkout.add("web01", node)
    return checkout


@pytest.fixture
def running(checkout: Checkout, host: Host) -> str:
    """Some healthy release runs on web01, whichever test brought it; its name."""
    if host.sh(f"systemctl is-active {UNIT}", check=False) != "active":
        bootstrap(checkout, host)
        host.write(ENV, SETTINGS)
        assert (done := deploy(checkout)).code == 0, done
    return host.release()


def bootstrap(checkout: Checkout, host: Host) -> None:
    if host.sh(f"id -u mend-node && ls {ENV}", check=False):
        return
    done = checkout.run("bootstrap-node.sh", "--node", "web01", "--systemd")
    assert done.code == 0, done


def deploy(checkout: Checkout, *options: str) -> Done:
    return checkout.deploy("--node", "web01", "--systemd", *options)


def main_pid(node: SystemdNode) -> str:
    return node.show(UNIT, "MainPID")["MainPID"]


def test_a_bare_host_is_prepared_once_and_a_dry_run_prepares_nothing(checkout: Checkout, host: Host) -> None:
    done = deploy(checkout)
    assert (done.code, "bootstrap-node.sh --node web01" in done.sentence) == (17, True), done

    dry = checkout.run("bootstrap-node.sh", "--node", "web01", "--systemd", "--dry-run")
    assert (dry.code, "would  user mend-node (10003)" in dry.out) == (0, True), dry
    assert host.sh("ls -d /opt/mendmesh /etc/mendmesh; id -u mend-node", check=False) == ""

    first = checkout.run("bootstrap-node.sh", "--node", "web01", "--systemd")
    assert (first.code, "made   user mend-node (10003)" in first.out) == (0, True), first
    assert host.sh(f"stat -c '%a %U' {ENV}") == "600 root"
    assert host.sh("id mend-node") == "uid=10003(mend-node) gid=10101(mendmesh) groups=10101(mendmesh)"

    second = checkout.run("bootstrap-node.sh", "--node", "web01", "--systemd")
    assert (second.code, "no change" in second.out, "made" in second.out) == (0, True, False), second


def test_a_node_without_its_settings_is_told_which_one_is_missing(checkout: Checkout, host: Host) -> None:
    bootstrap(checkout, host)
    host.write(ENV, "NODE_NAME=web01\n")
    done = deploy(checkout)
    assert (done.code, f"REDIS_URL is not set in {ENV}" in done.sentence) == (16, True), done
    host.write(ENV, SETTINGS, mode="644")
    done = deploy(checkout)
    assert (done.code, "chmod 600" in done.sentence) == (16, True), done
    host.write(ENV, SETTINGS.replace("web01", "web02"))
    done = deploy(checkout)
    assert (done.code, "the inventory calls this host web01" in done.sentence) == (16, True), done
    assert host.release() == ""


def test_a_fresh_install_is_healthy_and_the_second_run_changes_nothing(
    checkout: Checkout, node: SystemdNode, host: Host
) -> None:
    bootstrap(checkout, host)
    host.write(ENV, SETTINGS)
    dry = deploy(checkout, "--dry-run")
    assert (dry.code, "nothing was changed" in dry.out, host.release()) == (0, True, ""), dry

    first = deploy(checkout)
    assert (first.code, "the first here" in first.out) == (0, True), first
    assert node.show(UNIT, "ActiveState", "NRestarts") == {"ActiveState": "active", "NRestarts": "0"}
    pid = main_pid(node)

    with within(30, "a deployment of what runs there already"):  # two or three on a quiet machine
        second = deploy(checkout)
    assert (second.code, "no change" in second.out, main_pid(node)) == (0, True, pid), second

    end = deploy(checkout, "--rollback")
    assert (end.code, "no earlier version" in end.sentence, main_pid(node)) == (62, True, pid), end


READS = """
    import os, pathlib
    if folder := os.environ.get("CREDENTIALS_DIRECTORY"):
        seen = pathlib.Path(folder, "REDIS_PASSWORD").read_text() + os.environ["REDIS_USERNAME"]
        pathlib.Path("/opt/homelab/spool/seen").write_text(seen)
"""
TRIES = """
    import pathlib
    said = {}
    folders = "/etc", "/opt/mendmesh", "/opt/homelab/config", "/opt/homelab", "/var/lib", "/usr", "/root", "/tmp"
    for path in (folder + "/x" for folder in folders):
        try:
            pathlib.Path(path).write_text("x")
        except OSError as error:
            said[path] = error.strerror
    pathlib.Path("/opt/homelab/spool/tried").write_text(str(sorted(said)))
"""


def test_the_unit_may_write_its_own_folders_and_nothing_else(
    running: str, checkout: Checkout, node: SystemdNode, host: Host
) -> None:
    checkout.edit(MAIN, START, START + TRIES)
    assert (done := deploy(checkout)).code == 0, done
    own = "/opt/homelab/config/x", "/opt/homelab/x", "/opt/mendmesh/x"
    tried = ["/etc/x", *own, "/root/x", "/tmp/x", "/usr/x", "/var/lib/x"]
    assert host.sh("cat /opt/homelab/spool/tried") == str(tried)
    status = host.sh(f"cat /proc/{main_pid(node)}/status").splitlines()
    words = {line.partition(":")[0]: line.partition(":")[2].split() for line in status}
    assert words["Uid"] == ["10003"] * 4
    assert words["NoNewPrivs"] == ["1"]
    assert int(words["CapBnd"][0], 16) == 0


def test_a_new_version_replaces_the_old_one_and_sends_only_itself(
    running: str, checkout: Checkout, node: SystemdNode, host: Host
) -> None:
    pid = main_pid(node)
    for place in (".env", "services/node-agent/.env", "services/node-agent/src/node_agent/.env"):
        checkout.write(place, "MARK=from-the-laptop\n")
    checkout.edit(MAIN, START, START + "    # the version after\n")
    done = deploy(checkout)
    assert (done.code, f"was {running}" in done.out) == (0, True), done
    assert "same   packages" in done.out, done
    assert host.release() != running
    assert main_pid(node) != pid
    assert host.sh("grep -rl from-the-laptop /opt /etc /var/lib", check=False) == ""
    assert host.sh(f"cat {ENV}") == SETTINGS.strip()


def test_a_version_that_dies_at_once_is_replaced_by_the_one_before(
    running: str, checkout: Checkout, node: SystemdNode, host: Host
) -> None:
    checkout.edit(MAIN, START, START + "    raise SystemExit('broken on purpose')\n")
    done = deploy(checkout)
    assert done.code == 60, done
    assert f"the version before it ({running}) runs again and is healthy" in done.sentence, done
    assert "broken on purpose" in done.out, done
    assert host.release() == running
    assert node.show(UNIT, "ActiveState") == {"ActiveState": "active"}


def test_the_heartbeat_of_the_old_version_does_not_vouch_for_the_new_one(
    running: str, checkout: Checkout, host: Host
) -> None:
    """For five minutes the health check alone would believe it."""
    checkout.edit(MAIN, START, START + "    import threading\n    threading.Event().wait()\n")
    # The version before has no longer to be healthy again, on a machine that may be busy.
    done = deploy(checkout, "--wait", "30")
    assert done.code == 60, done
    assert "not healthy within 30 s (it runs; no heartbeat of this start yet)" in done.sentence, done
    assert host.release() == running


def test_settings_that_are_refused_are_named_and_do_not_restart_for_ever(
    running: str, checkout: Checkout, node: SystemdNode, host: Host
) -> None:
    host.write(ENV, SETTINGS + "LOG_LEVEL=loud\nREDIS_PASWORD=x\n")
    done = deploy(checkout)
    assert done.code == 61, done  # the version before cannot live with them either
    assert "LOG_LEVEL='loud'" in done.sentence, done
    assert "REDIS_PASWORD in /etc/mendmesh/node-agent.env is no setting of node-agent" in done.out, done
    assert node.show(UNIT, "ActiveState", "NRestarts") == {"ActiveState": "failed", "NRestarts": "0"}
    host.write(ENV, SETTINGS)
    assert (again := deploy(checkout)).code == 0, again


def test_changed_settings_alone_start_it_anew(running: str, checkout: Checkout, node: SystemdNode, host: Host) -> None:
    pid = main_pid(node)
    host.write(ENV, SETTINGS + "LOG_LEVEL=debug\n")
    done = deploy(checkout)
    assert (done.code, "started anew" in done.out, main_pid(node) != pid) == (0, True, True), done
    host.write(ENV, SETTINGS)


def test_a_secret_reaches_the_service_as_a_credential_and_nobody_else(
    running: str, checkout: Checkout, node: SystemdNode, host: Host
) -> None:
    host.write("/opt/homelab/secrets/node-agent/redis_password", "s3cret", mode="400")
    checkout.edit(MAIN, START, START + READS)
    done = deploy(checkout)
    assert done.code == 0, done
    assert "s3cret" not in done.out + done.err
    assert host.sh("cat /opt/homelab/spool/seen") == "s3cret" + "node-web01"
    assert "s3cret" not in host.sh(f"tr '\\0' '\\n' < /proc/{main_pid(node)}/environ; systemctl show {UNIT}")
    assert host.sh("stat -c '%a %U' /opt/homelab/secrets/node-agent") == "500 mend-node"
    host.sh("rm /opt/homelab/secrets/node-agent/redis_password")


def test_a_person_can_go_back_and_further_back(running: str, checkout: Checkout, host: Host) -> None:
    before = older(host)
    checkout.edit(MAIN, START, START + "    # one that a person takes back\n")
    assert (done := deploy(checkout)).code == 0, done
    newest = host.release()
    assert (dry := deploy(checkout, "--rollback", "--dry-run")).code == 0, dry
    assert host.release() == newest
    assert (back := deploy(checkout, "--rollback")).code == 0, back
    assert f"went back from {newest} to {running}" in back.out, back
    assert host.release() == running
    assert (back := deploy(checkout, "--rollback")).code == 0, back
    assert host.release() == before
    assert len(host.sh("ls /opt/mendmesh/node-agent/releases").split()) == 3


def older(host: Host) -> str:
    """The release that was proven just before the running one."""
    proofs = host.sh("cd /opt/mendmesh/node-agent/releases && ls -t */verified").split()
    return proofs[1].partition("/")[0]


def waits_for(word: str) -> str:
    """Lines of a version that is not well before it may go on."""
    return f"    import os, time\n    while not os.path.exists('/opt/homelab/spool/{word}'):\n        time.sleep(0.1)\n"


def may_go_on(word: str) -> str:
    return f"touch /opt/homelab/spool/{word}"


def test_ctrl_c_says_where_it_stands_and_the_same_command_goes_on(running: str, checkout: Checkout, host: Host) -> None:
    checkout.edit(MAIN, START, START + waits_for("the-same-command"))
    stopped = checkout.interrupt(
        lambda: host.release() != running and host.sh(f"systemctl is-active {UNIT}", check=False) == "active",
        *("--node", "web01", "--systemd"),
    )
    assert stopped.code == 130, stopped
    assert "stopped during" in stopped.sentence, stopped
    assert "the same command" in stopped.sentence, stopped
    host.sh(may_go_on("the-same-command"))
    done = deploy(checkout)
    assert (done.code, host.release() != running) == (0, True), done


def test_a_connection_that_breaks_while_it_is_proven_is_opened_again_and_is_no_reason_to_go_back(
    running: str, checkout: Checkout, host: Host
) -> None:
    checkout.edit(MAIN, START, START + waits_for("another-connection"))
    cut = (
        "for each in /proc/[0-9]*; do"
        " if grep -qs '^sshd: root@' $each/cmdline; then kill ${each#/proc/}; echo cut; fi; done"
    )
    cuts: list[str] = []
    done = checkout.disturb(
        lambda: host.release() != running and host.sh(f"systemctl is-active {UNIT}", check=False) == "active",
        lambda process: cuts.append(host.sh(f"{cut}; {may_go_on('another-connection')}")),
        *("--node", "web01", "--systemd"),
    )
    assert "cut" in cuts[0]
    assert (done.code, host.release() != running) == (0, True), done


def test_what_cannot_be_reached_or_is_not_ready_ends_with_its_own_code(
    running: str, checkout: Checkout, host: Host
) -> None:
    web01 = checkout.hosts["web01"]

    checkout.hosts["web01"] = {**web01, "ansible_port": free_port()}
    done = deploy(checkout)
    assert (done.code, "cannot be reached at 127.0.0.1" in done.sentence) == (10, True), done

    wrong = new_key(checkout.root / "wrong")
    checkout.hosts["web01"] = {**web01, "ansible_ssh_private_key_file": str(wrong)}
    done = deploy(checkout)
    assert (done.code, "ssh refused the key for root@127.0.0.1" in done.sentence) == (11, True), done

    common = str(web01["ansible_ssh_common_args"]).replace("known_hosts", "no_such_file")
    checkout.hosts["web01"] = {**web01, "ansible_ssh_common_args": common}
    done = deploy(checkout)
    assert (done.code, "host key of 127.0.0.1 is unknown" in done.sentence) == (12, True), done

    checkout.hosts["web01"] = web01
    checkout.write("bin/date", f"#!/bin/sh\nexec {shutil.which('date')} -d '1 hour ago' \"$@\"\n")  # of this machine
    (checkout.root / "bin/date").chmod(0o755)
    checkout.environment["PATH"] = f"{checkout.root / 'bin'}:{os.environ['PATH']}"
    done = deploy(checkout)
    checkout.environment.clear()
    assert done.code == 15, done
    assert re.search(r"its clock is 3\d\d\d s away", done.sentence), done

    done = checkout.deploy("--node", "web01")
    assert (done.code, "no Docker engine answers there" in done.sentence) == (14, True), done
    done = checkout.deploy("--node", "web99", "--systemd")
    assert (done.code, "web99 is not in" in done.sentence) == (2, True), done
    assert host.release() == running


def test_a_package_that_the_lock_does_not_know_is_not_sent(running: str, checkout: Checkout, host: Host) -> None:
    lock = "services/node-agent/requirements.lock"
    text = (checkout.root / lock).read_text()
    start = text.index("structlog==")
    checkout.write(lock, text[:start] + re.sub("sha256:[0-9a-f]{64}", "sha256:" + "0" * 64, text[start:], count=2))
    done = deploy(checkout)
    assert (done.code, "Hash mismatch" in done.sentence, "untouched" in done.sentence) == (30, True, True), done
    assert host.release() == running


def test_files_of_a_layout_that_the_new_version_does_not_know_stop_it_before_the_old_one_is_stopped(
    running: str, checkout: Checkout, node: SystemdNode, host: Host
) -> None:
    pid = main_pid(node)
    says = "migrate: /opt/homelab has layout 9, this version knows 1; use the version that wrote it"
    checkout.write("core/src/mesh_core/storage/migrations.py", f"import sys\nsys.exit({says!r})\n")
    done = deploy(checkout)
    assert (done.code, says in done.sentence, "untouched" in done.sentence) == (40, True, True), done
    assert (host.release(), main_pid(node)) == (running, pid)


def test_a_full_disk_is_seen_before_anything_is_sent(running: str, checkout: Checkout, host: Host) -> None:
    checkout.edit(MAIN, START, START + "    # too much\n")
    host.sh(
        "mkdir -p /mnt/kept && mount --bind /opt/mendmesh /mnt/kept && mount -t tmpfs -o size=4m tmpfs /opt/mendmesh"
    )
    try:
        done = deploy(checkout)
        assert host.sh("ls /opt/mendmesh") == ""
    finally:
        host.sh("umount /opt/mendmesh && umount /mnt/kept")
    assert (done.code, "its disk has 4 MB free under /opt/mendmesh" in done.sentence) == (13, True), done


def test_a_fleet_is_served_around_a_node_that_is_away_but_not_with_a_broken_version(
    running: str, checkout: Checkout, node: SystemdNode, host: Host
) -> None:
    checkout.hosts = {
        "away": {**node.inventory_vars, "ansible_port": free_port()},
        "desk": {**node.inventory_vars, "mendmesh_services": ["observer"]},
        **checkout.hosts,
        "zz99": {**node.inventory_vars},
    }
    checkout.edit(MAIN, START, START + "    raise SystemExit(3)\n")
    done = checkout.deploy("--all", "--systemd")
    assert done.code == 60, done
    assert "away: cannot be reached" in done.err, done
    assert "web01: release" in done.err, done
    assert "not touched after that failure: zz99" in done.err, done
    assert "desk" not in done.out + done.err, done
    assert host.release() == running


def test_uninstall_asks_and_keeps_the_data_unless_purged(
    running: str, checkout: Checkout, node: SystemdNode, host: Host
) -> None:
    no = checkout.run("uninstall.sh", "--node", "web01", answer="no\n")
    assert (no.code, "nothing was removed" in no.sentence) == (1, True), no
    assert node.show(UNIT, "ActiveState") == {"ActiveState": "active"}

    gone = checkout.run("uninstall.sh", "--node", "web01", answer="web01\n")
    assert (gone.code, "kept   /opt/homelab" in gone.out) == (0, True), gone
    assert host.sh(f"ls -d /opt/mendmesh/node-agent /etc/systemd/system/{UNIT}.service 2>/dev/null", check=False) == ""
    assert host.sh("ls -d /opt/homelab/spool/web01") == "/opt/homelab/spool/web01"
    assert host.sh(f"cat {ENV}") == SETTINGS.strip()

    purged = checkout.run("uninstall.sh", "--node", "web01", "--purge", "--yes")
    assert purged.code == 0, purged
    assert host.sh(f"ls -d /opt/homelab {ENV} 2>/dev/null", check=False) == ""
    again = checkout.run("uninstall.sh", "--node", "web01", "--purge", "--yes")
    assert (again.code, "no change" in again.out) == (0, True), again
