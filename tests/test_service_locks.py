"""Each image's lock: the versions of the root's lock, and everything that the service's code imports."""

from __future__ import annotations

import contextlib
import functools
import re
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mesh_core.runtime.services import SERVICES

if TYPE_CHECKING:
    from grimp import ImportGraph

ROOT = Path(__file__).parents[1]
# Imported in a function, for what an image does not do: a model's client in a service that asks no model.
NOT_IN_THE_IMAGE = {
    "mesh_core.testing",
    *(f"mesh_core.llm.providers.{name}" for name in ("anthropic", "ollama", "openai_compatible")),
}
OURS = ("mesh_core", *(service.module for service in SERVICES.values()))


def pins(path: Path) -> dict[str, tuple[str, frozenset[str]]]:
    """{package: (version, hashes)} of a lock."""
    found = {}
    for entry in re.split(r"\n(?=[a-zA-Z0-9])", path.read_text()):
        if match := re.match(r"([\w.-]+)==([\w.]+)", entry):
            found[match[1]] = (match[2], frozenset(re.findall(r"--hash=(sha256:[0-9a-f]{64})", entry)))
    return found


@pytest.mark.parametrize("service", SERVICES)
def test_a_services_lock_agrees_with_the_roots_lock(service: str) -> None:
    whole, own = pins(ROOT / "requirements.lock"), pins(ROOT / "services" / service / "requirements.lock")
    assert own
    assert not {name for name, pin in own.items() if whole.get(name) != pin}, "write the locks anew: make lock"


@pytest.mark.parametrize("service", SERVICES)
def test_a_services_lock_has_what_its_requirements_name(service: str) -> None:
    named = {
        re.split(r"[\[<>=;! ]", line)[0].lower()
        for line in input_of_lock(service).read_text().splitlines()
        if line.strip() and not line.startswith("#")
    }
    assert not named - pins(ROOT / "services" / service / "requirements.lock").keys(), "write the locks anew: make lock"


def input_of_lock(service: str) -> Path:
    """As `make lock` has it: a requirements.txt may be for people instead (docs/decisions/0152)."""
    folder = ROOT / "services" / service
    return next(path for path in (folder / "requirements.in", folder / "requirements.txt") if path.exists())


@functools.cache
def imports() -> ImportGraph:
    from grimp import build_graph  # which each worker that collects would import otherwise, and one asks

    return build_graph(*OURS, include_external_packages=True, cache_dir=None)


@functools.cache
def imported_by(service: str) -> dict[str, frozenset[str]]:
    """{what the service's code imports from outside: the distributions that bring it}."""
    module, graph = service.replace("-", "_"), imports()
    reached, waiting = set(), {name for name in graph.modules if name == module or name.startswith(f"{module}.")}
    skipped = set() if service == "planner-agent" else NOT_IN_THE_IMAGE
    while waiting:
        name = waiting.pop()
        if name in reached or name in skipped or name.endswith(".testing"):
            continue
        reached.add(name)
        waiting |= graph.find_modules_directly_imported_by(name)
    brought_by = packages_distributions()
    outside = {name for name in reached if name.split(".")[0] not in {*OURS, *sys.stdlib_module_names}}
    return {name: frozenset(map(plain, brought_by.get(name.split(".")[0], []))) for name in outside}


def plain(distribution: str) -> str:
    return re.split(r"[\[<>=;! ]", distribution)[0].replace("_", "-").lower()


@pytest.mark.parametrize("service", SERVICES)
def test_a_services_lock_has_everything_that_its_code_imports(service: str) -> None:
    locked = {plain(name) for name in pins(ROOT / "services" / service / "requirements.lock")}
    missing = {name for name, brought in imported_by(service).items() if not brought & locked}
    assert not missing, f"name them in {input_of_lock(service)} and run: make lock"


def wanted_by(project: Path, extras: frozenset[str] = frozenset()) -> set[str]:
    """The distributions that a wheel of ours asks for, and what those ask for themselves."""
    about = tomllib.loads((project / "pyproject.toml").read_text())["project"]
    lines = about["dependencies"] + [line for name in extras for line in about["optional-dependencies"][name]]
    found: set[str] = set()
    waiting = list(lines)
    while waiting:
        line = waiting.pop()
        name = plain(line)
        if name == "mendmesh-core":
            asked = re.search(r"\[(.*)\]", line)
            found |= wanted_by(ROOT / "core", frozenset(asked[1].split(",")) if asked else frozenset())
        elif name not in found:
            found.add(name)
            with contextlib.suppress(PackageNotFoundError):
                waiting += [more for more in requires(name) or [] if "extra ==" not in more]
    return found


@pytest.mark.parametrize("service", SERVICES)
def test_a_services_wheel_asks_for_what_its_code_imports(service: str) -> None:
    wanted = wanted_by(ROOT / "services" / service)
    assert not {name for name, brought in imported_by(service).items() if not brought & wanted}


def test_no_wheel_but_the_planners_brings_the_clients_of_models() -> None:
    clients = {"anthropic", "ollama"}
    assert {name for name in SERVICES if clients & wanted_by(ROOT / "services" / name)} == {"planner-agent"}
    assert not {"redis", "jinja2"} & wanted_by(ROOT / "services/node-agent")
