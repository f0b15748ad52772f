"""A `.env`: KEY=VALUE lines into a mapping. Expands nothing, and knows nobody's environment."""

from __future__ import annotations

import re
from pathlib import Path

from mesh_core.models.saved_text import saved_text

_LINE = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)")


class BadDotenv(ValueError):
    """A line that is not KEY=VALUE; the text names the file and the line, never the value."""


def read_dotenv_file(path: Path) -> dict[str, str] | None:
    """The variables of the file, in whichever form an editor saved it; None where there is none. Raises BadDotenv, and
    OSError or UnicodeDecodeError where it cannot be read."""
    try:
        text = saved_text(path.read_bytes()).text
    except (FileNotFoundError, NotADirectoryError):
        return None
    return read_dotenv(text, str(path))


def read_dotenv(text: str, source: str) -> dict[str, str]:
    """The variables of the text; BadDotenv. A value may stand in quotes; outside of them ` #` begins a comment."""
    found = {}
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise BadDotenv(f"{source}, line {number}: not KEY=VALUE")
        found[match[1]] = _value(match[2], f"{source}, line {number}")
    return found


def _value(text: str, where: str) -> str:
    if text[:1] in ("'", '"'):
        value, closed, rest = text[1:].partition(text[0])
        if not closed or (rest.strip() and not rest.lstrip().startswith("#")):
            raise BadDotenv(f"{where}: the quotes do not end where the value ends")
        return value
    return re.split(r"\s#", text, maxsplit=1)[0].strip() if not text.startswith("#") else ""
