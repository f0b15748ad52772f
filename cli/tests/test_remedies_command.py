"""`mend remedies`: what there is, what it would run, and what is wrong in a file."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

import pytest
from mend_rig import Mend

from mesh_core.actions.register import SHIPPED as REGISTER

SHIPPED = resources.files("mesh_core.actions.remedies").joinpath("shipped")


def test_each_remedy_is_listed_and_shown_with_what_it_would_run(mend: Mend) -> None:
    listed = mend("remedies", "list")
    rows = json.loads(mend("remedies", "list", "--json").stdout)
    assert [row["name"] for row in rows] == [action.name for action in REGISTER.types if action.choice]
    for row in rows:
        assert row["name"] in listed.stdout
    shown = mend("remedies", "show", "journal_vacuum").stdout
    for words in ("needs       payload.used_percent, journal.bytes", "proven by   used_percent <", "--vacuum-size="):
        assert words in shown
    assert mend("remedies", "show", "nothing").exit_code == 3


@pytest.mark.parametrize(
    ("name", "old", "new", "code", "said"),
    [
        ("mine.yml", "risk: low", "risk: low", 0, "mine.yml is a good remedy"),
        ("notify.yml", "risk: low", "risk: low", 1, "there is an action of the name notify already"),
        ("mine.yaml", "risk: low", "risk: low", 1, "a remedy's file is called NAME.yml"),
        ("mine.yml", "risk: low", "risc: low", 1, "mine.yml:"),
        ("mine.yml", "argv: [du,", "argv: [rm,", 1, "a look may not run rm"),
        (
            "mine.yml",
            "ansible.builtin.command: {argv: [journalctl,",
            "ansible.builtin.shell: {cmd: [x,",
            1,
            "apply: the",
        ),
        ("mine.yml", "(journal.stdout | split)[0]", "lookup('pipe', 'id')", 1, "look: "),
        ("mine.yml", "proof: used_percent < limit", "proof: used_percnt < limit", 1, "look: "),
    ],
)
def test_a_file_is_judged_before_anybody_uses_it(
    mend: Mend, tmp_path: Path, name: str, old: str, new: str, code: int, said: str
) -> None:
    text = SHIPPED.joinpath("journal_vacuum.yml").read_text()
    assert old in text
    (tmp_path / name).write_text(text.replace(old, new, 1))
    done = mend("remedies", "lint", str(tmp_path / name))
    assert (done.exit_code, said in " ".join(done.output.split())) == (code, True), done.output


def test_a_file_that_is_not_there_is_said_to_be_so(mend: Mend, tmp_path: Path) -> None:
    done = mend("remedies", "lint", str(tmp_path / "none.yml"))
    assert (done.exit_code, "none.yml: it cannot be read: No such file" in done.output) == (1, True), done.output
