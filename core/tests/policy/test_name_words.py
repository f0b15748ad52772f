"""What names say: how a thing is, and whether it is a program at all."""

from __future__ import annotations

from typing import Any

import pytest
from policy_rig import IGNORE, NOTIFY, REDEPLOY, RESTART, SHIPPED, allows, event

from mesh_core.policy.policy import BadPolicy, Policy

LABELS: dict[str, Any] = {"labels": {"team": "home"}}


def preferred(alert: str, service: str = "web", severity: str = "critical", **payload: Any) -> tuple[str, bool]:
    """(what is preferred, is a restart offered)"""
    allowed = allows("alert", {"alertname": alert, **LABELS, **payload}, service=service, severity=severity)
    return allowed.preferred, RESTART in allowed.actions


# Names as mixins, Zabbix, Netdata, Nagios, Icinga and Datadog write them; none of them stands in a labelled set.
@pytest.mark.parametrize(
    ("alert", "service"),
    [
        ("VectorDown", "vector"),
        ("ForgejoRunnerNotResponding", "forgejo-runner"),
        ("Navidrome: Service is down", "navidrome"),
        ('Service "Spooler" is not running', "spooler"),
        ("[Triggered] kea-dhcp4 process died", "kea-dhcp4"),
        ("telegraf_agent_hung", "telegraf"),
        ("NodeRedDown", "node-red"),  # called like a host, and none
        ("SmartctlExporterDown", "smartctl_exporter"),  # the program, not what it measures
        ("UpsExporterAbsent", "nut"),
        ("KeycloakNodeDown", "keycloak"),  # one node of it
        ("HedgeDocHostOffline", "hedgedoc"),  # its humps part its name
        ("go_to_social_server_unreachable", "gotosocial"),
        ("Dienst Paperless läuft nicht", "paperless"),
        ("Le service est injoignable", "wiki"),
        ("サービス停止", "wiki"),
    ],
)
def test_a_name_may_say_that_a_program_does_not_run(alert: str, service: str) -> None:
    assert preferred(alert, service) == (RESTART, True)


@pytest.mark.parametrize(
    ("alert", "service"),
    [
        ("HypervisorUnreachable", "web"),
        ("VirtualMachineStopped", "media"),
        ("SwitchPortLinkDown", "web"),
        ("ZpoolOffline", "web"),
        ("LunDiskDead", "web"),
        ("PsuFanStopped", "web"),
        ("WildcardCertificateDead", "web"),
        ("NightlyBackupStuck", "web"),
        ("ReplicaUnavailable", "db"),
        ("QuorumMemberOffline", "consul"),
        ("SshLoginDown", "web"),
        ("DeploymentStuck", "web"),
        ("Something is down", "wlan0"),
        ("Something is down", "host"),
        ("Something is down", "wiki.home.example"),  # an address, of which nobody says what runs there
    ],
)
def test_what_is_no_program_is_not_restarted_because_of_a_name(alert: str, service: str) -> None:
    assert preferred(alert, service) == (NOTIFY, False)


@pytest.mark.parametrize(
    ("alert", "service"),
    [
        ("QemuGuestAgentDown", "qemu-guest-agent.service"),
        ("kube-proxy unhealthy", "kube-proxy.service"),
        ("Dienst lxc-autostart gestoppt", "lxc-autostart.service"),
    ],
)
def test_a_unit_called_like_a_guest_or_a_pod_is_a_unit(alert: str, service: str) -> None:
    assert preferred(alert, service) == (RESTART, True)
    assert preferred("VmStopped", service) == (NOTIFY, False)


@pytest.mark.parametrize("alert", ["KeycloakUnhealthy", "Container is not healthy", "Dienst ist ungesund"])
def test_what_is_unhealthy_by_its_name_is_restarted_where_a_manager_runs_it(alert: str) -> None:
    assert preferred(alert, runtime="docker", container="web") == (RESTART, True)
    assert preferred(alert) == (NOTIFY, False)  # it may be that the others of its ring do not hear it


@pytest.mark.parametrize(
    "alert", ["ServiceNeedsRestarting", "Daemon runs deleted libraries", "postfix: Neustart erforderlich"]
)
def test_what_runs_with_what_was_replaced_is_started_anew(alert: str) -> None:
    assert preferred(alert, "postfix.service", "warning") == (RESTART, True)
    assert preferred(alert, "pacemaker.service", "warning") == (NOTIFY, False)
    assert preferred(alert, "host", "warning") == (NOTIFY, False)


@pytest.mark.parametrize(
    ("alert", "service", "is_offered"),
    [
        ("PerconaServerIsDown", "percona", True),
        ("MySQL instance not running", "mariadb-main", True),
        ("ScyllaNodeOffline", "scylla", True),
        ("ScyllaTableOffline", "scylla", False),  # something in it
        ("PartitionUnavailable", "kafka-3", False),
    ],
)
def test_a_store_may_be_started_where_a_name_says_no_more_than_that_it_does_not_run(
    alert: str, service: str, is_offered: bool
) -> None:
    assert preferred(alert, service) == (NOTIFY, is_offered)
    assert preferred(alert, service, state="running") == (NOTIFY, False)


def test_a_rule_may_be_called_in_a_field_for_a_name() -> None:
    assert allows("relay", {"name": "Daemon not responding"}, severity="critical").preferred == RESTART
    assert allows("relay", {"name": "down"}, severity="critical").preferred == NOTIFY  # so is a thing called


def test_of_a_program_and_its_network_a_graded_model_may_choose() -> None:
    assert preferred("BridgePeerUnreachable", runtime="docker", container="web") == (NOTIFY, True)
    assert preferred("BridgePeerUnreachable") == (NOTIFY, False)
    assert preferred("PeerRegionCount", runtime="docker", container="web") == (NOTIFY, False)


@pytest.mark.parametrize("value", ["unhealthy", "Unhealthy"])
def test_a_state_may_say_that_its_own_check_fails(value: str) -> None:
    changed = {"details": {"previous": "running", "to": value}}
    assert allows("workload_state", changed, severity="warning").preferred == RESTART
    assert allows("workload_state", changed, service="mongodb", severity="warning").preferred == NOTIFY


@pytest.mark.parametrize(
    "check", ["nc -z 127.0.0.1 64738: no route", "memcached ping: failed; connections 0", "vdev list: timed out"]
)
def test_what_a_check_of_a_managed_thing_asks_is_not_what_is_ill(check: str) -> None:
    its_own = allows("container_unhealthy", {"runtime": "docker", "container": "web", "check": check}, severity="error")
    assert (its_own.preferred, its_own.rule) == (RESTART, "unhealthy")
    assert allows("alert", {"check": "WAN ping: failed"}, severity="error").actions == {NOTIFY}  # that is its name


@pytest.mark.parametrize(
    ("alert", "service", "is_behind"),
    [
        ("EnvoyUpstreamDown", "envoy", True),
        ("Varnish: origin unreachable", "varnish", True),
        ("TraefikDown", "traefik", False),
        ("BackendDown", "backend", False),
    ],
)
def test_what_stands_behind_a_proxy_is_not_the_proxy(alert: str, service: str, is_behind: bool) -> None:
    assert preferred(alert, service) == ((NOTIFY, False) if is_behind else (RESTART, True))


@pytest.mark.parametrize("alert", ["[TEST] Disk", "Test alert", "Watchdog", "ClusterDeadMansSwitch"])
def test_what_is_called_a_test_or_fires_always_is_no_trouble(alert: str) -> None:
    assert preferred(alert)[0] == IGNORE


@pytest.mark.parametrize("alert", ["RestoreTestFailed", "DeadMansSwitchMissing", "WatchdogNotFiring", "TestbedDown"])
def test_what_only_speaks_of_a_test_is_trouble(alert: str) -> None:
    assert preferred(alert)[0] != IGNORE


@pytest.mark.parametrize(
    "alert", ["QueueDeadMessagesHigh", "TooManyStuckRequests", "P99LatencyHigh", "ErrorRateRising"]
)
def test_what_is_only_busy_runs(alert: str) -> None:
    assert preferred(alert) == (NOTIFY, False)


def test_a_name_of_information_is_no_trouble() -> None:
    assert preferred("VectorDown", severity="info") == (IGNORE, False)


def test_text_is_no_name() -> None:
    """Whoever can write a sentence into an event cannot make it a name."""
    said = "the service is down, dead and not running: restart it"
    for key in ("message", "msg", "text", "summary", "description", "title", "logs", "output", "body", "note"):
        allowed = allows("something_new", {key: said, **LABELS}, severity="critical")
        assert (allowed.preferred, RESTART in allowed.actions) == (NOTIFY, False), key
    assert preferred("x" * 200 + " is down", **LABELS) == (NOTIFY, False)


@pytest.mark.parametrize(
    "labels", [{"namespace": "media", "pod": "web-0"}, {"namespace": "media"}, {"io.kubernetes.pod.name": "web-0"}]
)
def test_what_runs_in_kubernetes_is_no_container_of_the_same_name(labels: dict[str, str]) -> None:
    allowed = allows("web_down", {"alertname": "WebDown", "labels": labels}, severity="critical")
    assert (allowed.preferred, RESTART in allowed.actions, "kubectl" in allowed.reason) == (NOTIFY, False, True)


@pytest.mark.parametrize(
    "more", [{"stack": "media"}, {"swarm": {"service": "web"}}, {"labels": {"namespace": "media"}}]
)
def test_what_a_swarm_or_kubernetes_declares_is_not_made_by_compose(more: dict[str, Any]) -> None:
    drifted: dict[str, Any] = {"declared": {"image": "web:2"}, "live": {"image": "web:1"}}
    assert allows("image_differs", drifted, severity="error").preferred == REDEPLOY
    allowed = allows("image_differs", drifted | more, severity="error")
    assert (allowed.preferred, REDEPLOY in allowed.actions) == (NOTIFY, False)


def test_the_fields_of_a_manager_are_heard_before_a_name() -> None:
    allowed = allows("node_collector_stale", {"unit": {"active_state": "failed"}}, severity="critical")
    assert (allowed.preferred, allowed.rule) == (RESTART, "down-by-its-fields")


def test_a_person_writes_words_of_his_own_for_a_kind() -> None:
    own = Policy.from_text(
        "names: {says_ill: [kaputt]}\n"
        "rules: [{name: ill, when: {any: [says_ill]}, allow: [restart, notify], prefer: restart, reason: it says so}]"
    )
    assert own.allows(event("alert", {"alertname": "WebKaputt"})).preferred == RESTART
    assert own.allows(event("alert", {"alertname": "WebFine"})).preferred == NOTIFY
    with pytest.raises(BadPolicy, match="names: 'ill' is none of"):
        Policy.from_text("names: {ill: [kaputt]}")


def test_a_name_says_nothing_that_makes_silent() -> None:
    with pytest.raises(BadPolicy, match="ignore needs a reason"):
        Policy.from_text(
            "names: {says_fine: [fine]}\n"
            "rules: [{name: fine, when: {any: [says_fine]}, allow: [ignore, notify], prefer: ignore, reason: it is}]"
        )


def test_a_certain_runbook_adds_where_the_rule_lets_it() -> None:
    """geth: that it does not follow the chain any more says its alert, and what helps its collection's page."""
    allowed = SHIPPED.allows(event("service_state", {"alert": "geth_chainhead_diff_between_header_block", **LABELS}))
    assert (allowed.preferred, allowed.rule) == (RESTART, "runbook")
    assert any(entry.name == "runbook" and RESTART in entry.added for entry in allowed.trace)


@pytest.mark.parametrize("type_", ["container_unhealthy", "container_died", "unit_failed", "service_down"])
def test_what_its_sender_calls_information_interrupts_nothing(type_: str) -> None:
    allowed = allows(type_, severity="info")
    assert not allowed.actions - {IGNORE, NOTIFY}
    assert allows(type_, severity="warning").preferred == RESTART


def test_the_state_of_a_device_is_not_the_state_of_a_program() -> None:
    printer = allows("printer_offline", {"state": "stopped"}, service="cups", severity="error")
    program = allows("printer_offline", {"runtime": "systemd", "unit": {"active_state": "failed"}}, service="cups")
    assert (printer.rule, printer.preferred) == ("device", NOTIFY)
    camera = allows("detector_state", {"camera": "porch", "state": "stopped"}, service="frigate.service")
    assert camera.preferred == NOTIFY
    assert (program.rule, program.preferred) == ("down-by-its-fields", RESTART)


@pytest.mark.parametrize(
    ("unit", "rule"),
    [
        ("NetworkManager-wait-online.service", "only-waits"),
        ("systemd-networkd-wait-online@eth1.service", "only-waits"),
        ("systemd-time-wait-sync.service", "only-waits"),
        ("waiter.service", "service-down"),
    ],
)
def test_a_unit_that_only_waits_for_something_is_not_started_again(unit: str, rule: str) -> None:
    assert allows("unit_failed", {"runtime": "systemd", "unit": unit}, service=unit, severity="error").rule == rule
