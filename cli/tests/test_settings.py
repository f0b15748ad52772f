"""Where mend takes its settings from, what it says of bad ones, and of a Redis that is away."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from mend_rig import NODE, Mend

from mend.dotenv import with_dotenv
from mend.errors import CliError
from mesh_core.runtime.dotenv import BadDotenv, read_dotenv


@pytest.mark.parametrize("words", [("inject", "a", "--node", NODE), ("watch",), ("deadletters",)])
def test_without_redis_a_sentence_says_what_to_do(mend: Mend, words: tuple[str, ...]) -> None:
    done = mend.real(*words)
    assert done.returncode == 1
    assert "mend up" in done.stderr
    assert "Traceback" not in done.stderr


def test_bad_settings_are_named_and_exit_2(mend: Mend) -> None:
    done = mend.real("pending", REDIS_URL="http://x")
    assert done.returncode == 2
    assert "REDIS_URL" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_running_mesh_is_found_by_its_note_unless_redis_url_says_otherwise(mend_online: Mend) -> None:
    url = mend_online.environ.pop("REDIS_URL")
    note = mend_online.runtime / "run" / "mesh.json"
    note.parent.mkdir()
    note.write_text(json.dumps({"redis_url": url}))
    assert mend_online("inject", "a", "--node", NODE, REDIS_URL="").exit_code == 0
    assert mend_online("inject", "a", "--node", NODE, REDIS_URL="redis://127.0.0.1:1/0").exit_code == 1
    note.write_text("{half")
    assert json.loads(mend_online("status", "--json", REDIS_URL="").stdout)["redis_url"].endswith(":6379/0")


def test_dotenv_is_read_where_the_environment_is_silent(mend: Mend) -> None:
    (mend.runtime / ".env").write_text("# mine\nexport LOG_LEVEL='loud' # no\nREDIS_URL=redis://127.0.0.1:1/0 # here\n")
    done = mend.real("pending")
    assert (done.returncode, "LOG_LEVEL='loud'" in done.stderr) == (2, True)
    assert mend.real("pending", LOG_LEVEL="info").returncode == 0


def test_a_mark_before_the_first_line_belongs_to_no_name(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"\xef\xbb\xbfLOG_LEVEL=debug\r\nB=2\r\n")
    assert with_dotenv({}, tmp_path) == {"LOG_LEVEL": "debug", "B": "2"}
    (tmp_path / ".env").write_bytes("LOG_LEVEL=debug\r\nB=ü\r\n".encode("utf-16"))
    assert with_dotenv({}, tmp_path) == {"LOG_LEVEL": "debug", "B": "ü"}


def test_dotenv_lines_are_simple() -> None:
    assert read_dotenv('A=1\nB = "x # y" # z\nC=a b # c\nD=\nE=#f\nF=a#b\n', ".env") == {
        "A": "1", "B": "x # y", "C": "a b", "D": "", "E": "", "F": "a#b",
    }  # fmt: skip
    for bad in ("A", "1A=2", 'A="b', "A='b' c"):
        with pytest.raises(BadDotenv, match="line 1"):
            read_dotenv(bad, ".env")


def test_a_dotenv_that_cannot_be_read_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"A=\xff\n")
    with pytest.raises(CliError, match="cannot be read"):
        with_dotenv({}, tmp_path)
    (tmp_path / ".env").write_text("A\n")
    with pytest.raises(CliError, match="line 1"):
        with_dotenv({}, tmp_path)
    assert with_dotenv({"A": "1"}, tmp_path / "nowhere") == {"A": "1"}
