"""Which rule led to a proposal, what else was considered, and why it is not that: written when it is planned. Pure."""

from __future__ import annotations

from mesh_core.actions.choices import IGNORE, NOTIFY
from mesh_core.actions.register import current, type_for
from mesh_core.models.events import HealthEvent
from mesh_core.models.proposals import MAX_CONSIDERED, Considered, RuleCited
from mesh_core.policy.offer import NEEDS, Allowed
from mesh_core.policy.track_record import TrackRecord

_NO_REMEDY = frozenset({NOTIFY.word, IGNORE.word})
_MOST, _MOST_OF_A_RULE = 400, 600  # characters of one reason


def rule_cited(event: HealthEvent, allowed: Allowed) -> RuleCited | None:
    """What the rule says, and of what changed its preference afterwards why; None for a policy that keeps no trace."""
    if not allowed.trace:
        return None
    said, preferred = [allowed.trace[0].sentence], allowed.trace[0].preferred
    for entry in allowed.trace[1:]:
        if preferred and entry.preferred != preferred:
            lost = preferred.replace("_", " ")
            said.append(f"{lost}: {_lacks(preferred, event)}" if entry.name == NEEDS else entry.sentence)
        preferred = entry.preferred
    return RuleCited(name=allowed.rule, says="; ".join(said)[:_MOST_OF_A_RULE])


def considered_for(event: HealthEvent, allowed: Allowed, chosen: str, past: TrackRecord) -> tuple[Considered, ...]:
    """Beside `chosen`: what was possible as well, as it was ranked; then what was taken away; at the end what lacked
    something, of that first what helped here before."""
    possible = {word: _ranked_behind(word, event, allowed, chosen, past) for word in allowed.order}
    fenced = {word: entry.sentence for entry in allowed.trace if entry.name != NEEDS for word in entry.removed}
    lacking = {word: _lacks(word, event) for entry in allowed.trace if entry.name == NEEDS for word in entry.removed}
    told = {**lacking, **fenced, **possible}
    order = dict.fromkeys((*possible, *fenced, *sorted(lacking, key=lambda word: not _helped(word, event, past))))
    said = [Considered(choice=word, why_not=told[word][:_MOST]) for word in order if word not in _NO_REMEDY | {chosen}]
    return tuple(said[:MAX_CONSIDERED])


def _ranked_behind(word: str, event: HealthEvent, allowed: Allowed, chosen: str, past: TrackRecord) -> str:
    action, taken = type_for(word, event), type_for(chosen, event)
    if action and (at := past.failed.get(action.name)):
        return f"it did not help here on {at[:10]}"
    if word == allowed.preferred:
        return "possible as well; the rules prefer it, a model chose otherwise"
    if action and taken and taken.choice and taken.choice.word not in _NO_REMEDY and action.risk.rank > taken.risk.rank:
        return f"possible as well; it risks more ({action.risk})"
    return f"possible as well, and ranked behind {chosen.replace('_', ' ')}"


def _helped(word: str, event: HealthEvent, past: TrackRecord) -> bool:
    action = type_for(word, event)
    return action is not None and action.name in past.proven


def _lacks(word: str, event: HealthEvent) -> str:
    register = current()
    choice = register.by_word.get(word)
    return (
        register.unusable.get(word)
        or (choice.unmet(event) if choice else "")
        or "the event does not give what it needs"
    )
