"""What a run did is taken back by itself, where it did not help and its card said so. Decides when; the runner does it.

At most once, as all that changes a host: the ledger notes it before it begins.
"""

from __future__ import annotations

from executor_agent.runner.interface import RunResult, TakenBack
from mesh_core.actions.action_type import ActionType
from mesh_core.models.outcomes import OutcomeVerdict

NOTHING = TakenBack(None)
BY_HAND = "`mend undo` asks for that"
KILLED = TakenBack(
    "failed", "the executor was killed while it took that back, and nobody saw whether all is as before; look there"
)


def is_to_be_taken_back(action: ActionType, result: RunResult) -> bool:
    """Did it begin and not help, and was that approved with it?"""
    return action.undoes_by_itself and result.did_not_help


def left_as_it_is(action: ActionType, result: RunResult, why: str = "") -> TakenBack:
    """Of a run that is not taken back although its card speaks of that: why not."""
    began = result.verdict is not OutcomeVerdict.NOT_RUN and result.result != "done"
    if not action.undoes_by_itself or not began:
        return NOTHING
    why = why or ("it was cut short" if result.result == "interrupted" else "nobody could see whether it helped")
    return TakenBack(False, f"it was not taken back, for {why}; {BY_HAND}")
