"""Each image's lock: the versions of the root's lock, and everything that the service's code imports."""

from __future__ import annotations

import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import grimp
import pytest

from mesh_core.security.permissions import SERVICES

ROOT = Path(__file__).parents[1]
# Imported in a function, for what an image does not do: a model's client in a service that asks no model.
NOT_IN_THE_IMAGE = {
    "mesh_core.testing",
    *(f"mesh_core.llm.rungs.{name}" for name in ("anthropic", "ollama", "openai_compatible")),
}
OURS = ("mesh_core", "node_agent", "observer", "planner_agent", "executor_agent")


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
    folder = ROOT / "services" / service
    named = {
        re.split(r"[\[<>=;! ]", line)[0].lower()
        for line in (folder / "requirements.txt").read_text().splitlines()
        if line.strip() and not line.startswith("#")
    }
    assert not named - pins(folder / "requirements.lock").keys(), "write the locks anew: make lock"


@pytest.mark.parametrize("service", SERVICES)
def test_a_services_lock_has_everything_that_its_code_imports(service: str) -> None:
    module = service.replace("-", "_").removesuffix("_agent") if service == "observer" else service.replace("-", "_")
    graph = grimp.build_graph(*OURS, include_external_packages=True, cache_dir=None)
    reached, waiting = set(), {name for name in graph.modules if name == module or name.startswith(f"{module}.")}
    skipped = set() if service == "planner-agent" else NOT_IN_THE_IMAGE
    while waiting:
        name = waiting.pop()
        if name in reached or name in skipped or name.endswith(".testing"):
            continue
        reached.add(name)
        waiting |= graph.find_modules_directly_imported_by(name)
    outside = {name for name in reached if name.split(".")[0] not in {*OURS, *sys.stdlib_module_names}}
    brought_by = packages_distributions()
    locked = {name.replace("_", "-").lower() for name in pins(ROOT / "services" / service / "requirements.lock")}
    missing = {
        name
        for name in outside
        if not {package.replace("_", "-").lower() for package in brought_by.get(name.split(".")[0], [])} & locked
    }
    assert not missing, f"name them in services/{service}/requirements.txt and run: make lock"
