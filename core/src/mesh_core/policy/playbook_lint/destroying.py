"""Commands that destroy a host's data, known by their words. A red sentence for whoever reads the card, no gate."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

MAX_CHARS = 4096  # of one text
_ENDS = re.compile(r"[;|&\n]+")
_QUOTES = str.maketrans("", "", "\"'`(){}")
_DISKS = frozenset(
    {
        "wipefs",
        "blkdiscard",
        "sgdisk",
        "sfdisk",
        "parted",
        "mke2fs",
        "mkswap",
        "lvremove",
        "vgremove",
        "pvremove",
        "shred",
    }
)
_DEVICES = (
    "/dev/sd",
    "/dev/hd",
    "/dev/vd",
    "/dev/xvd",
    "/dev/nvme",
    "/dev/mmcblk",
    "/dev/md",
    "/dev/dm-",
    "/dev/mapper/",
    "/dev/disk/",
)
_TREE = re.compile(r"/+\*?|(/+[\w.@-]+){1,2}/*\*?|(~|\$HOME|\$PWD|\.|\*)/?\*?")
_TEMPORARY = re.compile(r"/+(tmp|var/+tmp)/+[\w.@*-]+/*")
_ENGINES = frozenset({"docker", "podman", "nerdctl", "docker-compose", "podman-compose"})
_SQL = re.compile(r"\b(drop\s+(database|schema|table)|truncate\s+table)\b", re.IGNORECASE)
# A program, a word that follows it, and what that does.
_WITH_A_WORD: tuple[tuple[str, frozenset[str], str], ...] = (
    ("zfs", frozenset({"destroy"}), "destroys a file system"),
    ("zpool", frozenset({"destroy", "labelclear"}), "destroys a pool of disks"),
    ("btrfs", frozenset({"delete"}), "deletes a file system's subvolume"),
    ("cryptsetup", frozenset({"erase", "luksErase", "luksFormat"}), "makes an encrypted disk unreadable"),
    ("mdadm", frozenset({"--zero-superblock"}), "takes a disk array apart"),
    ("userdel", frozenset({"-r", "--remove", "-rf"}), "removes a person's home"),
)


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
    words = [word.translate(_QUOTES) for word in words]
    programs = [word.rpartition("/")[2] for word in words]
    if _SQL.search(" ".join(words)) or "dropdb" in programs:
        return "drops data of a database"
    if "rm" in programs and _removes_a_tree(words[programs.index("rm") + 1 :]):
        return "removes a whole tree of the host"
    if "find" in programs and _finds_and_deletes(words[programs.index("find") + 1 :]):
        return "removes a whole tree of the host"
    if any(program in _DISKS or program.partition(".")[0] == "mkfs" for program in programs):
        return "makes a disk, volume or file anew"
    for program, said, what in _WITH_A_WORD:
        if program in programs and said & {*words[programs.index(program) + 1 :]}:
            return what
    engine = next((place for place, program in enumerate(programs) if program in _ENGINES), None)
    if engine is not None and (what := _harm_of_engine(words[engine + 1 :])):
        return what
    return "writes over a device" if _writes_over(words, programs) else ""


def _removes_a_tree(rest: list[str]) -> bool:
    recursive = any(word == "--recursive" or re.fullmatch(r"-[a-zA-Z]*[rR][a-zA-Z]*", word) for word in rest)
    return recursive and any(_TREE.fullmatch(word) and not _TEMPORARY.fullmatch(word) for word in rest)


def _finds_and_deletes(rest: list[str]) -> bool:
    deletes = "-delete" in rest or any(word.rpartition("/")[2] == "rm" for word in rest)
    return deletes and any(_TREE.fullmatch(word) and not _TEMPORARY.fullmatch(word) for word in rest[:3])


def _harm_of_engine(rest: list[str]) -> str:
    said = {*rest}
    volumes = any(word == "--volumes" or re.fullmatch(r"-[a-z]*v[a-z]*", word) for word in rest)
    if "volume" in said and said & {"rm", "prune", "remove"}:
        return "throws volumes and their data away"
    if ("prune" in said and "--volumes" in said) or ("down" in said and volumes):
        return "throws volumes and their data away"
    if said & {"rm", "remove"} and volumes and not said & {"run", "exec"}:
        return "throws volumes and their data away"
    return ""


def _writes_over(words: list[str], programs: list[str]) -> bool:
    named = [word.removeprefix("of=").lstrip(">") for word in words if word[:1] in "o>/"]
    writes = {"dd", "tee", "cp", "cat"} & {*programs} or any(word.startswith(">") for word in words)
    return bool(writes) and any(name.startswith(_DEVICES) for name in named)
