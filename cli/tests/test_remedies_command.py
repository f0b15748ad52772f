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
    offered = [action.name for action in REGISTER.types if action.choice]
    assert [row["name"] for row in rows] == [*offered, *REGISTER.recipes]
    for row in rows:
        assert row["name"] in listed.stdout
    shown = mend("remedies", "show", "journal_vacuum").stdout
    for words in ("needs       payload.used_percent, journal.bytes", "proven by   used_percent <", "--vacuum-size="):
        assert words in shown
    assert "you may set keep_mib: a whole number from 16 to 10000; else 64" in " ".join(shown.split())
    recipe = " ".join(mend("remedies", "show", "package").stdout.split())
    for words in ("asked by install, ", "wants names: package; Which package is it?", "ansible.builtin.package:"):
        assert words in recipe, recipe
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
            "mine.yml:{apply}: apply: the",
        ),
        ("mine.yml", "(journal.stdout | split)[0]", "lookup('pipe', 'id')", 1, "mine.yml:{look}: look: "),
        ("mine.yml", "proof: used_percent < limit", "proof: used_percnt < limit", 1, "mine.yml:{look}: look: "),
        ("mine.yml", "proof: used_percent < limit", "proof: used_percent < limt", 1, "mine.yml:{proof}: proof: "),
    ],
)
def test_a_file_is_judged_before_anybody_uses_it(
    mend: Mend, tmp_path: Path, name: str, old: str, new: str, code: int, said: str
) -> None:
    text = SHIPPED.joinpath("journal_vacuum.yml").read_text()
    assert old in text
    (tmp_path / name).write_text(text.replace(old, new, 1))
    lines = {line.partition(":")[0]: number for number, line in enumerate(text.splitlines(), start=1)}
    said = said.format(**lines)
    done = mend("remedies", "lint", str(tmp_path / name))
    assert (done.exit_code, said in " ".join(done.output.split())) == (code, True), done.output


def test_a_file_that_is_not_there_is_said_to_be_so(mend: Mend, tmp_path: Path) -> None:
    done = mend("remedies", "lint", str(tmp_path / "none.yml"))
    assert (done.exit_code, "none.yml: it cannot be read: No such file" in done.output) == (1, True), done.output


def test_the_file_to_begin_with_is_good_as_it_is_and_the_page_shows_the_same(
    mend: Mend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = mend("remedies", "new", "scratch_clean")
    assert f"mv scratch_clean.yml {mend.runtime}/config/remedies/" in done.stdout
    text = Path("scratch_clean.yml").read_text()
    page = (Path(__file__).parents[2] / "docs" / "remedies.md").read_text()
    assert f"```yaml\n{text}```" in page
    assert len(text.splitlines()) <= 35
    assert mend("remedies", "lint", "scratch_clean.yml").exit_code == 0
    mend("remedies", "new", "mail_alias", "--ask")
    assert f"```yml\n{Path('mail_alias.yml').read_text()}```" in page
    recipe = mend("remedies", "lint", "mail_alias.yml")
    assert (recipe.exit_code, "mail_alias.yml is a good recipe" in recipe.output) == (0, True), recipe.output
    for name, said in (
        ("scratch_clean", "is there already; nothing was written"),
        ("notify", "there is an action of the name notify already"),
        ("Scratch", "a remedy's file is called NAME.yml"),
        ("../evil", "a remedy's file is called NAME.yml"),
    ):
        again = mend("remedies", "new", name)
        assert (again.exit_code != 0, said in " ".join(again.output.split())) == (True, True), again.output


def test_ones_own_are_listed_with_whose_they_are_and_what_is_wrong(mend: Mend) -> None:
    folder = mend.runtime / "config" / "remedies"
    folder.mkdir(parents=True)
    text = SHIPPED.joinpath("journal_vacuum.yml").read_text()
    (folder / "mine.yml").write_text(f"{text}replaces: journal_vacuum\n")
    (folder / "broken.yml").write_text(text.replace("risk: low", "risc: low"))
    listed = mend("remedies", "list").stdout
    for words in ("yours, replaces journal_vacuum", "shipped, replaced by mine", "not in use: broken.yml:"):
        assert words in listed, listed
    rows = {row["name"]: row for row in json.loads(mend("remedies", "list", "--json").stdout)}
    assert (rows["mine"]["whose"], rows["mine"]["replaces"]) == ("own", "journal_vacuum")
    assert (rows["journal_vacuum"]["replaced_by"], rows["redeploy"]["whose"]) == ("mine", "built_in")
    assert "It is not offered: mine stands in its place." in mend("remedies", "show", "journal_vacuum").stdout
    assert "broken.yml:" in mend("remedies", "show", "broken").output
    (folder / "open.yml").write_text(text)
    (folder / "open.yml").chmod(0o666)
    assert "not in use: open.yml: everybody may write it; chmod o-w" in mend("remedies", "list").stdout
    judged = mend("remedies", "lint", str(folder / "open.yml"))
    assert (judged.exit_code, "open.yml: everybody may write it; chmod o-w" in judged.output) == (1, True), (
        judged.output
    )
    (folder / "open.yml").unlink()
    (folder / "shell.yml").write_text(text.replace("ansible.builtin.command: {argv: [journalctl,", "a.b.c: {x: [y,"))
    assert "1 of your own" not in (found := " ".join(mend("doctor").output.split()))
    assert "broken.yml:" in found
    assert "shell.yml: its playbook may not run: apply: the" in found, found
    assert "not in use: shell.yml: its playbook may not run" in mend("remedies", "list").stdout


def test_a_trial_asks_for_what_an_event_would_give(mend: Mend) -> None:
    (mend.runtime / "config").mkdir(exist_ok=True)
    (mend.runtime / "config" / "inventory.yml").write_text("all: {hosts: {here: {ansible_connection: local}}}\n")
    for words, said in (
        ([], "--with mount=VALUE: a mount is wanted; its event gives it, and there is none here"),
        (["--with", "mount=../etc"], "'../etc' does not fit"),
        (["--with", "mount=/", "--with", "keep_mib=5"], "a whole number from 16 to 10000 is wanted; '5' does not fit"),
        (["--with", "size=7"], "--with size: there is no such param; there are mount, limit, keep_mib"),
    ):
        done = mend("remedies", "test", "journal_vacuum", "--node", "here", *words)
        assert (done.exit_code, said in " ".join(done.output.split())) == (2, True), done.output
    assert "there is no remedy nothing" in mend("remedies", "test", "nothing", "--node", "here").output
    elsewhere = mend("remedies", "test", "journal_vacuum", "--node", "there", "--with", "mount=/")
    assert "the host there is not in config/inventory.yml" in elsewhere.output


def test_ones_own_are_listed_in_the_language_of_whoever_asks(mend: Mend, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder := mend.runtime / "config" / "remedies").mkdir(parents=True)
    text = SHIPPED.joinpath("journal_vacuum.yml").read_text().split("translations:")[0]
    polish = "translations: {pl: {title: usuwa stare pliki dziennika, explain: gdy dysk jest pe\u0142ny}}\n"
    (folder / "mine.yml").write_text(text + polish, encoding="utf-8")
    english = next(line for line in text.splitlines() if line.startswith("title: "))[len("title: ") :]
    for locale, told in (("pl_PL.UTF-8", "usuwa stare pliki"), ("ko_KR.UTF-8", english), ("C.UTF-8", english)):
        monkeypatch.setenv("LC_ALL", locale)
        shown = " ".join(mend("remedies", "show", "mine").stdout.split())
        assert f"does {told}" in shown, shown
    monkeypatch.setenv("LC_ALL", "pl_PL.UTF-8")
    listed = " ".join(mend("remedies", "list").stdout.split())
    assert "usuwa stare pliki dziennika" in listed
    assert "usuwa stare pliki tymczasowe" in listed  # a shipped one: tmp_clean
