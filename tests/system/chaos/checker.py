"""The judge: reads what a run left and says which promises were broken, each with what shows it. Pure; shares no code
with the product: what it knows is docs/contract.md.

Every event has exactly one fate: proposed, counted beside an open proposal, suppressed with a reason, benign, or dead
letter (case.py). The other promises are about what followed from that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from system.chaos import of_actions, of_books, of_events
from system.chaos.case import Case
from system.chaos.leftovers import Leftovers

PROMISES: dict[str, Callable[[Case], Iterable[str]]] = {
    check.__name__.replace("_", " "): check
    for check in (
        of_events.no_event_is_lost,
        of_events.every_event_has_one_fate,
        of_events.no_event_is_a_dead_letter,
        of_events.what_is_refused_is_kept_once,
        of_events.each_decision_is_told_once,
        of_events.a_reason_is_given,
        of_events.what_is_expected_happens,
        of_actions.a_proposal_lies_in_one_place,
        of_events.nothing_is_proposed_twice,
        of_events.what_is_counted_stands_beside_a_proposal,
        of_events.occurrences_are_counted_once,
        of_actions.nothing_is_left_undone,
        of_actions.what_recovered_is_withdrawn,
        of_actions.results_are_told_once,
        of_actions.withdrawals_are_told_once,
        of_actions.updates_come_in_order,
        of_actions.nothing_runs_twice,
        of_actions.what_is_done_was_seen_outside,
        of_actions.only_what_was_approved_runs,
        of_actions.nothing_good_is_quarantined,
        of_actions.what_ran_was_written_down_before,
        of_books.every_event_is_archived_once,
        of_books.every_decision_is_archived,
        of_books.every_record_is_in_the_days_files,
        of_books.the_audit_log_is_whole,
        of_books.each_decision_of_people_is_audited_once,
        of_books.each_end_is_audited_once,
        of_books.each_withdrawal_is_audited_once,
        of_events.what_is_said_by_hand_is_adopted_once,
        of_events.what_was_heard_is_not_lost,
        of_events.what_the_agent_saw_is_told,
        of_events.what_a_model_proposed_says_so,
        of_actions.nobody_gives_up,
        of_actions.enough_goes_through_ansible,
    )
}


@dataclass
class Judgement:
    """`fates` counts events; `broken` names each promise that does not hold, with what shows it."""

    fates: Counter[str] = field(default_factory=Counter)
    kept: list[str] = field(default_factory=list)
    broken: dict[str, list[str]] = field(default_factory=dict)


def judge(left: Leftovers) -> Judgement:
    """Every promise, one after the other."""
    case = Case(left)
    judgement = Judgement(fates=Counter(fate for fates in case.fates.values() for fate in fates))
    for name, check in PROMISES.items():
        if shown := list(check(case)):
            judgement.broken[name] = shown
        else:
            judgement.kept.append(name)
    return judgement
