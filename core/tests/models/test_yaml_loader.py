"""What a person saved is read whole, or refused with the line; nothing of it is dropped silently."""

from __future__ import annotations

import pytest

from mesh_core.models.yaml_loader import BadYaml, settings_in


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_settings_are_read_as_editors_save_them(encoding: str) -> None:
    assert settings_in("# Größe\r\nname: ż\r\n".encode(encoding)) == {"name": "ż"}
    assert settings_in(b"") is None


def test_a_part_that_is_used_twice_is_no_key_that_is_there_twice() -> None:
    assert settings_in("a: &one {x: 1}\nb: *one\nc: {<<: *one, x: 2}") == {"a": {"x": 1}, "b": {"x": 1}, "c": {"x": 2}}


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"a: 1\nb:\n  - c: 1\n    d: 2\n    c: 3\n", "line 5: c stands there twice; take one out"),
        (b"a: 1\n1: 2\n'1': 3", "line 3: 1 stands there twice"),
        (b"a: 1\nb: [1, 2\nc: 3", "line 3: not YAML: "),
        (b"a: 1\n---\nb: 2", "line 2: not YAML: expected a single document"),
        ("a: ä".encode("latin-1"), "it is not UTF-8 at byte 3; save it as UTF-8"),
        (b"[" * 101, "not YAML: nested deeper than 100"),
    ],
)
def test_what_is_no_settings_is_one_sentence_with_its_line(raw: bytes, said: str) -> None:
    with pytest.raises(BadYaml) as refused:
        settings_in(raw)
    assert str(refused.value).startswith(said)
