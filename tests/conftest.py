"""Small pictures, and an encoder that needs no weights, for every test."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from PIL import Image

import engines
from retrieval.catalogs.local.folder import FolderCatalog
from retrieval.core import Catalog, Encoder, EncoderSpec
from retrieval.indexing.build import Progress, Report, build_index, stored_blocks

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"
CLOTHING = SHARED / "data" / "clothing"

COLOUR_SPEC = EncoderSpec(
    engine="colours", weights="none", title="Mean colours", dim=48, image_size=64, licence="", source="",
    load="tests.conftest:ColourEncoder", digest="d1",
)  # fmt: skip

# The same examples on every run, and no clock: two cores are shared by others.
settings.register_profile(
    "steady", deadline=None, derandomize=True, max_examples=60, suppress_health_check=list(HealthCheck)
)
settings.load_profile("steady")

WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
if WORKERS > 1:
    # Workers share the cores: threads that outnumber them wait for each other, in the apps they start too.
    for variable in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        os.environ.setdefault(variable, str(max(1, (os.cpu_count() or 1) // WORKERS)))


MARKERS = {"browser": "browser", "cluster": "ray"}
"""The marker that a test gets for a fixture it asks for."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test by the fixtures it asks for and by where it stands, so that no test has to say it itself."""
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        for fixture, marker in MARKERS.items():
            if fixture in fixtures:
                item.add_marker(marker)
        if fixtures & MARKERS.keys() or item.path.is_relative_to(ROOT / "tests" / "e2e"):
            item.add_marker("slow")


class ColourEncoder:
    """The mean colours of a 4 x 4 grid, centred: deterministic, quick, and near for pictures that look alike."""

    def __init__(self, spec: EncoderSpec = COLOUR_SPEC) -> None:
        self.spec = spec
        self.encoded = 0

    def encode_images(self, images: Sequence[Image.Image]) -> np.ndarray:
        """Return float32 (n, 48)."""
        self.encoded += len(images)
        if not images:
            return np.empty((0, 48), np.float32)
        grids = np.stack([np.asarray(i.resize((4, 4), Image.Resampling.BOX), np.float32).ravel() for i in images])
        grids = grids - 127.5 + np.linspace(-1, 1, 48, dtype=np.float32)
        return (grids / np.linalg.norm(grids, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def encoder() -> ColourEncoder:
    return ColourEncoder()


def encoded(image: Image.Image, form: str, **options: Any) -> bytes:  # noqa: ANN401 - Pillow's own options
    """Return `image` as the content of a file of the format `form`."""
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def blocks(seed: int, size: tuple[int, int] = (48, 64)) -> Image.Image:
    """Return a picture of soft random blocks, the same for the same seed."""
    colours = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return Image.fromarray(colours).resize(size, Image.Resampling.BICUBIC)


def jpeg(seed: int, size: tuple[int, int] = (48, 64)) -> bytes:
    """Return `blocks` as a JPEG."""
    return encoded(blocks(seed, size), "JPEG", quality=92)


def write_picture(path: Path, seed: int) -> None:
    """Write picture number `seed` to `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(jpeg(seed))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder of twelve pictures below the folders red, green and blue."""
    for n in range(12):
        write_picture(tmp_path / "pictures" / ("red", "green", "blue")[n % 3] / f"{n:02}.jpg", n)
    return tmp_path / "pictures"


def register(monkeypatch: pytest.MonkeyPatch, *rows: EncoderSpec, loaded: Sequence[Encoder] = ()) -> None:
    """Let the registry have these rows only, and these of their networks loaded."""
    monkeypatch.setattr(engines.REGISTRY, "rows", rows)
    known = {(each.spec.engine, each.spec.weights, each.spec.digest): each for each in loaded}
    monkeypatch.setattr(engines.REGISTRY, "_loaded", known)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep everything in the test's own folder, under an engine without weights."""
    register(monkeypatch, COLOUR_SPEC, loaded=[ColourEncoder()])
    monkeypatch.setenv("VISUAL_SEARCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("VISUAL_SEARCH_CLIP", "")
    return tmp_path


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def built(
    catalog: Catalog | Path,
    cache: Path,
    encoder: ColourEncoder,
    digest: str = "d1",
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> Report:
    """Bring the index of a catalogue, or of a folder, up to date with `encoder`."""
    catalog = FolderCatalog(catalog) if isinstance(catalog, Path) else catalog
    return build_index(catalog, encoder.spec, digest, lambda: encoder, cache, on_progress)


def stored(cache: Path, spec: EncoderSpec = COLOUR_SPEC) -> dict[str, tuple[np.ndarray, dict[str, str]]]:
    """Return id -> (vector, attributes) of a finished index."""
    return {
        item_id: (vector, dict(attributes))
        for ids, vectors, notes in stored_blocks(cache, spec)
        for item_id, vector, attributes in zip(ids, vectors, notes, strict=True)
    }


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """Escape what was printed and is no Unicode: a process of pytest-xdist could not send it, and would end."""
    report = yield
    report.sections = [(name, text.encode("utf-8", "backslashreplace").decode()) for name, text in report.sections]
    return report
