"""`mend audit`: says who decided what, and notices whatever somebody did to the log."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
import redis
from mend_rig import Mend

from mesh_core.models.records import rfc3339
from mesh_core.storage.audit_log import HEAD_KEY, Head, audit_path, head_path, sealed


def write(mend: Mend, count: int = 4) -> list[Head]:
    """A log as an observer leaves it, one line an hour; the newest is from now."""
    head, heads, lines = Head(), [], []
    for n in range(count):
        moment = rfc3339(datetime.now(UTC) - timedelta(hours=count - 1 - n))
        said = {
            "ts": moment,
            "at": moment,
            "who": "ada" if n % 2 else "bob (uid 1000)",
            "how": "web",
            "what": "approve",
        }
        line = sealed(head, {**said, "action_id": f"plan-pi4-web-{n:012x}", "reason": "why \x1b[31mnot"})
        head = Head(line.seq, line.hash)
        heads.append(head)
        lines.append(line.wire() + b"\n")
    path = audit_path(mend.runtime)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"".join(lines))
    head_path(mend.runtime).parent.mkdir(exist_ok=True)
    head_path(mend.runtime).write_text(f"{head}\n")
    return heads


def test_a_whole_log_is_proven_and_its_end_told(mend: Mend) -> None:
    heads = write(mend)
    done = mend("audit", "verify")
    assert done.exit_code == 0
    assert "4 lines" in done.output
    assert str(heads[-1]) in done.output.replace("\n", "")
    assert mend("audit", "verify", "--expect", str(heads[1])).exit_code == 0


def test_the_first_changed_line_is_named(mend: Mend) -> None:
    write(mend)
    path = audit_path(mend.runtime)
    path.write_bytes(path.read_bytes().replace(b'"who":"ada"', b'"who":"eve"', 1))
    done = mend("audit", "verify")
    assert done.exit_code == 1
    assert "line 2 was changed" in done.output
    told = json.loads(mend("audit", "verify", "--json").stdout)
    assert (told["ok"], told["first_bad_line"]) == (False, 2)


def test_a_log_whose_end_was_cut_off_or_that_is_gone_is_noticed(mend: Mend) -> None:
    write(mend)
    path = audit_path(mend.runtime)
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:2]))
    done = mend("audit", "verify")
    assert done.exit_code == 1
    assert "cut off" in done.output
    path.unlink()
    assert mend("audit", "verify").exit_code == 1


def test_a_log_written_anew_does_not_fit_what_redis_or_a_piece_of_paper_says(mend_online: Mend) -> None:
    mend = mend_online
    heads = write(mend)
    with redis.Redis.from_url(mend.environ["REDIS_URL"]) as client:
        client.set(HEAD_KEY, str(heads[-1]))
    assert mend("audit", "verify").exit_code == 0
    forged = write(mend, 5)  # other times, so other hashes; and the noted end with it
    done = mend("audit", "verify")
    assert done.exit_code == 1
    assert "Redis" in done.output
    with redis.Redis.from_url(mend.environ["REDIS_URL"]) as client:
        client.set(HEAD_KEY, str(forged[-1]))
    assert mend("audit", "verify").exit_code == 0  # whoever can write all three can do that
    assert mend("audit", "verify", "--expect", str(heads[2])).exit_code == 1


def test_it_is_shown_newest_first_by_person_and_time_and_obeys_no_escape(mend: Mend) -> None:
    write(mend)
    rows = json.loads(mend("audit", "show", "--json").stdout)
    assert [row["seq"] for row in rows] == [4, 3, 2, 1]
    assert [row["seq"] for row in json.loads(mend("audit", "show", "--who", "bob", "--json").stdout)] == [3, 1]
    assert [row["seq"] for row in json.loads(mend("audit", "show", "--since", "90m", "--json").stdout)] == [4, 3]
    assert (
        mend("audit", "show", "--since", "1h30m", "--json").stdout
        == mend("audit", "show", "--since", "90m", "--json").stdout
    )
    assert json.loads(mend("audit", "show", "--since", "2099-01-31", "--json").stdout) == []
    assert [row["seq"] for row in json.loads(mend("audit", "show", "-n", "1", "--json").stdout)] == [4]
    plain = mend("audit", "show").output
    assert "ada" in plain
    assert "\x1b[31m" not in plain


def test_a_line_that_was_tampered_with_is_not_shown_as_true(mend: Mend) -> None:
    write(mend)
    path = audit_path(mend.runtime)
    path.write_bytes(path.read_bytes().replace(b'"who":"ada"', b'"who":"eve"', 1))
    done = mend("audit", "show")
    assert "eve" not in done.stdout
    assert "mend audit verify" in done.output


@pytest.mark.parametrize(
    ("words", "code"),
    [(["verify"], 1), (["verify", "--expect", "x"], 2), (["show", "--since", "soon"], 2), (["show"], 0), ([], 2)],
)
def test_where_there_is_no_log_yet_it_says_so(mend: Mend, words: list[str], code: int) -> None:
    done = mend("audit", *words)
    assert done.exit_code == code
    assert "Traceback" not in done.output


def test_the_doctor_looks_at_the_log_too(mend: Mend) -> None:
    write(mend)
    assert finding(mend, "audit log")["level"] == "ok"
    path = audit_path(mend.runtime)
    path.write_bytes(path.read_bytes()[:-300])
    assert finding(mend, "audit log")["level"] == "broken"


def finding(mend: Mend, check: str, **environ: str) -> dict[str, str]:
    said = json.loads(mend("doctor", "--json", "--no-models", **environ).stdout)
    return next(found for found in said if found["check"] == check)
