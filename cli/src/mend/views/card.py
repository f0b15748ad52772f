"""The card of a proposal at the top of `mend show`: whether, in the order in which somebody asks. Prints only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from mend.context import CliContext
from mend.output.text import plain
from mend.output.times import age, seconds_between
from mesh_core.approvals.card import Card, CardContext, NotChosen, card_for
from mesh_core.approvals.earlier_runs import EarlierRuns
from mesh_core.approvals.proposal_files import short_id
from mesh_core.approvals.reasons import told_reason
from mesh_core.models.proposals import Proposal
from mesh_core.models.records import utc_now
from mesh_core.runtime.places_note import read_places

if TYPE_CHECKING:
    from mesh_core.messaging.explained import Explained

RISK_STYLE = {"low": "green", "guarded": "yellow", "high": "bold red"}
MAX_DOES = 6000  # characters: every container by its name
MOST_REASONS = 3  # why something else was not chosen
MOST_OTHERS = 5


def read_card(cli: CliContext, p: Proposal, times: int | None, explained: Sequence[Explained]) -> Card:
    """Out of files alone; `times` and `explained` are what Redis said."""
    runs = EarlierRuns(cli.actions).at(p.node, p.service)
    named = [(one.node, one.service) for one in explained]
    places = read_places(cli.runtime)
    return card_for(p, CardContext(runs, places.sick, named, times, places.offline.keys()), utc_now())


def say_card(cli: CliContext, p: Proposal, card: Card, explained: Sequence[Explained], *, waits: bool) -> None:
    """Each line only where it says something; what matters before a yes only while it `waits` for one."""
    began = f", since {age(seconds_between(card.since, utc_now()))}, {p.event.severity}"
    cli.out.print(Text(plain(card.title, 400), "bold").append(began, "not bold"))
    does = plain("; ".join(filter(None, (card.does, card.interrupts))), MAX_DOES)
    risk = Text(p.risk_level.value, RISK_STYLE.get(p.risk_level.value, ""))
    _line(cli, "a yes", Text.assemble(does, f" ({p.type}, risk ", risk, ")"))
    if waits:
        _may_set(cli, p, card)
    _line(cli, "because", plain(card.because or told_reason(p)))
    _line(cli, "found", plain(card.found, 600))
    _line(cli, "rule", plain(card.rule, 128))
    _line(cli, "runbook", plain(card.runbook, 300))
    _line(cli, "look at", plain(card.look, 600))
    _instead(cli, card.instead)
    for number, moment in enumerate(card.timeline):
        told = f"{age(seconds_between(moment.at, utc_now()))} ago: {plain(moment.what, 200)}"
        _line(cli, "" if number else "happened", told)
    _line(cli, "explains", "; ".join(plain(one.told) for one in explained))
    _others(cli, card)
    _line(cli, "seen before", plain(card.before, 1000))
    if waits:
        _say_what_waits(cli, p, card)


def _say_what_waits(cli: CliContext, p: Proposal, card: Card) -> None:
    _line(cli, "mind", plain(card.doubt, 300), "bold yellow")
    _line(cli, "suggestion", plain(card.suggestion, 300), "green")
    left = -seconds_between(p.expires_at, utc_now())
    expires = f"the proposal expires in {age(left)}" if left > 0 else f"the proposal EXPIRED {age(-left)} ago"
    _line(cli, "waiting", "; ".join(filter(None, (plain(card.waiting, 600), expires))))


def _may_set(cli: CliContext, p: Proposal, card: Card) -> None:
    """What whoever says yes may choose first."""
    for one in card.may_set:
        told = f"{one.name}: {one.fits}; {plain(one.now)} now (mend edit {short_id(p.id)} --set {one.name}=VALUE)"
        _line(cli, "you may set", told)


def _instead(cli: CliContext, instead: Sequence[NotChosen]) -> None:
    for number, one in enumerate(instead[:MOST_REASONS]):
        _line(cli, "" if number else "instead", f"{_words(one.choices)}: {plain(one.why_not, 200)}")
    if more := [choice for one in instead[MOST_REASONS:] for choice in one.choices]:
        _line(cli, "", f"neither {_words(more)}: --json says why")


def _words(choices: Iterable[str]) -> str:
    return ", ".join(choices).replace("_", " ")


def _others(cli: CliContext, card: Card) -> None:
    told = [
        f"{plain(one.service or one.node, 128)} ({plain(one.type.replace('_', ' '), 64)}, "
        f"{age(seconds_between(one.since, utc_now()))})"
        for one in card.others[:MOST_OTHERS]
    ]
    more = len(card.others) - MOST_OTHERS
    _line(cli, "also there", "; ".join(told) + (f"; and {more} more" if more > 0 else ""))


def _line(cli: CliContext, label: str, prose: str | Text, style: str = "") -> None:
    if prose:
        cli.say_beside(f"  {label:<12}", Text(prose, style) if isinstance(prose, str) else prose)
