"""`mend runbooks`: what is documented for a trouble; on the card, and in doctor where a file of one's own is bad."""

from __future__ import annotations

import json

from mend_rig import Mend


def test_a_name_or_words_find_a_runbook_and_it_is_shown_whole(mend: Mend) -> None:
    found = mend("runbooks", "search", "NodeFilesystemAlmostOutOfSpace")
    assert found.exit_code == 0
    assert "disk-space" in found.stdout
    rows = json.loads(mend("runbooks", "search", "repository", "is", "locked", "--json").stdout)
    assert rows[0]["id"] == "backup-lock"
    assert rows[0]["useless"] == ["restart", "redeploy", "rollback_image"]
    assert {row["found_by"] for row in rows} <= {"name", "words"}
    shown = mend("runbooks", "show", "disk-space").stdout
    for words in (
        "A file system is nearly full",
        "look at",
        "journal_vacuum",
        "restart",
        "samber/awesome-prometheus-alerts",
    ):
        assert words in shown
    assert json.loads(mend("runbooks", "show", "disk-space", "--json").stdout)["id"] == "disk-space"


def test_what_is_not_known_is_said_with_status_3(mend: Mend) -> None:
    for arguments in (("search", "kitchen", "lamp", "brightness"), ("show", "nothing")):
        done = mend("runbooks", *arguments)
        assert done.exit_code == 3
        assert "mend runbooks search" in done.output or "try other words" in done.output


def test_ones_own_is_found_first_and_a_bad_one_is_told(mend: Mend) -> None:
    folder = mend.runtime / "config" / "runbooks"
    folder.mkdir(parents=True)
    (folder / "disk-of-photos.md").write_text("---\nalerts: [disk_space_low]\n---\n# The disk of the photos\n")
    rows = json.loads(mend("runbooks", "search", "disk_space_low", "--json").stdout)
    assert [row["id"] for row in rows][:2] == ["disk-of-photos", "disk-space"]
    assert rows[0]["own"] is True
    told = [row for row in json.loads(mend("doctor", "--no-models", "--json").stdout) if row["check"] == "runbooks"]
    assert "1 of your own" in told[0]["found"]
    (folder / "bad.md").write_text("---\nalerts: [x]\nhelp: [restart]\n---\n")
    told = [row for row in json.loads(mend("doctor", "--no-models", "--json").stdout) if row["check"] == "runbooks"]
    assert "bad.md:3: help: no such key" in told[0]["found"]
    assert "bad.md:3" in mend("runbooks", "show", "bad").output


def test_a_card_names_the_runbook_that_was_found(mend: Mend) -> None:
    piece = {"source": "runbook", "text": "disk-space: A file system is nearly full (found by its name)\nmeans: x"}
    mend.propose("one", evidence=[piece])
    shown = mend("show", "pi4/one").stdout
    assert "runbook     disk-space: A file system is nearly full (found by its name)" in shown
