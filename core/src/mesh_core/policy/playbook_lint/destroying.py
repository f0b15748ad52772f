"""Commands that destroy a host's data, known by their words. A red sentence for whoever reads the card, no gate."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

MAX_CHARS = 4096  # of one text
_ENDS = re.compile(r"[;|&\n]+")
_DISKS = frozenset({"wipefs", "blkdiscard", "sgdisk", "sfdisk", "parted", "mke2fs", "lvremove", "vgremove", "shred"})
_DEVICES = ("/dev/sd", "/dev/vd", "/dev/nvme", "/dev/mmcblk", "/dev/mapper/", "/dev/disk/")


def dangers_in(arguments: Any) -> Iterator[str]:
    """Sentences about the commands in a task's arguments: each text, and each list of words as one command line."""
    todo = [arguments]
    while todo:
        part = todo.pop()
        if isinstance(part, dict):
            todo += part.values()
        elif isinstance(part, list):
            todo += [" ".join(part)] if all(isinstance(word, str) for word in part) else part
        elif isinstance(part, str):
            for command in _ENDS.split(part[:MAX_CHARS]):
                if what := _harm_of(command.split()):
                    yield f"it {what}: {' '.join(command.split())[:80]}"


def _harm_of(words: list[str]) -> str:
    programs = [word.rpartition("/")[2] for word in words]
    if "rm" in programs:
        rest = words[programs.index("rm") + 1 :]
        recursive = any(word == "--recursive" or re.fullmatch(r"-[a-zA-Z]*[rR][a-zA-Z]*", word) for word in rest)
        if recursive and any(re.fullmatch(r"/+\*?|/+[a-z0-9]+/?\*?", word) for word in rest):
            return "removes a whole tree of the host"
    if any(program in _DISKS or program.partition(".")[0] == "mkfs" for program in programs):
        return "makes a disk, volume or file anew"
    if any(word.removeprefix("of=").removeprefix(">").startswith(_DEVICES) for word in words if word[:1] in "o>/") and (
        "dd" in programs or any(word.startswith(">") for word in words)
    ):
        return "writes over a device"
    return ""
