"""What is kept of an execution, in one file that may be handed on: bundle.zip, with the secrets taken out.

Never holds the runner's own files (its `command` has an environment in it), a key, or a password of the inventory.
The same execution always gives the same bytes.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

from mesh_core.storage.files import write_whole

BUNDLE_FILE = "bundle.zip"
MAX_FILE_BYTES = 16 * 1024 * 1024
HIDDEN = "[hidden]"
_FILES = ("proposal.json", "intent.json", "outcome.json", "preview.json")
_FOLDERS = {"project": "**/*", "inventory": "**/*", "logs": "*.log"}
_EPOCH = (1980, 1, 1, 0, 0, 0)
_WORDS = r"password|passwd|passphrase|_pass|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credential"
_SECRET_NAME = re.compile(_WORDS, re.IGNORECASE)
# name, then = or : with a few blanks and quotes: every repeat is bounded, so a long line costs its length only
_SAID = re.compile(
    rf"((?:{_WORDS})[\w-]{{0,40}}[\"']?\s{{0,4}}[:=]\s{{0,4}}[\"']?)[^\s\"'\\,}}]{{1,4096}}", re.IGNORECASE
)
_IN_URL = re.compile(r"(://[^\s/:@]{1,128}:)[^\s/@]{1,256}@")
_SHORTEST = 4  # a shorter "secret" would blank out half of every log


def write_bundle(run_dir: Path, secrets: Iterable[str] = ()) -> Path:
    """Write `run_dir`/bundle.zip whole. `secrets` are values to hide wherever they stand, beside those that the
    inventory's own password-like variables have. Files that are not there are left out. Raises OSError (disk full)."""
    hide = _Hide((*secrets, *_inventory_secrets(run_dir / "inventory")))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in _contents(run_dir, hide):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o640 << 16
            archive.writestr(entry, data)
    target = run_dir / BUNDLE_FILE
    write_whole(target, buffer.getvalue())
    return target


def hides_secrets_of(run_dir: Path) -> Callable[[str], str]:
    """Takes out of a text what the run's inventory keeps secret, and what is named like a secret."""
    return _Hide(_inventory_secrets(run_dir / "inventory")).text


def _contents(run_dir: Path, hide: _Hide) -> Iterator[tuple[str, bytes]]:
    for name in _FILES:
        path = run_dir / name
        if not path.is_file():
            continue
        try:
            value = hide.value(json.loads(path.read_bytes()))
        except (ValueError, RecursionError):
            yield name, hide.text(_read(path)).encode()
            continue
        yield name, _dump(value)
        if name == "outcome.json" and isinstance(value, dict):
            for part in ("before", "after"):
                yield f"{part}.json", _dump(value.get(part) or {})
    for folder, pattern in _FOLDERS.items():
        for path in sorted((run_dir / folder).glob(pattern)):
            if path.is_file() and not path.is_symlink():
                yield path.relative_to(run_dir).as_posix(), hide.text(_read(path)).encode()


def _read(path: Path) -> str:
    with path.open("rb") as handle:
        return handle.read(MAX_FILE_BYTES).decode("utf-8", "replace")


def _dump(value: object) -> bytes:
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False).encode() + b"\n"


class _Hide:
    """Takes known secrets, and what is named like one, out of texts and JSON values."""

    def __init__(self, secrets: Iterable[str]) -> None:
        known = sorted({secret for secret in secrets if len(secret) >= _SHORTEST}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, known))) if known else None

    def text(self, text: str) -> str:
        if self._known is not None:
            text = self._known.sub(HIDDEN, text)
        return _IN_URL.sub(rf"\1{HIDDEN}@", _SAID.sub(rf"\1{HIDDEN}", text))

    def value(self, value: Any, name: str = "") -> Any:
        if isinstance(value, dict):
            return {key: self.value(item, str(key)) for key, item in value.items()}
        if isinstance(value, list):
            return [self.value(item, name) for item in value]
        if isinstance(value, str):
            return HIDDEN if value and _SECRET_NAME.search(name) else self.text(value)
        return HIDDEN if _SECRET_NAME.search(name) and isinstance(value, int) and not isinstance(value, bool) else value


def _inventory_secrets(folder: Path) -> Iterator[str]:
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        try:
            yield from _secret_values(yaml.load(_read(path), Loader=_AnyTag))  # noqa: S506  (a SafeLoader)
        except (yaml.YAMLError, RecursionError):
            continue  # the inventory was judged before the run; what is not YAML has no variables


def _secret_values(value: Any, secret: bool = False) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _secret_values(item, secret or bool(_SECRET_NAME.search(str(key))))
    elif isinstance(value, list):
        for item in value:
            yield from _secret_values(item, secret)
    elif secret and value is not None and not isinstance(value, bool):
        yield str(value)


class _AnyTag(yaml.SafeLoader):
    """Safe YAML that reads !vault and !unsafe as the text they carry."""


_AnyTag.add_multi_constructor("!", lambda loader, suffix, node: str(getattr(node, "value", "")))
