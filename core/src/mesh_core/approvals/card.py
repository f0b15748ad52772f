"""What a person needs to say whether: one card of a proposal, for the page and the command line. Pure.

In the order in which somebody asks at night: what is wrong, what a yes does and interrupts, why that and not another,
what happened before, what else is wrong there, what helped last time, what waiting costs. Each is said once; what
nobody knows is left out. What stands against a yes is `obstacles`, which stand under it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from mesh_core.actions.register import action_type, dependents_in, is_message, what_it_touches
from mesh_core.incidents.causes import cause_of
from mesh_core.incidents.changes import changes_in
from mesh_core.incidents.event_types import DOES_NOT_RUN, SERVICE_STATES, EventType
from mesh_core.incidents.findings import in_short
from mesh_core.incidents.sighting import sighting_in_words
from mesh_core.incidents.storm import silent_in
from mesh_core.incidents.subject import subject_of
from mesh_core.incidents.wording import in_a_sentence
from mesh_core.models.durations import span_in_words
from mesh_core.models.events import HealthEvent, Trust
from mesh_core.models.name_lists import first_of
from mesh_core.models.outcomes import OutcomeVerdict
from mesh_core.models.proposals import NO_MODEL, RUNBOOK_SOURCE, Proposal
from mesh_core.models.records import parse_time, rfc3339
from mesh_core.models.sightings import AGENT_SPEAKS, MATCH_IN_WORDS, MATCHED_BY
from mesh_core.policy.seen_before import doubted, in_words, suggested, tried
from mesh_core.policy.track_record import PastRun
from mesh_core.runbooks.wording import GUESSED, LOOK_AT
from mesh_core.runtime.places_note import SickPlace

MOST_FINDINGS = 4
MAX_SAID = 200
MOST_MOMENTS = 6
MOST_NAMES = 8
LATELY = timedelta(days=1)  # earlier actions of then stand on the timeline
_SAYS = ("payload.summary", "payload.description", "payload.message", "payload.msg")
_SAYS_BESIDE = (("annotations", "description"), ("annotations", "summary"), ("heartbeat", "msg"))  # as hooks keep them
# What a program and its health check print, by what a card calls it: the last line says most.
_PRINTS = (("payload.health_output", "its check says"), ("payload.logs", "its log ends with"))
_WELL = ("running", "healthy", "finished", "active")  # as an agent says it of what something depends on
_ON_THE_TIMELINE = frozenset({"image.changed_seconds_ago", "unit.changed_seconds_ago"})
TOLD_BEFORE = "told before"  # the source of the evidence that it got worse


@dataclass(frozen=True)
class Moment:
    """What happened then, before the proposal."""

    at: str
    what: str


@dataclass(frozen=True)
class NotChosen:
    """Choices that were considered, and the one reason for which none of them is proposed."""

    choices: tuple[str, ...]
    why_not: str


@dataclass(frozen=True)
class MaySet:
    """What a person may set before a yes: its name, what counts now, and in words what may be set."""

    name: str
    now: str
    fits: str


@dataclass(frozen=True)
class CardContext:
    """`runs`: the earlier ones of its place, the newest first. `sick`: what is not well, anywhere. `explained`: node
    and service of what has no card of its own because of this trouble. `silent`: the nodes that are. `occurrences`:
    None where nobody can say."""

    runs: Sequence[PastRun] = ()
    sick: Sequence[SickPlace] = ()
    explained: Collection[tuple[str, str | None]] = ()
    occurrences: int | None = None
    silent: Collection[str] = ()


@dataclass(frozen=True)
class Card:
    """Sentences, '' or empty where there is nothing to say. `since` and the moments are times (RFC 3339).

    `because` is '' where a model wrote the reason: its words are shown as a model's. `look`, of a message alone: what
    to look at first.
    """

    title: str
    since: str
    does: str
    interrupts: str
    may_set: tuple[MaySet, ...]
    because: str
    found: str
    rule: str
    runbook: str
    look: str
    instead: tuple[NotChosen, ...]
    timeline: tuple[Moment, ...]
    others: tuple[SickPlace, ...]
    before: str
    doubt: str
    suggestion: str
    waiting: str


def card_for(proposal: Proposal, around: CardContext, now: datetime) -> Card:
    """Of one proposal, wherever it lies."""
    event = proposal.event
    findings = [one for one in in_short(event, MOST_FINDINGS) if one.fact not in _ON_THE_TIMELINE]
    seen = in_words(tried(around.runs, subject_of(event)), lambda at: f"{_span(at, now)} ago")
    return Card(
        title=_title(proposal),
        since=proposal.created_at if proposal.undoes else cause_of(event).since,
        does=_does(proposal),
        interrupts=_interrupts(proposal, around.runs),
        may_set=_may_set(proposal),
        because=because_of(proposal),
        found="; ".join(filter(None, (*(one.text for one in findings), *_told_by_others(proposal)))),
        rule=_rule(proposal),
        runbook=_runbook(proposal).partition("\n")[0],
        look=_look(proposal),
        instead=_instead(proposal),
        timeline=tuple(_timeline(proposal, around.runs, now)),
        others=tuple(place for place in around.sick if _is_other(place, proposal, around.explained)),
        before=seen,
        doubt=doubted(around.runs, proposal, now),
        suggestion=suggested(around.runs, proposal, now),
        waiting="; ".join(_waiting(event, around, now)),
    )


def _title(proposal: Proposal) -> str:
    if proposal.undoes is None:
        return in_a_sentence(proposal.event)
    place = f"{proposal.service} on {proposal.node}" if proposal.service else proposal.node
    return f"{place}: an earlier run is to be taken back"


def _does(proposal: Proposal) -> str:
    """How far a yes goes; who depends on it is what waiting costs."""
    if proposal.preview_of:
        return what_it_touches(proposal)
    action = action_type(proposal.type)
    return action.effect if is_message(proposal.type) and action.effect else action.touches(proposal)


def _may_set(proposal: Proposal) -> tuple[MaySet, ...]:
    action = action_type(proposal.type)
    settable = {} if action.takes_back else action.settable
    return tuple(MaySet(name, str(proposal.params.get(name, one.default)), one.fits) for name, one in settable.items())


def because_of(proposal: Proposal) -> str:
    """The rule's own sentence; of what no rule chose, the reason as it is written."""
    if proposal.model.provider not in NO_MODEL:
        return ""
    return proposal.rule.says if proposal.rule else proposal.reason


def _runbook(proposal: Proposal) -> str:
    return next((one.text for one in proposal.evidence if one.source == RUNBOOK_SOURCE), "")


def _look(proposal: Proposal) -> str:
    """What the runbook of this very trouble says; where a yes repairs nothing, that is what is left to do."""
    heading, *lines = _runbook(proposal).split("\n")
    if not is_message(proposal.type) or f"({GUESSED}" in heading:
        return ""
    begin = f"{LOOK_AT}: "
    return next((line.removeprefix(begin) for line in lines if line.startswith(begin)), "")


def _told_by_others(proposal: Proposal) -> tuple[str, ...]:
    return _needs(proposal.event), _matched(proposal.event), _seen(proposal), _said(proposal)


def _needs(event: HealthEvent) -> str:
    """What it depends on and is not well, as its agent sees that."""
    if event.trust is Trust.NODE and event.payload.get("network_container_there") is False:
        return "the container in whose network it lives is gone, so it has none until it is made anew"
    said = event.payload.get("depends_on") if event.trust is Trust.NODE else None
    rows = said.items() if isinstance(said, dict) else ()
    down = [f"{name} ({how})" for name, how in rows if not str(how).startswith(_WELL)]
    return f"it depends on {first_of(down, MOST_NAMES)}" if down else ""


def _matched(event: HealthEvent) -> str:
    """What joined an alert that names no service with one; which says how sure that is."""
    how = MATCH_IN_WORDS.get(str(event.payload.get(MATCHED_BY)), "") if event.trust is Trust.FOREIGN else ""
    return f"taken to be about {event.service}, which the alert does not name: {how}" if how and event.service else ""


def _seen(proposal: Proposal) -> str:
    """What the node's agent sees of it, where another system's alert is what it is about; '' if the rule says it."""
    if proposal.event.payload.get(AGENT_SPEAKS) is True and proposal.event.trust is Trust.FOREIGN:
        return f"the agent on {proposal.node} spoke within 2 minutes: perhaps it is who measures, or the way to it"
    seen = proposal.event.sighting
    word = sighting_in_words(proposal.event, seen) if seen else ""
    return "" if proposal.rule and word in proposal.rule.says else word


def _said(proposal: Proposal) -> str:
    """What an alert says of itself, or what a program printed last: somebody else's words, so in quotes."""
    texts = {one.source: one.text for one in proposal.evidence}
    if proposal.event.trust is Trust.FOREIGN:
        said = next((texts[source] for source in _SAYS if texts.get(source)), "") or _said_beside(proposal.event)
        return _quoted("it says", said)
    told = ((how, texts.get(source, "").strip().rpartition("\n")[2]) for source, how in _PRINTS)
    return next((_quoted(how, line) for how, line in told if line), "")


def _said_beside(event: HealthEvent) -> str:
    found = (part.get(name) for key, name in _SAYS_BESIDE if isinstance(part := event.payload.get(key), dict))
    return next((text for text in found if isinstance(text, str) and text.strip()), "")


def _quoted(how: str, said: str) -> str:
    line = " ".join(said.split())
    return f'{how}: "{line[:MAX_SAID]}"' if line else ""


def _rule(proposal: Proposal) -> str:
    """Its name, and under a model's words what it says; a model that chose against it cites it itself."""
    if proposal.rule is None:
        return ""
    alone = proposal.rules_choice is not None or because_of(proposal)
    return proposal.rule.name if alone else f"{proposal.rule.name}: {proposal.rule.says}"


def _instead(proposal: Proposal) -> tuple[NotChosen, ...]:
    reasons: dict[str, list[str]] = {}
    for one in proposal.considered:
        reasons.setdefault(one.why_not, []).append(one.choice)
    return tuple(NotChosen(tuple(words), why_not) for why_not, words in reasons.items())


def _interrupts(proposal: Proposal, runs: Sequence[PastRun]) -> str:
    """What is away meanwhile, as far as the type of action says so: of a person's own playbook nobody knows."""
    action = action_type(proposal.type)
    if not action.touches_host or action.only_asks or (action.choice is None and not action.takes_back):
        return ""
    if not action.interrupts:
        return "interrupts nothing"
    what = f"everything on {proposal.node}" if action.whole_node else proposal.service or "what it is about"
    proven = (run.seconds for run in runs if run.type == proposal.type and run.verdict == OutcomeVerdict.PROVEN)
    last = next(proven, None)
    return f"{what} is away meanwhile" + (f", the last time {last:.0f} s at most" if last is not None else "")


def _timeline(proposal: Proposal, runs: Sequence[PastRun], now: datetime) -> list[Moment]:
    """What changed and what was done before it, the oldest first; of many the last."""
    event = proposal.event
    told = parse_time(event.timestamp)
    found = [Moment(rfc3339(told - timedelta(seconds=seconds)), what) for what, seconds in changes_in(event)]
    lately = [run for run in runs if now - parse_time(run.ts) < LATELY]
    found += [Moment(run.ts, f"{run.type.replace('_', ' ')}: {run.verdict.replace('_', ' ')}") for run in lately]
    found += [Moment(proposal.created_at, one.text) for one in proposal.evidence if one.source == TOLD_BEFORE]
    return sorted(found, key=lambda moment: parse_time(moment.at))[-MOST_MOMENTS:]


def _is_other(place: SickPlace, proposal: Proposal, explained: Collection[tuple[str, str | None]]) -> bool:
    """Is it sick beside what this is about, on the same node?"""
    here = (place.node, place.service)
    return place.node == proposal.node and here != (proposal.node, proposal.service) and here not in explained


def _waiting(event: HealthEvent, around: CardContext, now: datetime) -> Iterator[str]:
    """What is known of what it costs to decide later."""
    names = dependents_in(event)
    if names and event.type in SERVICE_STATES:
        needs = "needs" if len(names) == 1 else "need"
        yield f"{first_of(names, MOST_NAMES)} {needs} it" + (" and go without" if event.type in DOES_NOT_RUN else "")
    left = event.payload.get("left_seconds")
    if event.type == EventType.CERTIFICATE_EXPIRING and event.trust is Trust.NODE and isinstance(left, int):
        left -= round((now - parse_time(event.timestamp)).total_seconds())  # whole numbers know no largest
        yield f"it runs out in {span_in_words(left)}" if left > 0 else "it has run out"
    if told := silent_in(event):
        yield from _still_silent({*told, *(node for node, service in around.explained if service is None)}, around)
    if around.occurrences and around.occurrences > 1:
        yield f"announced {around.occurrences} times so far"


def _still_silent(told: Collection[str], around: CardContext) -> Iterator[str]:
    """Who of a storm of silent nodes is not back: its card stays as it was written."""
    left = sorted({*told} & {*around.silent})
    if left:
        yield f"{len(left)} of {len(told)} nodes still silent: {first_of(left, MOST_NAMES)}"


def _span(at: str, now: datetime) -> str:
    return span_in_words(max(0, int((now - parse_time(at)).total_seconds())))
