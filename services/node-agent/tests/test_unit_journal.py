"""What of a unit's journal is evidence. Entries as systemd 252 writes them."""

from __future__ import annotations

import json

from node_agent.host.unit_journal import lines_of


def journal(*entries: tuple[str, int, object]) -> str:
    """(who, priority, message) of each."""
    keys = ("SYSLOG_IDENTIFIER", "PRIORITY", "MESSAGE")
    return "\n".join(json.dumps(dict(zip(keys, (who, str(n), said), strict=True))) for who, n, said in entries) + "\n"


def test_what_systemd_warned_of_before_the_program_ran_is_no_evidence() -> None:
    text = journal(
        ("(shop)", 4, "Failed to set up a part of its surroundings: No such file or directory"),
        ("systemd", 6, "Started shop.service."),
        ("shop", 6, "cannot open the till"),
        ("systemd", 5, "shop.service: Main process exited, code=exited, status=5/NOTINSTALLED"),
    )
    assert lines_of(text) == [
        "Started shop.service.",
        "cannot open the till",
        "shop.service: Main process exited, code=exited, status=5/NOTINSTALLED",
    ]


def test_where_systemd_gave_up_before_the_program_ran_its_error_is() -> None:
    said = "shop.service: Failed to locate executable /opt/shop: No such file or directory"
    assert lines_of(journal(("(shop)", 3, said))) == [said]


def test_what_a_program_prints_stays_whatever_it_looks_like() -> None:
    text = journal(
        ("shop", 6, list(b"caf\xe9 \x1b[31mred\x1b[0m")),  # no UTF-8: journalctl gives numbers
        ("shop", 6, "two\nlines"),
        ("shop", 6, None),
        ("shop", 4, "a warning of its own: no such file or directory"),
    )
    assert lines_of(text) == ["caf� red", "two", "lines", "a warning of its own: no such file or directory"]
    assert lines_of("") == []
