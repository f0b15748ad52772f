"""config/runbooks: what lies there is in use and wins, what is bad is refused alone with file, line and fix."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mesh_core.runbooks.folder import MAX_FILES, RunbookFolder
from mesh_core.runbooks.markdown_file import BadRunbook, read_runbook
from mesh_core.runbooks.shipped import shipped_index

CHOICES = ("restart", "redeploy", "notify")
WHOLE = """---
alerts: [BackupLate, "nightly_*"]
services: [borg]
helps: [restart]
---
# The nightly backup is late

It waits for the tape robot.

## Diagnosis
Is the robot's door shut?

## Not when
Somebody changes tapes.

## Mitigation
Call Ann, she knows the robot.
"""


def test_a_file_in_the_form_of_public_runbooks_is_read() -> None:
    one = read_runbook("backup-late.md", WHOLE.encode(), CHOICES)
    assert (one.id, one.title, one.own) == ("backup-late", "The nightly backup is late", True)
    assert (one.alerts, one.services, one.helps) == (("BackupLate", "nightly_*"), ("borg",), ("restart",))
    assert (one.means, one.look) == ("It waits for the tape robot.", "Is the robot's door shut?")
    assert one.not_when == "Somebody changes tapes."
    assert "Call Ann" in one.words, "what stands under another heading is only found by its words"


def test_without_anything_at_its_top_the_files_name_is_the_alerts() -> None:
    one = read_runbook("NodeDown.md", b"Look at the switch first.\n", CHOICES)
    assert (one.title, one.alerts, one.means) == ("NodeDown", ("NodeDown",), "Look at the switch first.")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.txt", "x", "a.txt: a runbook's file is called NAME.md"),
        ("a b.md", "x", "a b.md: its name: letters, digits"),
        ("a.md", "---\nalerts: [x]\n# title", "a.md:1: it begins with ---, and no other such line ends that part"),
        ("a.md", "---\nalerts: [x]\nalert: [y]\n---\n", "a.md:3: alert: no such key; there are alerts, services"),
        (
            "a.md",
            "---\nalerts: [x]\nhelps: [restrat]\n---\n",
            "a.md:3: helps: 'restrat' is no choice; there are notify",
        ),
        ("a.md", "---\nhelps: [restart]\nuseless: [restart]\n---\n", "a.md:2: helps: restart stands under useless"),
        ("a.md", "---\n\nalerts: NodeDown\n---\n", "a.md:3: alerts: write it as a list, such as ["),
        ("a.md", "---\nalerts: [\n---\n", "a.md:3: not YAML"),
        ("a.md", f"---\n{'[' * 60_000}\n---\n", "a.md:2: not YAML: nested deeper than 100"),
        ("a.md", "---\nalerts: [x]\nalerts: [y]\n---\n", "a.md:3: alerts stands there twice"),
        ("a.md", "---\n- x\n---\n", "a.md:2: between the two --- stand keys and values"),
        ("a.md", "---\nhelps: restart\n---\n", "a.md:2: helps: "),
    ],
)
def test_a_bad_file_is_refused_with_its_line_and_what_to_write(name: str, text: str, said: str) -> None:
    with pytest.raises(BadRunbook) as refused:
        read_runbook(name, text.encode(), CHOICES)
    assert str(refused.value).startswith(said), refused.value


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(BadRunbook, match="not UTF-8 at byte 2"):
        read_runbook("a.md", b"# \xff", CHOICES)
    with pytest.raises(BadRunbook, match="more than 65536 bytes"):
        read_runbook("a.md", b"x" * 65_537, CHOICES)


def test_a_folder_is_read_again_when_it_changed_and_one_bad_file_is_refused_alone(tmp_path: Path) -> None:
    heard: list[str] = []
    folder = RunbookFolder(tmp_path, lambda: CHOICES, lambda file, why: heard.append(f"{file.name} {why}"))
    assert folder.index() is shipped_index()
    folder.folder.mkdir(parents=True)
    (folder.folder / "backup-late.md").write_text(WHOLE)
    (folder.folder / "bad.md").write_text("---\nalert: [x]\n---\n")
    (folder.folder / "link.md").symlink_to(folder.folder / "backup-late.md")
    (folder.folder / ".backup-late.md.swp").write_text("nothing")
    index = folder.index()
    assert index.by_id["backup-late"].own
    assert folder.refused.keys() == {"bad.md", "link.md"}
    assert [line.split()[0] for line in heard] == ["bad.md", "link.md"]
    assert folder.index() is index, "the very same while nothing changed"
    (folder.folder / "bad.md").unlink()
    assert folder.index() is not index
    assert folder.refused.keys() == {"link.md"}


def test_more_files_than_are_read_are_said_to_be_too_many(tmp_path: Path) -> None:
    folder = RunbookFolder(tmp_path, lambda: CHOICES)
    folder.folder.mkdir(parents=True)
    for number in range(MAX_FILES + 1):
        (folder.folder / f"r{number}.md").touch()
    folder.index()
    assert "only the first 500" in folder.refused["runbooks"]


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")
def test_what_a_service_could_have_written_says_nothing(tmp_path: Path) -> None:
    folder = RunbookFolder(tmp_path, lambda: CHOICES)
    folder.folder.mkdir(parents=True)
    for name in ("mine", "theirs"):
        (folder.folder / f"{name}.md").write_text(WHOLE)
    for name, user in (("pending", 10101), ("approved", 10102)):
        (tmp_path / "actions" / name).mkdir(parents=True)
        os.chown(tmp_path / "actions" / name, user, -1)
    os.chown(folder.folder / "theirs.md", 10101, -1)
    assert [one.id for one in folder.index().runbooks if one.own] == ["mine"]
    assert folder.refused["theirs.md"].endswith("which must not say what helps; chown it to a person")
    os.chown(folder.folder, 10101, -1)
    assert not [one for one in folder.index().runbooks if one.own]
    assert "it belongs to a service (user 10101)" in folder.refused["runbooks"]
