"""A secret out of a file: `<NAME>_FILE` (Docker secrets) or `$CREDENTIALS_DIRECTORY/<NAME>` (systemd credentials).

Never shows what it read. What is wrong with a file is a sentence that names the variable and the remedy.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

FILE_SUFFIX = "_FILE"
CREDENTIALS = "CREDENTIALS_DIRECTORY"  # set by systemd for a unit with LoadCredential=
MAX_SECRET_BYTES = 64 * 1024
# Docker gives what lies here mode 0444 unless told otherwise; nobody but the container's own processes sees it.
CONTAINER_SECRETS = Path("/run/secrets")


class BadSecret(ValueError):
    """The secret cannot be had; the text names the variable and what to do, never the secret."""


@dataclass(frozen=True)
class Secret:
    """`source` is what a person set: the variable, or the variable and its file. `warning` is '' when all is well."""

    value: str = field(repr=False)
    source: str
    warning: str = ""


def is_given(environ: Mapping[str, str], name: str) -> bool:
    """Is there a value, a file or a credential for `name`? Opens nothing."""
    return bool(_plain(environ, name) or secret_path(environ, name))


def secret_path(environ: Mapping[str, str], name: str) -> Path | None:
    """The file that `<NAME>_FILE` or a credential names, whether or not it can be read."""
    if named := _plain(environ, name + FILE_SUFFIX):
        return Path(named)
    return _credential(environ, name)


def read_secret(environ: Mapping[str, str], name: str, *, many_lines: bool = False) -> Secret | None:
    """The value of `name`, from whichever one way it was given; None if it was not. Raises BadSecret.

    Two ways at once are refused: which of two keys is used must not depend on knowing a rule.
    """
    value, named, credential = _plain(environ, name), _plain(environ, name + FILE_SUFFIX), _credential(environ, name)
    ways = (
        [name] * bool(value) + [name + FILE_SUFFIX] * bool(named) + [f"the credential {credential}"] * bool(credential)
    )
    if len(ways) > 1:
        raise BadSecret(f"{' and '.join(ways)} are both set; unset one of them")
    if named:
        return _read(Path(named), f"{name}{FILE_SUFFIX}={named}", many_lines)
    if credential:
        return _read(credential, f"credential {credential}", many_lines)
    return Secret(value, name) if value else None


def _plain(environ: Mapping[str, str], variable: str) -> str:
    return environ.get(variable, "").strip()


def _credential(environ: Mapping[str, str], name: str) -> Path | None:
    folder = _plain(environ, CREDENTIALS)
    path = Path(folder, name) if folder else None
    return path if path is not None and os.path.lexists(path) else None


def _read(path: Path, source: str, many_lines: bool) -> Secret:
    try:
        # NONBLOCK: a FIFO would hold the start for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise BadSecret(f"{source}: there is no such file; write the secret into it, mode 0400") from None
    except PermissionError:
        raise BadSecret(f"{source}: uid {os.geteuid()} may not read it; chown it to that user, mode 0400") from None
    except OSError as error:
        raise BadSecret(f"{source}: cannot be read: {error.strerror}") from None
    about = os.fstat(descriptor)
    if not stat.S_ISREG(about.st_mode):
        os.close(descriptor)
        raise BadSecret(f"{source}: not a regular file; name a file that holds the secret and nothing else")
    with os.fdopen(descriptor, "rb") as handle:
        if about.st_mode & stat.S_IWOTH and not _is_in_container(path):
            raise BadSecret(f"{source}: everybody may change it; chmod 0400 {path}, and make the secret anew")
        raw = handle.read(MAX_SECRET_BYTES + 1)
    if len(raw) > MAX_SECRET_BYTES:
        raise BadSecret(
            f"{source}: larger than {MAX_SECRET_BYTES // 1024} KiB; it must hold the secret and nothing else"
        )
    try:
        value = raw.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        raise BadSecret(f"{source}: not UTF-8 text; it must hold the secret and nothing else") from None
    if not value:
        raise BadSecret(f"{source}: the file is empty; write the secret into it, or unset the variable")
    if "\0" in value or (not many_lines and len(value.splitlines()) > 1):
        raise BadSecret(f"{source}: more than one line; it must hold the secret and nothing else")
    return Secret(value, source, _warning(path, about.st_mode, source))


def everybody_may_read(path: Path, mode: int) -> bool:
    """May every user of this machine read the file at `path`, which has this mode? Its folders may keep them away."""
    if not mode & stat.S_IROTH:
        return False
    try:
        return all(folder.stat().st_mode & stat.S_IXOTH for folder in path.absolute().resolve().parents)
    except OSError:
        return True


def _warning(path: Path, mode: int, source: str) -> str:
    if _is_in_container(path) or not everybody_may_read(path, mode):
        return ""
    return f"{source}: every user of this machine may read it; chmod 0400 {path}"


def _is_in_container(path: Path) -> bool:
    return path.is_absolute() and path.is_relative_to(CONTAINER_SECRETS)
