"""`mend edit`: change a proposal before deciding, in an editor or by --set: judged, filed again under a new digest.

Never edits in place, never approves, never lets through what the executor would refuse.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from pydantic_core import to_json

from mend.commands.decide import PendingId
from mend.context import CliContext
from mend.errors import FAILED, USAGE, CliError, cli_error_for
from mend.output.text import plain
from mesh_core.actions.register import what_it_touches
from mesh_core.approvals import edits
from mesh_core.approvals.errors import CannotDecide
from mesh_core.approvals.proposal_files import ActionName, Filed, digest_of, short_id
from mesh_core.models.foreign_text import decoded
from mesh_core.models.proposals import MAX_PROPOSAL_BYTES, Folder, Proposal
from mesh_core.models.records import utc_now
from mesh_core.models.strict_json import Refusal, parse_object
from mesh_core.policy.current_config import current_policy
from mesh_core.policy.policy import BadPolicy, Policy

EDITORS = ("sensible-editor", "nano", "vim", "vi")


ToSet = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="No editor: a value that mend show says you may set; repeatable."),
]


def edit(ctx: typer.Context, action_id: PendingId, to_set: ToSet = None) -> None:
    """Change a waiting proposal in your editor (VISUAL or EDITOR); it still waits afterwards.

    You may change its action, reason, confidence, expires_at, evidence or playbook, and what its remedy lets a person
    set. It keeps its id, gets a new digest and carries your name. A file in quarantine can be corrected so, too: the
    new one waits in pending/.

    \b
    Examples
      mend edit 3f9c2a7b1d04
      mend edit 3f9c2a7b1d04 --set keep_mib=200
      EDITOR="code --wait" mend edit 3f9c2a7b1d04
    """
    cli: CliContext = ctx.obj
    filed, folder = edits.find_editable(cli.actions, action_id)
    if to_set:
        _say_edited(
            cli, filed.proposal, *edits.set_params(cli.actions, filed, folder, _pairs(to_set), cli.user, _policy(cli))
        )
    else:
        _edit_in_editor(cli, filed, folder)


def _pairs(said: Sequence[str]) -> dict[str, str]:
    if wrong := next((one for one in said if not one.partition("=")[2]), ""):
        raise CliError(f"--set {plain(wrong)}: write NAME=VALUE, such as keep_mib=200", USAGE)
    return dict(one.partition("=")[::2] for one in said)


def _edit_in_editor(cli: CliContext, filed: Filed, folder: Folder) -> None:
    old = filed.proposal.wire()
    with tempfile.NamedTemporaryFile(prefix="mend-edit-", suffix=".json", delete=False) as handle:
        copy = Path(handle.name)
        handle.write(old)
    _run_editor(cli, copy)
    raw = _without_mark(copy.read_bytes())
    sound = folder is Folder.PENDING and filed.name.digest == digest_of(old)
    sound = sound and edits.shows_what_would_run(filed.proposal)
    if sound and _says_the_same(raw, old):
        copy.unlink()
        cli.say("Nothing was changed; the proposal waits as before.")
        return
    try:
        name, edited = edits.edit(cli.actions, filed, folder, raw, cli.user, _policy(cli))
    except CannotDecide as no:
        failure = cli_error_for(no)
        sentence = f"{failure.sentence}. Nothing was filed; your version is kept in {copy}"
        raise CliError(sentence, failure.code) from None
    copy.unlink()
    _say_edited(cli, filed.proposal, name, edited)


def _says_the_same(raw: bytes, old: bytes) -> bool:
    """An editor may end each line otherwise, or the last one, and lay out anew what nobody touched."""
    given, before = (parse_object(one, max_bytes=MAX_PROPOSAL_BYTES) for one in (raw, old))
    return raw == old or (not isinstance(given, Refusal) and to_json(given) == to_json(before))


def _without_mark(raw: bytes) -> bytes:
    """As UTF-8, whatever the editor saves; what is no text stays as it is, to be refused."""
    text = decoded(raw)
    return raw if isinstance(text, Refusal) else text.encode("utf-8", "surrogatepass")


def _say_edited(cli: CliContext, old: Proposal, name: ActionName, edited: Proposal) -> None:
    cli.say(f"edited {name.id}, new digest {name.digest}", "bold")
    if edited.type != old.type:
        cli.say(f"  would run now: {edited.type}, risk {edited.risk_level.value}")
    if edited.params != old.params:
        cli.say_beside("  a yes now: ", plain(what_it_touches(edited)))
    if edited.expired(utc_now()):
        cli.say("  it has expired: give it a later expires_at, or the executor will refuse it", "yellow")
    cli.say(f"  look again, then decide: mend show {short_id(name.id)}, mend approve {short_id(name.id)}", "dim")


def _policy(cli: CliContext) -> Policy:
    try:
        return current_policy(cli.runtime)
    except BadPolicy as error:
        raise CliError(f"the policy cannot be used: {plain(error)}") from None


def _run_editor(cli: CliContext, copy: Path) -> None:
    command = cli.environ.get("VISUAL") or cli.environ.get("EDITOR") or _installed_editor()
    try:
        code = subprocess.run([*shlex.split(command), str(copy)], check=False).returncode
    except (OSError, ValueError) as error:
        copy.unlink(missing_ok=True)
        raise CliError(f"the editor {command!r} cannot be started ({error}); set EDITOR to one that can") from None
    if code != 0:
        copy.unlink(missing_ok=True)
        raise CliError(f"the editor {command!r} ended with status {code}; nothing was changed", FAILED)


def _installed_editor() -> str:
    for name in EDITORS:
        if shutil.which(name):
            return name
    raise CliError("no editor found; set EDITOR to one that waits until you are done")
