"""What a person may do in the folders: yes, no, an edited or another proposal. The only way into approved/."""

from __future__ import annotations

import secrets

from mesh_core.approvals.action_folders import ActionFolders
from mesh_core.approvals.proposal_files import (
    BY_SUFFIX,
    ActionName,
    digest_of,
)
from mesh_core.models.proposals import Folder, Proposal
from mesh_core.storage.files import create_whole, exchange, rename_exclusive, write_whole

# The planner, no operator, must still see what a person filed, or it would propose the same again. Nobody but those two
# gets through the folder.
BY_A_PERSON = 0o664


class OperatorFolders(ActionFolders):
    """`actions/` as a person changes it, by the command line or the page; `mv` does the same."""

    def approve(self, name: ActionName, actor: str) -> bool:
        """The rename that lets the executor act. False if it is not pending any more.

        A note of who did it goes ahead; its owner is the approver as the kernel knows it.
        """
        note = self.folder(Folder.APPROVED) / (name.file + BY_SUFFIX)
        noted = create_whole(note, actor.encode()[:256])
        try:
            won = rename_exclusive(self.folder(Folder.PENDING) / name.file, self.folder(Folder.APPROVED) / name.file)
        except FileNotFoundError:
            won = False
        if not won and noted:
            note.unlink(missing_ok=True)
        return won

    def reject(self, name: ActionName, reason: str, actor: str) -> bool:
        """A person said no, and why. False if it is not pending any more."""
        return self._decide(name, Folder.REJECTED, f"{reason}\n-- {actor}\n" if reason else f"-- {actor}\n")

    def refile(self, old: ActionName, edited: Proposal) -> ActionName | None:
        """Put an edited proposal (same id, new bytes, new digest) in place of `old`. None if `old` is gone.

        Raises OSError (disk full); then nothing changed. Killed anywhere in it, the proposal lies in pending/.
        """
        raw = edited.wire()
        name = ActionName(edited.id, digest_of(raw))
        if name == old:
            return old
        waiting = self.folder(Folder.PENDING) / old.file
        draft = self._draft(old.id, f"edited-{secrets.token_hex(4)}")
        write_whole(draft, raw, mode=BY_A_PERSON)
        try:
            exchange(draft, waiting)
            # For a moment the new bytes lie there under the old name, whose digest does not fit: nobody can approve
            # either of the two until the next line.
            if not rename_exclusive(waiting, waiting.with_name(name.file)):
                waiting.unlink(missing_ok=True)  # the same edit, by somebody else
        except FileNotFoundError:
            return None
        finally:
            draft.unlink(missing_ok=True)
        return name

    def propose_again(self, proposal: Proposal) -> ActionName | None:
        """A person's own new file (a retry, a request) into pending/. None if that very file is there already."""
        raw = proposal.wire()
        name = ActionName(proposal.id, digest_of(raw))
        return name if create_whole(self.folder(Folder.PENDING) / name.file, raw, mode=BY_A_PERSON) else None
