"""Arrays that are checked or rebuilt, out of /proc/mdstat. Pure but for that one file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

MAX_BYTES = 64 * 1024
_ARRAY = re.compile(r"^(md[\w/-]{1,40}) :", re.MULTILINE)
_AT_IT = re.compile(r"\b(resync|recovery|check|reshape|repair)\s*=\s*([\d.]{1,6})%.{0,60}?\bfinish=([\d.]{1,9})min")


class Rebuild(NamedTuple):
    """`seconds`: for about how long, by how far it is and what the kernel expects of the rest."""

    told: str
    seconds: float


def rebuilds_in(root: Path) -> Iterator[Rebuild]:
    """`md0: recovery, 12 % done`. OSError where the kernel has no arrays."""
    with (root / "proc/mdstat").open(errors="replace") as file:
        text = file.read(MAX_BYTES)
    for array, part in zip(_ARRAY.findall(text), _ARRAY.split(text)[2::2], strict=True):
        if found := _AT_IT.search(part):
            percent = min(99.9, float(found[2]))
            seconds = 60 * float(found[3]) * percent / (100 - percent)
            yield Rebuild(f"{array}: {found[1]}, {int(percent)} % done,", seconds)
