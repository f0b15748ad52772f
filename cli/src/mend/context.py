"""What every command stands on: where the mesh is, who is asking, and how to answer. Opens no connection.

The running mesh is found by REDIS_URL, else by the note that `mend up` leaves (run/mesh.json), else at the default.
The note also knows the password of the mesh's own Redis, where REDIS_URL names that one by its port.
"""

from __future__ import annotations

import json
import os
import pwd
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from mend.dotenv import with_dotenv
from mend.errors import NOT_THERE, USAGE, CliError
from mend.output.logs import log_to_stderr
from mend.output.text import plain, plain_lines
from mesh_core.runtime.redis_url import masked
from mesh_core.runtime.secret_files import is_given
from mesh_core.runtime.settings import BadSettings, MeshSettings, checkout, read_settings
from mesh_core.storage.json_files import read_object

if TYPE_CHECKING:  # each command imports only what it uses
    from rich.console import Group
    from rich.text import Text

    from mend.output.listing import Column
    from mesh_core.approvals.operator_folders import OperatorFolders
    from mesh_core.messaging.bus import Bus
    from mesh_core.policy.remedy_folder import RemedyFolder
    from mesh_core.runbooks.folder import RunbookFolder
    from mesh_core.silences.folder import SilenceFolder

MAX_NOTE_BYTES = 16 * 1024
PIPED_WIDTH = 200  # a table that is piped is read by a program or in a pager: nothing is cut to 80 columns


@dataclass(frozen=True)
class CliContext:
    """One command's surroundings. `environ` is the environment with `.env` under it, for what is started from here."""

    settings: MeshSettings
    environ: Mapping[str, str]
    user: str
    out: Console
    err: Console

    @property
    def runtime(self) -> Path:
        return self.settings.runtime_path

    @property
    def folder(self) -> Path:
        """The same, for commands about what lies there. CliError where it does not exist."""
        if not self.runtime.is_dir():
            raise _no_mesh(self.runtime)
        return self.runtime

    @property
    def mesh(self) -> Path:
        """The same, for commands about a mesh. CliError where none ever ran."""
        if not (self.runtime / "actions").is_dir():
            raise _no_mesh(self.runtime)
        return self.runtime

    @property
    def actions(self) -> OperatorFolders:
        from mesh_core.approvals.operator_folders import OperatorFolders

        self.remedies.use()  # what a proposal touches and runs, its remedy says
        return OperatorFolders(self.mesh)

    @cached_property
    def remedies(self) -> RemedyFolder:
        """A person's own, which are in use for this command once `use` was called."""
        from mesh_core.policy.remedy_folder import RemedyFolder

        return RemedyFolder(self.runtime)

    @cached_property
    def runbooks(self) -> RunbookFolder:
        """What is documented, with a person's own; the words for what helps include their remedies."""
        from mesh_core.runbooks.folder import RunbookFolder

        return RunbookFolder(self.runtime, lambda: self.remedies.use().choice_words)

    @property
    def silences(self) -> SilenceFolder:
        from mesh_core.silences.folder import SilenceFolder

        log_to_stderr()
        return SilenceFolder(self.mesh)

    @property
    def redis_url(self) -> str:
        return self.settings.redis_url

    @asynccontextmanager
    async def bus(self) -> AsyncIterator[Bus]:
        """A connection to the mesh's Redis; CliError, with what to do, when nobody answers there."""
        from mesh_core.messaging.bus import NOT_SERVED, Bus, BusDown
        from mesh_core.messaging.redis_state import away, refusal_of

        bus = Bus.connect(self.redis_url, "mend")
        try:
            yield bus
        except BusDown as error:
            found, fix = away(self.redis_url, error)
            raise CliError(f"{found}; {fix}. Approving and rejecting work without it.") from error
        except NOT_SERVED as error:
            raise CliError(f"{masked(self.redis_url)}: {refusal_of(error)}") from error
        finally:
            await bus.close()

    def say(self, text: str = "", style: str = "") -> None:
        """One line (or more) to the person, wrapped by their terminal and not by us."""
        self.out.print(plain_lines(text), style=style, soft_wrap=True)

    def say_beside(self, label: str | Text, prose: str | Text, style: str = "") -> None:
        """A sentence beside its label: wrapped at words on a terminal, one line for whoever reads a pipe."""
        from rich.text import Text

        from mend.output.listing import beside

        head = label if isinstance(label, Text) else Text(label, style)
        words = prose if isinstance(prose, Text) else Text(plain_lines(prose), style)
        if self.out.is_terminal:
            self.out.print(beside(head, words, self.out.width))
        else:
            self.out.print(Text.assemble(head, words), soft_wrap=True)

    def say_rows(
        self, columns: Sequence[Column], rows: Sequence[Sequence[Text]], as_lines: Callable[[Sequence[Text]], Group]
    ) -> None:
        """A table, or where its columns have no room each row as `as_lines` puts it."""
        from mend.output.listing import laid_out

        for part in laid_out(columns, rows, self.out.width, as_lines):
            self.out.print(part)

    def say_json(self, value: Any) -> None:
        """One JSON document on stdout, whole, in ASCII: so it is exact and still cannot steer a terminal."""
        print(json.dumps(value, indent=2), file=self.out.file, flush=True)


def _no_mesh(runtime: Path) -> CliError:
    return CliError(
        f"no mesh ever ran in {plain(runtime)}: `mend up` starts one; RUNTIME_PATH names another folder", NOT_THERE
    )


def read_context(environ: Mapping[str, str]) -> CliContext:
    """The context for this environment. CliError (usage) when a variable cannot be used."""
    given = with_dotenv(environ, Path.cwd(), checkout())
    try:
        settings = read_settings(MeshSettings, given)
    except BadSettings as error:
        raise CliError(f"cannot work with these settings: {error}", USAGE) from None
    settings = settings.model_copy(update={"runtime_path": settings.runtime_path.absolute()})
    noted = read_note(settings.runtime_path)
    named = settings.redis_url if is_given(given, "REDIS_URL") else None
    if named in (None, noted.get("redis_port_url")) and isinstance(url := noted.get("redis_url"), str):
        settings = settings.model_copy(update={"redis_url": url})
    return CliContext(settings, given, _user(), _console(sys.stdout), _console(sys.stderr))


def running_model(runtime: Path) -> dict[str, str]:
    """LLAMACPP_URL and where its key lies, of the bundled model that the running mesh serves; {} without one."""
    noted = read_note(runtime)
    given = {"LLAMACPP_URL": noted.get("llamacpp_url"), "LLAMACPP_API_KEY_FILE": noted.get("llamacpp_key_file")}
    return {name: value for name, value in given.items() if isinstance(value, str)}


def note_path(runtime: Path) -> Path:
    """Where `mend up` writes how the running mesh is reached (mode 0600)."""
    return runtime / "run" / "mesh.json"


def read_note(runtime: Path) -> dict[str, Any]:
    """That note; {} when there is none, or none that this user may read."""
    return read_object(note_path(runtime), MAX_NOTE_BYTES)


def _user() -> str:
    """Who asks, as the system knows them: an environment variable would be a claim."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"


class _PipedConsole(Console):
    """One that says that its reader has gone, and does not end the process itself: amid a loop that is a traceback."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        raise BrokenPipeError


def _console(file: Any) -> Console:
    # No markup and no highlighting: what we print is often somebody else's text.
    console = _PipedConsole(file=file, markup=False, highlight=False, emoji=False)
    if not console.is_terminal:
        console.width = PIPED_WIDTH
    return console
