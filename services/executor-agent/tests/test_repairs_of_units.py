"""From sick to well over ssh: units of systemd, each kind proven in its own words."""

from __future__ import annotations

import asyncio

import yaml
from parts.nodes import SystemdNode
from parts.playing import Prepare, a_proposal
from repair_rig import prove, repair, the_look

from executor_agent.ansible_pool.supervisor import AnsiblePool
from mesh_core.actions.target_state import TargetStatus
from mesh_core.models.outcomes import OutcomeVerdict
from mesh_core.testing import wait_for


def for_node(node: SystemdNode) -> bytes:
    return yaml.safe_dump({"all": {"hosts": {"far": dict(node.inventory_vars)}}}).encode()


async def test_a_failed_unit_is_restarted_over_ssh_and_proven(
    pool: AnsiblePool, systemd_node: SystemdNode, prepare: Prepare
) -> None:
    proposal = a_proposal("web", "service_restart", {"runtime": "systemd"}, node="far")
    run = prepare(pool, proposal, inventory=for_node(systemd_node))
    systemd_node.systemctl("start", "web")
    assert the_look(run).health is TargetStatus.HEALTHY
    await asyncio.to_thread(systemd_node.systemctl, "stop", "web")
    seen = the_look(run)
    assert seen.health is TargetStatus.UNHEALTHY, seen
    stages = await asyncio.to_thread(repair, run)
    assert [(s.ok, s.changed) for s in stages] == [(True, 0), (True, 1), (True, 0)], stages
    done = await prove(run)
    assert done.verdict is OutcomeVerdict.PROVEN, done
    assert systemd_node.show("web", "ActiveState")["ActiveState"] == "active"


async def test_units_of_other_kinds_are_proven_in_their_own_words(
    pool: AnsiblePool, systemd_node: SystemdNode, prepare: Prepare
) -> None:
    """A job ends, a timer waits, a socket listens: none of them "runs". One made from a template is one by itself."""
    systemd_node.install_unit("once.service", "[Service]\nType=oneshot\nExecStart=/bin/true\n")
    systemd_node.install_unit("later.timer", "[Timer]\nOnBootSec=9d\nUnit=once.service\n")
    systemd_node.install_unit("door.socket", "[Socket]\nListenStream=/run/door.sock\nAccept=yes\n")
    systemd_node.install_unit("door@.service", "[Service]\nExecStart=/bin/cat\nStandardInput=socket\n")
    systemd_node.install_unit("worker@.service", "[Service]\nExecStart=/bin/sleep infinity\n")
    kinds = (("once", "exited 0"), ("later.timer", "waiting"), ("door.socket", "listening"), ("worker@one", "running"))
    try:
        for unit, words in kinds:
            proposal = a_proposal(unit, "service_restart", {"runtime": "systemd"}, node="far")
            run = prepare(pool, proposal, inventory=for_node(systemd_node))
            stages = await asyncio.to_thread(repair, run)
            assert [s.ok for s in stages] == [True, True, True], (unit, stages)
            done = await prove(run)
            assert (done.verdict, words in done.reason) == (OutcomeVerdict.PROVEN, True), (unit, done)
    finally:
        systemd_node.systemctl("stop", "later.timer", "door.socket", "worker@one", check=False)


async def test_a_mount_that_went_away_is_mounted_again_and_proven_so(
    pool: AnsiblePool, systemd_node: SystemdNode, prepare: Prepare
) -> None:
    def mounted() -> bool:
        return "srv-data" in systemd_node.engine.exec(systemd_node.name, "cat", "/proc/mounts")

    unit = "srv-data.mount"
    systemd_node.install_unit(unit, "[Mount]\nWhat=srv-data\nWhere=/srv/data\nType=tmpfs\n")
    systemd_node.systemctl("start", unit)
    proposal = a_proposal(unit, "service_restart", {"runtime": "systemd"}, node="far")
    run = prepare(pool, proposal, inventory=for_node(systemd_node))
    try:
        assert the_look(run).sentence == "active (mounted)"
        systemd_node.engine.exec(systemd_node.name, "umount", "/srv/data")
        await wait_for(lambda: the_look(run).health is TargetStatus.UNHEALTHY, 30, "systemd to know that it is gone")
        assert not mounted()
        stages = await asyncio.to_thread(repair, run)
        assert [(s.ok, s.changed) for s in stages] == [(True, 0), (True, 1), (True, 0)], stages
        done = await prove(run)
        assert (done.verdict, "mounted" in done.reason) == (OutcomeVerdict.PROVEN, True), done
        assert mounted()
    finally:
        systemd_node.systemctl("stop", unit, check=False)


async def test_a_mount_that_cannot_come_back_is_not_called_repaired(
    pool: AnsiblePool, systemd_node: SystemdNode, prepare: Prepare
) -> None:
    unit = "srv-gone.mount"
    systemd_node.install_unit(unit, "[Mount]\nWhat=/srv/no-such-image\nWhere=/srv/gone\nType=ext4\nOptions=loop\n")
    proposal = a_proposal(unit, "service_restart", {"runtime": "systemd"}, node="far")
    run = prepare(pool, proposal, inventory=for_node(systemd_node))
    stages = await asyncio.to_thread(repair, run)
    assert not stages[-1].ok
    assert the_look(run).health is TargetStatus.UNHEALTHY


def test_a_unit_that_is_not_there_is_said_plainly(
    pool: AnsiblePool, systemd_node: SystemdNode, prepare: Prepare
) -> None:
    proposal = a_proposal("nobody", "service_restart", {"runtime": "systemd"}, node="far")
    run = prepare(pool, proposal, inventory=for_node(systemd_node))
    assert the_look(run).facts["exists"] is False
    assert "Could not find the requested service nobody" in repair(run)[-1].detail


async def test_a_unit_that_keeps_failing_is_not_called_repaired(
    pool: AnsiblePool, systemd_node: SystemdNode, prepare: Prepare
) -> None:
    unit = (
        "[Service]\nExecStart=/bin/sh -c 'sleep 0.5; exit 1'\nRestart=always\nRestartSec=100ms\nStartLimitBurst=100\n"
    )
    systemd_node.install_unit("flap.service", unit)
    proposal = a_proposal("flap", "service_restart", {"runtime": "systemd"}, node="far")
    run = prepare(pool, proposal, inventory=for_node(systemd_node))
    try:
        assert all(s.ok for s in await asyncio.to_thread(repair, run))
        done = await prove(run)
        assert done.verdict is OutcomeVerdict.NOT_HELPED, done
    finally:
        systemd_node.systemctl("stop", "flap", check=False)
