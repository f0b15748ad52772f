"""A proposal as people call it: by what was printed, a beginning of it, its file or its target; never by a guess."""

from __future__ import annotations

import pytest
from folders_rig import pending, proposal_for

from mesh_core.approvals.decisions import find_one
from mesh_core.approvals.errors import CannotDecide, RefusalReason
from mesh_core.models.proposals import Folder
from mesh_core.testing import AllFolders


def test_a_proposal_is_found_by_any_clear_beginning_or_by_its_target(actions: AllFolders) -> None:
    name = pending(actions, proposal_for(1))
    hex_ = name.id[-12:]
    for words in (hex_[:5], name.id[:-3], "here/web", f"actions/pending/{name.file}"):
        assert find_one(actions, words).id == name.id
    second = pending(actions, proposal_for(2))
    with pytest.raises(CannotDecide) as refused:
        find_one(actions, "here/web")
    assert refused.value.reason is RefusalReason.AMBIGUOUS
    (actions.folder(Folder.PENDING) / second.file).rename(actions.folder(Folder.REJECTED) / second.file)
    assert find_one(actions, "here/web").id == name.id  # the one that is still open
    for words in ("here/other", f"here/{hex_[:6]}", "here/", "/", ""):
        with pytest.raises(CannotDecide) as refused:
            find_one(actions, words)
        assert refused.value.reason is RefusalReason.UNKNOWN, words
