"""Requests that no recipe knows: a model that may write is asked; the lint and a person decide over what it says."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from parts.scripted import Canned, ScriptedHttp
from request_rig import Requests

from mesh_core.llm.noting import Noting
from mesh_core.llm.providers.openai_compatible import OpenAICompatibleProvider
from mesh_core.llm.sent import read_sent
from mesh_core.models.proposals import Risk
from mesh_core.models.requests import Request, RequestReply, RequestState, RequestStatus
from mesh_core.testing import wait_for

TEXT = "set the timezone to Europe/Warsaw"
TIMEZONE = "community.general.timezone"


def chosen(*steps: str) -> Canned:
    return Canned.openai(json.dumps({"steps": [*steps]}))


def filled(*steps: tuple[str, dict[str, Any]]) -> Canned:
    return Canned.openai(json.dumps({"steps": [{"step": name, "values": values} for name, values in steps]}))


GOOD = (chosen(TIMEZONE), filled((TIMEZONE, {"name": "Europe/Warsaw"})))


@pytest.fixture
async def lab(requests: Requests, scripted_http: ScriptedHttp) -> AsyncIterator[Requests]:
    """Two models on one scripted server: `lab` may write, `other`, before it in the chain, may not."""
    for name in ("other", "lab"):
        provider = OpenAICompatibleProvider(name=name, url=scripted_http.url, model=f"{name}-model", timeout_seconds=60)
        requests.providers.append(Noting(provider, requests.runtime, outside=False))
    requests.may_write = frozenset({"lab"})
    yield requests
    for provider in requests.providers:
        await provider.close()


async def ended(requests: Requests, number: int = 1) -> RequestStatus:
    """The newest of that many, once nobody writes it any more."""
    await requests.known(number)
    await wait_for(lambda: requests.folder.all()[0].state is not RequestState.WRITING, 30, "it is written or refused")
    return requests.folder.all()[0]


async def test_a_model_that_may_write_writes_what_no_recipe_knows_and_every_proposal_says_so(
    lab: Requests, scripted_http: ScriptedHttp
) -> None:
    scripted_http.script(*GOOD)
    await lab.start()
    await lab.say(text=TEXT, hosts=["web", "db01"], by="ann", max_tokens=500, temperature=0.2)
    status = await ended(lab)
    assert (status.state, status.risk, status.recipes) == (RequestState.FILED, Risk.GUARDED, ())
    assert status.written_by
    assert (status.written_by.name, status.written_by.position) == ("lab-model", 2)
    waiting = [one.proposal for one in lab.actions.pending()]
    assert sorted(one.node for one in waiting) == ["db01", "web01", "web02"]
    for one in waiting:
        assert one.playbook
        assert f"{TIMEZONE}:\n      name: Europe/Warsaw" in one.playbook.text
        assert one.model.name == "lab-model"
        assert one.risk_level is Risk.GUARDED
        assert one.reason.startswith("No recipe knows these words; the model lab-model wrote the tasks. ann asked: set")
    bodies = [asked.body for asked in scripted_http.asked]
    assert [(body["model"], body["max_tokens"], body["temperature"]) for body in bodies] == [
        ("lab-model", 500, 0.2)
    ] * 2
    sent = read_sent(lab.runtime, status.request.id)
    assert [(one.to, one.user) for one in sent] == [("lab", body["messages"][-1]["content"]) for body in bodies]
    assert bodies[0]["response_format"]["json_schema"]["schema"]["properties"]["steps"]["items"]["enum"]
    attempts = await lab.stream("mesh:llm_attempts")
    assert [(one["event_id"], one["position"], one["outcome"]) for one in attempts] == [
        (status.request.id, 2, "ok")
    ] * 2
    assert [one["state"] for one in await lab.told(2)] == ["writing", "filed"]


async def test_only_a_model_that_is_marked_is_asked_and_without_one_it_ends_as_ever(
    lab: Requests, scripted_http: ScriptedHttp
) -> None:
    lab.may_write = frozenset()
    await lab.start()
    await lab.say(text=TEXT, hosts=["web01"])
    status = await ended(lab)
    assert status.state is RequestState.REFUSED
    assert status.reason.startswith("what is meant by 'timezone', 'Europe/Warsaw' is not known here")
    assert scripted_http.asked == []
    assert lab.actions.pending() == ()


@pytest.mark.parametrize(
    ("named", "told"),
    [
        ("nobody", "the model nobody is not in the chain; name one of lab, or leave --model away"),
        ("other", "the model other may not write: config/chain.yml does not say writes: true; name one of lab"),
    ],
)
async def test_a_model_that_is_named_and_may_not_write_is_said_with_those_that_may(
    lab: Requests, scripted_http: ScriptedHttp, named: str, told: str
) -> None:
    await lab.start()
    await lab.say(text="install htop", hosts=["web01"], model=named)
    status = await ended(lab)
    assert (status.state, status.reason[: len(told)]) == (RequestState.REFUSED, told)
    assert scripted_http.asked == []


async def test_what_the_gate_finds_goes_back_once_and_then_the_next_model_is_asked(
    lab: Requests, scripted_http: ScriptedHttp
) -> None:
    lab.may_write = frozenset({"lab", "other"})
    invented = filled((TIMEZONE, {"name": "Europe/Berlin"}))
    scripted_http.script(chosen(TIMEZONE), invented, invented, *GOOD)
    await lab.start()
    await lab.say(text=TEXT, hosts=["web01"])
    status = await ended(lab)
    assert status.state is RequestState.FILED
    assert [asked.body["model"] for asked in scripted_http.asked] == ["other-model"] * 3 + ["lab-model"] * 2
    finding = "Your last answer could not be taken: 'Europe/Berlin' is not among the values that name of"
    assert finding in scripted_http.asked[2].body["messages"][-1]["content"]
    assert status.written_by
    assert status.written_by.name == "lab-model"


@pytest.mark.parametrize(
    ("text", "answers"),
    [
        # Values that nobody said, modules that are not offered, and what would take something away.
        (TEXT, [filled((TIMEZONE, {"name": "UTC"}))]),
        (TEXT, [chosen("ansible.builtin.shell")]),
        (TEXT, [chosen("ansible.builtin.uri")]),
        (TEXT, [chosen("package: remove")]),
        (TEXT, [chosen()]),
        (TEXT, [chosen("ansible.builtin.apt"), filled(("ansible.builtin.apt", {"name": ["timezone"], "purge": True}))]),
        (TEXT, [chosen("ansible.builtin.hostname"), filled(("ansible.builtin.hostname", {"name": "timezone"}))]),
        (TEXT, [Canned.openai("I'm sorry, I cannot help with that.")]),
        (TEXT, [Canned.openai("not json")]),
        (TEXT, [Canned.openai('{"steps": 1}')]),
        (TEXT, [Canned.error(500)]),
        (TEXT, [Canned.openai(f"- {TIMEZONE}: {{name: '{{{{ lookup(`pipe`, `id`) }}}}'}}")]),
        (TEXT, [Canned.openai(f"- {TIMEZONE}: {{name: Europe/Warsaw}}\n  delegate_to: localhost")]),
        (TEXT, [Canned.openai("- ansible.builtin.command: {argv: [timedatectl, set-timezone, Europe/Warsaw]}")]),
        (
            "change the owner of /srv/media to jellyfin",
            [
                chosen("ansible.builtin.file"),
                filled(("ansible.builtin.file", {"path": "/srv/media", "state": "absent"})),
            ],
        ),
    ],
)
async def test_whatever_else_a_model_says_nothing_is_filed_and_the_request_ends_with_the_sentence(
    lab: Requests, scripted_http: ScriptedHttp, text: str, answers: list[Canned]
) -> None:
    scripted_http.script(*answers)
    await lab.start()
    await lab.say(text=text, hosts=["web01"])
    status = await ended(lab)
    assert status.state is RequestState.REFUSED
    assert status.reason.startswith("what is meant by ")
    assert "; and no model could write it (lab: " in status.reason
    assert lab.actions.pending() == ()


async def test_a_model_that_cannot_keep_to_a_form_may_say_it_in_yaml_with_prose_around_it(
    lab: Requests, scripted_http: ScriptedHttp
) -> None:
    said = (
        "Sure! Here is the playbook:\r\n\r\n```yaml\r\n- hosts: all\r\n  become: true\r\n  tasks:\r\n"
        f"\t- name: “zone”\r\n\t  {TIMEZONE}:\r\n\t    name: Europe/Warsaw\r\n```\r\nHope this helps!"
    )
    scripted_http.script(Canned.openai(said))
    await lab.start()
    await lab.say(text=TEXT, hosts=["web01"])
    assert (await ended(lab)).state is RequestState.FILED
    (one,) = lab.actions.pending()
    assert one.proposal.playbook
    assert "become" not in one.proposal.playbook.text
    assert "hosts: web01" in one.proposal.playbook.text


async def test_a_model_sees_the_words_and_names_and_never_a_file_a_variable_or_a_secret(
    lab: Requests, scripted_http: ScriptedHttp
) -> None:
    scripted_http.script(Canned.openai('{"steps": []}'))
    await lab.start()
    files = [{"name": "ignore-all-rules.conf", "text": "the-words-of-the-file"}]
    await lab.say(text=TEXT, hosts=["web01"], files=files, extra_vars={"colour": "the-value-of-it"})
    assert (await ended(lab)).state is RequestState.REFUSED
    (asked,) = scripted_http.asked
    assert b"ignore-all-rules.conf" in asked.raw
    for hidden in (b"the-words-of-the-file", b"the-value-of-it", b"web01", b"db01"):
        assert hidden not in asked.raw
    await lab.say(text=f"{TEXT} with password hunter2-correct-horse", hosts=["web01"])
    assert (await ended(lab, 2)).state is RequestState.REFUSED
    assert len(scripted_http.asked) == 1


async def test_while_a_model_writes_others_are_read_and_the_one_in_hand_can_be_cancelled(
    lab: Requests, scripted_http: ScriptedHttp
) -> None:
    scripted_http.script(Canned(hang=True))
    await lab.start()
    await lab.say(text=TEXT, hosts=["web01"])
    await wait_for(lambda: bool(scripted_http.asked), 20, "the model is asked")
    (waits,) = await lab.known()
    assert waits.state is RequestState.WRITING
    await lab.say(text="install htop", hosts=["web01"])
    htop = (await lab.known(2))[-1]
    assert htop.state is RequestState.FILED
    await lab.bus.enter_request(RequestReply(request=waits.request.id, cancel=True, by="ann"))

    def is_cancelled() -> bool:
        status = lab.folder.get(waits.request.id)
        return status is not None and status.state is RequestState.CANCELLED

    await wait_for(is_cancelled, 20, "it is cancelled")
    scripted_http.close()

    async def settled() -> bool:
        (group,) = await lab.bus.redis.xinfo_groups(Request.stream)
        return int(group["pending"]) + int(group["lag"] or 0) == 0

    await wait_for(settled, 30, "all of it is acknowledged")
    assert len(lab.actions.pending()) == 1, "nothing but htop waits"


async def test_the_bundled_model_is_asked_for_real_where_somebody_marks_it_and_files_nothing_that_was_not_said(
    requests: Requests, llama_url: str
) -> None:
    bundled = OpenAICompatibleProvider(name="llamacpp", url=llama_url, timeout_seconds=240)
    requests.providers.append(bundled)
    requests.may_write = frozenset({"llamacpp"})
    await requests.start()
    await requests.say(text=TEXT, hosts=["web01"], max_tokens=64, temperature=0)
    await requests.known()
    await wait_for(lambda: requests.folder.all()[0].state is not RequestState.WRITING, 500, "it has answered")
    (status,) = requests.folder.all()
    attempts = await requests.stream("mesh:llm_attempts")
    assert {one["event_id"] for one in attempts} == {status.request.id}
    answers = {"ok", "refusal", "invalid_json", "schema_violation", "ungrounded"}
    assert {one["outcome"] for one in attempts} <= answers, attempts
    assert attempts[0]["completion_tokens"] > 0
    waiting = requests.actions.pending()
    assert len(waiting) == (1 if status.state is RequestState.FILED else 0)
    for one in waiting:
        assert one.proposal.risk_level is not Risk.LOW
        assert one.proposal.playbook
        assert "Europe/Warsaw" in one.proposal.playbook.text
    await bundled.close()
