"""Names of our own for what others call differently."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from mesh_core.models.records import is_name
from mesh_core.models.slugs import plain_name


def test_a_name_stays_as_it_is_and_marks_become_a_dash() -> None:
    assert plain_name("NAS01.lan", "x") == "NAS01.lan"
    assert plain_name("my blog (old)", "x") == "my-blog-old"


def test_texts_in_another_script_stay_apart() -> None:
    texts = ("Файлы", "Самба", "磁盘", "Büro", "büro", "Buro", "Büro 2")
    names = [plain_name(text, "monitor") for text in texts]
    assert len(set(names)) == len(texts)
    assert names[3].startswith("Buro-")
    assert names[0].startswith("monitor-")


@given(st.text(min_size=1, max_size=400), st.text(min_size=1, max_size=400))
@settings(max_examples=3 * settings.default.max_examples)
def test_any_text_becomes_a_name_and_two_become_one_only_where_marks_differ(one: str, other: str) -> None:
    names = plain_name(one, "x"), plain_name(other, "x")
    assert all(is_name(name) for name in names)
    if not (one.isascii() or other.isascii()):
        assert (names[0] == names[1]) == (one == other)
