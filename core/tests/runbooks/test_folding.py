"""Names of one trouble in one form, in any language."""

from __future__ import annotations

import pytest

from mesh_core.runbooks.folding import MAX_TEXT, folded_name, folded_pattern, words_of


@pytest.mark.parametrize(
    "names",
    [
        ("ZFSPoolDegraded", "ZfsPoolDegraded", "zfs_pool_degraded", "Zfs pool degraded", "zfs-pool-degraded (tank)"),
        ("HostOutOfMemory", "host_out_of_memory", "Host out of memory", "HostOutOfMemoryCritical"),
        ("High memory utilization (over 90% for 5m)", "High memory utilization", "ＨｉｇｈMemoryUtilization"),
        ("FS [/var]: Space is low", "FS: Space is low"),
    ],
)
def test_one_name_however_it_is_written(names: tuple[str, ...]) -> None:
    assert len({folded_name(name) for name in names}) == 1


def test_how_bad_it_is_is_no_part_of_a_name_but_may_be_all_of_one() -> None:
    assert folded_name("SmartTemperatureWarning") == folded_name("SmartTemperatureCritical")
    assert folded_name("Critical") == "critical"
    assert folded_name("(only aside)") == ""


def test_a_pattern_keeps_its_stars() -> None:
    assert folded_pattern("Kube*NotReady") == "kube*notready"


def test_words_of_other_languages_lose_their_accents_and_keep_their_letters() -> None:
    assert words_of("Größe des Dateisystems") == ["grosse", "des", "dateisystems"]
    assert words_of("disque plein à Orléans") == ["disque", "plein", "a", "orleans"]
    assert words_of("диск переполнен") == ["диск", "переполнен"]
    assert words_of("磁盘空间不足") == ["磁盘", "盘空", "空间", "间不", "不足"], (
        "no blanks: each two that stand together"
    )
    assert words_of("ディスクfull") == ["ディ", "ィス", "スク", "full"]


def test_a_text_without_an_end_is_read_to_a_bound() -> None:
    assert len(words_of("a " * MAX_TEXT)) == MAX_TEXT // 2
    assert folded_name("(" * 10_000) == ""
