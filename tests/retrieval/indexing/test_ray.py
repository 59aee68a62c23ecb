"""Encoding on a real cluster of Ray with two workers: the same vectors as in one process, also when some die."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retrieval.catalogs.local.folder import FolderCatalog
from retrieval.core import AppError, Encoder
from retrieval.indexing import ray_encoding
from retrieval.indexing.build import Progress, Report, build_index
from retrieval.indexing.ray_encoding import Work, on_ray
from tests.conftest import COLOUR_SPEC, ROOT, ColourEncoder, built, stored, write_picture

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install -r requirements-scale.txt")
pytest.importorskip("ray.data", reason="Ray Data is not installed: pip install -r requirements-scale.txt")


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """Run a cluster of two cores, and return its address."""
    ray_encoding._imported()
    context = ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    yield context.address_info["gcs_address"]
    ray.shutdown()


class Telling(ColourEncoder):
    """An encoder that leaves its process's number in a folder, a file for each batch, and takes its time."""

    def __init__(self, pids: Path) -> None:
        super().__init__()
        self._pids = pids

    def encode_images(self, images: Sequence[Image.Image]) -> np.ndarray:
        (self._pids / f"{os.getpid()}-{time.monotonic_ns()}").touch()
        time.sleep(0.2)
        return super().encode_images(images)


def refusing() -> Encoder:
    """Stand for weights that a worker lacks."""
    raise AppError("The machine far-away has other weights.")


def pictures(folder: Path, numbers: Sequence[int]) -> Path:
    for n in numbers:
        write_picture(folder / ("red", "green", "blue")[n % 3] / f"{n:03}.jpg", n)
    return folder


def on_cluster(root: Path, cache: Path, pids: Path, on_progress: object = None) -> Report:
    """Bring the index of a folder up to date on the cluster."""
    pids.mkdir(exist_ok=True)
    work = Work(partial(FolderCatalog, root), partial(Telling, pids), COLOUR_SPEC.image_size)
    told = on_progress if callable(on_progress) else lambda progress: None
    return build_index(FolderCatalog(root), COLOUR_SPEC, "d1", refusing, cache, told, on_ray(work, ROOT))


def check(cache: Path, root: Path, alone: Path) -> None:
    """Assert that the index in `cache` is what one process makes."""
    built(root, alone, ColourEncoder())
    ours, theirs = stored(cache), stored(alone)
    assert ours.keys() == theirs.keys()
    for name, (vector, attributes) in theirs.items():
        assert (ours[name][0] == vector).all()
        assert ours[name][1] == attributes


def encoders(pids: Path) -> set[int]:
    return {int(path.name.partition("-")[0]) for path in pids.iterdir()}


def test_the_vectors_attributes_and_skipped_pictures_are_those_of_one_process(
    cluster: str, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_encoding, "WAVE", 256)
    root = pictures(tmp_path / "p", range(300))
    (root / "red" / "broken.jpg").write_bytes(b"no picture")
    (root / "red" / "metadata.csv").write_text("file_name,season\n000.jpg,summer\n")
    report = on_cluster(root, cache, tmp_path / "pids")
    assert (report.pictures, report.encoded) == (300, 300)
    assert [name for name, _ in report.skipped] == ["red/broken.jpg"]
    check(cache, root, tmp_path / "alone")
    # Nothing to do; then two moved, two that change places, one changed, one new, one gone.
    assert on_cluster(root, cache, tmp_path / "pids").encoded == 0
    (root / "red" / "003.jpg").rename(root / "blue" / "moved.jpg")
    first, second = root / "red" / "006.jpg", root / "red" / "297.jpg"
    contents = first.read_bytes(), second.read_bytes()
    for path, data in zip((second, first), contents, strict=True):
        path.write_bytes(data)
    write_picture(root / "red" / "009.jpg", 500)
    write_picture(root / "red" / "new.jpg", 501)
    (root / "red" / "012.jpg").unlink()
    report = on_cluster(root, cache, tmp_path / "pids")
    assert (report.encoded, report.removed, report.pictures) == (2, 2, 300)
    check(cache, root, tmp_path / "alone")


def test_a_vector_that_went_while_it_was_counted_on_is_made_again(
    cluster: str, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = pictures(tmp_path / "p", range(40))
    built(root, cache, ColourEncoder())
    for path in root.rglob("*.jpg"):
        os.utime(path, (1, 1))
    monkeypatch.setattr("retrieval.indexing.storage.VectorTable.by_digest", lambda table, digest: None)
    report = on_cluster(root, cache, tmp_path / "pids")
    assert (report.encoded, report.pictures) == (40, 40)


def test_a_worker_that_is_killed_half_way_loses_nothing(cluster: str, tmp_path: Path, cache: Path) -> None:
    root, pids = pictures(tmp_path / "p", range(640)), tmp_path / "pids"
    killed: list[int] = []

    def on_progress(progress: Progress) -> None:
        if progress.encoded >= 128 and not killed and len(encoders(pids)) == 2:
            killed.append(min(encoders(pids)))
            os.kill(killed[0], signal.SIGKILL)

    report = on_cluster(root, cache, pids, on_progress)
    assert len(killed) == 1
    assert (report.pictures, report.encoded, report.skipped) == (640, 640, [])
    assert len(encoders(pids)) == 3
    check(cache, root, tmp_path / "alone")


@pytest.mark.parametrize("part", ["encoder", "catalogue"])
def test_what_a_worker_cannot_open_is_said_in_its_own_words(
    cluster: str, tmp_path: Path, cache: Path, part: str
) -> None:
    root = pictures(tmp_path / "p", range(4))
    opens = partial(FolderCatalog, tmp_path / "gone" if part == "catalogue" else root)
    work = Work(opens, refusing, COLOUR_SPEC.image_size)
    said = "There is no folder" if part == "catalogue" else "The machine far-away has other weights"
    with pytest.raises(AppError, match=said):
        build_index(FolderCatalog(root), COLOUR_SPEC, "d1", refusing, cache, encode=on_ray(work, ROOT))


def test_the_command_goes_on_after_its_driver_is_killed(cluster: str, tmp_path: Path) -> None:
    root, cache = pictures(tmp_path / "p", range(600)), tmp_path / "cache"
    command = [sys.executable, "cli.py", "index", "--catalog", f"folder:{root}", "--workers", "ray", "--json"]
    environment = os.environ | {"VISUAL_SEARCH_CACHE": str(cache), "RAY_ADDRESS": cluster, "CUDA_VISIBLE_DEVICES": ""}
    driver = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        deadline = time.monotonic() + 120
        while not 0 < (held := rows(cache)) < 600:
            assert driver.poll() is None, driver.communicate()[1].decode()
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        driver.kill()
        driver.wait()
    assert not list(cache.rglob("squeezenet-*.json"))
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True, timeout=120)
    assert '"pictures": 600' in done.stdout
    assert held <= rows(cache) == 600
    encoded = int(done.stdout.partition('"encoded": ')[2].partition(",")[0])
    assert 0 < encoded <= 600 - held


def rows(cache: Path) -> int:
    """Return how many rows an index that may just be made has."""
    for path in cache.glob("folder-*/*.sqlite"):
        try:
            connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
            count = connection.execute("SELECT COUNT(*) FROM items").fetchone()[0]
            connection.close()
            return count
        except sqlite3.Error:
            continue
    return 0


def test_another_kind_of_workers_is_refused(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "cli.py", "index", "--workers", "spark"],
        cwd=ROOT, env=os.environ | {"VISUAL_SEARCH_CACHE": str(tmp_path)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 2
    assert "There are no workers 'spark'. Choose: --workers ray" in done.stderr


def test_a_cluster_that_is_not_there_is_said_at_once(tmp_path: Path) -> None:
    write_picture(tmp_path / "p" / "x.jpg", 1)
    done = subprocess.run(
        [sys.executable, "cli.py", "index", "--workers", "ray", "--catalog", f"folder:{tmp_path / 'p'}"],
        cwd=ROOT, env=os.environ | {"VISUAL_SEARCH_CACHE": str(tmp_path), "RAY_ADDRESS": "127.0.0.1:9"},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2
    assert "The cluster at 127.0.0.1:9 cannot be reached" in done.stderr


def test_where_there_is_a_gpu_one_actor_has_it_and_the_cores_read(cluster: str, tmp_path: Path, cache: Path) -> None:
    ray.shutdown()
    ray.init(num_cpus=2, num_gpus=1, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    root = pictures(tmp_path / "p", range(300))
    (root / "red" / "broken.jpg").write_bytes(b"no picture")
    report = on_cluster(root, cache, tmp_path / "pids")
    assert (report.pictures, report.encoded, len(report.skipped)) == (300, 300, 1)
    assert len(encoders(tmp_path / "pids")) == 1
    check(cache, root, tmp_path / "alone")
