"""Bytes as people read them. Pure."""

from __future__ import annotations

_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB")


def size_in_words(count: int) -> str:
    """`3.9 GiB`, `840 MiB`, `12 bytes`: one digit behind the point where there is one before it."""
    size, unit = float(max(0, count)), 0
    while size >= 1000 and unit < len(_UNITS) - 1:  # 1,010 MiB is read more slowly than 1.0 GiB
        size, unit = size / 1024, unit + 1
    return f"{size:.1f} {_UNITS[unit]}" if unit and size < 10 else f"{size:.0f} {_UNITS[unit]}"
