"""Which image each container ran while it was well, for how long, and since when it runs the one of now. Pure.

Keyed as the containers are known (`<project>.<service>`, or a name), so it survives that one is made anew. What it
remembers is small and bounded; it asks no engine whether an image is still there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

GOOD_SECONDS = 3600.0  # well for so long without a break: that image is good
APART_SECONDS = 300.0  # between two looks: longer, and nobody knows what was in between
GOOD_ONES = 2  # remembered of one container, beside the image of now
MOST_KEPT = 512  # containers


@dataclass
class ImageRun:
    """One image under one container. Times are unix seconds; `well_seconds` is its longest time without trouble."""

    image: str  # the engine's id of it
    name: str  # as its container names it; '' where nobody ever did
    since: float
    well_seconds: float = 0.0
    well_since: float | None = None
    seen_at: float = 0.0

    @property
    def is_good(self) -> bool:
        return self.well_seconds >= GOOD_SECONDS


@dataclass
class ImageHistory:
    """`note` is told of every look; `now` and `before` say what runs, and what ran while all was well. These two may be
    asked from another thread."""

    _runs: dict[str, list[ImageRun]] = field(default_factory=dict)  # key -> good ones, then the one of now

    def note(self, key: str, image: str, name: str, now: float, *, well: bool) -> None:
        """A container of this key was seen, made of that image; nothing where the engine did not say of which."""
        if not image:
            return
        runs = self._runs.get(key, [])
        if not runs or runs[-1].image != image:
            good = [run for run in runs if run.is_good and run.image != image][-GOOD_ONES:]
            runs = [*good, ImageRun(image, "", now)]
            if key not in self._runs and len(self._runs) >= MOST_KEPT:
                del self._runs[min(self._runs, key=lambda one: self._runs[one][-1].seen_at)]
            self._runs[key] = runs
        run = runs[-1]
        if not well or now - run.seen_at > APART_SECONDS:
            run.well_since = None
        if well:
            run.well_since = now if run.well_since is None else run.well_since
            run.well_seconds = max(run.well_seconds, now - run.well_since)
        run.seen_at = now
        if not _is_part_of(name, image):  # the engine's short form of one whose name was given to another
            run.name = name

    def now(self, key: str, image: str) -> ImageRun | None:
        """What is known of the image that it runs; None where it was never seen with that one."""
        runs = self._runs.get(key)
        return replace(runs[-1]) if runs and runs[-1].image == image else None

    def before(self, key: str, image: str) -> ImageRun | None:
        """The last good one that is another than `image`; None where none is remembered."""
        runs = reversed(self._runs.get(key, []))
        return next((replace(run) for run in runs if run.is_good and run.image != image), None)

    def dump(self) -> dict[str, Any]:
        """What a later agent has to know, as plain JSON."""
        return {key: [asdict(run) for run in runs] for key, runs in self._runs.items()}

    def load(self, dumped: Mapping[str, Any]) -> None:
        """The opposite of `dump`. ValueError, TypeError, KeyError or AttributeError if it is unfit."""
        kept = list(dumped.items())[-MOST_KEPT:]
        self._runs = {str(key): [_run_of(one) for one in runs] for key, runs in kept if runs}


def image_id(said: object) -> str:
    """The engine's id of an image in one form: Podman leaves out what kind of number it is; '' for none."""
    text = str(said or "")
    return text if not text or ":" in text else f"sha256:{text}"


def _is_part_of(name: str, image: str) -> bool:
    return image.partition(":")[2].startswith(name.removeprefix("sha256:"))


def _run_of(said: Mapping[str, Any]) -> ImageRun:
    well_since = said["well_since"]
    return ImageRun(
        str(said["image"]),
        str(said["name"]),
        float(said["since"]),
        float(said["well_seconds"]),
        None if well_since is None else float(well_since),
        float(said["seen_at"]),
    )
