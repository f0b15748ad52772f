"""Checks of what lasts: in how many days the disk is full at the present rate, how events lie there. Reads only."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from mend.doctor.finding import Finding, ok, warning
from mesh_core.models.proposals import EXECUTED
from mesh_core.models.records import utc_now
from mesh_core.storage.disk_room import size_of
from mesh_core.storage.event_files import PACKED, day_folders
from mesh_core.storage.listing import entries

KEEP_DAYS = 365  # what the observer takes when EVENTS_KEEP_DAYS does not say another number
RECENT_DAYS = 7  # as long as a day lies there as plain text
PACKED_DAYS = 30
PACKED_SHARE = 0.2  # of the plain size, until a day here tells better; measured 0.05 to 0.12
MOST_RUNS = 500


@dataclass(frozen=True)
class Rate:
    """Bytes that one more day leaves on the disk, in the end; and how many days are there already."""

    bytes_a_day: float
    days: int


def check_archive(runtime: Path, environ: Mapping[str, str], today: date | None = None) -> Iterator[Finding]:
    """One finding about the room that is left, one more where events are still a file each."""
    days = _days(runtime / "events")
    if not days:
        return
    yield _full_in(runtime, days, _keep_days(environ), today or utc_now().date())
    if old := sum(_in_old_form(day) for day in days.values()):
        yield warning(
            "old events",
            f"{old} day(s) of events are a file each, which takes thirty times the room and an inode an event",
            "mend migrate (whenever you like, while everything runs)",
        )


def _full_in(runtime: Path, days: dict[date, Path], keep_days: int, today: date) -> Finding:
    rate = _rate(runtime, days, today)
    if rate is None:
        return ok("room", "too few whole days of events to foretell when the disk is full")
    free = shutil.disk_usage(runtime).free
    left = int(free / max(rate.bytes_a_day, 1))
    found = f"at the present rate ({rate.bytes_a_day / 1e6:.1f} MB a day) this mesh fills the disk in about {left} days"
    grows = max(0, keep_days - rate.days)
    if left >= grows:
        return ok("room", f"{found}; after {grows} of them EVENTS_KEEP_DAYS ({keep_days}) lets the oldest events go")
    return warning(
        "room",
        f"{found}, sooner than EVENTS_KEEP_DAYS ({keep_days}) lets the oldest events go",
        "a larger disk or a smaller EVENTS_KEEP_DAYS; else the oldest days go once EVENTS_FREE_PERCENT is not free",
    )


def _rate(runtime: Path, days: dict[date, Path], today: date) -> Rate | None:
    recent = [size_of(days[day]) for day in days if today - timedelta(days=RECENT_DAYS) <= day < today]
    if len(recent) < 2:
        return None
    older = sorted((day for day in days if day < today - timedelta(days=RECENT_DAYS)), reverse=True)[:PACKED_DAYS]
    packed = [size_of(days[day]) for day in older if _is_packed(days[day])]
    events = sum(packed) / len(packed) if packed else sum(recent) / len(recent) * PACKED_SHARE
    index = size_of(runtime / "index") / len(days)
    return Rate(events + index + _runs_a_day(runtime), len(days))


def _runs_a_day(runtime: Path) -> float:
    """What the runs of the last days took, a day."""
    since, total, seen = time.time() - RECENT_DAYS * 86_400, 0, 0
    for folder in EXECUTED:
        for entry in entries(runtime / "actions" / folder):
            if entry.stat(follow_symlinks=False).st_mtime >= since and seen < MOST_RUNS:
                seen += 1
                total += size_of(Path(entry.path))
    return total / RECENT_DAYS


def _days(events: Path) -> dict[date, Path]:
    found = {}
    for day in day_folders(events):
        with contextlib.suppress(ValueError):  # 2026-02-31
            found[date.fromisoformat(day.name)] = day
    return found


def _is_packed(day: Path) -> bool:
    return any(entry.name.endswith(PACKED) for entry in entries(day))


def _in_old_form(day: Path) -> bool:
    return any(entry.is_dir(follow_symlinks=False) and not entry.name.startswith(".") for entry in entries(day))


def _keep_days(environ: Mapping[str, str]) -> int:
    text = environ.get("EVENTS_KEEP_DAYS", "").strip()
    return int(text) if text.isdigit() and int(text) > 0 else KEEP_DAYS
