"""The runbooks that come with the product: enough of them, each whole, none in the way of another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from mesh_core.actions.choices import IGNORE, NOTIFY, RESTART
from mesh_core.actions.register import SHIPPED
from mesh_core.models.events import HealthEvent
from mesh_core.runbooks.folding import folded_name
from mesh_core.runbooks.index import FoundBy
from mesh_core.runbooks.shipped import shipped_index, shipped_runbooks


def test_there_are_enough_and_each_says_what_it_means_and_where_that_stands() -> None:
    runbooks = shipped_runbooks()
    assert len(runbooks) >= 120
    assert not [one.id for one in runbooks if not (one.title and one.means and one.sources)]
    assert not [name for name, times in Counter(one.id for one in runbooks).items() if times > 1]
    assert not [one.id for one in runbooks if one.own]


def test_each_names_only_what_the_mesh_can_do() -> None:
    words = set(SHIPPED.choice_words) - {NOTIFY.word, IGNORE.word}
    assert not [(one.id, word) for one in shipped_runbooks() for word in one.helps + one.useless if word not in words]


def test_a_name_leads_to_one_runbook() -> None:
    told = Counter(name for one in shipped_runbooks() for name in one.alerts)
    assert not [name for name, times in told.items() if times > 1]
    folded = Counter(folded_name(name) for one in shipped_runbooks() for name in one.alerts)
    # Blackbox' alert, and the type of a node agent that sees nothing: as they are written they are two.
    assert [name for name, times in folded.items() if times > 1] == ["probefailed"]


def test_none_says_that_a_restart_helps_what_is_only_slow() -> None:
    slow = ("latency", "slow", "responsetime", "duration")
    helped = [(one.id, name) for one in shipped_runbooks() if RESTART.word in one.helps for name in one.alerts]
    assert len(helped) >= 100
    assert not [(id_, name) for id_, name in helped if any(word in name.lower() for word in slow)]


ALERTS = [
    ("NodeFilesystemAlmostOutOfSpace", "disk-space"),
    ("HostOutOfInodes", "disk-inodes"),
    ("HostOomKillDetected", "oom-kill"),
    ("NodeClockSkewDetected", "clock-skew"),
    ("NodeRAIDDegraded", "raid-degraded"),
    ("zfs_pool_state_crit", "zfs-pool-degraded"),
    ("SmartMediaErrors", "smart-failing"),
    ("docker_container_unhealthy", "container-unhealthy"),
    ("KubePodCrashLooping", "container-restart-loop"),
    ("systemd_service_unit_failed_state", "unit-failed"),
    ("BlackboxSslCertificateWillExpireSoon", "certificate-expiring"),
    ("Watchdog", "watchdog"),
    ("PostgresqlReplicationLag", "database-replication"),
    ("RabbitmqTooManyMessagesInQueue", "queue-grows"),
    ("HaproxyHasNoAliveBackends", "proxy-backend-down"),
    ("WireguardPeerHandshakeTooOld", "wireguard-handshake"),
    ("PveClusterNotQuorate", "pve-quorum"),
    ("ApcUpsAcInputOutage", "ups-on-battery"),
    ("VaultSealed", "vault-sealed"),
    ("pihole_gravity_list_last_update", "dns-blocker"),
]


@pytest.mark.parametrize(("alert", "wanted"), ALERTS)
def test_the_alerts_of_public_collections_are_known(alert: str, wanted: str) -> None:
    for name in (alert, f"{alert}_warning", alert.upper() if "_" in alert else alert[0].lower() + alert[1:]):
        found = _found({"alertname": name})
        assert found, name
        assert (found.runbook.id, found.is_certain) == (wanted, True), name


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("MyWikiUnitFailed", "unit-failed"),
        ("GrafanaProbeDown", "page-down"),
        ("ShopReplicaLost", "database-replication"),
        ("InternalCertificateExpiry", "certificate-expiring"),
        ("VeryOddClockDrift", "clock-skew"),
        ("ThumbnailQueueStuck", "queue-grows"),
        ("DataDiskFull", "disk-space"),
        ("nightly_repo_lock_stale", "backup-lock"),
    ],
)
def test_an_alert_that_nobody_heard_of_profits_from_its_parts(name: str, wanted: str) -> None:
    found = _found({"alertname": name})
    assert found
    assert (found.runbook.id, found.by) == (wanted, FoundBy.PARTS)


@pytest.mark.parametrize(
    ("sentence", "wanted"),
    [
        ("Festplatte fast voll auf nas01", "disk-space"),
        ("Sicherung fehlgeschlagen", "backup-failed"),
        ("Le disque est presque plein", "disk-space"),
        ("磁盘空间不足", "disk-space"),
        ("Device: /dev/sdb, 8 Currently unreadable (pending) sectors", "smart-failing"),
        ("repository is already locked by PID 12184", "backup-lock"),
        ("Kitchen lamp changed brightness", ""),
        ("Paper tray empty in printer", ""),
        ("Washing machine finished its cycle", ""),
        ("Update completed successfully", ""),
        ("user logged in from a phone", ""),
    ],
)
def test_words_find_what_they_are_about_and_else_nothing(sentence: str, wanted: str) -> None:
    found = _found({"title": sentence})
    assert (found.runbook.id if found else "") == wanted
    assert not (found and found.is_certain), "a sentence is never more than a guess"


def test_a_payload_of_any_shape_is_looked_at() -> None:
    for payload in (
        {"labels": [1], "alertname": 7},
        {"title": "x" * 100_000},
        {"annotations": "text", "labels": {"a": {}}},
    ):
        assert _found(payload) is None


def _found(payload: Mapping[str, Any]) -> Any:
    return shipped_index().find(HealthEvent(type="alert", node="n1", service="web", payload=dict(payload)))


@pytest.mark.parametrize(
    ("text", "runbook"),
    [
        ("na serwerze brak miejsca na dysku", "disk-space"),
        ("디스크 공간이 부족합니다", "disk-space"),
        ("de schijf is bijna vol", "disk-space"),
        ("certyfikat wygasł wczoraj", "certificate-expired"),
        ("usługa nie działa od rana", "unit-failed"),
        ("서버 메모리 부족 경고", "memory-low"),
        ("yedekleme başarısız oldu", "backup-failed"),
        ("сайт недоступен", "page-down"),
        ("przegrzanie procesora", "overheating"),
    ],
)
def test_words_of_many_languages_lead_to_what_is_wrong(text: str, runbook: str) -> None:
    assert shipped_index().search(text)[0].runbook.id == runbook
