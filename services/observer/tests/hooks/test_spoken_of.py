"""What a person's own text about an alert calls a container or a unit is meant where the alert is called like it."""

from __future__ import annotations

import pytest
from alert_rig import event_with, firing, group, kuma, one

from mesh_core.models.events import HealthEvent
from mesh_core.policy.names.known_names import KnownNames
from observer.hooks.senders import alertmanager, uptime_kuma

OURS = KnownNames(hosts={"barn": "192.0.2.4", "loft": ""})


def of_rule(name: str, said: str, **labels: str) -> HealthEvent:
    sent = {**firing(name, "firing", instance="barn:9000", **labels), "annotations": {"description": said}}
    return event_with(one(alertmanager.alerts_in(group(sent))), OURS)


def of_monitor(name: str, described: str, url: str = "https://ledger.example") -> HealthEvent:
    return event_with(one(uptime_kuma.alerts_in(kuma(0, name=name, url=url, description=described))), OURS)


@pytest.mark.parametrize(
    ("name", "said", "job", "service"),
    [
        ("TallyLate", "container tally exited (1)", "", "tally"),
        ("TallyCronLate", "le conteneur tally-cron est Exited (0)", "", "tally-cron"),
        ("TargetDown", "tally-exporter.service: failed; tally-exporter is needed", "tally", "tally-exporter"),
        ("TallyLate", "container tally-db exited (1)", "", None),  # another one of the same house
        ("TallyLate", "container tally is healthy", "", None),
        ("TallyLate", "log: 'container tally exited'", "", None),  # quoted: anybody's
        ("TallyLate", "it is late\ncontainer tally exited", "", None),
        ("TallyTillLate", "container tally and container till exited", "", None),
        ("WorkerDown", "container worker exited", "", None),  # of any house
    ],
)
def test_a_rule_and_its_text_together_name_a_service(name: str, said: str, job: str, service: str | None) -> None:
    assert of_rule(name, said, **({"job": job} if job else {})).service == service


def test_what_labels_name_stands_before_any_text() -> None:
    assert of_rule("TallyLate", "container tally exited", service="till").service == "till"


def test_a_monitor_and_its_description_together_name_a_container_and_its_host() -> None:
    event = of_monitor("Tally web page", "container tally on barn, a gift")
    assert (event.service, event.node, event.payload["runtime"]) == ("tally", "barn", "docker")
    assert of_monitor("Tally", "container till on barn").service == "tally"
    assert of_monitor("tally", "loft; tally.service runs it").service == "tally"


def test_a_monitors_description_says_a_host_only_where_nothing_that_was_asked_is_ours() -> None:
    assert of_monitor("Tally", "on loft", "http://barn:8000").node == "barn"
    assert of_monitor("Tally", "on loft or barn").node == "ledger.example"
    sent = kuma(0, name="Tally", url="https://", hostname="198.51.100.7", type="dns", description="loft: resolver")
    assert event_with(one(uptime_kuma.alerts_in(sent)), OURS).node == "loft"
