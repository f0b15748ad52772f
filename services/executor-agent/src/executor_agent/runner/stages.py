"""Which stages an approved action goes through, as data. Pure; the loop hands them one by one to `ansible.py`.

The proof (is the service well again?) is no stage of Ansible's: it is `verify.py`, written to VERIFY_LOG.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from mesh_core.actions.playbooks import APPLY_FILE, CONVERGE_FILE, LOOK_FILE, UNDO_FILE, UNDONE_FILE, PlaybookSet

VERIFY_LOG = "04_verify"


@dataclass(frozen=True)
class StagePlan:
    """One call of ansible-playbook. `log` is the name of its file under logs/, without .log; '' for no log. `proves`:
    what its good end shows, for people; '' where that it went well says all."""

    name: str
    log: str
    playbook: str
    options: tuple[str, ...] = ()
    plays: bool = True  # False: reads the playbook only, so there is nothing to count afterwards
    must_change_nothing: bool = False
    point_of_no_return: bool = False  # from here on a host may have been changed
    proves: str = ""


SYNTAX = StagePlan("syntax", "01_syntax", APPLY_FILE, ("--syntax-check",), plays=False)
APPLY = StagePlan("apply", "02_apply", APPLY_FILE, point_of_no_return=True)
CONVERGED = StagePlan(
    "check_idempotency",
    "03_check_idempotency",
    CONVERGE_FILE,
    ("--check",),
    must_change_nothing=True,
    proves="what it was run for is so, and in check mode nothing would change",
)
# A person's own playbook has no other text that says the wished state: it is asked itself, in check mode.
AGAIN = replace(
    CONVERGED, playbook=APPLY_FILE, proves="the same playbook once more, in check mode, would change nothing"
)
LOOK = StagePlan("look", "", LOOK_FILE)
# What takes it back by itself is read before anything runs: who could not undo it does not begin.
UNDO_SYNTAX = StagePlan("undo_syntax", "01_syntax", UNDO_FILE, ("--syntax-check",), plays=False)
UNDO = StagePlan("undo", "05_undo", UNDO_FILE, point_of_no_return=True)
UNDONE = StagePlan("undone", "05_undo", UNDONE_FILE, ("--check",), must_change_nothing=True)
# No log of Ansible's own: with --diff it prints what is in files. -v: it says why it skips a task.
PREVIEW = StagePlan("preview", "", APPLY_FILE, ("--check", "--diff", "-v"))
PREVIEW_LOG = "02_preview"


def stages_for(plays: PlaybookSet) -> tuple[StagePlan, ...]:
    """In order; the first that fails ends the execution. A notification, which has no playbook, has none."""
    if not plays.apply:
        return ()
    read = (SYNTAX, UNDO_SYNTAX) if plays.undo else (SYNTAX,)
    if not plays.proof:
        return (*read, APPLY)
    return (*read, APPLY, CONVERGED if plays.converge else AGAIN)
