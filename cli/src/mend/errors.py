"""What ends a command early: one sentence for a person and an exit status. Nobody sees a traceback."""

from __future__ import annotations

from mend.output.text import plain, plain_lines
from mesh_core.approvals.errors import CannotDecide, RefusalReason

DONE, FAILED, USAGE, NOT_THERE = 0, 1, 2, 3
ASKS, REFUSED = 4, 5  # of a request: something is missing; nothing may be proposed
INTERRUPTED = 130  # as shells have it for Ctrl-C


_CODES = {RefusalReason.UNKNOWN: NOT_THERE, RefusalReason.DECIDED: NOT_THERE, RefusalReason.AMBIGUOUS: USAGE}


class CliError(Exception):
    """A sentence that says what is wrong and, where it can, what to do. `code` is the exit status.

    It quotes paths, addresses and words of others, so nothing in it can steer a terminal.
    """

    def __init__(self, sentence: str, code: int = FAILED):
        super().__init__(sentence)
        self.sentence = plain_lines(sentence)
        self.code = code


def cli_error_for(refused: CannotDecide) -> CliError:
    """The same for a terminal: what it quotes from a file is made plain."""
    hint = "; `mend pending` and `mend history` list them" if refused.reason is RefusalReason.UNKNOWN else ""
    return CliError(plain(refused.sentence, 1000) + hint, _CODES.get(refused.reason, FAILED))


def no_request(own_id: str) -> CliError:
    """Nobody knows a request of this id."""
    return CliError(f"there is no request {plain(own_id, 100)}; mend requests lists them", NOT_THERE)
