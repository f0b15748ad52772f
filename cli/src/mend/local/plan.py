"""What `mend up` would start on this machine, and where: decided before anything runs. Starts and writes nothing.

A server of our own gets a port on loopback; a server that the settings name is used as it is, and never stopped.
"""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mend.errors import CliError
from mend.local.model_server import ModelMissing, bundled_model
from mend.local.redis_server import OwnRedis, password_file, redis_for
from mesh_core.runtime.ports import free_port, is_free
from mesh_core.runtime.redis_url import password_of, with_login
from mesh_core.runtime.secret_files import CREDENTIALS, FILE_SUFFIX, is_given, secret_path
from mesh_core.runtime.services import EXECUTOR, OBSERVER, PLANNER, SERVICES

STOP_SECONDS = 15
EXECUTOR_STOP_SECONDS = 25.0
# In a path supervisord takes what follows a blank and one of these for a comment; Redis' quotes end at a quote.
_MISREAD = re.compile(r"\s[;#]|[\"\\\r\n]")
# Who alone is told.
SECRETS = {
    "ANTHROPIC_API_KEY": (PLANNER,),
    "LLAMACPP_API_KEY": (PLANNER,),
    "NOTIFY_URLS": (EXECUTOR, OBSERVER),
    "OBSERVER_TOKENS": (OBSERVER,),
    "HOOKS_TOKEN": (OBSERVER,),
    "HOOKS_SECRET": (OBSERVER,),
}


@dataclass(frozen=True)
class Program:
    """One process. `ready` says how it is known to work: `heartbeat`, `redis` or `model`."""

    name: str
    command: tuple[str, ...]
    ready: str
    about: str = ""
    stop_seconds: int = STOP_SECONDS
    environ: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """Everything that a start needs. `notes` are sentences for the person."""

    runtime: Path
    node: str
    programs: tuple[Program, ...]
    environ: Mapping[str, str]
    redis_url: str
    model_url: str | None
    own_redis: OwnRedis | None
    dashboard: str | None
    notes: tuple[str, ...] = ()
    redis_password: str = field(default="", repr=False)

    @property
    def run_folder(self) -> Path:
        return self.runtime / "run"

    @property
    def password_file(self) -> Path:
        """Where the services read the password of Redis: an environment is read by more than a file of 0600."""
        return password_file(self.runtime)

    @property
    def model_key_file(self) -> Path:
        """The key that the bundled model's server asks for: its port is open to every user of this machine."""
        return _model_key_file(self.runtime)

    @property
    def log_folder(self) -> Path:
        return self.runtime / "log"

    def log_of(self, name: str) -> Path:
        return self.log_folder / f"{name}.log"


def plan_for(environ: Mapping[str, str], runtime: Path, node: str, redis_url: str) -> Plan:
    """The plan for this environment (with `.env` under it). CliError when a setting cannot be followed."""
    if misread := _MISREAD.search(str(runtime)):
        words = "what is started here reads it as something else in its configuration; choose another folder"
        raise CliError(f"RUNTIME_PATH has {misread[0]!r} in it: {words}")
    own, url, notes = redis_for(redis_url, explicit=is_given(environ, "REDIS_URL"), runtime=runtime)
    programs: list[Program] = []
    if own is not None:
        programs.append(
            Program("redis", (own.binary, str(own.conf_file)), "redis", f"{own.kind} on {own.host}:{own.port}")
        )
    model_url, model_note = None, ""
    if wants_bundled_model(environ, runtime):
        model_note = missing_model()
        if not model_note:
            port = free_port()
            model_url = f"http://127.0.0.1:{port}"
            key = ("--api-key-file", str(_model_key_file(runtime)))
            command = (sys.executable, "-m", "mend.local.model_server", "--port", str(port), *key)
            programs.append(Program("model", command, "model", f"llama.cpp on 127.0.0.1:{port}"))
    given_key = {"LLAMACPP_API_KEY": "", "LLAMACPP_API_KEY_FILE": str(_model_key_file(runtime))} if model_url else {}
    programs += _services(_without_credentials(environ), {PLANNER: given_key})
    listen = environ.get("OBSERVER_LISTEN", "").strip() or free_listen()
    password = password_of(url)
    given = {
        **_without_credentials(environ),
        "OBSERVER_LISTEN": listen,
        "RUNTIME_PATH": str(runtime),
        "NODE_NAME": node,
        "REDIS_URL": with_login(url, "", "") if password else url,
        **dict.fromkeys(("REDIS_URL_FILE", "REDIS_USERNAME", "REDIS_PASSWORD"), ""),
        "REDIS_PASSWORD_FILE": str(password_file(runtime)) if password else "",
        "PATH": _with_our_bin(environ.get("PATH", "")),
        **({"LLAMACPP_URL": model_url} if model_url else {}),
    }
    all_notes = (*notes, *((model_note,) if model_note else ()))
    dashboard = None if listen == "off" else f"http://{listen}/"
    return Plan(runtime, node, tuple(programs), given, url, model_url, own, dashboard, all_notes, password)


def wants_bundled_model(environ: Mapping[str, str], runtime: Path) -> bool:
    """Only where nobody configured a chain of their own."""
    if any(is_given(environ, name) for name in ("LLAMACPP_URL", "OLLAMA_HOST", "ANTHROPIC_API_KEY")):
        return False
    if (runtime / "config" / "chain.yml").exists():
        return False
    chain = environ.get("LLM_CHAIN", "").strip()
    return not chain or "llamacpp" in [name.strip() for name in chain.split(",")]


def missing_model() -> str:
    """Why the bundled model cannot be served here; '' if it can."""
    try:
        bundled_model()
    except ModelMissing as missing:
        return f"no model: {missing}. Until then the policy's own choices are proposed."
    if importlib.util.find_spec("xllamacpp") is None:
        return "no model: its server (xllamacpp) is not installed. Until then the policy's own choices are proposed."
    return ""


def free_listen() -> str:
    """Where the dashboard is unless somebody says otherwise; another port when a mesh has that one already."""
    port = SERVICES[OBSERVER].port
    return f"127.0.0.1:{port if is_free('127.0.0.1', port) else free_port()}"


def _model_key_file(runtime: Path) -> Path:
    return runtime / "run" / "model-key"


def _without_credentials(environ: Mapping[str, str]) -> dict[str, str]:
    """The same secrets by name: what this process was given as systemd credentials, each service gets as a file."""
    named = {
        f"{name}{FILE_SUFFIX}": str(path)
        for name in SECRETS
        if not environ.get(name, "").strip() and (path := secret_path(environ, name)) is not None
    }
    return {**environ, **named, CREDENTIALS: ""}


def _services(environ: Mapping[str, str], given: Mapping[str, Mapping[str, str]]) -> list[Program]:
    try:
        running_work = float(environ.get("EXECUTOR_STOP_SECONDS", "") or EXECUTOR_STOP_SECONDS)
    except ValueError:
        running_work = EXECUTOR_STOP_SECONDS  # the executor itself says what is wrong with it
    found = []
    for name, service in SERVICES.items():
        others = [secret for secret, owners in SECRETS.items() if name not in owners]
        hidden = {v: "" for secret in others for v in (secret, secret + FILE_SUFFIX) if environ.get(v)}
        stop = int(running_work) + STOP_SECONDS if name == EXECUTOR else STOP_SECONDS
        command = (sys.executable, "-m", service.module)
        own = {**hidden, **given.get(name, {})}
        found.append(Program(name, command, "heartbeat", stop_seconds=stop, environ=own))
    return found


def _with_our_bin(path: str) -> str:
    """Ansible's own programs lie beside our Python."""
    ours = str(Path(sys.executable).parent)
    parts = [part for part in path.split(":") if part and part != ours]
    return ":".join([ours, *(parts or ["/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin"])])
