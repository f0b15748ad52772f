"""Requests from the channel to pending/: once, for each host, with a state that says what became of them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from request_rig import Requests

from mesh_core.messaging.syntax_questions import put_answer
from mesh_core.models.requests import Request, RequestReply, RequestState, RequestUpdate
from mesh_core.models.syntax_check import SyntaxAnswer, SyntaxQuestion
from mesh_core.testing import wait_for
from planner_agent.requests import inbox


async def test_a_bare_publish_is_one_request_with_one_proposal_per_host_however_many_planners_hear_it(
    requests: Requests,
) -> None:
    await requests.start("p1")
    await requests.start("p2")
    await requests.say(text="install htop", hosts=["db01", "web"], by="ann")
    (status,) = await requests.known()
    assert (status.state, status.risk, status.recipes) == (RequestState.FILED, "low", ("package",))
    assert [one.host for one in status.proposals] == ["db01", "web01", "web02"]
    waiting = {filed.proposal.node: filed.proposal for filed in requests.actions.pending()}
    assert {host: one.id for host, one in waiting.items()} == {one.host: one.action_id for one in status.proposals}
    one, other = waiting["web01"], waiting["db01"]
    assert one.playbook
    assert other.playbook
    assert one.playbook.text.replace("web01", "db01") == other.playbook.text
    assert one.id.startswith("plan-web01-install-htop-")
    assert (one.event.type, one.event.incident, one.event.id) == (
        "playbook_requested",
        f"request/{status.request.id}",
        f"web01/{status.entry}",
    )
    assert one.event.payload == {"request": status.request.id, "text": "install htop", "by": "ann"}
    assert await requests.bus.redis.keys("mesh:ev:_*") == [], "nothing is sick because somebody asks for something"

    async def told() -> bool:
        return len(await requests.stream("mesh:actions")) == 3 and len(await requests.stream(RequestUpdate.stream)) == 1

    await wait_for(told, 20, "each proposal and the request are told once")


async def test_what_is_missing_is_asked_and_an_answer_files_it(requests: Requests) -> None:
    await requests.start()
    await requests.say(text="install", hosts=["web01"])
    (asks,) = await requests.known()
    assert (asks.state, requests.actions.pending()) == (RequestState.ASKS, ())
    (question,) = asks.questions
    assert question.text
    await requests.bus.enter_request(RequestReply(request=asks.request.id, answers={question.slot: "htop"}, by="ann"))
    await wait_for(lambda: requests.folder.all()[0].state is RequestState.FILED, 20, "it is filed")
    (filed,) = requests.actions.pending()
    assert filed.proposal.playbook
    assert "htop" in filed.proposal.playbook.text
    assert filed.proposal.event.id == f"web01/{asks.entry}"


async def test_what_cannot_be_asked_is_kept_with_the_name_of_what_is_wrong(requests: Requests) -> None:
    await requests.start()
    await requests.say(text="install htop", hosts=["db9"])
    (refused,) = await requests.known()
    assert refused.state is RequestState.REFUSED
    assert "db9 is not in config/inventory.yml; add it there" in refused.reason
    assert requests.actions.pending() == ()
    large = [{"name": f"page{number}.html", "text": "x" * 60_000} for number in range(3)]
    await requests.say(text="install htop", hosts=["web01"], files=large)
    _, unused = await requests.known(2)
    assert "the file page0.html came along, and nothing is said of it" in unused.reason
    kept, _ = await requests.told(2)
    assert (kept["state"], kept["text"], kept["reason"]) == ("refused", "install htop", refused.reason)
    for wrong, told in (
        ({"text": "install htop", "hosts": ["web01"], "yes": True}, "yes: Extra inputs"),
        ({"text": "", "hosts": ["web01"]}, "text: "),
        ({"text": "rm\0", "hosts": ["web01"]}, "control character"),
        ({"text": "x" * 4001, "hosts": ["web01"]}, "text: should have at most 4000"),
        ({"text": "install htop", "hosts": []}, "hosts: "),
        ({"text": "install htop", "hosts": ["../web01"]}, "hosts.0: "),
        ({"text": "install htop", "hosts": ["web01"], "files": large[:1] * 2}, "page0.html is there twice"),
        ({"text": "install htop", "hosts": ["web01"], "files": [{"name": "../x", "text": ""}]}, "files.0.name: "),
        ({"text": "install htop", "hosts": ["web01"], "files": [{"name": "x", "text": "y" * 65_537}]}, "65537 bytes"),
        ({"text": "install htop", "hosts": ["web01"], "files": large * 2}, "too large"),
        ({"request": "req-0123456789ab", "answers": {"x": "y"}}, "there is no request req-0123456789ab"),
        ({"request": refused.request.id, "answers": {"x": "y"}}, "asks nothing: it is refused"),
    ):
        before = len(await requests.stream("mesh:dead_letters"))
        await requests.say(**wrong)

        async def kept_apart(before: int = before) -> bool:
            return len(await requests.stream("mesh:dead_letters")) > before

        await wait_for(kept_apart, 20, f"a dead letter for {wrong}")
        assert told in (await requests.stream("mesh:dead_letters"))[-1]["reason"]
    assert len(requests.folder.all()) == 2


async def test_a_mistake_of_ours_over_one_request_is_said_and_the_next_is_read(
    requests: Requests, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = inbox.drafted

    def fails(asked: Request, *known: Any) -> Any:
        if asked.text == "oops":
            raise RecursionError
        return real(asked, *known)

    monkeypatch.setattr(inbox, "drafted", fails)
    await requests.start()
    await requests.say(text="oops", hosts=["web01"])
    await requests.say(text="install htop", hosts=["web01"])
    refused, filed = await requests.known(2)
    assert "the planner made a mistake over it" in refused.reason
    assert filed.state is RequestState.FILED


async def test_a_password_in_the_words_is_told_to_nobody_but_the_playbook(requests: Requests) -> None:
    await requests.start()
    secret = "correct-horse-battery"
    await requests.say(text=f'write the text "password={secret}" into /srv/shop.conf', hosts=["web01"])
    (status,) = await requests.known()
    assert status.state is RequestState.FILED, status
    (filed,) = requests.actions.pending()
    assert filed.proposal.playbook
    assert secret in filed.proposal.playbook.text
    without = filed.proposal.model_copy(update={"playbook": None}).wire().decode()
    assert secret not in without
    (told,) = await requests.told()
    assert secret not in str(told)


async def test_a_syntax_that_an_executor_finds_wrong_files_nothing(requests: Requests) -> None:
    """The executor is a twin here; the real one is asked in its own tests."""
    requests.syntax_seconds = 60.0
    await requests.start()

    async def asked() -> list[SyntaxQuestion]:
        return [SyntaxQuestion.model_validate(one) for one in await requests.stream(SyntaxQuestion.stream)]

    async def answer(text: str, problem: str) -> None:
        async def there() -> bool:
            return any(text in one.playbook.text for one in await asked())

        await wait_for(there, 20, "it is asked")
        question = next(one for one in await asked() if text in one.playbook.text)
        await put_answer(requests.bus, question, SyntaxAnswer(problem=problem))

    await requests.say(text="install htop", hosts=["web"])
    await answer("htop", "")
    (good,) = await requests.known()
    assert (good.state, good.syntax_checked, len(await asked())) == (RequestState.FILED, True, 1), "one for two hosts"
    await requests.say(text="install curl", hosts=["web01"])
    await answer("curl", "no such module")
    _, bad = await requests.known(2)
    assert (bad.state, bad.reason) == (RequestState.REFUSED, "Ansible cannot read its playbook: no such module")
    assert evidence_of(requests) == {"install-htop": ["request"]}
    assert len(requests.actions.pending()) == 2


async def test_where_no_executor_answers_it_is_filed_and_the_card_says_so(requests: Requests) -> None:
    requests.syntax_seconds = 0.2
    await requests.start()
    await requests.say(text="install git", hosts=["web01"])
    (unchecked,) = await requests.known()
    assert (unchecked.state, unchecked.syntax_checked) == (RequestState.FILED, False)
    assert evidence_of(requests) == {"install-git": ["request", "syntax check"]}
    assert len(await requests.stream(SyntaxQuestion.stream)) == 1


def evidence_of(requests: Requests) -> dict[str | None, list[str]]:
    return {one.proposal.service: [part.source for part in one.proposal.evidence] for one in requests.actions.pending()}


async def test_of_replies_at_the_same_moment_one_counts_on_every_host_and_the_others_are_told(
    requests: Requests,
) -> None:
    for name in ("p1", "p2", "p3"):
        await requests.start(name)
    await requests.say(text="install", hosts=["web", "db01"])
    (asks,) = await requests.known()
    (question,) = asks.questions
    names = [f"package{number}" for number in range(8)]
    await asyncio.gather(
        *(
            requests.bus.enter_request(RequestReply(request=asks.request.id, answers={question.slot: name}, by="ann"))
            for name in names
        )
    )

    async def refused() -> bool:
        return len(await requests.stream("mesh:dead_letters")) == len(names) - 1

    await wait_for(refused, 30, "all but one are refused")
    await wait_for(lambda: requests.folder.all()[0].state is RequestState.FILED, 30, "the one is filed")
    (filed,) = requests.folder.all()
    waiting = [one.proposal.playbook.text for one in requests.actions.pending() if one.proposal.playbook]
    assert len(waiting) == 3
    assert all(filed.answers[question.slot] in text for text in waiting)
    reasons = {letter["reason"] for letter in await requests.stream("mesh:dead_letters")}
    assert all("another reply" in reason or "asks nothing" in reason for reason in reasons)
