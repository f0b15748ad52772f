"""How a remedy speaks of itself: on its card, of what it looks at, and in its outcome."""

from __future__ import annotations

import pytest
from remedy_events import proposal_for

from mesh_core.actions.register import action_type, what_it_touches
from mesh_core.actions.remedies.wording import filled, in_words, told_change
from mesh_core.actions.target_state import TargetStatus


def test_a_card_says_what_it_touches_with_the_estimate() -> None:
    assert what_it_touches(proposal_for("journal_vacuum")) == (
        "deletes archived journal files on n1; frees up to 3.5 GiB on /var; the newest 64 MiB of the journal stay"
    )


@pytest.mark.parametrize(
    ("said", "health", "words"),
    [
        ({"numbers": {"used_percent": 71, "journal_kib": 65536}, "proven": True}, "healthy", "/var 71 % full"),
        ({"numbers": {"used_percent": "95", "journal_kib": "65536"}, "proven": "False"}, "unhealthy", "/var 95 % full"),
        ({"numbers": {"used_percent": -1, "journal_kib": 5}, "proven": True}, "unknown", "measured: used_percent"),
        ({"numbers": {"used_percent": 5}, "proven": True}, "unknown", "measured: journal_kib"),
        ("a sentence", "unknown", "measured: journal_kib, used_percent"),
        (None, "unknown", "could not be measured"),
    ],
)
def test_a_look_is_believed_only_with_all_of_its_numbers(said: object, health: str, words: str) -> None:
    read = action_type("journal_vacuum").read_look
    assert read is not None
    seen = read(proposal_for("journal_vacuum"), {"msg": said})
    assert (seen.health, words in seen.sentence) == (TargetStatus(health), True), seen


def test_the_outcome_tells_both_looks_in_one_sentence() -> None:
    told = action_type("journal_vacuum").told_change
    before = {"used_percent": 97, "journal_kib": 3 * 1024**2}
    assert told(proposal_for("journal_vacuum"), before, {"used_percent": 71, "journal_kib": 64 * 1024}) == (
        "/var 97 % -> 71 % full, the journal 3.0 GiB -> 64 MiB"
    )
    assert told(proposal_for("journal_vacuum"), before, before) == ""
    assert told(proposal_for("journal_vacuum"), {}, before) == ""


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("journal.bytes", 0, "0 bytes"),
        ("free_kib", 1536, "1.5 MiB"),
        ("keep_mib", 200, "200 MiB"),
        ("size_gib", 2048, "2.0 TiB"),
        ("used_percent", 97.5, "97.5 %"),
        ("age_seconds", 90, "90 s"),
        ("left_seconds", 5 * 86400 + 7, "5 days"),
        ("unit.enabled", True, "yes"),
        ("is_running", 0, "no"),
        ("count", 3, "3"),
        ("mount", "/var", "/var"),
        ("mount", "/a\n b", "/a b"),
        ("what", None, "?"),
    ],
)
def test_a_numbers_unit_is_the_last_word_of_its_name(name: str, value: object, words: str) -> None:
    assert in_words(name, value) == words
    assert filled(f"it is {{{name}}}", {name: value}) == f"it is {words}"
    assert told_change(f"{{{name}}}", {name: value}, {name: value}) == ""
