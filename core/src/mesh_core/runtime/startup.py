"""What a service's `__main__` does first: its environment, its settings, the layout of its files. Where that cannot be,
a sentence on stderr and an exit status.

Only a `__main__` calls this: below it whoever cannot go on raises, and nobody prints or exits.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from mesh_core.runtime.dotenv import BadDotenv
from mesh_core.runtime.settings import BadSettings, S, read_settings
from mesh_core.runtime.settings_file import with_settings_file
from mesh_core.storage.schema import WrongSchema, settle

CANNOT_START = "cannot start"  # in the last line of a service that ends with status 2


def service_environment(service: str) -> dict[str, str]:
    """This process's environment over the service's file (`settings_file.py`)."""
    with start_or_exit(service, BadDotenv):
        return with_settings_file(os.environ, service, lambda words: print(f"{service}: {words}", file=sys.stderr))


def settings_or_exit(cls: type[S], service: str, environ: Mapping[str, str] | None = None) -> S:
    """The settings in `environ`, or in this process's."""
    given = os.environ if environ is None else environ
    try:
        return read_settings(cls, given, lambda sentence: print(f"{service}: {sentence}", file=sys.stderr))
    except BadSettings as error:
        exit_with(f"{service}: {CANNOT_START} with these settings: {error}")


def schema_or_exit(runtime: Path, service: str) -> None:
    """Nothing, where this version can work with the files under `runtime`."""
    with start_or_exit(service, WrongSchema, OSError):
        settle(runtime, service)


@contextmanager
def start_or_exit(service: str, *errors: type[Exception]) -> Iterator[None]:
    """What is done in it may end in these `errors`, whose words say why the service cannot start."""
    try:
        yield
    except errors as error:
        cannot_start(service, str(error))


def cannot_start(service: str, reason: str) -> NoReturn:
    exit_with(f"{service}: {CANNOT_START}: {reason}")


def exit_with(sentence: str, status: int = 2) -> NoReturn:
    print(sentence, file=sys.stderr)
    raise SystemExit(status)
