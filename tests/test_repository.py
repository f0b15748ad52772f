"""What is true of the repository itself: nothing of any one machine in it, whole locks, whole services."""

from __future__ import annotations

import ast
import io
import json
import os
import re
import subprocess
import tokenize
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from parts import side_by_side
from parts.require import require

from mesh_core.runtime.services import SERVICES as TABLE

ROOT = Path(__file__).parents[1]
LOCKS = (
    *("requirements.lock", "requirements-model.lock", "requirements-web.lock", "requirements-collections.lock"),
    "scripts/image/requirements.lock",
)
SERVICES = sorted(folder.name for folder in (ROOT / "services").iterdir() if (folder / "pyproject.toml").exists())
OF_EACH_SERVICE = ("README.md", "service.yaml", "healthcheck.sh", "requirements.txt", "pyproject.toml")
THIS_MACHINE = {"localhost", "127.0.0.1"}
INDEX_OPTION = re.compile(r"^\s*(--)?(index-url|extra-index-url|find-links|trusted-host|index_url)\b", re.MULTILINE)
FILE_NAME = re.compile(r"\b[a-z][a-z_]*\.py\b")
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
INVENTED = "benchmarks/judgement_sets/"  # events as strangers might send them, with homes of people who are none
SOMEONES_HOME = re.compile(r"(?<![\w.])/(home|Users)/[a-z][\w.-]*/")
# as long as real ones are: the made-up secrets of redaction tests are shorter
SECRET = re.compile(r"sk-ant-[\w-]{60,}|PRIVATE KEY-----\s+[A-Za-z0-9+/]{40,}|\bgh[pousr]_\w{36,}")


@pytest.fixture(scope="module")
def tracked() -> dict[str, str]:
    """Path -> text of every text file that git knows."""
    if not (ROOT / ".git").exists():
        pytest.skip("needs a git checkout; this is an unpacked archive")
    git = require("git", "apt-get install git")
    names = subprocess.run(
        [git, "-c", "safe.directory=*", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    texts = {}
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            try:
                texts[name] = (ROOT / name).read_text()
            except UnicodeDecodeError:
                continue
    return texts


def test_no_file_names_a_registry_that_this_machine_is_set_up_with(tracked: dict[str, str]) -> None:
    hosts = _registry_hosts_of_this_machine()
    found = [(name, host) for name, text in tracked.items() for host in hosts if host in text]
    assert not found


def test_no_file_chooses_a_registry(tracked: dict[str, str]) -> None:
    wanted = [name for name in tracked if "requirements" in name or name.endswith((".toml", ".cfg", ".conf"))]
    assert wanted
    assert not [name for name in wanted if INDEX_OPTION.search(tracked[name])]


def test_no_file_names_a_place_on_this_machine(tracked: dict[str, str]) -> None:
    places = [str(ROOT)] if len(ROOT.parts) > 2 else []  # a checkout in /src would find every "/src"
    found = [(name, place) for name, text in tracked.items() for place in places if _names_path(text, place)]
    ours = {name: text for name, text in tracked.items() if not name.startswith(INVENTED)}
    found += [(name, match[0]) for name, text in ours.items() if (match := SOMEONES_HOME.search(text))]
    assert not found


def test_no_file_holds_a_key(tracked: dict[str, str]) -> None:
    assert not [name for name, text in tracked.items() if SECRET.search(text)]


def test_nothing_made_at_runtime_is_tracked(tracked: dict[str, str]) -> None:
    made = re.compile(r"(^|/)(\.venv|var|node_modules|dist|__pycache__|\.env|uv\.lock|pylock\.toml|.*\.gguf)(/|$)")
    assert not [name for name in tracked if made.search(name)]


@pytest.mark.parametrize("lock", LOCKS)
def test_every_line_of_a_lock_is_pinned_and_hashed(lock: str) -> None:
    text = (ROOT / lock).read_text()
    entries = re.split(r"\n(?=[a-zA-Z0-9])", "\n" + re.sub(r"(?m)^\s*#.*\n", "", text))[1:]
    assert entries
    assert not [entry.splitlines()[0] for entry in entries if "--hash=sha256:" not in entry or "==" not in entry]
    assert "://" not in text
    assert not INDEX_OPTION.search(text)


def test_the_page_is_built_from_pinned_and_hashed_packages_of_no_particular_registry() -> None:
    page = ROOT / "services" / "observer" / "page"
    wanted = json.loads((page / "package.json").read_text())
    assert all(
        version[0].isdigit() for kind in ("dependencies", "devDependencies") for version in wanted[kind].values()
    )
    packages = json.loads((page / "package-lock.json").read_text())["packages"]
    fetched = {name: package for name, package in packages.items() if name}
    assert fetched
    assert not [name for name, package in fetched.items() if not package.get("integrity", "").startswith("sha512-")]
    assert not [name for name, package in fetched.items() if "resolved" in package]
    assert not (page / ".npmrc").exists()


def test_the_table_of_services_is_what_lies_in_their_folder() -> None:
    assert sorted(TABLE) == SERVICES
    for service in TABLE.values():
        folder = ROOT / "services" / service.name
        assert (folder / "src" / service.module / "__main__.py").is_file()
        assert (folder / f"mendmesh-{service.name}.service").is_file()


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_is_whole(service: str) -> None:
    folder = ROOT / "services" / service
    assert not [name for name in OF_EACH_SERVICE if not (folder / name).is_file()]


@pytest.mark.parametrize("service", SERVICES)
def test_a_health_check_can_be_run_and_starts_no_python(service: str) -> None:
    check = ROOT / "services" / service / "healthcheck.sh"
    assert os.access(check, os.X_OK)
    code = "\n".join(line for line in check.read_text().splitlines() if not line.lstrip().startswith("#"))
    assert "python" not in code


def test_every_room_says_what_it_is_for(tracked: dict[str, str]) -> None:
    rooms = {name: text for name, text in tracked.items() if name.endswith(".py") and text.strip()}
    assert len(rooms) > 10
    assert not [name for name, text in rooms.items() if not text.lstrip().startswith(('"""', "#!", 'r"""'))]


def test_what_ci_runs_is_a_script_that_bash_can_read() -> None:
    run = ROOT / ".ci" / "run"
    assert os.access(run, os.X_OK)
    assert subprocess.run(["bash", "-n", str(run)], check=False).returncode == 0


def _registry_hosts_of_this_machine() -> set[str]:
    """Hosts out of pip's, uv's, npm's and apt's settings here; no registry is named, public or not."""
    text = "\n".join(value for name, value in os.environ.items() if name.startswith(("PIP_", "UV_", "NPM_", "npm_")))
    files = [Path("/etc/pip.conf"), Path.home() / ".config/pip/pip.conf", Path.home() / ".pip/pip.conf"]
    files += [Path.home() / ".npmrc", Path.home() / ".config/uv/uv.toml", Path("/etc/uv/uv.toml")]
    files += [Path("/etc/apt/sources.list"), *Path("/etc/apt/sources.list.d").glob("*")]
    text += "\n".join(file.read_text(errors="replace") for file in files if file.is_file())
    urls = re.findall(r"https?://[^\s\"']+", "\n".join(line for line in text.splitlines() if not line.startswith("#")))
    return {host for url in urls if (host := urlsplit(url).hostname)} - THIS_MACHINE


def _names_path(text: str, place: str) -> bool:
    return re.search(rf"(?<![\w.]){re.escape(place)}(?![\w.-])", text) is not None


def test_every_link_between_documents_leads_somewhere(tracked: dict[str, str]) -> None:
    link = re.compile(r"\]\(([^)#\s]+)(?:#[^)\s]*)?\)")
    dead = []
    for name, text in tracked.items():
        if name.endswith(".md"):
            prose = re.sub(r"`[^`\n]*`", "", text)
            wanted = [match[1] for match in link.finditer(prose) if "://" not in match[1]]
            dead += [(name, path) for path in wanted if not (ROOT / name).parent.joinpath(path).exists()]
    assert not dead


def test_every_file_that_a_document_names_is_there(tracked: dict[str, str]) -> None:
    """By the end of its path; a recipe's own file is made by whoever follows it."""
    named = re.compile(r"`([\w./-]+\.(?:py|sh|toml|tsx?|css))`")
    recipes = {"CONTRIBUTING.md", "services/node-agent/README.md"}
    pages = {name for name in tracked if name.endswith(".md")} - recipes
    paths = [(page, match[1]) for page in pages for match in named.finditer(tracked[page])]
    assert len(paths) > 100
    assert not [one for one in paths if not any(f"/{name}".endswith(f"/{one[1]}") for name in tracked)]


def test_no_test_is_known_to_be_flaky() -> None:
    lines = (ROOT / "tests/flaky.txt").read_text().splitlines()
    assert [line for line in lines if line.strip() and not line.startswith("#")] == []


def test_every_file_that_is_dealt_out_by_name_is_there() -> None:
    dealt_out = (*side_by_side.WITH_AN_ENGINE, *side_by_side.LONG)
    gone = [path for path in dealt_out if not (ROOT / path).exists()]
    assert not gone


def test_no_two_classes_of_the_product_have_one_name(tracked: dict[str, str]) -> None:
    names = Counter(
        found
        for name, text in tracked.items()
        if "/src/" in name and name.endswith(".py")
        for found in re.findall(r"^ *class (\w+)[(:]", text, re.MULTILINE)
    )
    assert len(names) > 500
    assert not [name for name, count in names.items() if count > 1]


def test_the_architecture_names_each_room_of_core() -> None:
    core = ROOT / "core" / "src" / "mesh_core"
    named = set(re.findall(r"`([a-z_]+)[`/]", (ROOT / "docs" / "architecture.md").read_text()))
    rooms = [*core.glob("*/*.py"), *(folder.parent for folder in core.glob("*/*/__init__.py"))]
    assert rooms
    assert not sorted(str(room.relative_to(core)) for room in rooms if room.stem not in named | {"__init__"})


def test_a_file_that_a_comment_names_is_there(tracked: dict[str, str]) -> None:
    """In the same package or in core: rooms are renamed, and words about them stay."""
    rooms = {name: text for name, text in tracked.items() if "/src/" in name and name.endswith(".py")}
    package = {name: name.partition("/src/")[0] for name in rooms}
    there = {(package[name], Path(name).name) for name in rooms}
    naming = {name: text for name, text in rooms.items() if FILE_NAME.search(text)}  # the others need no parser
    named = [(name, word) for name, text in naming.items() for word in FILE_NAME.findall(" ".join(_remarks(text)))]
    assert len(named) > 50
    assert not [(name, word) for name, word in named if there.isdisjoint({(package[name], word), ("core", word)})]


def _remarks(text: str) -> Iterator[str]:
    """Comments and docstrings."""
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    yield from (token.string for token in tokens if token.type == tokenize.COMMENT)
    yield from (ast.get_docstring(node) or "" for node in ast.walk(ast.parse(text)) if isinstance(node, DOCUMENTED))


def test_what_coverage_counts_is_there() -> None:
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["coverage"]["run"]["include"]
    assert not [pattern for pattern in patterns if not any(ROOT.glob(pattern))]
