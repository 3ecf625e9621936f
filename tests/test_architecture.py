"""Who may import whom, which library lives where, and what the lock must not hold."""

import ast
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
HALVES = ("model", "training", "service")
HOMES = {
    "faiss": ("service/index/",),
    "redis": ("service/users/redis_cache.py",),
    "sqlalchemy": ("service/store/",),
    "httpx": ("service/client.py", "model/fetch_image.py"),
    "duckdb": ("model/plain/parquet.py",),
    "fastapi": ("service/http/app.py", "service/http/openapi.py", "service/http/edge/problems.py", "service/http/routes/"),
    "sentence_transformers": ("model/encoders/",),
    "transformers": ("model/encoders/",),
    "torch": ("model/", "training/"),
}
UPWARDS = {
    "service": (
        *("errors", "fields", "settings", "space", "batching"),
        *("monitoring", "index", "store", "thawing", "users", "lists", "events", "client", "items", "serving"),
        *("http", "commands", "cli"),
    ),
    "service/http": ("edge", "schemas", "bodies", "page", "routes", "examples", "openapi", "app"),
}
"""What stands in a folder, from the ground up: each imports only what is named before it."""
PILLOW = ("model/encoders/", "training/data/demo_pictures.py")


def sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    """Full names of the modules that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            yield node.module or ""


def arrows(folder: str, upwards: Sequence[str]) -> Iterator[tuple[str, str, bool]]:
    """Imports from one part of a folder to another: the file, the module that it imports, and whether that stands above it."""
    package = folder.replace("/", ".") + "."
    for path in sources(folder):
        here = part_of(folder, path)
        for name in imports(path):
            there = name.removeprefix(package).split(".")[0]
            if name.startswith(package) and there != here:
                yield str(path.relative_to(ROOT)), name, upwards.index(there) > upwards.index(here)


def part_of(folder: str, path: Path) -> str:
    """The file or the folder right below a folder that a path is, or is in."""
    return path.relative_to(ROOT / folder).with_suffix("").parts[0]


@pytest.mark.parametrize(
    ("half", "forbidden"),
    [("model", {"training", "service"}), ("training", {"service"}), ("service", {"training"})],
)
def test_training_and_service_meet_only_in_model(half: str, forbidden: set[str]) -> None:
    found = {
        (path.relative_to(ROOT), name) for path in sources(half) for name in imports(path) if name.split(".")[0] in forbidden
    }

    assert found == set()


@pytest.mark.parametrize("folder", UPWARDS)
def test_nothing_in_the_service_imports_what_stands_above_it(folder: str) -> None:
    """So no two folders import each other, and nobody but the command line imports the commands."""
    wrong = {f"{place} imports {name}" for place, name, above in arrows(folder, UPWARDS[folder]) if above}

    assert wrong == set()


@pytest.mark.parametrize("folder", UPWARDS)
def test_all_that_stands_in_the_service_has_its_place(folder: str) -> None:
    assert {part_of(folder, path) for path in sources(folder)} - {"__init__"} == set(UPWARDS[folder])


@pytest.mark.parametrize(("library", "homes"), [*HOMES.items(), ("PIL", PILLOW)])
def test_each_library_has_its_home(library: str, homes: tuple[str, ...]) -> None:
    users = {str(path.relative_to(ROOT)) for path in sources(*HALVES) if library in {n.split(".")[0] for n in imports(path)}}

    assert {user for user in users if not user.startswith(homes)} == set()


def test_the_packages_are_never_imported_whole() -> None:
    """Too many variables are called model: its files are imported from."""
    found = {(path.name, name) for path in sources(*HALVES, "tests") for name in imports(path) if name in HALVES}

    assert found - {("test_losses.py", "model")} == set()


def test_routes_do_not_reach_around_the_service() -> None:
    """HTTP in, one call, HTTP out: no route opens a store or an index itself."""
    forbidden = {"service.store.store", "service.index.faiss_flat", "service.users.redis_cache", "service.batching"}

    assert not {name for path in sources("service/http/routes") for name in imports(path)} & forbidden


def test_nothing_happens_on_import() -> None:
    """`thaw --help` loads no torch, no FAISS, no encoder."""
    script = "import sys, service.cli; print([m for m in ('torch', 'faiss', 'transformers', 'fastapi') if m in sys.modules])"
    import sys

    outcome = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)

    assert outcome.stdout.strip() == "[]"


def test_the_lock_has_no_torchvision_and_takes_both_builds_of_torch() -> None:
    """torchvision from the registry is linked to CUDA and breaks sentence-transformers beside CPU torch."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()

    assert not [line for line in lines if line.startswith(("torchvision", "nvidia", "triton"))]
    assert "torch==2.13.0" in lines  # no +cpu: a constraint without it accepts either build


def test_every_dependency_has_its_reason_and_its_pin() -> None:
    import tomllib

    text = (ROOT / "pyproject.toml").read_text()
    wanted = tomllib.loads(text)["project"]["dependencies"]
    pinned = {line.split("==")[0].lower().replace("_", "-") for line in (ROOT / "constraints.txt").read_text().splitlines()}

    for requirement in wanted:
        name = requirement.split("=")[0].split(">")[0].split("<")[0]
        assert name.lower().replace("_", "-") in pinned
        assert f'"{requirement}",' in text
        assert text.split(f'"{requirement}",')[1].split("\n")[0].strip().startswith("#")


@pytest.mark.parametrize("path", [path.relative_to(ROOT) for path in sources(*HALVES, "tests", "benchmarks")], ids=str)
def test_no_file_outgrows_its_subject(path: Path) -> None:
    assert len((ROOT / path).read_text(encoding="utf-8").splitlines()) <= 300
