"""What a person saved is read whole, or refused with its file, its line and what to write; nothing of it is dropped
silently."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mesh_core.models.config_document import MAX_CONFIG_BYTES, ConfigDocument
from mesh_core.models.config_file import FilePart


class Refused(ValueError): ...


class Form(FilePart):
    name: str = "none"
    most: int = 3


def document(raw: bytes | str) -> ConfigDocument:
    return ConfigDocument(raw, "a.yml", Refused)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_file_is_read_as_editors_save_it(encoding: str) -> None:
    assert document("# Größe\r\nname: ż\r\n".encode(encoding)).said == {"name": "ż"}
    assert document(b"").said is None


def test_a_part_that_is_used_twice_is_no_key_that_is_there_twice() -> None:
    text = "a: &one {x: 1}\nb: *one\nc: {<<: *one, x: 2}"
    assert document(text).said == {"a": {"x": 1}, "b": {"x": 1}, "c": {"x": 2}}
    with pytest.raises(Refused, match=r"^a\.yml:1: it uses an alias \(\*name\)"):
        ConfigDocument(text, "a.yml", Refused, plain=True)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"a: 1\nb:\n  - c: 1\n    d: 2\n    c: 3\n", "a.yml:5: c stands there twice; take one out"),
        (b"a: 1\n1: 2\n'1': 3", "a.yml:3: 1 stands there twice"),
        (b"a: 1\nb: [1, 2\nc: 3", "a.yml:3: not YAML: "),
        (b"a: 1\n---\nb: 2", "a.yml:2: not YAML: expected a single document"),
        ("b: 1\na: ä".encode("latin-1"), "a.yml:2: it is not UTF-8 at byte 8; save it as UTF-8"),
        (b"[" * 101, "a.yml:1: not YAML: nested deeper than 100"),
        (b"a: 1\nb:\n- 2024-01-01\n- 2024-13-45", "a.yml:4: month must be in 1..12"),
    ],
)
def test_what_is_no_settings_is_one_sentence_with_its_line(raw: bytes, said: str) -> None:
    with pytest.raises(Refused) as refused:
        document(raw)
    assert str(refused.value).startswith(said)


def test_all_that_does_not_fit_is_told_with_its_line_and_the_first_of_it_refused() -> None:
    bad = document("# mine\nmost: many\nnaem: x\n")
    told = [str(one) for one in bad.misfits(Form)]
    assert told[0] == "a.yml:3: naem: no such key; take it out or correct its spelling; 'naem' looks like name"
    assert told[1].startswith("a.yml:2: most: should be a whole number")
    with pytest.raises(Refused) as refused:
        bad.fitted(Form)
    assert str(refused.value) == told[0]
    with pytest.raises(Refused, match=r"^a\.yml:1: write it as a mapping"):
        document("- a").fitted(Form)
    assert document("").fitted(Form) == Form()


def test_a_misspelt_key_is_held_against_those_of_its_own_place() -> None:
    class Inner(FilePart):
        colour: str = ""

    class Outer(FilePart):
        parts: tuple[Inner, ...] = ()
        one: Inner | None = None

    def said(raw: str) -> str:
        return str(next(iter(document(raw).misfits(Outer)))).partition("spelling")[2]

    assert said("parts: [{color: red}]") == "; 'color' looks like colour"
    assert said("one: {color: red}") == "; 'color' looks like colour"
    assert said("part: []") == "; 'part' looks like parts"
    assert said("one: {colour: red, height: 3}") == "", "like nothing that is known"


def test_a_file_that_is_not_there_says_nothing_and_what_is_no_file_is_refused(tmp_path: Path) -> None:
    assert ConfigDocument.at(tmp_path / "none.yml", Refused).fitted(Form) == Form()
    os.mkfifo(pipe := tmp_path / "pipe.yml")
    for path in (tmp_path, pipe):  # nobody waits for who writes into a pipe
        with pytest.raises(Refused, match=f"^{path}: cannot be read: it is no regular file"):
            ConfigDocument.at(path, Refused)
    (large := tmp_path / "large.yml").write_bytes(b"#" * (MAX_CONFIG_BYTES + 1))
    with pytest.raises(Refused, match=f"^{large}: larger than {MAX_CONFIG_BYTES} bytes; make it shorter"):
        ConfigDocument.at(large, Refused)
