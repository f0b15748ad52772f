"""Which updates are news, and in which words: whatever a model or an event says stays inert."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mesh_core.models.events import HealthEvent, Severity, WorldUpdate
from mesh_core.models.proposals import ActionUpdate, ModelRef, Proposal
from observer.notify.notifications import Notification
from observer.notify.rendering import BODY_CHARS, TITLE_CHARS, inert, render
from observer.notify.rules import BadNotificationRules, NotificationRules, read_rules
from observer.notify.triggers.actions import notification_of_action
from observer.notify.triggers.nodes import notification_of_node

AT = "2026-01-31T12:00:00.000Z"
ID = "plan-web01-shop-0154f3f98721"


def update(before: str, after: str, kind: str = "container_restart") -> ActionUpdate:
    fields: dict[str, Any] = {"from": before, "to": after}
    return ActionUpdate(
        ts=AT, action_id=ID, type=kind, node="web01", service="shop", by="planner", reason="because", **fields
    )


def proposal(provider: str = "llamacpp", reason: str = "it does not answer any more") -> Proposal:
    event = HealthEvent(id="web01/1-0", type="container_died", node="web01", service="shop", severity=Severity.CRITICAL)
    return Proposal(
        id=ID,
        type="container_restart",  # type: ignore[arg-type]
        action="restart",  # type: ignore[arg-type]
        risk_level="low",  # type: ignore[arg-type]
        node="web01",
        service="shop",
        reason=reason,
        confidence=0.7,
        created_at=AT,
        expires_at="2026-02-01T12:00:00.000Z",
        event=event,
        model=ModelRef(name="smollm2", provider=provider, position=1, latency_ms=1),
    )


def news(kind: str = "failed", **changes: Any) -> Notification:
    facts = {"type": "container_restart", "reason": "still sick"}
    fields: dict[str, Any] = {"key": "k", "kind": kind, "at": AT, "node": "web01", "service": "shop", "action_id": ID}
    return Notification(**{**fields, "facts": facts, **changes})


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        ("running", "done", "done"),
        ("running", "failed", "failed"),
        ("running", "interrupted", "interrupted"),
        ("approved", "quarantine", "quarantine"),
        ("pending", "expired", "expired"),
        ("", "pending", "proposal"),
        ("pending", "approved", None),
        ("pending", "rejected", None),
        ("pending", "withdrawn", None),
        ("approved", "running", None),
        ("approved", "pending", None),
    ],
)
def test_new_proposals_and_outcomes_are_news_and_what_people_do_is_not(
    before: str, after: str, kind: str | None
) -> None:
    made = notification_of_action(update(before, after), proposal())
    assert (made.kind if made else None) is kind


def test_a_proposal_of_the_floor_is_said_to_be_one() -> None:
    made = notification_of_action(update("", "pending"), proposal("floor"))
    assert made is not None
    assert made.kind == "floor"
    assert made.severity is Severity.CRITICAL
    assert "no model answered" in render([made], NotificationRules(), "").title


def test_a_preview_is_read_by_who_asked_for_it_and_told_nobody() -> None:
    for move in (("", "pending"), ("running", "done"), ("running", "failed"), ("approved", "quarantine")):
        assert notification_of_action(update(*move, "preview"), proposal()) is None


def test_a_notification_that_was_sent_is_not_told_a_second_time() -> None:
    assert notification_of_action(update("running", "done", "notify"), None) is None
    assert notification_of_action(update("running", "failed", "notify"), None) is not None


def test_a_node_that_falls_silent_or_is_back_is_news_and_its_services_are_not() -> None:
    def world(before: str, after: str, service: str | None = None) -> WorldUpdate:
        fields: dict[str, Any] = {"from": before, "to": after}
        return WorldUpdate(ts=AT, node="web01", service=service, severity=Severity.ERROR, **fields)

    kinds = [
        (made.kind if (made := notification_of_node(world(*states), "1-0")) else None)
        for states in (("healthy", "offline"), ("offline", "sick"), ("healthy", "sick"), ("healthy", "offline", "shop"))
    ]
    assert kinds == ["node_offline", "node_online", None, None]


def test_one_thing_says_what_why_and_where_to_look() -> None:
    made = notification_of_action(update("", "pending"), proposal())
    assert made is not None
    said = render([made], NotificationRules(), "https://mesh.example.org/")
    assert said.title == "web01/shop: container died (container_restart?)"
    assert 'model smollm2 says: "it does not answer any more"' in said.body
    assert f"https://mesh.example.org/#/proposals/{ID}" in said.body
    assert "mend show 0154f3f98721" in render([made], NotificationRules(), "").body


@pytest.mark.parametrize("provider", ["llamacpp", "floor"])
def test_what_is_wrong_comes_before_what_would_be_done_and_how_far_that_goes(provider: str) -> None:
    payload = {"mount": "/srv", "dependents": ["api", "cron"]}
    event = HealthEvent(id="web01/1-0", type="disk_full", node="web01", service="shop", payload=payload)
    made = notification_of_action(update("", "pending"), proposal(provider).model_copy(update={"event": event}))
    assert made is not None
    said = render([made], NotificationRules(), "")
    assert said.title.startswith("web01/shop: disk full: /srv (container_restart?")
    assert "If you approve: restarts 1 container on web01: shop; 2 others depend on it: api, cron.\n" in said.body
    own = NotificationRules.model_validate({"templates": {made.kind: {"title": "$wrong", "body": "$touches"}}})
    assert render([made], own, "").title == "disk full: /srv"
    listed = render([made] * 4, NotificationRules(), "").body
    assert listed.count("web01/shop: disk full: /srv (container_restart?") == 4


def test_how_sure_a_model_says_it_is_is_told_to_nobody() -> None:
    made = notification_of_action(update("", "pending"), proposal())
    assert made is not None
    own = NotificationRules.model_validate({"templates": {made.kind: {"title": "$type", "body": "sure: $confidence"}}})
    assert render([made], own, "http://nas").body == "sure: not calibrated"


def test_a_proposal_that_nobody_can_read_any_more_is_told_all_the_same() -> None:
    made = notification_of_action(update("pending", "expired"), None)
    assert made is not None
    assert render([made], NotificationRules(), "").body.startswith("trouble: container_restart was proposed")


def test_many_things_are_a_list_that_ends() -> None:
    said = render([news(key=str(n)) for n in range(30)] + [news("node_offline")], NotificationRules(), "")
    assert said.title == "31 news: 30 failed, 1 node offline"
    assert said.body.count("\n- ") == 20
    assert "and 11 more" in said.body


HOSTILE = [
    ("<script>alert(1)</script>", "<"),
    ("<!everyone> <@U1234>", "<"),
    ("@everyone look", "@"),
    ("**bold** `code` [text](http://evil.example)", "*"),
    ("see http://evil.example/login", "://"),
    ("see www.evil.example", "www."),
    ("a\x1b[31mred\x07", "\x1b"),
    ("one\r\ntwo\nSubject: three", "\n"),
    ("\N{RIGHT-TO-LEFT OVERRIDE}gnp.exe", "\N{RIGHT-TO-LEFT OVERRIDE}"),
    ("zero\N{ZERO WIDTH SPACE}width", "\N{ZERO WIDTH SPACE}"),
    ("# heading | table \\", "#"),
    ("&lt;b&gt;", "&"),
    ("\ud800half", "\ud800"),
]


@pytest.mark.parametrize(("text", "never"), HOSTILE)
def test_text_that_is_not_ours_is_inert(text: str, never: str) -> None:
    made = news(facts={"type": "container_restart", "reason": text})
    rules = NotificationRules.model_validate({"templates": {"failed": {"title": "$reason", "body": "$reason"}}})
    said = render([made], rules, "")
    assert never not in said.title
    assert never not in said.body
    assert "\n" not in said.title
    said.body.encode()


def test_long_text_is_cut_everywhere() -> None:
    made = news(facts={"type": "x" * 100_000, "reason": "y" * 100_000})
    rules = NotificationRules.model_validate(
        {"templates": {"failed": {"title": "$type$reason", "body": "$reason " * 400}}}
    )
    said = render([made], rules, "")
    assert len(said.title) <= TITLE_CHARS
    assert len(said.body) <= BODY_CHARS
    assert len(inert("z" * 1_000_000)) <= 400


def test_a_template_in_somebody_elses_text_is_not_filled_in() -> None:
    said = render(
        [news(facts={"type": "t", "reason": "$link ${link} $$ {link} {{link}}"})],
        NotificationRules(),
        "https://x.example",
    )
    assert said.body.startswith("$link ${link} $$ {link} {{link}}\n")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("kinds: [proposals]", "kinds.0"),
        ("digest: 5", "no such key"),
        ("templates: {failed: {title: 'x $reasn'}}", r"\$reasn is not known; there are .*\$reason"),
        ("templates: {failed: {title: 'costs 5 $ or so'}}", "write $$ for a dollar sign".replace("$", r"\$")),
        ("templates: {fail: {title: x}}", "templates.fail"),
        ('quiet: {from: "22:00", to: "25:00"}', "quiet.to"),
        ("quiet: {from: 22:30, to: 07:00}", 'write it in quotes: "22:30"'),
        ('quiet: {from: "22:00", to: "07:00", zone: Mars/Base}', "no such time zone"),
        ("most_per_hour: 0", "most_per_hour"),
        ("digest_minutes: .nan", "digest_minutes"),
        ("[", "not YAML"),
        (
            "most_per_hour: 3\ndigest_minutes: 5\nmost_per_hour: 4",
            r"notifications\.yml:3: most_per_hour stands there twice",
        ),
        ("- a", "write it as a mapping"),
    ],
)
def test_rules_that_cannot_be_used_name_the_key(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "notifications.yml"
    path.write_text(text)
    with pytest.raises(BadNotificationRules, match=words) as bad:
        read_rules(path)
    assert str(path) in str(bad.value)


def test_no_file_is_fine_and_a_good_one_is_followed(tmp_path: Path) -> None:
    path = tmp_path / "notifications.yml"
    assert read_rules(path) == NotificationRules()
    path.write_text('kinds: [failed]\nquiet: {from: "22:00", to: "07:00", zone: Europe/Vienna}\n')
    rules = read_rules(path)
    assert rules.kinds == ("failed",)
    assert rules.quiet is not None
    assert rules.quiet.holds(datetime(2026, 1, 31, 21, 30, tzinfo=UTC))  # 22:30 there
    assert not rules.quiet.holds(datetime(2026, 1, 31, 6, 30, tzinfo=UTC))
