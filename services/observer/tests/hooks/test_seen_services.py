"""A service that only an alert's headline names counts where the agent of that very host sees it."""

from __future__ import annotations

from typing import Any

import pytest
from hooks_rig import OPEN, Observer, Serve, body

from mesh_core.incidents.sighting import note_of
from mesh_core.models.sightings import SeenState, Sighting
from mesh_core.models.streams import ALIVE_PREFIX
from observer.hooks.seen_services import service_that_is_down
from observer.hooks.service_in_names import service_in_headline

SINCE = "2026-05-05T10:00:00.000Z"


def seen(service: str, *names: str) -> Sighting:
    return Sighting(service=service, state=SeenState.FAILED, since=SINCE, runtime="systemd", names=names)


NOTE = note_of("barn", [seen("pump-meter"), seen("home.web", "home-web-1"), seen("radio.service"), seen("feeds")])
NAMES = {"pump-meter": "pump-meter", "home-web-1": "home.web", "radio.service": "radio.service", "feeds": "feeds"}


@pytest.mark.parametrize(
    ("headline", "service"),
    [
        ("[FIRING:1] UnitFailed barn radio.service (state=failed)", "radio.service"),
        ("pump-meter on barn: nothing was sent for 40 min", "pump-meter"),
        ("It is slow: home-web-1.", "home.web"),  # as its agent calls it
        ("feeds does not answer", "feeds"),
        ("[barn] Container feeds is gone", "feeds"),
        ("pump-meter and radio.service are slow", ""),  # two
        ("pump-meters are slow", ""),
        ("old-pump-meter is slow", ""),
        ("Somebody feeds the cat", ""),  # a word of the language
        ('Somebody stopped "feeds"', "feeds"),
        ("The feeds service is slow", "feeds"),
        ("Feeds are slow", ""),
    ],
)
def test_a_name_is_found_letter_by_letter_and_a_plain_word_only_where_it_is_meant(headline: str, service: str) -> None:
    assert service_in_headline(headline, NAMES) == service


async def entered(observer: Observer, **body: Any) -> str | None:
    before = await observer.events()
    alert = {"host": "barn", "rule": "PumpIsDry", "severity": "error", "incident_id": f"i{len(before)}"}
    await observer.http.post("/hooks/any", json=alert | body)
    (event,) = (await observer.events())[len(before) :]
    return event.service


async def test_it_is_the_service_of_an_alert_that_names_none(serve: Serve) -> None:
    async with serve(OPEN) as observer:
        assert await entered(observer, title="pump-meter is slow") is None  # nobody sees anything
        await observer.bus.call("SET", f"{ALIVE_PREFIX}barn", NOTE)
        assert await entered(observer, title="pump-meter is slow") == "pump-meter"
        assert await entered(observer, service="radio", title="pump-meter is slow") == "radio"
        assert await entered(observer, service="two of them", title="pump-meter is slow") is None
        assert await entered(observer, host="loft", title="pump-meter is slow") is None  # of another agent
        await observer.bus.call("SET", f"{ALIVE_PREFIX}loft", NOTE)
        assert await entered(observer, host="loft", title="pump-meter of loft") is None  # of another node


@pytest.mark.parametrize(
    "said",
    [
        {"subject": "pump-meter is slow"},  # anybody may write a mail
        {"message": "pump-meter is slow"},
        {"title": "A line of a log", "text": "pump-meter is slow"},
        {"title": "A line\npump-meter is slow"},
        {"request": {"title": "pump-meter is slow"}},
        {"issue": {"title": "pump-meter is slow"}},
        {"comment": "pump-meter is slow"},
    ],
    ids=str,
)
async def test_what_others_may_have_written_names_no_service(serve: Serve, said: dict[str, Any]) -> None:
    async with serve(OPEN) as observer:
        await observer.bus.call("SET", f"{ALIVE_PREFIX}barn", NOTE)
        assert await entered(observer, **said) is None


@pytest.mark.parametrize(
    ("name", "service"),
    [
        ("PumpMeterDown", "pump-meter"),
        ("pump_meter_is_not_running", "pump-meter"),
        ("RadioServiceUnreachable", "radio.service"),
        ("Feeds not responding", "feeds"),
        ("FeedsAreSlow", ""),  # something else ails it
        ("RadioMastDown", ""),
        ("FeedsRunning", ""),
        ("Feeds", ""),
        ("Down", ""),
    ],
)
def test_an_alert_that_says_no_more_than_that_something_is_down_is_called_after_it(name: str, service: str) -> None:
    assert service_that_is_down(name, NAMES) == service


def test_what_hosts_and_networks_are_called_is_no_name_of_a_program() -> None:
    assert service_that_is_down("DockerDown", {"docker.service": "docker.service"}) == ""
    assert service_that_is_down("FeedsDown", {**NAMES, "feeds.service": "feeds.service"}) == "", "which of the two?"


PORTS = note_of("barn", [seen("home.web"), seen("feeds"), seen("front")], ports={8070: "feeds", 443: "front"})


async def joined(observer: Observer, **labels: str) -> tuple[str | None, Any]:
    before = await observer.events()
    fired = {"status": "firing", "labels": {"alertname": "BlackboxProbeFailed", **labels}, "fingerprint": len(before)}
    await observer.http.post("/hooks/alertmanager", json=body(fired))
    (event,) = (await observer.events())[len(before) :]
    return event.service, event.payload.get("matched_by")


async def test_a_probe_that_failed_is_about_who_answers_at_that_port(serve: Serve) -> None:
    async with serve(OPEN) as observer:
        assert await joined(observer, instance="http://barn:8070/health") == (None, None)  # nobody sees anything
        await observer.bus.call("SET", f"{ALIVE_PREFIX}barn", PORTS)
        assert await joined(observer, instance="http://barn:8070/health") == ("feeds", "port")
        assert await joined(observer, instance="http://barn:8071/") == (None, None)
        assert await joined(observer, instance="https://barn/") == (None, None)  # a proxy's port
        assert await joined(observer, instance="http://feeds.barn:8070/") == (None, None)  # behind it
        assert await joined(observer, instance="barn:8070", alertname="HostHot") == (None, None)  # who measured
        assert await joined(observer, instance="barn:9100", alertname="FeedsDown") == ("feeds", "name")
        assert await joined(observer, instance="http://barn:8070/", service="papers") == ("papers", None)


async def test_an_instance_that_is_down_is_who_answers_at_its_port_while_the_agent_of_that_host_speaks(
    serve: Serve,
) -> None:
    async with serve(OPEN) as observer:
        assert await joined(observer, instance="barn:8070", alertname="InstanceDown") == (None, None)
        await observer.bus.call("SET", f"{ALIVE_PREFIX}barn", PORTS)
        assert await joined(observer, instance="barn:8070", alertname="InstanceDown") == ("feeds", "port")
        assert await joined(observer, instance="barn:9100", alertname="InstanceDown") == (None, None)
        types = [event.type for event in await observer.events()]
        assert types == ["node_unreachable", "instance_down", "node_unreachable"]


async def test_an_alert_that_is_called_after_a_service_tells_of_it_what_an_agent_would(serve: Serve) -> None:
    async with serve(OPEN) as observer:
        await observer.bus.call("SET", f"{ALIVE_PREFIX}barn", PORTS)
        for name in ("FeedsDown", "FeedsNotRunning", "FeedsUnreachable", "feeds_not_responding"):
            assert await joined(observer, instance="barn:9100", alertname=name) == ("feeds", "name")
        types = [event.type for event in await observer.events()]
        assert types == ["service_down", "service_down", "service_unhealthy", "service_unhealthy"]


async def test_a_monitors_own_name_counts_where_something_is_called_so(serve: Serve) -> None:
    async with serve(OPEN) as observer:
        await observer.bus.call("SET", f"{ALIVE_PREFIX}barn", PORTS)

        async def told(name: str, **monitor: Any) -> tuple[str | None, Any]:
            before = await observer.events()
            watched = {"id": len(before), "name": name, **monitor}
            heartbeat = {"status": 0, "msg": "timeout", "time": "2026-05-05 10:00:00"}
            await observer.http.post("/hooks/uptime-kuma", json={"monitor": watched, "heartbeat": heartbeat, "msg": ""})
            (event,) = (await observer.events())[len(before) :]
            return event.service, event.payload.get("matched_by")

        assert await told("Morning papers", type="http", url="http://barn:8070/") == ("feeds", "port")
        assert await told("Morning papers", type="port", hostname="barn", port=8070) == ("feeds", "port")
        assert await told("web", type="http", url="http://barn:8070/") == ("web", None)  # home.web, by its bare name
        assert await told("Morning papers", type="http", url="http://barn:8071/") == ("morning-papers", None)
