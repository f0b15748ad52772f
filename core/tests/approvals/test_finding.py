"""A proposal as people call it: by what was printed, a beginning of it, its file or its target; never by a guess."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from folders_rig import pending, proposal_for

from mesh_core.approvals import action_folders
from mesh_core.approvals.decisions import find_one
from mesh_core.approvals.errors import CannotDecide, RefusalReason
from mesh_core.models.proposals import Folder
from mesh_core.storage.listing import entries
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


def test_several_are_found_with_one_look_each_where_it_got_furthest(
    actions: AllFolders, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third = (pending(actions, proposal_for(number)) for number in (1, 2, 3))
    (actions.folder(Folder.PENDING) / second.file).rename(actions.folder(Folder.REJECTED) / second.file)
    for folder in (Folder.RUNNING, Folder.DONE):
        (actions.folder(folder) / third.id).mkdir()
    looks = list[Path]()

    def noted(folder: Path, **more: Any) -> list[os.DirEntry[str]]:
        looks.append(folder)
        return entries(folder, **more)

    monkeypatch.setattr(action_folders, "entries", noted)
    ids = {first.id, second.id, third.id, "plan-gone-web-0123456789ab"}
    assert actions.places_of(ids) == {
        first.id: Folder.PENDING,
        second.id: Folder.REJECTED,
        third.id: Folder.DONE,
    }
    assert len(looks) == len({*looks}), "each folder once"
    assert {own: actions.place_of(own) for own in actions.places_of(ids)} == actions.places_of(ids)
