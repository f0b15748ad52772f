"""Reading a file of lines from its end gives the same lines, in bounded memory."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh_core.storage import tail as backwards
from mesh_core.storage.tail import LONGEST_LINE_BYTES, lines_backwards


@given(
    st.lists(st.binary(max_size=12).filter(lambda piece: b"\n" not in piece), max_size=12),
    st.booleans(),
    st.integers(1, 20),
)
def test_backwards_is_forwards_turned_round(pieces: list[bytes], ended: bool, chunk: int) -> None:
    whole = b"\n".join(pieces) + (b"\n" if ended and pieces else b"")
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patched:
        patched.setattr(backwards, "CHUNK_BYTES", chunk)
        path = Path(folder) / "lines"
        path.write_bytes(whole)
        found = list(lines_backwards(path))
        assert [line for _, line in reversed(found)] == whole.splitlines(keepends=True) or b"\r" in whole
        assert b"".join(line for _, line in reversed(found)) == whole
        assert all(whole[start : start + len(line)] == line for start, line in found)
        for start, _ in found:
            earlier = b"".join(line for _, line in reversed(list(lines_backwards(path, start))))
            assert earlier == whole[:start]


def test_a_missing_file_has_no_lines(tmp_path: Path) -> None:
    assert list(lines_backwards(tmp_path / "none")) == []


def test_a_line_that_never_ends_is_refused_before_it_fills_the_memory(tmp_path: Path) -> None:
    path = tmp_path / "endless"
    with path.open("wb") as handle:
        handle.truncate(50 * LONGEST_LINE_BYTES)
    with pytest.raises(ValueError, match="more than"):
        list(lines_backwards(path))


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc/hostname")
    with pytest.raises(OSError):
        list(lines_backwards(tmp_path / "link"))
