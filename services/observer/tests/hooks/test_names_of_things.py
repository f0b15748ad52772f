"""Which of the words in the place of a name are one: of a host under any key, of a thing that is said to stand so."""

from __future__ import annotations

from typing import Any

import pytest
from alert_rig import entered_with

from mesh_core.policy.names.known_names import KnownNames

OURS = KnownNames(hosts={"barn": "192.0.2.4", "loft": ""})
Body = dict[str, Any]


@pytest.mark.parametrize("key", ["printer", "router", "Gateway", "pc"])
def test_any_field_at_the_top_may_be_a_host_of_ours(key: str) -> None:
    assert entered_with({"event": "jam", key: "barn"}, OURS).node == "barn"
    assert entered_with({"event": "jam", key: "shed"}, OURS).node == "unknown"
    assert entered_with({"event": "jam", key: "barn", "spare": "loft"}, OURS).node == "unknown"  # two of ours
    assert entered_with({"event": "jam", key: "barn", "host": "loft"}, OURS).node == "loft"


@pytest.mark.parametrize("key", ["user", "client", "sender", "title"])
def test_who_asked_and_what_is_told_is_no_host(key: str) -> None:
    assert entered_with({"event": "jam", key: "barn", "spare": "loft"}, OURS).node == "loft"


@pytest.mark.parametrize(
    ("body", "service"),
    [
        ({"container": "absent", "unit": "till.service"}, "till.service"),
        ({"process": "alive", "program": "till"}, "till"),
        ({"unit": "active", "check": "till"}, None),
        ({"Service": "Till Relay Host", "ServiceName": "till-relay"}, "till-relay"),
        ({"service": "till@barn"}, "till"),
        ({"service": "till@loft"}, "till@loft"),
    ],
)
def test_how_a_thing_stands_is_no_name_and_of_several_that_is_meant_that_can_be_one(
    body: Body, service: str | None
) -> None:
    assert entered_with(body | {"host": "barn", "message": "it is slow"}, OURS).service == service
