"""Which runbook is for an event: a person's own first, then the surest."""

from __future__ import annotations

from typing import Any

from mesh_core.models.events import HealthEvent, Trust
from mesh_core.runbooks.index import FoundBy, Match, RunbookIndex
from mesh_core.runbooks.runbook import Runbook
from mesh_core.runbooks.wording import heading, in_short, told

SHIPPED = Runbook(
    id="disk-full",
    title="A disk is full",
    alerts=("DiskFull", "Disk*Filling"),
    parts=(("disk", "volume"), ("full",)),
    words="no space left",
    means="Nothing more can be written.",
    helps=("journal_vacuum",),
    useless=("restart",),
    sources=("a public collection",),
)
OTHER = Runbook(id="queue-grows", title="A queue grows", alerts=("QueueGrows",), words="workers backlog consumers")
# A word counts as much as it is rare: in an index of two runbooks none is.
MANY = [Runbook(id=f"other-{n}", title=f"Something else {n}", alerts=(f"Other{n}",)) for n in range(50)]


def own(**fields: Any) -> Runbook:
    return Runbook(**({"id": "mine", "title": "Mine", "own": True} | fields))


def found(index: RunbookIndex, type_: str = "alert", **more: Any) -> Match | None:
    return index.find(HealthEvent(**({"type": type_, "node": "nas01", "service": "web"} | more)))


def by(match: Match | None) -> tuple[str, FoundBy] | None:
    return (match.runbook.id, match.by) if match else None


def test_a_name_is_surer_than_a_pattern_and_both_than_parts_and_words() -> None:
    index = RunbookIndex([SHIPPED, OTHER, *MANY])
    assert by(found(index, payload={"alertname": "DiskFull"})) == ("disk-full", FoundBy.NAME)
    assert by(found(index, "disk_full")) == ("disk-full", FoundBy.FOLDED_NAME), "an event's type is a name, too"
    assert by(found(index, payload={"alertname": "DiskSdaFilling"})) == ("disk-full", FoundBy.FOLDED_NAME)
    assert by(found(index, payload={"alertname": "BackupVolumeFull"})) == ("disk-full", FoundBy.PARTS)
    assert by(found(index, payload={"message": "workers and consumers of the backlog"})) == (
        "queue-grows",
        FoundBy.WORDS,
    )
    assert found(index, payload={"message": "all is well"}) is None
    assert found(index, payload={"log_tail": "DiskFull disk full no space left"}) is None, "a log is no clue"


def test_what_an_agent_looked_up_is_no_clue_either() -> None:
    looked = {"investigation": {"disk": {"message": "workers backlog consumers"}}}
    assert found(RunbookIndex([OTHER, *MANY]), payload=looked, trust=Trust.NODE) is None


def test_a_persons_own_wins_wherever_it_is_about_this_trouble() -> None:
    everywhere = own(alerts=("disk_full",))
    here = own(id="here", alerts=("disk_full",), services=("web*",), nodes=("NAS*",))
    labelled = own(id="team", labels={"team": "me*"})
    assert by(found(RunbookIndex([SHIPPED, everywhere]), payload={"alertname": "DiskFull"})) == (
        "mine",
        FoundBy.FOLDED_NAME,
    )
    index = RunbookIndex([SHIPPED, here, labelled])
    assert by(found(index, "disk_full")) == ("here", FoundBy.NAME)
    assert by(found(index, "disk_full", service="mail")) == ("disk-full", FoundBy.FOLDED_NAME)
    assert by(found(index, "odd", payload={"labels": {"team": "media"}})) == ("team", FoundBy.LABELS)
    assert found(index, "odd", payload={"labels": {"team": "you"}}) is None


def test_one_of_a_shipped_ones_id_stands_in_its_place() -> None:
    index = RunbookIndex([own(id="disk-full", alerts=("Mine",)), SHIPPED])
    assert [one.id for one in index.runbooks] == ["disk-full"]
    assert found(index, "disk_full") is None


def test_a_person_searches_by_id_name_or_words() -> None:
    index = RunbookIndex([SHIPPED, OTHER, *MANY])
    assert [match.runbook.id for match in index.search("queue-grows")] == ["queue-grows"]
    assert [match.runbook.id for match in index.search("disk full")][:1] == ["disk-full"]
    assert [match.runbook.id for match in index.search("backlog")] == ["queue-grows"]
    assert index.search('what "is* OR NEAR(') == [], "words of a question are words, and no commands"
    assert index.search("") == []


def test_it_is_told_whole_to_a_person_and_in_short_to_a_model() -> None:
    sure, guess = (Match(SHIPPED, how, "DiskFull") for how in (FoundBy.NAME, FoundBy.WORDS))
    assert heading(sure) == "disk-full: A disk is full (found by its name)"
    assert "perhaps" in heading(guess)
    assert told(sure).splitlines()[1:] == [
        "means: Nothing more can be written.",
        "documented: journal_vacuum can help; restart cannot",
        "source: a public collection",
    ]
    assert in_short(sure) == "A disk is full. Nothing more can be written. journal_vacuum can help; restart cannot"
    long = SHIPPED.model_copy(update={"means": "word " * 190})
    assert in_short(Match(long, FoundBy.NAME, "")) == "A disk is full. journal_vacuum can help; restart cannot"
    two = SHIPPED.model_copy(update={"means": "It is full. " + "word " * 190})
    assert in_short(Match(two, FoundBy.NAME, "")).startswith("A disk is full. It is full. journal_vacuum")
