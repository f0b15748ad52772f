"""What a stranger's bytes say, whatever encoding they say or show it in."""

from __future__ import annotations

import gzip
import json
import time
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh_core.models.foreign_text import decoded, parse_foreign, text_of, unpacked
from mesh_core.models.strict_json import Refusal

LIMIT = 64 * 1024
VALUE = {"host": "nas", "text": "Sicherung für 名前 fehlgeschlagen"}
LATIN = {"host": "nas", "text": "Sicherung für Büro"}


def as_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"])
@pytest.mark.parametrize("content_type", ["", "application/json", "application/json; charset=utf-8"])
def test_json_shows_which_unicode_form_it_is_in_whatever_a_header_says(encoding: str, content_type: str) -> None:
    raw = as_json(VALUE).encode(encoding)
    assert parse_foreign(raw, max_bytes=LIMIT, content_type=content_type) == VALUE


@pytest.mark.parametrize("name", ["iso-8859-1", "ISO-8859-15", "windows-1252", "cp850", "latin1"])
@pytest.mark.parametrize("form", ["application/json; charset={}", 'application/json;CHARSET="{}"; version=1'])
def test_a_charset_that_is_named_is_believed(name: str, form: str) -> None:
    raw = as_json(LATIN).encode(name)
    assert parse_foreign(raw, max_bytes=LIMIT, content_type=form.format(name)) == LATIN


def test_east_asian_charsets_too() -> None:
    value = {"text": "バックアップ失敗"}
    for name in ("shift_jis", "euc-jp", "gb18030"):
        raw = as_json(value).encode(name)
        assert parse_foreign(raw, max_bytes=LIMIT, content_type=f"application/json; charset={name}") == value


@pytest.mark.parametrize(
    ("encoding", "header"),
    [
        *(("utf-8", name) for name in ("us-ascii", "utf-16", "utf-32le", "utf8mb4", "binary", "klingon", "idna", '""')),
        *(("cp1252", name) for name in ("x-cp1252", "'windows-1252'", '"cp1252"; boundary=x')),
    ],
)
def test_a_header_that_is_wrong_or_odd_loses_no_json(encoding: str, header: str) -> None:
    raw = as_json(LATIN).encode(encoding)
    assert parse_foreign(raw, max_bytes=LIMIT, content_type=f"application/json; charset={header}") == LATIN


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32-be"])
def test_a_zero_behind_the_text_is_no_part_of_it(encoding: str) -> None:
    raw = (as_json(VALUE) + "\r\n\0\0").encode(encoding)
    assert parse_foreign(raw, max_bytes=LIMIT) == VALUE


@pytest.mark.parametrize(
    ("raw", "content_type", "reason"),
    [
        (as_json(LATIN).encode("latin-1"), "", "not UTF-8: byte"),
        (as_json(LATIN).encode("latin-1"), "application/json", "; send UTF-8, or name the charset in Content-Type"),
        (as_json(LATIN).encode("latin-1"), "application/json; charset=us-ascii", "not ASCII: byte"),
        (b"{\xfc}", "application/json; charset=klingon", "'klingon' is not known here; send UTF-8"),
        (b"e30=", "application/json; charset=base64", "'base64' is not known here"),
        (b"+AHsAfQ-", "application/json; charset=utf-7", "'utf-7' is not read here"),
        (b"\\x7b}", "application/json; charset=unicode_escape", "is not read here"),
        (b"\xff\xfe{", "", "not UTF-16"),
        (b"\xef\xbb\xbf", "", "not JSON"),
        (b"\xef\xbb\xbf[1]", "", "not an object: the message is a list"),
        (b'\xef\xbb\xbf{"a":1,"a":2}', "", "duplicate key"),
        (as_json({"a": "x" * LIMIT}).encode("utf-16"), "", "too large"),
    ],
)
def test_what_cannot_be_read_is_refused_and_the_reason_says_why(raw: bytes, content_type: str, reason: str) -> None:
    value = parse_foreign(raw, max_bytes=LIMIT, content_type=content_type)
    assert isinstance(value, Refusal)
    assert reason in value.reason


def test_text_for_people_never_fails_and_keeps_no_mark() -> None:
    assert text_of("geht nicht".encode("utf-8-sig")) == "geht nicht"
    assert text_of("für".encode("latin-1"), "text/html; charset=ISO-8859-1") == "für"
    assert text_of("für".encode("latin-1")) == "f\ufffdr"
    assert text_of(b"ok", "text/plain; charset=klingon") == "ok"
    assert decoded("für".encode("utf-16")) == "für"
    assert isinstance(decoded(b"\xff"), Refusal)


@settings(deadline=None)  # other work on the machine is no bug
@given(st.binary(max_size=300), st.sampled_from(["", "utf-16", "latin-1", "idna", "punycode", "gb18030", "undefined"]))
def test_no_bytes_make_it_raise(raw: bytes, charset: str) -> None:
    content_type = f"text/plain; charset={charset}"
    assert isinstance(parse_foreign(raw, max_bytes=LIMIT, content_type=content_type), dict | Refusal)
    assert isinstance(text_of(raw, content_type), str)


def test_a_megabyte_in_an_odd_charset_takes_no_time() -> None:
    for charset in ("iso2022_jp", "hz", "punycode", "idna", "utf-7", "utf-16", "gb18030"):
        began = time.process_time()
        parse_foreign(b'{"a":"' + b"x~+-" * 260_000, max_bytes=2**20, content_type=f"a/b; charset={charset}")
        assert time.process_time() - began < 3, charset


RAW = as_json(VALUE).encode()


@pytest.mark.parametrize(
    ("raw", "packing"),
    [
        (RAW, ""),
        (RAW, "identity"),
        (gzip.compress(RAW, mtime=0), "gzip"),
        (gzip.compress(RAW, mtime=0), " X-GZIP "),
        (zlib.compress(RAW), "deflate"),
        (zlib.compress(RAW, wbits=-15), "deflate"),
        (gzip.compress(RAW, mtime=0), "gzip, identity"),
        (gzip.compress(RAW, mtime=0), ""),
        (gzip.compress(zlib.compress(RAW), mtime=0), "deflate,gzip"),
        (gzip.compress(RAW[:20], mtime=0) + gzip.compress(RAW[20:], mtime=0) + b"\0\0", "gzip"),
    ],
)
def test_a_packed_body_is_unpacked(raw: bytes, packing: str) -> None:
    assert unpacked(raw, packing, max_bytes=LIMIT) == RAW


@pytest.mark.parametrize(
    ("raw", "packing", "reason"),
    [
        (RAW, "gzip", "is no gzip"),
        (gzip.compress(RAW, mtime=0)[:-9], "gzip", "ends too early"),
        (b"", "gzip", "ends too early"),
        (RAW, "br", "packed ('br')"),
        (gzip.compress(RAW, mtime=0), "br, gzip", "packed ('br')"),
        (gzip.compress(RAW[:20], mtime=0) + gzip.compress(RAW[20:], mtime=0)[:-9], "gzip", "ends too early"),
        (RAW, "gzip, gzip, gzip, gzip", "packed 4 times"),
        (gzip.compress(b"x" * LIMIT, mtime=0) * 3, "gzip", "too large"),
        (gzip.compress(b"x" * (3 * LIMIT), mtime=0), "gzip", "too large"),
    ],
)
def test_what_cannot_be_unpacked_is_refused_with_the_way_out(raw: bytes, packing: str, reason: str) -> None:
    found = unpacked(raw, packing, max_bytes=LIMIT)
    assert isinstance(found, Refusal)
    assert reason in found.reason
