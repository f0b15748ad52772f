"""`mend users`: who may sign in at the observer's page. Writes config/users.yml; the observer notices by itself.

A password is asked for, never taken from the command line: that is visible to everybody on this machine.
"""

from __future__ import annotations

import getpass
import secrets
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from pydantic import TypeAdapter, ValidationError
from rich.text import Text

from mend.context import CliContext
from mend.errors import NOT_THERE, USAGE, CliError
from mend.options import AsJson
from mend.output.listing import Column, listing
from mend.output.text import plain
from mend.output.times import local_time
from mesh_core.models.records import rfc3339, utc_now
from mesh_core.security.passwords import LONGEST, hash_password, problem_with
from mesh_core.security.users import (
    RESERVED,
    BadPeople,
    People,
    PersonName,
    Role,
    Token,
    User,
    change_people,
    new_token,
    people_path,
    read_people,
    token_digest,
)

MADE_UP_BYTES = 18
COLUMNS = (Column("name"), Column("kind"), Column("role"), Column("since", 1))

users = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="""Who may sign in at the observer's page, and as what.

\b
  viewer    may look
  operator  may look and decide

The observer notices a change at once. While nobody is listed it listens on 127.0.0.1 alone,
and lets in who has a link of `mend page`.""",
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="Small letters, digits and . _ - ; at most 64.")]
AsRole = Annotated[Role, typer.Option("--role", help="viewer or operator.")]
FromStdin = Annotated[bool, typer.Option("--stdin", help="Read the password from standard input, one line.")]
MadeUp = Annotated[bool, typer.Option("--generate", help="Make one up and show it once.")]


@users.command("add")
def add(
    ctx: typer.Context, name: Name, role: AsRole = Role.VIEWER, stdin: FromStdin = False, generate: MadeUp = False
) -> None:
    """Let somebody in with a password.

    \b
    Examples
      mend users add ada --role operator
      mend users add kiosk --generate
    """
    cli: CliContext = ctx.obj
    _check_name(name)
    _check_free(_people(cli.runtime), name)
    user = User(role=role, password=hash_password(_password(cli, name, stdin, generate)), since=rfc3339(utc_now()))

    def change(people: People) -> People:
        _check_free(people, name)
        return people.with_user(name, user)

    _change(cli, change)
    cli.say(f"added {name}, {role}", "bold green")


@users.command("passwd")
def passwd(ctx: typer.Context, name: Name, stdin: FromStdin = False, generate: MadeUp = False) -> None:
    """Give somebody a new password; wherever they are signed in, they are not any more.

    \b
    Examples
      mend users passwd ada
    """
    cli: CliContext = ctx.obj
    _user(_people(cli.runtime), name)
    hashed = hash_password(_password(cli, name, stdin, generate))

    def change(people: People) -> People:
        old = _user(people, name)
        return people.with_user(name, User(role=old.role, password=hashed, since=rfc3339(utc_now())))

    _change(cli, change)
    cli.say(f"{name} has a new password; every session of theirs is over", "bold")


@users.command("role")
def role(ctx: typer.Context, name: Name, role: Annotated[Role, typer.Argument(metavar="ROLE")]) -> None:
    """Make somebody (or a token) a viewer or an operator; it counts from their next click on.

    \b
    Examples
      mend users role ada viewer
    """
    cli: CliContext = ctx.obj

    def change(people: People) -> People:
        if token := people.tokens.get(name):
            return people.with_token(name, Token(role=role, sha256=token.sha256, since=token.since))
        old = _user(people, name)
        return people.with_user(name, User(role=role, password=old.password, since=old.since))

    _change(cli, change)
    cli.say(f"{name} is {role} now", "bold")


@users.command("remove")
def remove(ctx: typer.Context, name: Name) -> None:
    """Take a user or a token away; it is over for them at once.

    \b
    Examples
      mend users remove kiosk
    """
    cli: CliContext = ctx.obj
    left: list[bool] = []

    def change(people: People) -> People:
        if name not in people.users and name not in people.tokens:
            raise CliError(f"there is no user or token {plain(name, 80)!r}; `mend users list` lists them", NOT_THERE)
        after = people.with_user(name, None).with_token(name, None)
        left.append(not after.empty)
        return after

    _change(cli, change)
    cli.say(f"removed {name}", "bold")
    if not left[-1]:
        cli.say(
            "  nobody is left: an observer that listens beyond 127.0.0.1 will not start, and one that listens there "
            "lets in who has a link of `mend page`",
            "yellow",
        )


@users.command("token")
def token(ctx: typer.Context, name: Name, role: AsRole = Role.VIEWER) -> None:
    """Let a program in: `Authorization: Bearer TOKEN`. The token is shown once and kept only as a hash.

    \b
    Examples
      mend users token prometheus
      mend users token bot --role operator > bot.token
    """
    cli: CliContext = ctx.obj
    _check_name(name)
    made = new_token()

    def change(people: People) -> People:
        _check_free(people, name)
        return people.with_token(name, Token(role=role, sha256=token_digest(made), since=rfc3339(utc_now())))

    _change(cli, change)
    print(made, file=cli.out.file, flush=True)
    cli.err.print(f"token {name}, {role}; it is shown this once", style="dim", soft_wrap=True)


@users.command("list")
def list_users(ctx: typer.Context, as_json: AsJson = False) -> None:
    """List who may sign in.

    \b
    Examples
      mend users list
    """
    cli: CliContext = ctx.obj
    people = _people(cli.folder)
    rows = [(n, "user", u.role, u.since) for n, u in sorted(people.users.items())]
    rows += [(n, "token", t.role, t.since) for n, t in sorted(people.tokens.items())]
    if as_json:
        cli.say_json([dict(zip(("name", "kind", "role", "since"), map(str, row), strict=True)) for row in rows])
        return
    if not rows:
        cli.say(
            "Nobody is listed. On 127.0.0.1 a link of `mend page` signs in; elsewhere the observer does not start so."
        )
        cli.say("  next: mend users add NAME --role operator", "dim")
        return
    shown = [[Text(n, "bold"), Text(kind), Text(r.value), Text(local_time(since), "dim")] for n, kind, r, since in rows]
    cli.out.print(listing(COLUMNS, shown, cli.out.width))


def _password(cli: CliContext, name: str, stdin: bool, generate: bool) -> str:
    """What they will type from now on. CliError when it would be guessed."""
    if generate:
        made = secrets.token_urlsafe(MADE_UP_BYTES)
        print(made, file=cli.out.file, flush=True)
        return made
    if stdin:
        chosen = sys.stdin.readline(4 * LONGEST).rstrip("\r\n")
    elif sys.stdin.isatty():
        chosen = getpass.getpass(f"New password for {name}: ")
        if getpass.getpass("The same again: ") != chosen:
            raise CliError("the two are not the same; nothing was changed", USAGE)
    else:
        raise CliError("there is no terminal to ask on: use --stdin or --generate", USAGE)
    if problem := problem_with(chosen, name):
        raise CliError(problem, USAGE)
    return chosen


def _people(runtime: Path) -> People:
    try:
        return read_people(people_path(runtime))
    except BadPeople as error:
        raise CliError(plain(error)) from None


def _change(cli: CliContext, change: Callable[[People], People]) -> None:
    path = people_path(cli.runtime)
    try:
        change_people(path, change)
    except BadPeople as error:
        raise CliError(plain(error)) from None
    except PermissionError:
        raise CliError(f"you may not write {plain(path)}; who may is whoever may decide who gets in") from None


def _check_name(name: str) -> None:
    try:
        TypeAdapter(PersonName).validate_python(name)
    except ValidationError:
        raise CliError("a name is made of small letters, digits and . _ - and at most 64 of them", USAGE) from None
    if name in RESERVED:
        raise CliError(f"the name {name} means something else in notes and logs; take another", USAGE)


def _check_free(people: People, name: str) -> None:
    if name in people.users or name in people.tokens:
        raise CliError(f"{name} is there already; `mend users passwd {name}` gives a new password", NOT_THERE)


def _user(people: People, name: str) -> User:
    user = people.users.get(name)
    if user is None:
        raise CliError(f"there is no user {plain(name, 80)!r}; `mend users list` lists them", NOT_THERE)
    return user
