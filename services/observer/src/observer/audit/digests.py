"""Which bytes an action is about, once its file is claimed: out of the run's folder. Reads only, believes nothing."""

from __future__ import annotations

from mesh_core.approvals.action_folders import ActionFolders
from mesh_core.approvals.proposal_files import name_of
from mesh_core.models.proposals import Folder
from mesh_core.storage.json_files import read_object
from mesh_core.storage.listing import entries

RUNS = (Folder.RUNNING, Folder.DONE, Folder.FAILED, Folder.INTERRUPTED, Folder.WITHDRAWN)
MAX_BYTES = 1024 * 1024


def digest_of_action(actions: ActionFolders, action_id: str, folder: str) -> str:
    """The digest in the executor's own note, or in the file's name; '' when neither can be read (any more)."""
    if name_of(f"{action_id}.{'0' * 16}.json") is None:
        return ""  # an update may say anything; nothing else may become a path
    for run in (actions.folder(place) / action_id for place in RUNS):
        for note in ("outcome.json", "intent.json"):
            digest = read_object(run / note, MAX_BYTES).get("digest")
            if isinstance(digest, str) and 0 < len(digest) <= 64:
                return digest
    if folder not in set(Folder):
        return ""
    try:
        for path in actions.folder(Folder(folder)).glob(f"{action_id}.*.json"):
            if (name := name_of(path.name)) and name.id == action_id:
                return name.digest
    except OSError:
        pass
    return ""


def lies_in(actions: ActionFolders, name: str, folder: str) -> bool:
    """Is something called exactly so in that folder? What is put into quarantine/ may have any name."""
    return folder in set(Folder) and any(one.name == name for one in entries(actions.folder(Folder(folder))))
