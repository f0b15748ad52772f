"""From what a person typed to the one proposal that is meant. Looks only; moves nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from mend.sorry import FAILED, NOT_THERE, USAGE, Sorry
from mend.words import plain
from mesh_core.action_files import ActionName, Filed, Folder, digest_of, name_of, read_regular
from mesh_core.actions import Actions
from mesh_core.records import MAX_PROPOSAL_BYTES, Outcome, Proposal

MAX_NAMED = 5


@dataclass(frozen=True)
class Found:
    """A proposal and the place where it lies now; a file, or the folder of a run."""

    id: str
    folder: Folder
    path: Path


def find_one(actions: Actions, said: str) -> Found:
    """By the whole id, an unambiguous beginning, the 12 hex at its end, or the file's name. Sorry (3, or 2 if several).

    An id that lies in several folders (a second file of it in quarantine) is where it got furthest.
    """
    wanted = _id_in(said)
    places: dict[str, Found] = {}
    for folder, path in actions.find(wanted) if wanted else ():
        name = name_of(path.name)
        own = name.id if name else path.name
        places.setdefault(own, Found(own, folder, path))
    if not places:
        raise Sorry(
            f"there is no proposal {plain(said, 300)!r}; `mend pending` and `mend history` list them", NOT_THERE
        )
    if len(places) > 1:
        some = ", ".join(sorted(places)[:MAX_NAMED]) + (", ..." if len(places) > MAX_NAMED else "")
        raise Sorry(
            f"{plain(said, 300)!r} fits {len(places)} proposals: {plain(some)}; say more of the one you mean", USAGE
        )
    return next(iter(places.values()))


def find_pending(actions: Actions, said: str) -> Filed:
    """The readable proposal that waits for a decision. Sorry: not there, decided already, or not to be trusted."""
    found = find_one(actions, said)
    if found.folder is not Folder.PENDING:
        raise Sorry(f"{plain(found.id)} is decided already: it lies in {found.folder}/", NOT_THERE)
    name = name_of(found.path.name)
    raw = read_regular(found.path, MAX_PROPOSAL_BYTES)
    proposal = actions.proposal_at(found.path)
    if name is None or raw is None or proposal is None:
        raise Sorry(f"{plain(found.path)} is no proposal that could be read; the executor would refuse it", FAILED)
    check_as_reviewed(name, raw, proposal)
    return Filed(name, found.path, proposal)


def check_as_reviewed(name: ActionName, raw: bytes, proposal: Proposal) -> None:
    """Sorry if the bytes are not those that the file's name promises: the executor would put it into quarantine."""
    if digest_of(raw) != name.digest or proposal.id != name.id:
        raise Sorry(
            f"{name.file} was changed in place: its content no longer fits its name, so the executor would refuse "
            f"it. Change proposals with `mend edit`; refuse this one with `mend reject {name.id} --reason TEXT`.",
        )


def outcome_of(actions: Actions, run: Path) -> Outcome | None:
    """What came of a run, if its folder says so in a form that can be read."""
    try:
        return actions.outcome_at(run) if run.is_dir() else None
    except ValidationError:
        return None


def pending_ids(actions: Actions, incomplete: str) -> Iterable[tuple[str, str]]:
    """(id, what it is about) of what waits, for shell completion."""
    for filed in actions.pending():
        if filed.name.id.startswith(incomplete):
            yield filed.name.id, plain(f"{filed.proposal.type} {filed.proposal.pair}", 80)


def _id_in(said: str) -> str:
    """A path or file name, as copied from `ls`, means the proposal in it."""
    base = said.strip().rstrip("/").rpartition("/")[2]
    name = name_of(base)
    return name.id if name else base
