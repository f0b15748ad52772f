"""maintenance, snooze, ack, silences, unsilence: a person's words, over real folders and without any Redis."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from mend_rig import NODE, Mend

from mend.complete import complete_any
from mesh_core.models.proposals import Folder
from mesh_core.models.records import parse_time
from mesh_core.silences.folder import SilenceFolder
from mesh_core.silences.silence import Silence


def known(mend: Mend) -> tuple[Silence, ...]:
    return SilenceFolder(mend.runtime).current()


def test_a_maintenance_is_announced_listed_shown_elsewhere_and_ended(mend: Mend) -> None:
    said = mend("maintenance", "pi*", "--for", "2h", "--reason", "new disk\x1b[31m")
    assert said.exit_code == 0, said.output
    assert "maintenance of pi* until" in said.stdout
    [silence] = known(mend)
    assert abs(parse_time(silence.ends_at) - datetime.now(UTC) - timedelta(hours=2)) < timedelta(minutes=10)
    assert "\x1b" not in silence.reason
    listed = mend("silences").stdout
    assert silence.id in listed
    assert "pi*/*" in listed
    [row] = json.loads(mend("silences", "--json").stdout)
    assert (row["id"], row["active"]) == (silence.id, True)
    assert re.search(r"silent for 1h5\dm more: pi\* \(maintenance by", mend("pending").stdout)
    status = mend("status")
    assert "1: nothing is proposed there" in status.stdout
    assert json.loads(mend("status", "--json").stdout)["silences"] == [silence.id]
    ended = mend("unsilence", silence.id[-8:])
    assert ended.exit_code == 0, ended.output
    assert known(mend) == ()
    assert "over" in mend("silences", "--all").stdout
    assert mend("silences").stdout.startswith("Nothing is silenced.")


def test_who_ends_one_of_two_silences_hears_that_the_other_one_holds(mend: Mend) -> None:
    for words in (("ack", "pi4/shop"), ("maintenance", "pi*", "--for", "1h", "--reason", "new disk")):
        assert mend(*words).exit_code == 0
    acknowledged, maintenance = sorted(known(mend), key=lambda one: one.kind)
    first = mend("unsilence", acknowledged.id).stdout
    assert "heard again" not in first
    assert f"pi4/shop stays silent: {maintenance.id} holds there, too" in first
    assert f"ended {maintenance.id}: pi* is heard again" in mend("unsilence", maintenance.id).stdout


@pytest.mark.parametrize(
    ("words", "longer"),
    [
        (("ack", "pi4/shop", "--reason", "vendor"), ("--for", "20d")),
        (("maintenance", "pi*", "-r", "x", "--until", "23:59"), None),
        (("maintenance", "pi*", "-r", "x", "--for", "1h"), ("--for", "3h")),
    ],
)
def test_what_is_said_again_is_one_silence_and_says_so(
    mend: Mend, words: tuple[str, ...], longer: tuple[str, ...] | None
) -> None:
    assert mend(*words).exit_code == 0
    [first] = known(mend)
    again = mend(*words)
    assert again.exit_code == 0, again.output
    [holding] = known(mend)
    assert ("already" in again.stdout) == (holding == first)
    assert (f"in the place of {first.id}" in again.stdout) == (holding != first)
    if longer:
        at_last = mend(*[word for word in words if word not in ("--for", "1h")], *longer)
        assert f"in the place of {holding.id}" in at_last.stdout
        assert len(known(mend)) == 1


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("maintenance", "pi4", "-r", "x"), 2, "either --for 2h or --until 18:30"),
        (("maintenance", "pi4", "-r", "x", "--for", "1h", "--until", "18:30"), 2, "either --for"),
        (("maintenance", "pi4", "-r", "x", "--for", "2"), 2, "has no unit; write 2m"),
        (("maintenance", "pi4", "-r", "x", "--for", "31d"), 2, "30 days at most"),
        (("maintenance", "pi4", "-r", "x", "--until", "2020-01-01"), 2, "passed already"),
        (("maintenance", "pi4", "-r", "x", "--until", "tea time"), 2, "--until 'tea time' is no time"),
        (("maintenance", "pi 4", "-r", "x", "--for", "1h"), 2, "is no name"),
        (("maintenance", "pi4", "--for", "1h"), 2, "--reason"),
        (("ack", "pi*/web"), 2, "only a maintenance may have patterns"),
        (("snooze", "nothing", "--for", "1h"), 3, "there is no proposal"),
        (("unsilence", "nothing"), 3, "mend silences --all"),
    ],
)
def test_what_cannot_be_done_is_a_sentence_and_the_right_exit_code(
    mend: Mend, words: tuple[str, ...], code: int, told: str
) -> None:
    said = mend(*words)
    assert said.exit_code == code, said.output
    assert told in " ".join(said.output.split())
    assert known(mend) == ()


def test_a_node_that_nobody_knows_is_silenced_with_a_word_of_doubt(mend: Mend) -> None:
    (mend.runtime / "config").mkdir()
    (mend.runtime / "config" / "inventory.yml").write_text(
        "all: {hosts: {pi4: {ansible_connection: local}, sealed: {ansible_password: !vault x}}}\n"
    )
    assert "misspelt" not in mend("maintenance", "sealed", "--for", "1h", "-r", "x").stdout  # known, if not usable
    assert "misspelt" in mend("maintenance", "p14", "--for", "1h", "-r", "x").stdout
    assert "misspelt" not in mend("maintenance", "pi?", "--for", "1h", "-r", "x").stdout


def test_an_ack_of_a_place_that_nobody_knows_is_said_with_a_word_of_doubt(mend: Mend) -> None:
    (mend.runtime / "config").mkdir()
    (mend.runtime / "config" / "inventory.yml").write_text("all: {hosts: {pi4: {}, nas: {}}}\n")
    assert "misspelt" in mend("ack", "p14/web").stdout
    assert "misspelt" not in mend("ack", "nas/web").stdout  # no observer has said what there is
    mend.propose()
    (mend.runtime / "state").mkdir()
    places = {"cam/": {"node": "cam", "service": None}, "pi4/db": {"node": "pi4", "service": "db"}}
    (mend.runtime / "state" / "world.json").write_text(json.dumps({"places": places}))
    for known_place in ("cam", "pi4/db", f"{NODE}/nginx", "nas"):
        assert "misspelt" not in mend("ack", known_place).stdout, known_place
    assert "misspelt" in mend("ack", "pi4/dbb").stdout


def test_a_snooze_puts_the_proposal_aside_until_later(mend: Mend) -> None:
    proposal = mend.propose()
    said = mend("snooze", proposal.id[-12:], "--for", "45m", "--reason", "dinner")
    assert said.exit_code == 0, said.output
    [silence] = known(mend)
    assert silence.put_aside == {proposal.event.id: proposal.id}
    [filed] = mend.actions.filed(Folder.REJECTED)
    assert "snoozed until" in filed.path.with_name(filed.path.name + ".reason.txt").read_text()
    assert mend("snooze", proposal.id, "--for", "45m").exit_code == 3
    shown = mend("show", proposal.id).stdout
    (line,) = [line for line in shown.splitlines() if "snoozed until" in line]
    assert line.startswith("  put aside   snoozed until ")
    assert "dinner" in line
    assert shown.index(line) < shown.index("byte for byte")  # above the playbook, where one looks first


def test_an_ack_lasts_a_week_names_what_waits_and_takes_it_only_if_asked(mend: Mend) -> None:
    proposal = mend.propose()
    said = mend("ack", f"{NODE}/nginx")
    assert said.exit_code == 0, said.output
    assert f"still waits for you: {proposal.id}" in said.stdout
    [silence] = known(mend)
    assert parse_time(silence.ends_at) - parse_time(silence.created_at) == timedelta(days=7)
    said = mend("ack", f"{NODE}/nginx", "--for", "1d", "--reject")
    assert f"put aside: {proposal.id}" in said.stdout
    assert list(mend.actions.pending()) == []


def test_what_is_approved_already_is_said_to_go_on(mend: Mend) -> None:
    proposal = mend.propose()
    assert mend("approve", proposal.id).exit_code == 0
    said = mend("maintenance", "*", "--for", "1h", "-r", "x")
    assert f"goes on, because it is approved: {proposal.id}" in said.stdout


@pytest.mark.parametrize("columns", ["40", "80"])
def test_a_narrow_terminal_still_says_by_whom_and_why_of_silences_and_of_the_audit_log(
    mend: Mend, columns: str
) -> None:
    why = "the disk of this machine is replaced and then the other one as well"
    assert mend("maintenance", "a-node-with-quite-a-long-name", "--for", "2h", "-r", why).exit_code == 0
    [silence] = known(mend)
    said = " ".join(mend("silences", COLUMNS=columns, FORCE_COLOR="1", NO_COLOR="1").stdout.split())
    for words in (silence.id, silence.node, silence.by, why):
        assert words in said, columns


def test_the_tab_key_knows_the_names_of_places_as_well(mend: Mend, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in mend.environ.items():
        monkeypatch.setenv(name, value)
    proposal = mend.propose()
    short = proposal.id[-12:]
    assert complete_any(short[:4]) == complete_any(short) == [short]
    assert complete_any(f"{NODE}/n") == [f"{NODE}/nginx"]
    assert complete_any(proposal.id[:8]) == [proposal.id]
