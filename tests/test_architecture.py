"""The arrows of the design: who may import whom, read from the code itself."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.conftest import ROOT

ROOMS = (
    "app",
    "cli",
    "commands",
    "doctor",
    "visual_search",
    "examples",
    "settings",
    "services",
    "ui",
    "engines",
    "retrieval",
    "training",
    "benchmarks",
    "tests",
)
MAY_USE = {
    "app": {"ui", "services", "settings", "retrieval.core"},
    "cli": {"app", "settings", "commands", "retrieval.core"},
    "commands": {"services", "settings", "doctor", "retrieval"},
    "doctor": {"engines", "settings", "retrieval.core"},
    "visual_search": {"services", "settings", "retrieval"},
    "examples": {"visual_search"},
    "settings": {"retrieval.core"},
    "services": {"engines", "retrieval", "settings"},
    "ui": {"services", "retrieval"},
    "engines": {"retrieval.core", "retrieval.pictures.foreground"},
    "retrieval": set(),
    "benchmarks": {"ui", "services", "settings", "engines", "retrieval", "training"},
}
HEAVY = {
    "torch",
    "torchvision",
    "faiss",
    "tensorflow",
    "keras",
    "transformers",
    "datasets",
    "sklearn",
    "openai",
    "scipy",
    "cv2",
    "openTSNE",
    "boto3",
    "botocore",
    "pinecone",
    "ray",
}
ONLY_IN = {
    "gradio": ("ui/", "app.py"),
    "faiss": ("retrieval/indexes/faiss_index.py",),
    "openTSNE": ("retrieval/evaluation/projection.py",),
    "cv2": (
        "retrieval/pictures/foreground.py",
        "retrieval/pictures/garment.py",
        "retrieval/pictures/colours.py",
        "retrieval/pictures/patterns.py",
        "engines/vae/preprocessing.py",
    ),
    "datasets": ("retrieval/catalogs/",),
    "boto3": ("retrieval/catalogs/s3/bucket.py",),
    "botocore": ("retrieval/catalogs/s3/bucket.py",),
    "pinecone": ("retrieval/indexes/pinecone/index.py",),
    "ray": ("retrieval/indexing/ray_encoding.py",),
    **{name: ("engines/", "training/") for name in ("torch", "torchvision", "tensorflow", "keras", "transformers")},
    **{name: () for name in ("pickle", "dill", "joblib", "cloudpickle", "shelve")},
}
BESIDES = ("tests/", "benchmarks/")  # they measure and check the parts themselves


@cache
def modules() -> list[Path]:
    found = [ROOT / f"{room}.py" for room in ROOMS if (ROOT / f"{room}.py").is_file()]
    found += [path for room in ROOMS for path in (ROOT / room).rglob("*.py")]
    return sorted(path.relative_to(ROOT) for path in found)


@cache
def parsed(path: Path) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))))


def imported(path: Path) -> Iterator[str]:
    """Yield the full name of everything that the module at `path` imports, anywhere in it."""
    for node in parsed(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def within(name: str, rooms: set[str]) -> bool:
    return any(name == room or name.startswith(f"{room}.") for room in rooms)


def test_the_code_is_found() -> None:
    assert {"app.py", "services/__init__.py", "retrieval/core.py", "engines/__init__.py"} <= {
        str(path) for path in modules()
    }


@pytest.mark.parametrize("room", MAY_USE)
def test_a_room_imports_only_the_rooms_its_arrows_point_to(room: str) -> None:
    allowed = MAY_USE[room] | {room}
    wrong = [
        f"{path}: {name}"
        for path in modules()
        if path.parts[0].removesuffix(".py") == room
        for name in imported(path)
        if name.partition(".")[0] in ROOMS and not within(name, allowed)
    ]
    assert not wrong


def test_no_two_modules_import_each_other() -> None:
    names = {".".join(path.with_suffix("").parts).removesuffix(".__init__"): path for path in modules()}
    uses = {
        module: {name if name in names else name.rpartition(".")[0] for name in imported(path)} & names.keys()
        for module, path in names.items()
    }
    both = [(one, other) for one in uses for other in uses[one] if one < other and one in uses[other]]
    assert not both


def test_the_core_knows_nothing_but_numpy_and_pillow() -> None:
    outside = {name.partition(".")[0] for name in imported(Path("retrieval/core.py"))} - sys.stdlib_module_names
    assert outside <= {"numpy", "PIL"}


@pytest.mark.parametrize("package", ONLY_IN)
def test_a_package_is_imported_only_where_it_belongs(package: str) -> None:
    places = (*ONLY_IN[package], *(BESIDES if ONLY_IN[package] else ()))
    wrong = [
        str(path)
        for path in modules()
        if not str(path).startswith(places or "/") and any(within(name, {package}) for name in imported(path))
    ]
    assert not wrong


def test_nothing_is_unpickled_by_numpy_or_torch_either() -> None:
    wrong = []
    for path in modules():
        for node in parsed(path):
            if isinstance(node, ast.keyword) and isinstance(node.value, ast.Constant):
                wrong += [str(path)] * (
                    (node.arg, node.value.value) in (("allow_pickle", True), ("weights_only", False))
                )
    assert not wrong


def loaded_by(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("statement", ["import services, cli, doctor, visual_search", "import services, ui"])
def test_starting_loads_no_framework(statement: str) -> None:
    loaded = loaded_by(statement)
    assert "services" in loaded
    assert not loaded & HEAVY


def test_listing_engines_loads_no_framework() -> None:
    loaded = loaded_by("import engines; [engines.spec(row.name) for row in engines.specs()]")
    assert "engines" in loaded
    assert not loaded & (HEAVY | {"gradio"})
