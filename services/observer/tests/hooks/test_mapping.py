"""What other systems send, read as health events: real shapes of their messages, and hostile ones."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh_core.models.events import MAX_EVENT_BYTES, HealthEvent, Severity, Trust
from mesh_core.models.parsing import read_event
from mesh_core.policy.policy import Policy
from observer.hooks.alert import Alert, Nothing, Read, Unfit
from observer.hooks.generic import GenericHook
from observer.hooks.mapping import Mapped, type_out_of
from observer.hooks.rules import BadHooks, read_hooks
from observer.hooks.senders import alertmanager, grafana, uptime_kuma

NOW = datetime(2026, 5, 5, 12, 0, tzinfo=UTC)


def firing(alertname: str = "ContainerUnhealthy", status: str = "firing", **labels: str) -> dict[str, Any]:
    """One alert as Alertmanager 0.25 writes it."""
    return {
        "status": status,
        "labels": {"alertname": alertname, "instance": "pi4:9100", **labels},
        "annotations": {"summary": "it is ill"},
        "startsAt": "2026-05-05T11:00:00.123456789Z",
        "endsAt": "0001-01-01T00:00:00Z" if status == "firing" else "2026-05-05T11:30:00Z",
        "generatorURL": "http://prometheus:9090/graph?g0.expr=up",
        "fingerprint": "d6c1a4b8f3e2a1b0",
    }


def group(*alerts: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"version": "4", "status": "firing", "receiver": "mesh", "commonLabels": {}, "alerts": list(alerts), **more}


def one(found: list[Read] | Unfit) -> Read:
    assert isinstance(found, list), found
    assert len(found) == 1
    return found[0]


def event_of(read: Read, mapped: Mapped | None = None) -> HealthEvent:
    assert isinstance(read, Alert), read
    event = (mapped or Mapped()).event_for(read, read.episode or "1", NOW)
    assert isinstance(event, HealthEvent), event
    # Whatever is made here is what the door of the mesh accepts.
    assert isinstance(read_event(event.wire()), HealthEvent)
    return event


def from_alertmanager(alert: dict[str, Any], mapped: Mapped | None = None) -> HealthEvent:
    return event_of(one(alertmanager.alerts_in(group(alert))), mapped)


def test_a_firing_alert_is_trouble_of_its_node_and_service() -> None:
    event = from_alertmanager(firing(severity="critical", container="web"))
    assert (event.type, event.node, event.service) == ("container_unhealthy", "pi4", "web")
    assert (event.severity, event.trust) == (Severity.CRITICAL, Trust.FOREIGN)
    assert event.incident == "alertmanager/d6c1a4b8f3e2a1b0/2026-05-05T11:00:00.123Z"
    assert event.timestamp == "2026-05-05T11:00:00.123Z"
    assert event.payload["annotations"] == {"summary": "it is ill"}
    assert event.payload["runtime"] == "docker"


def test_a_resolved_alert_is_the_recovery_of_the_same_incident() -> None:
    ill, well = from_alertmanager(firing()), from_alertmanager(firing(status="resolved"))
    assert (well.type, well.severity) == ("service_recovered", Severity.INFO)
    assert (well.node, well.service, well.incident) == (ill.node, ill.service, ill.incident)
    assert well.timestamp == "2026-05-05T11:30:00.000Z"


def test_the_same_alert_that_begins_anew_is_another_incident() -> None:
    again = {**firing(), "startsAt": "2026-05-05T13:00:00Z"}
    assert from_alertmanager(firing()).incident != from_alertmanager(again).incident


@pytest.mark.parametrize(
    ("labels", "node"),
    [
        ({"node": "web01"}, "web01"),
        ({"instance": "web01.lan:9100"}, "web01.lan"),
        ({"instance": "https://shop.example:8443/health"}, "shop.example"),
        ({"instance": "[fe80::1]:9100"}, "fe80--1"),
        ({"instance": "NAS01:8080"}, "NAS01"),
        ({"instance": "nas01.lan."}, "nas01.lan"),
        ({"instance": "10.0.0.7:9100", "nodename": "nas"}, "nas"),
        ({"instance": "pushgateway:9091", "exported_instance": "nas"}, "nas"),
        ({"instance": "..."}, "unknown"),
        ({"instance": "-H root@evil"}, "evil"),
        ({"instance": "a b\n{{ c }}"}, "a-b-c"),
        ({"instance": ""}, "unknown"),
    ],
)
def test_a_node_is_found_in_the_labels_that_people_use(labels: dict[str, str], node: str) -> None:
    assert from_alertmanager(firing(**labels)).node == node


@pytest.mark.parametrize(
    ("labels", "service", "runtime"),
    [
        ({"service": "shop"}, "shop", None),
        ({"name": "nginx.service"}, "nginx.service", "systemd"),
        ({"unit": "nginx"}, "nginx.service", "systemd"),
        ({"name": "srv-data.mount"}, "srv-data.mount", "systemd"),
        ({"service": "backup.timer"}, "backup.timer", "systemd"),
        ({"container": "backup.timer"}, "backup.timer", "docker"),
        ({"container_name": "db"}, "db", "docker"),
        ({"name": "db", "image": "postgres:16"}, "db", "docker"),
        ({"container": "state-metrics", "exported_container": "web"}, "web", "docker"),
        ({"groupname": "redis-server"}, "redis-server", None),
        ({"id": "/system.slice/caddy.service"}, "caddy.service", "systemd"),
        ({"id": "/system.slice/docker-0123.scope", "job": "x"}, None, None),
        ({"job": "node"}, None, None),
        ({"service": "-H root@evil"}, None, None),
        ({"unit": "ssh@1.service"}, "ssh@1.service", "systemd"),
    ],
)
def test_a_service_is_found_and_one_with_no_plain_name_is_never_aimed_at(
    labels: dict[str, str], service: str | None, runtime: str | None
) -> None:
    event = from_alertmanager(firing(**labels))
    assert (event.service, event.payload.get("runtime")) == (service, runtime)
    if service is None and "job" not in labels:
        assert "not a name" in event.payload["name_note"]


@pytest.mark.parametrize(
    ("name", "event_type", "preferred"),
    [
        ("ContainerUnhealthy", "container_unhealthy", "restart"),
        ("ContainerKilled", "container_died", "restart"),
        ("SystemdServiceFailed", "unit_failed", "restart"),
        ("InstanceDown", "node_unreachable", "notify"),
        ("HostOutOfDiskSpace", "disk_space_low", "notify"),
        ("HostHighCpuLoad", "load_high", "notify"),
        ("PostgresqlDeadLocks", "postgresql_dead_locks", "notify"),
        ("SSL certificate (expires soon)!", "ssl_certificate_expires_soon", "notify"),
        ("5xxRate", "alert_5xx_rate", "notify"),
        ("Überlastung", "uberlastung", "notify"),
        ("磁盘", "alert", "notify"),
    ],
)
def test_common_alerts_become_types_that_the_policy_knows_and_others_tell_a_person(
    name: str, event_type: str, preferred: str
) -> None:
    event = from_alertmanager(firing(name, container="web", severity="critical"))
    assert event.type == event_type
    assert Policy.load(None).allows(event).preferred == preferred


def test_the_watchdog_that_always_fires_is_no_trouble() -> None:
    event = from_alertmanager(firing("Watchdog", severity="none"))
    assert (event.type, event.severity) == ("heartbeat", Severity.INFO)
    assert Policy.load(None).allows(event).preferred == "ignore"


@given(st.text(max_size=300))
@settings(max_examples=2 * settings.default.max_examples)
def test_any_name_becomes_a_type(name: str) -> None:
    HealthEvent(type=type_out_of(name), node="n")


def test_an_operators_file_says_what_labels_and_names_mean() -> None:
    mapped = Mapped(
        node_labels=("where",),
        types={"Weird": "disk_failed"},
        severities={"sev9": Severity.CRITICAL},
        node_default="nas",
    )
    event = from_alertmanager(firing("weird", severity="SEV9"), mapped)
    assert (event.type, event.node, event.severity) == ("disk_failed", "nas", Severity.CRITICAL)


@pytest.mark.parametrize("line", ["x" * 60_000, "12:00 some words of a log " * 2000], ids=["one word", "words"])
@pytest.mark.parametrize(
    "reads",
    [
        lambda log: alertmanager.alerts_in(group({**firing(), "annotations": {"log": log}})),
        lambda log: alertmanager.alerts_in(group(firing(log=log))),
        lambda log: grafana.alerts_in(group({**firing(), "valueString": log})),
        lambda log: uptime_kuma.alerts_in(kuma(0, description=log)),
        lambda log: uptime_kuma.alerts_in({"msg": log}),
        lambda log: GenericHook(type="kind").alerts_in({"kind": "x_failed", "log": log}, "any"),
        lambda log: GenericHook(type="kind").alerts_in({"kind": "x_failed", "log": {"lines": log.split("\n")}}, "any"),
    ],
    ids=["annotation", "label", "grafana", "kuma", "kuma's message", "generic", "lines"],
)
def test_the_last_line_of_a_long_log_is_kept_wherever_it_stands(line: str, reads: Any) -> None:
    event = event_of(one(reads("\n".join([line] * 19 + ["FATAL: no space left, password=S3CRET"]))))
    assert "FATAL: no space left" in event.wire().decode()
    assert "S3CRET" not in event.wire().decode()


def test_secrets_are_hidden_and_the_largest_alert_still_fits() -> None:
    alert = firing(container="web", api_token="S3CRET", **{f"l{n}": "x " * 1900 for n in range(200)})
    alert["annotations"] = {f"a{n}": "password=S3CRET " * 200 for n in range(200)}
    event = from_alertmanager(alert)
    assert "S3CRET" not in event.wire().decode()
    assert len(event.wire()) < MAX_EVENT_BYTES


@pytest.mark.parametrize(
    "alert",
    [
        None,
        [],
        {},
        {"labels": []},
        {"labels": {"alertname": 7}},
        {"labels": {"alertname": "x"}, "status": "perhaps"},
        {"labels": {"alertname": "x"}, "status": ["firing"]},
    ],
)
def test_what_is_no_alert_is_refused_with_a_sentence(alert: Any) -> None:
    read = one(alertmanager.alerts_in(group(alert)))
    assert isinstance(read, Unfit)
    assert len(read.reason) > 5


def test_one_bad_alert_does_not_take_the_others_away() -> None:
    found = alertmanager.alerts_in(group(firing(), {"labels": {}}, firing("Other")))
    assert isinstance(found, list)
    assert [type(read) for read in found] == [Alert, Unfit, Alert]


def test_grafana_speaks_almost_as_alertmanager_does() -> None:
    body = group(
        {**firing("DiskFull", host="nas"), "values": {"B": 97.2}, "valueString": "[ var='B' value=97.2 ]"},
        title="[FIRING:1] DiskFull",
        orgId=1,
        state="alerting",
    )
    event = event_of(one(grafana.alerts_in(body)))
    assert (event.type, event.node) == ("disk_full", "nas")
    assert event.incident is not None
    assert event.incident.startswith("grafana/")
    assert event.payload["values"] == {"B": 97.2}


def test_grafanas_test_button_tells_nothing() -> None:
    assert isinstance(one(grafana.alerts_in(group(firing("TestAlert", instance="Grafana")))), Nothing)


def test_an_alert_without_a_status_has_that_of_its_group() -> None:
    bare = {"labels": {"alertname": "X"}, "fingerprint": "f"}
    for status, is_firing in (("firing", True), ("resolved", False), (" Alerting", True), ("OK", False)):
        read = one(alertmanager.alerts_in(group(bare, status=status)))
        assert isinstance(read, Alert)
        assert read.firing is is_firing


def kuma(status: Any, **monitor: Any) -> dict[str, Any]:
    """As Uptime Kuma 1.23 posts it, shortened."""
    return {
        "heartbeat": {
            "monitorID": 7,
            "status": status,
            "time": "2026-05-05 11:59:00.321",
            "msg": "Request failed with status code 502",
            "important": True,
            "duration": 60,
        },
        "monitor": {
            "id": 7,
            "name": "My Blog",
            "type": "http",
            "url": "https://blog.example:8443/health",
            "hostname": None,
            "basic_auth_pass": "S3CRET",
            "pushToken": "S3CRET",
            "tags": [],
            **monitor,
        },
        "msg": "[My Blog] [down]",
    }


def test_uptime_kuma_says_down_and_up_of_one_monitor() -> None:
    down, up = one(uptime_kuma.alerts_in(kuma(0))), one(uptime_kuma.alerts_in(kuma(1)))
    event = event_of(down)
    assert (event.type, event.node, event.service) == ("http_probe_failed", "blog.example", "my-blog")
    assert event.severity is Severity.ERROR
    assert event.timestamp == "2026-05-05T11:59:00.321Z"
    assert "S3CRET" not in event.wire().decode()
    assert isinstance(up, Alert)
    assert not up.firing
    assert isinstance(down, Alert)
    assert up.key == down.key


def test_uptime_kumas_tags_say_node_and_service_and_a_container_is_one() -> None:
    tags = [{"name": "node", "value": "pi4"}, {"name": "service", "value": "blog"}, {"name": "x"}, 7]
    event = event_of(one(uptime_kuma.alerts_in(kuma(0, tags=tags))))
    assert (event.node, event.service) == ("pi4", "blog")
    event = event_of(one(uptime_kuma.alerts_in(kuma(0, type="docker", docker_container="web", tags=tags[:1]))))
    assert (event.type, event.node, event.service) == ("container_down", "pi4", "web")
    assert event.payload["runtime"] == "docker"


def test_monitors_named_in_another_script_stay_apart_and_are_shown_in_full() -> None:
    names = ("Файлы", "Самба", "Büro", "Buro")
    events = [event_of(one(uptime_kuma.alerts_in(kuma(0, name=name)))) for name in names]
    assert len({event.service for event in events}) == len(names)
    assert [event.payload["monitor"]["name"] for event in events] == list(names)
    assert events[-1].service == "buro"


@pytest.mark.parametrize("status", [2, 3])
def test_pending_and_maintenance_tell_nothing(status: int) -> None:
    assert isinstance(one(uptime_kuma.alerts_in(kuma(status))), Nothing)


def test_a_test_message_tells_nothing_and_an_ending_certificate_does() -> None:
    test = {"heartbeat": None, "monitor": None, "msg": "[Mesh] [Uptime Kuma] My Notification Testing"}
    assert isinstance(one(uptime_kuma.alerts_in({**test, "msg": "My Mesh Testing"})), Nothing)
    soon = {"heartbeat": None, "monitor": None, "msg": "[Blog][https://blog.example] certificate ends in 7 days"}
    event = event_of(one(uptime_kuma.alerts_in(soon)))
    assert (event.type, event.severity, event.node) == ("monitor_message", Severity.WARNING, "unknown")


@pytest.mark.parametrize("words", [("0", "1"), ("down", "UP"), ("\U0001f534 Down", "\u2705 Up")])
def test_a_status_that_is_sent_as_text_is_that_number(words: tuple[str, str]) -> None:
    down, up = (one(uptime_kuma.alerts_in(kuma(status))) for status in words)
    assert isinstance(down, Alert)
    assert isinstance(up, Alert)
    assert (down.firing, up.firing) == (True, False)


@pytest.mark.parametrize("status", [None, True, "down?", "0.5", 9, [], {}])
def test_a_heartbeat_without_a_status_is_refused(status: Any) -> None:
    assert isinstance(uptime_kuma.alerts_in(kuma(status)), Unfit)


PROXMOX = GenericHook.model_validate(
    {
        "each": "notices[]",
        "type": "join('_', ['backup', kind])",
        "node": "host",
        "service": "vm.name",
        "severity": "level",
        "firing": "state != 'ok'",
        "incident": "id",
        "payload": "{text: message, took: seconds}",
    }
)


def test_any_json_is_read_by_expressions() -> None:
    notice = {"kind": "failed", "host": "pve", "vm": {"name": "mail"}, "level": "err", "state": "bad", "id": 42}
    found = PROXMOX.alerts_in(
        {"notices": [notice | {"message": "no space", "seconds": 3}, notice | {"state": "ok"}]}, "pve"
    )
    assert isinstance(found, list)
    event = event_of(found[0])
    assert (event.type, event.node, event.service) == ("backup_failed", "pve", "mail")
    assert event.severity is Severity.ERROR
    assert event.payload == {"text": "no space", "took": 3, "source": "generic/pve"}
    assert event.incident == "generic-pve/42/1"
    assert event_of(found[1]).type == "service_recovered"


@pytest.mark.parametrize(
    ("said", "fires"),
    [
        *((value, True) for value in (True, "true", "TRUE", "yes", "on", 1, "1", "firing", "down", [1], {"a": 1})),
        *((value, True) for value in ("CRITICAL", "PROBLEM", "not ok", "unresolved", "failing", "[FIRING:2]", 2, "y")),
        *(
            (value, False)
            for value in (
                *(False, "false", "False", " no ", "off", 0, 0.0, "0", "", None, [], "resolved", "OK", "n", "F", "~"),
                # Netdata, Nagios, Consul, healthchecks, status pages; with marks around
                *("CLEAR", "RECOVERY", "passing", "success", "operational", "[OK]", "\u2705 Up", "Back to normal."),
            )
        ),
    ],
)
def test_a_truth_value_that_is_sent_as_text_is_read_as_what_it_says(said: Any, fires: bool) -> None:
    hook = GenericHook(type="kind", firing="active")
    (read,) = hook.alerts_in({"kind": "backup_failed", "active": said}, "any")  # type: ignore[misc]
    assert isinstance(read, Alert)
    assert read.firing is fires


def test_a_recovery_that_writes_its_host_otherwise_is_about_the_same_trouble() -> None:
    hook = GenericHook(type="kind", node="host", service="svc", firing="state")
    bodies = [
        {"kind": "Disk", "host": host, "svc": service, "state": "CLEAR"}
        for host, service in (("NAS01.lan:80", "Web"), ("nas01.lan.", "web"), ("http://nas01.lan/x", "WEB"))
    ]
    reads = [one(hook.alerts_in(body, "any")) for body in bodies]
    assert len({read.key for read in reads if isinstance(read, Alert)}) == 1
    assert not any(read.firing for read in reads if isinstance(read, Alert))


@pytest.mark.parametrize("body", [{}, {"notices": 7}, {"notices": [{"kind": 7}]}, {"notices": [None, 3, "x"]}])
def test_a_body_that_an_expression_does_not_fit_is_refused(body: dict[str, Any]) -> None:
    found = PROXMOX.alerts_in(body, "pve")
    assert isinstance(found, Unfit) or all(isinstance(read, Unfit) for read in found)


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
NEARLY = st.dictionaries(
    st.sampled_from(["alerts", "status", "labels", "monitor", "heartbeat", "msg", "notices", "commonLabels"]), ANY_JSON
)


@given(
    NEARLY, st.dictionaries(st.sampled_from(["labels", "status", "startsAt", "fingerprint", "annotations"]), ANY_JSON)
)
@settings(max_examples=3 * settings.default.max_examples // 2)
def test_no_json_breaks_a_mapping(body: dict[str, Any], alert: dict[str, Any]) -> None:
    labels = {"alertname": "X", **(alert.get("labels") if isinstance(alert.get("labels"), dict) else {})}
    for whole in (body, {**body, "alerts": [alert, {**alert, "labels": labels, "status": "firing"}]}):
        for found in (
            alertmanager.alerts_in(whole),
            grafana.alerts_in(whole),
            uptime_kuma.alerts_in(whole),
            PROXMOX.alerts_in(whole, "pve"),
        ):
            for read in found if isinstance(found, list) else []:
                if isinstance(read, Alert):
                    event = Mapped().event_for(read, read.episode or "1", NOW)
                    assert isinstance(event, Unfit) or isinstance(read_event(event.wire()), HealthEvent)


def hooks_file(folder: Path, text: str) -> Path:
    path = folder / "hooks.yml"
    path.write_text(text)
    return path


def read(path: Path) -> object:
    return read_hooks(path, token=None, secret=None, loopback=True, per_minute=1)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("generic: {pve: {type: 'a b ['}}", "no JMESPath expression"),
        ("generic: {pve: {}}", "generic.pve.type"),
        ("generic: {'../x': {type: a}}", "generic"),
        ("mapping: {nodes: [x]}", "mapping.nodes"),
        ("mapping: {types: {X: 'Not A Type'}}", "mapping.types.X"),
        ("keys: {nobody: {token_file: /x}}", "there is no such hook"),
        ("keys: {grafana: {token_file: /nowhere/token}}", "keys.grafana"),
        ("keys: {grafana: {}}", "give token_file"),
        ("keys: [", "not YAML"),
        ("[]", "hooks.yml"),
    ],
)
def test_a_file_that_cannot_be_used_is_a_sentence_that_names_the_key(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(BadHooks, match=r"hooks\.yml") as refused:
        read(hooks_file(tmp_path, text))
    assert words in str(refused.value)


def test_the_example_file_is_one_that_can_be_used(tmp_path: Path) -> None:
    example = (Path(__file__).parents[2] / "hooks.example.yml").read_text()
    token = tmp_path / "token"
    token.write_text("t0ken")
    token.chmod(0o400)
    rules = read(hooks_file(tmp_path, example.replace("/run/secrets/grafana_hook", str(token))))
    assert json.dumps(sorted(rules.generic)) != "[]"  # type: ignore[attr-defined]
    for name in ("node_labels", "service_labels"):  # what holds without it, as it says
        assert getattr(rules.mapped, name) == getattr(Mapped(), name)  # type: ignore[attr-defined]
