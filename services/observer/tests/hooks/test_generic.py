"""Any JSON read by the expressions of a hook of one's own, and no JSON that breaks it."""

from __future__ import annotations

from typing import Any

import pytest
from alert_rig import NOW, event_of, one
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh_core.models.events import HealthEvent, Severity
from mesh_core.models.parsing import read_event
from observer.hooks.alert import Alert, Unfit
from observer.hooks.generic import GenericHook
from observer.hooks.mapping import Mapped
from observer.hooks.senders import alertmanager, grafana, uptime_kuma

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
