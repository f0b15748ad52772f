"""A list at the top and a form are read as an object is: each object of the one, the fields of the other."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest
from hooks_rig import OPEN, SECRET, SIGNED, TOKEN, WITH_TOKEN, Serve, alert, body, signed

from observer.hooks.alert import MOST_ALERTS
from observer.hooks.generic import GenericHook
from observer.hooks.request_body import FORM, MOST_FORM_FIELDS
from observer.hooks.rules import HookRules, Keys

KEY = {"Authorization": f"Bearer {TOKEN}"}
AS_FORM = {"Content-Type": FORM}
SCENARIOS = [  # as CrowdSec's default template writes them, shortened
    {
        "scenario": "http-probing",
        "machine_id": "attic",
        "message": "seen",
        "events": [{"meta": [{"key": "a", "value": "b"}]}],
    },
    {"scenario": "ssh-bf", "machine_id": "cellar", "message": "seen", "source": {"ip": "203.0.113.7"}},
]
STATUSCAKE = {
    "Name": "shop",
    "URL": "https://attic/shop",
    "Status": "Down",
    "StatusCode": "0",
    "Token": "S3CRET-of-theirs",
}
UPTIME_ROBOT = {
    "monitorID": "777",
    "monitorURL": "https://attic/",
    "monitorFriendlyName": "B\u00fcro & shop",
    "alertType": "1",
    "alertTypeFriendlyName": "Down",
}


async def test_each_object_of_a_list_at_the_top_is_an_alert(serve: Serve) -> None:
    async with serve(OPEN) as observer:
        answer = await observer.http.post("/hooks/any", json=[*SCENARIOS, "what"])
        found = [(event.type, event.node) for event in await observer.events()]
        (letter,) = await observer.letters()
    said = answer.json()
    assert (answer.status_code, said["received"], said["entered"], said["refused"]) == (200, 3, 2, 1)
    assert found == [("http_probing", "attic"), ("ssh_bf", "cellar")]
    assert said["problems"][0].startswith("alert 3: ")
    assert "what" in letter.raw


@pytest.mark.parametrize(
    ("hook", "types"),
    [
        (GenericHook(type="kind", node="host"), ["a", "b"]),
        (GenericHook(each="[?kind != 'a']", type="kind", node="host"), ["b"]),
        (GenericHook(each="[].parts[]", type="kind", node="'nas'"), ["c", "d"]),
    ],
    ids=["each object", "an expression chooses", "an expression goes into each"],
)
async def test_an_expression_sees_the_list_itself(serve: Serve, hook: GenericHook, types: list[str]) -> None:
    sent = [{"kind": kind, "host": "nas", "parts": [{"kind": part}]} for kind, part in ("ac", "bd")]
    async with serve(replace(OPEN, generic={"mine": hook})) as observer:
        answer = await observer.http.post("/hooks/generic/mine", json=sent)
        assert answer.status_code == 200, answer.text
        assert [event.type for event in await observer.events()] == types


@pytest.mark.parametrize(
    ("path", "content", "status", "reason"),
    [
        ("any", b"[" + b"0," * MOST_ALERTS + b"0]", 422, f"more than {MOST_ALERTS} alerts"),
        ("any", b"[1]", 422, "no field of this body says what is wrong"),
        ("any", b'"down"', 400, "neither an object nor a list"),
        ("alertmanager", b"[{}]", 400, "not an object: the message is a list"),
    ],
)
async def test_a_list_that_holds_no_alerts_is_refused_and_kept(
    serve: Serve, path: str, content: bytes, status: int, reason: str
) -> None:
    async with serve(OPEN) as observer:
        headers = {"Content-Type": "application/json"}
        answer = await observer.http.post(f"/hooks/{path}", content=content, headers=headers)
        assert (answer.status_code, reason in answer.json()["detail"]) == (status, True)
        assert await observer.nothing_entered()
        assert len(await observer.letters()) == 1


@pytest.mark.parametrize(
    ("trouble", "end"),
    [
        (STATUSCAKE, STATUSCAKE | {"Status": "Up", "StatusCode": "200"}),
        (UPTIME_ROBOT, UPTIME_ROBOT | {"alertType": "2", "alertTypeFriendlyName": "Up"}),
    ],
    ids=["statuscake", "uptime robot"],
)
async def test_a_form_with_a_key_tells_trouble_and_its_end(
    serve: Serve, trouble: dict[str, str], end: dict[str, str]
) -> None:
    async with serve(WITH_TOKEN, peer="10.0.0.9") as observer:
        for fields, key in ((trouble, {"auth": ("anybody", TOKEN)}), (end, {"headers": KEY})):
            answer = await observer.http.post("/hooks/any", data=fields, **key)  # type: ignore[arg-type]
            assert answer.status_code == 200, answer.text
        ill, well = await observer.events()
    assert (ill.type, ill.node, well.type) == ("http_probe_failed", "attic", "service_recovered")
    assert ill.incident == well.incident
    assert "S3CRET" not in json.dumps(ill.payload)


async def test_a_signed_form_comes_in_as_well(serve: Serve) -> None:
    content = urlencode(STATUSCAKE).encode()
    async with serve(SIGNED) as observer:
        answer = await observer.http.post("/hooks/any", content=content, headers=signed(content) | AS_FORM)
        assert answer.status_code == 200, answer.text
        forged = signed(content, secret=f"{SECRET}x") | AS_FORM
        assert (await observer.http.post("/hooks/any", content=content, headers=forged)).status_code == 401


@pytest.mark.parametrize(
    ("rules", "headers", "status", "reason"),
    [
        (OPEN, {}, 415, "texts and forms are read with a key only"),
        (OPEN, KEY, 415, "texts and forms are read with a key only"),  # nothing tells whether it is one
        (HookRules(common=Keys(token=TOKEN), loopback=True), {}, 401, "Authorization: Bearer TOKEN"),
        (WITH_TOKEN, {"Cookie": f"token={TOKEN}"}, 401, "Authorization: Bearer TOKEN"),
    ],
    ids=["no key is set", "one is sent where none is set", "none is sent", "a cookie"],
)
async def test_a_form_that_a_web_page_could_have_sent_enters_nothing(
    serve: Serve, rules: HookRules, headers: dict[str, str], status: int, reason: str
) -> None:
    async with serve(rules) as observer:
        answer = await observer.http.post("/hooks/any", data=STATUSCAKE, headers=headers)
        assert (answer.status_code, reason in answer.json()["detail"]) == (status, True)
        assert await observer.nothing_entered()
        assert await observer.letters() == []


async def test_a_hook_that_knows_its_sender_reads_no_form(serve: Serve) -> None:
    async with serve(WITH_TOKEN) as observer:
        answer = await observer.http.post("/hooks/alertmanager", data={"alerts": "x"}, headers=KEY)
        assert (answer.status_code, "(or" in answer.json()["detail"]) == (415, False)


async def test_json_that_is_only_called_a_form_is_json(serve: Serve) -> None:
    """`curl -d` calls whatever it sends a form."""
    rules = replace(WITH_TOKEN, generic={"group": GenericHook(each="alerts", type="labels.alertname")})
    async with serve(rules) as observer:
        content = json.dumps(body(alert()))
        answer = await observer.http.post("/hooks/generic/group", content=content, headers=KEY | AS_FORM)
        assert answer.json()["entered"] == 1


@pytest.mark.parametrize(
    ("content", "charset", "status", "said"),
    [
        (b"rule=slow&host=attic&text=B%FCro", "; charset=iso-8859-1", 200, "B\u00fcro"),
        (b"rule=slow&host=attic&text=a+b%26c&text=d", "", 200, ["a b&c", "d"]),
        (b"rule=slow&host=attic&text=B%FCro", "", 400, "a field of this form is not UTF-8"),
        (b"rule=slow&text=B%FCro", "; charset=klingon", 400, "'klingon' is not known here"),
        (b"a=1&" * MOST_FORM_FIELDS + b"rule=slow", "", 400, f"more than {MOST_FORM_FIELDS} fields"),
        (b"\xff=1", "", 400, "byte 0 cannot be decoded"),
        (b"", "", 422, "no field of this body says what is wrong"),
        (b"hello", "", 422, "no field of this body says what is wrong"),
    ],
)
async def test_the_fields_of_a_form_are_texts_or_it_is_refused_with_a_sentence_and_kept(
    serve: Serve, content: bytes, charset: str, status: int, said: Any
) -> None:
    async with serve(WITH_TOKEN) as observer:
        headers = KEY | {"Content-Type": FORM + charset}
        answer = await observer.http.post("/hooks/any", content=content, headers=headers)
        assert answer.status_code == status, answer.text
        if status == 200:
            (event,) = await observer.events()
            assert (event.type, event.node, event.payload["text"]) == ("slow", "attic", said)
        else:
            assert said in answer.json()["detail"]
            assert len(await observer.letters()) == 1
