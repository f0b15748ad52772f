"""Heads of answers as the devices of a house send them. Pure."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node_agent.protocols.http_chunks import StrictChunks
from node_agent.protocols.http_head import NotHttp, split_head, strict_head


@pytest.mark.parametrize(
    ("head", "status", "strict"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", 200, b"HTTP/1.1 200 \r\ncontent-length: 2\r\n\r\n"),
        (b"HTTP/1.0 204 None\nServer: x\n\n", 204, b"HTTP/1.0 204 \r\n\r\n"),
        (b"HTTP/1.1 200\n\n", 200, b"HTTP/1.1 200 \r\n\r\n"),
        (
            b"HTTP/1.1 200 OK\nContent-Type: a/b; charset=x\n\n",
            200,
            b"HTTP/1.1 200 \r\ncontent-type: a/b; charset=x\r\n\r\n",
        ),
        (b"HTTP/1.1 200 OK\nContent-Type: a\x00b\n\n", 200, b"HTTP/1.1 200 \r\n\r\n"),
        (b"HTTP/1.1  503Busy\r\n\r\n", 503, b"HTTP/1.1 503 \r\n\r\n"),
        (b"\r\nHTTP/1.1 200 OK\r\n Content-Length : 5 \r\n\r\n", 200, b"HTTP/1.1 200 \r\ncontent-length: 5\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\nno colon\r\nX\x00Y: \xff\r\n\r\n", 200, b"HTTP/1.1 200 \r\n\r\n"),
        (b"HTTP/1.1 200 OK\nTransfer-Encoding: identity\n\n", 200, b"HTTP/1.1 200 \r\n\r\n"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", 100, b"HTTP/1.1 100 \r\n\r\n"),
        (b"HTTP/1 200 OK\n\n", 200, b"HTTP/1.0 200 \r\n\r\n"),
        (b"ICY 200 OK\r\nicy-name: x\r\n\r\n", 200, b"HTTP/1.0 200 \r\n\r\n"),
        (b"\xef\xbb\xbf \nhttp/1.1 200 ok\n\n", 200, b"HTTP/1.1 200 \r\n\r\n"),
        *(
            (b"HTTP/1.1 200 OK\nContent-Length: %s\n\n" % said, 200, b"HTTP/1.1 200 \r\n\r\n")
            for said in (b"", b"-1", b"+5", b"undefined", b"0x10")
        ),
        (
            b"HTTP/1.1 200 OK\nContent-Encoding: gzip\nContent-Length: 5, 5\n\n",
            200,
            b"HTTP/1.1 200 \r\ncontent-encoding: gzip\r\ncontent-length: 5, 5\r\n\r\n",
        ),
    ],
)
def test_a_head_is_made_strict(head: bytes, status: int, strict: bytes) -> None:
    assert strict_head(head) == (status, strict)


@pytest.mark.parametrize(
    "answer", [b"SSH-2.0-x\r\n", b"\x15\x03\x01\x00\x02", b"<html>", b"220 mail ready\r\n", b"HTTP/2 200\n\n"]
)
def test_what_is_not_http_is_said_with_its_beginning(answer: bytes) -> None:
    with pytest.raises(NotHttp, match="it begins with"):
        strict_head((split_head(answer) or (b"", b""))[0])


def test_a_head_ends_where_its_blank_line_is_whatever_ends_the_lines() -> None:
    assert split_head(b"") is None
    assert split_head(b"HTT") is None
    assert split_head(b"\xef\xbb") is None
    assert split_head(b"ic") is None
    assert split_head(b"HTTP/1.1 200 OK\r\nA: b\r\n") is None
    assert split_head(b"HTTP/1.1 200 OK\nA: b\n\nbody\n\nmore") == (b"HTTP/1.1 200 OK\nA: b\n\n", b"body\n\nmore")
    assert split_head(b"HTTP/1.1 200 OK\r\n\r\nbody") == (b"HTTP/1.1 200 OK\r\n\r\n", b"body")


@given(st.binary(max_size=200))
def test_any_answer_is_a_head_or_is_none(raw: bytes) -> None:
    try:
        found = split_head(b"HTTP/1." + raw)
        if found is not None:
            status, strict = strict_head(found[0])
            assert 0 <= status <= 999
            assert strict.endswith(b"\r\n\r\n")
    except NotHttp:
        pass


CHUNKS = b"5\nhello\n3;x=y\na\nb\n0\nTrailer: x\n\n"
STRICT = b"5\r\nhello\r\n3;x=y\r\na\nb\r\n0\r\nTrailer: x\r\n\r\n"


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_chunks_that_end_their_lines_with_lf_alone_are_made_strict_in_pieces_of_any_size(size: int) -> None:
    chunks = StrictChunks()
    assert b"".join(chunks.strict(CHUNKS[at : at + size]) for at in range(0, len(CHUNKS), size)) == STRICT
    assert StrictChunks().strict(STRICT) == STRICT


@given(st.lists(st.binary(max_size=40)))
def test_what_is_no_chunk_does_not_make_it_raise(pieces: list[bytes]) -> None:
    chunks = StrictChunks()
    for piece in pieces:
        chunks.strict(piece)
