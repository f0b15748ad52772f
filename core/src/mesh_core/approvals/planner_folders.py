"""What the planner may do in the folders: draft, file once, withdraw. It never reaches approved/."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from mesh_core.approvals.action_folders import ServiceFolders, modified_ns, words_of
from mesh_core.approvals.proposal_files import (
    REASON_SUFFIX,
    ActionName,
    Filed,
    Receipt,
    digest_of,
    name_of,
)
from mesh_core.models.proposals import MAX_PROPOSAL_BYTES, Folder, Proposal, proposal_id
from mesh_core.storage.files import read_regular, rename_exclusive, write_whole
from mesh_core.storage.listing import entries

RECEIPT_SUFFIX = ".filed"


class PlannerFolders(ServiceFolders):
    """`actions/` as the planner changes it."""

    def draft(self, proposal: Proposal, token: str) -> None:
        """Write the proposal where nobody acts on it: pending/.wip/<id>.<token>.json, whole and fsynced."""
        write_whole(self._draft(proposal.id, token), proposal.wire(), mode=0o660)

    def has_draft(self, action_id: str, token: str) -> bool:
        """Is it still unfiled?"""
        return os.path.lexists(self._draft(action_id, token))

    def drop_draft(self, action_id: str, token: str) -> None:
        self._draft(action_id, token).unlink(missing_ok=True)

    def file_draft(self, action_id: str, receipt: Receipt) -> ActionName | None:
        """Move the decided draft to pending/. None: it was filed before, and is never made again.

        The receipt stays behind, durable before the move: wherever a person has put the file meanwhile, and whatever
        Redis has forgotten, it says that this proposal was made.
        """
        draft = self._draft(action_id, receipt.token)
        try:
            name = ActionName(action_id, digest_of(draft.read_bytes()))
            write_whole(self._receipt(action_id), receipt.wire())
            if not rename_exclusive(draft, self.folder(Folder.PENDING) / name.file):
                draft.unlink(missing_ok=True)
        except FileNotFoundError:
            return None
        return name

    def receipt(self, action_id: str) -> Receipt | None:
        """What `file_draft` left for this id."""
        raw = read_regular(self._receipt(action_id), MAX_PROPOSAL_BYTES)
        return Receipt.read(raw) if raw is not None else None

    def was_filed(self, action_id: str) -> bool:
        """Did `file_draft` leave a receipt for this id?"""
        return os.path.lexists(self._receipt(action_id))

    def was_withdrawn(self, action_id: str) -> bool:
        """Did a planner withdraw the proposal of this id?"""
        return any(entry.name.startswith(f"{action_id}.") for entry in entries(self.folder(Folder.WITHDRAWN)))

    def drop_receipts(self, older_than: float) -> None:
        """Remove those written before that moment (seconds since 1970)."""
        for entry in entries(self._wip):
            if entry.name.endswith(RECEIPT_SUFFIX) and modified_ns(entry) < older_than * 1e9:
                Path(entry.path).unlink(missing_ok=True)

    def drafts(self) -> Iterator[tuple[str, str, float]]:
        """(action id, token, mtime) of each draft that was left behind."""
        for entry in entries(self._wip):
            action_id, token = draft_of(entry.name)
            if action_id and token:
                yield action_id, token, entry.stat(follow_symlinks=False).st_mtime

    def withdrawn(self, node: str, service: str | None, reason: str) -> Iterator[Filed]:
        """What was withdrawn there with these very words, for whoever may have died before telling it."""
        alike, words = proposal_id("", node, service).rpartition("-")[0], words_of(reason)
        for entry in entries(self.folder(Folder.WITHDRAWN)):
            path, name = Path(entry.path), name_of(entry.name)
            if name is None or name.id.rpartition("-")[0] != alike:
                continue
            told = path.with_name(name.file + REASON_SUFFIX)
            if read_regular(told, len(words)) == words and (proposal := self.proposal_at(path)):
                yield Filed(name, path, proposal)

    def _receipt(self, action_id: str) -> Path:
        return self._wip / f"{action_id}{RECEIPT_SUFFIX}"


def draft_of(name: str) -> tuple[str, str]:
    """(action id, token) of the draft with this file name; empty where it is none."""
    action_id, _, token = name.rpartition(".json")[0].rpartition(".")
    return action_id, token


def receipt_of(name: str) -> str:
    """The action id of the receipt with this file name; empty where it is none."""
    return name.removesuffix(RECEIPT_SUFFIX) if name.endswith(RECEIPT_SUFFIX) else ""
