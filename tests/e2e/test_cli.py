"""The real command line in processes of its own, on a folder of pictures, with real weights."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageEnhance

import engines
from tests.conftest import CLOTHING, ROOT, SHARED, encoded, write_picture

TORCH_HOME = SHARED / "weights" / "torch"
WEIGHTS = next(
    (row.weights for row in engines.REGISTRY.rows if row.engine == "squeezenet" and row.file
     and (engines.WEIGHTS_FOLDER / row.file).is_file()),
    "imagenet" if TORCH_HOME.is_dir() else None,
)  # fmt: skip
needs_weights = pytest.mark.skipif(WEIGHTS is None, reason="no weights of SqueezeNet are on this machine")
SECRET = "sk-never-to-be-shown"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with pictures/, labelled by folder, and an index_cache/ that the tests share."""
    root = tmp_path_factory.mktemp("cli")
    for n in range(12):
        write_picture(
            root / "pictures" / ("Hat", "shoe", "Skip")[n % 3] / f"{('hat', 'shoe', 'skip')[n % 3]}-{n:02} é.jpg", n
        )
    return root


def cli(
    place: Path, *arguments: object, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    known = {
        **os.environ,
        "VISUAL_SEARCH_CACHE": str(place / "index_cache"),
        "OPENAI_API_KEY": SECRET,
        "TORCH_HOME": os.environ.get("TORCH_HOME", str(TORCH_HOME)),
    }
    command = [sys.executable, "cli.py", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, env={**known, **(environment or {})}, capture_output=True, text=True)


def answer(place: Path, *arguments: object) -> Any:  # noqa: ANN401 - JSON is any value
    """Run a command with --json and return what it printed, which must be JSON and nothing else."""
    done = cli(place, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def on(folder: Path) -> tuple[object, ...]:
    return "--engine", "squeezenet", "--weights", WEIGHTS, "--catalog", f"folder:{folder}"


@needs_weights
def test_index_counts_and_names_what_it_did_and_has_nothing_to_do_twice(place: Path) -> None:
    folder = place / "again"
    for n in range(4):
        write_picture(folder / f"{n}.jpg", n)
    (folder / "letter [bold].jpg").write_text("not a picture")
    report = answer(place, "index", *on(folder))
    assert (report["pictures"], report["encoded"]) == (4, 4)
    assert [name for name, _ in report["skipped"]] == ["letter [bold].jpg"]
    told = cli(place, "index", *on(folder))
    assert "4 pictures indexed: 0 encoded, 4 unchanged" in told.stdout
    assert "skipped letter [bold].jpg" in told.stderr


@needs_weights
def test_a_query_that_is_in_the_folder_comes_first_with_score_one(place: Path) -> None:
    query = place / "pictures" / "Hat" / "hat-03 é.jpg"
    hits = answer(place, "search", *on(place / "pictures"), "--image", query, "-k", 500)
    assert hits[0]["id"] == "Hat/hat-03 é.jpg"
    assert f"{hits[0]['score']:.3f}" == "1.000"
    assert hits[0]["attributes"] == {"label": "Hat"}
    assert len(hits) == 12
    assert all(set(hit) == {"id", "score", "attributes"} for hit in hits)
    assert [hit["score"] for hit in hits] == sorted((hit["score"] for hit in hits), reverse=True)


@needs_weights
def test_evaluate_by_label_leaves_out_the_excluded(place: Path) -> None:
    measured = answer(place, "evaluate", *on(place / "pictures"), "--match", "label", "--exclude-label", "sKIP")
    promised = {"engine", "weights", "queries", "gallery", "p_at_1", "p_at_10", "r_at_1", "r_at_10", "map",
                "encode_ms", "search_ms_p50", "search_ms_p95"}  # fmt: skip
    assert promised <= set(measured)
    assert (measured["engine"], measured["weights"]) == ("squeezenet", WEIGHTS)
    assert (measured["queries"], measured["gallery"]) == (8, 8)
    assert measured["r_at_10"] == 1.0


@needs_weights
def test_evaluate_by_name_finds_copies_from_another_folder(place: Path) -> None:
    for path in sorted((place / "pictures").rglob("*.jpg"))[:6]:
        with Image.open(path) as image:
            copy = ImageEnhance.Brightness(image.crop((2, 2, 46, 62))).enhance(1.1)
        (place / "copies").mkdir(exist_ok=True)
        (place / "copies" / path.name).write_bytes(encoded(copy, "JPEG"))
    measured = answer(
        place, "evaluate", *on(place / "pictures"), "--queries", f"folder:{place / 'copies'}", "--match", "name"
    )
    assert (measured["queries"], measured["gallery"], measured["unmatched"]) == (6, 12, 0)
    assert measured["r_at_10"] == 1.0


@needs_weights
def test_evaluate_takes_labels_from_the_names(place: Path) -> None:
    flat = place / "flat"
    flat.mkdir()
    for path in (place / "pictures").rglob("*.jpg"):
        shutil.copy(path, flat)
    nothing = cli(place, "evaluate", *on(flat))
    assert nothing.returncode == 2
    assert "--label-pattern" in nothing.stderr
    measured = answer(place, "evaluate", *on(flat), "--label-pattern", r"^([a-z]+)-\d", "--exclude-label", "HAT")
    assert (measured["queries"], measured["gallery"]) == (8, 8)


@needs_weights
def test_evaluate_asks_some_views_for_others_and_lists_the_views_there_are(place: Path) -> None:
    rows = ["file_name,product,view"]
    for n in range(6):
        write_picture(place / "views" / f"{n}.jpg", n // 2)
        rows.append(f"{n}.jpg,p{n // 2},{('Main', 'back')[n % 2]}")
    (place / "views" / "metadata.csv").write_text("\n".join(rows))
    asked = ("evaluate", *on(place / "views"), "--match", "product", "--query-where", "view=BACK")
    measured = answer(place, *asked, "--gallery-where", "view=main")
    assert (measured["queries"], measured["gallery"], measured["hit_at_10"]) == (3, 3, 1.0)
    assert measured["p_at_1"] == 1.0  # both views of a product are one picture here
    wrong = cli(place, *asked, "--gallery-where", "view=side")
    assert wrong.returncode == 2
    assert "No picture has view 'side'. There are: back, main." in wrong.stderr


def test_doctor_says_what_works_and_shows_no_key(place: Path) -> None:
    done = cli(place, "doctor", "--json")
    checks = json.loads(done.stdout)
    assert {"name", "ok", "found", "remedy"} == set(checks[0])
    found = {check["name"]: check for check in checks}
    assert found["key OPENAI_API_KEY"]["found"] == "present"
    assert {"python", "processor", "gpu", "disk", "catalogue sample", "package faiss-cpu"} <= set(found)
    assert all(check["ok"] or check["remedy"] for check in checks)
    assert SECRET not in done.stdout + done.stderr + cli(place, "doctor").stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("index", "--engine", "resnet"), "Choose one of: "),
        (("index", "--engine", "squeezenet", "--weights", "best"), "Choose one of: fashion, imagenet"),
        (("index", "--catalog", "nowhere"), "Choose one of: sample, paintings, folder:PATH"),
        (("index", "--catalog", "folder:/no/such/folder"), "no folder /no/such/folder"),
        (("search", "--catalog", "folder:{place}", "--image", "{place}/none.jpg"), "none.jpg cannot be read"),
        (("search", "--catalog", "folder:{place}", "--image", "{place}"), "cannot be read"),
        (("search", "--catalog", "folder:{place}", "--image", "cli.py"), "not a picture"),
        (("evaluate", "--catalog", "folder:{place}", "--label-pattern", "(["), "no regular expression"),
        (("index", "--catalog", "folder:{place}/empty"), "no pictures in"),
    ],
    ids=lambda value: None if isinstance(value, str) else " ".join(value[:3]),
)
def test_what_a_person_can_mend_is_one_sentence_and_exit_code_2(
    place: Path, arguments: tuple[str, ...], says: str
) -> None:
    (place / "empty").mkdir(exist_ok=True)
    done = cli(place, *(argument.replace("{place}", str(place)) for argument in arguments), "--json")
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_cache_that_cannot_be_written_is_told(place: Path) -> None:
    (place / "in the way").write_text("")
    cache = {"VISUAL_SEARCH_CACHE": str(place / "in the way" / "cache")}
    done = cli(place, "index", "--catalog", f"folder:{place / 'pictures'}", environment=cache)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_the_app_refuses_a_folder_that_is_not_there_with_a_sentence(place: Path) -> None:
    command = [sys.executable, "app.py", "--catalog", f"folder:{place}/nowhere"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert "There is no folder" in done.stderr
    assert "Traceback" not in done.stderr


@needs_weights
@pytest.mark.skipif(not CLOTHING.is_dir(), reason="the Clothing Dataset is not in ../shared")
def test_photos_of_the_clothing_dataset_are_found_and_measured(place: Path) -> None:
    photos = place / "clothing" / "images"
    photos.mkdir(parents=True)
    for photo in sorted((CLOTHING / "images").iterdir())[:60]:
        shutil.copy(photo, photos)
    shutil.copy(CLOTHING / "images.csv", photos.parent)
    query = sorted(photos.iterdir())[7]
    hits = answer(place, "search", *on(photos.parent), "--image", query, "-k", 5)
    assert (hits[0]["id"], f"{hits[0]['score']:.3f}") == (f"images/{query.name}", "1.000")
    assert set(hits[0]["attributes"]) == {"label", "sender_id", "kids"}
    measured = answer(place, "evaluate", *on(photos.parent), "--exclude-label", "Not sure", "--exclude-label", "other")
    assert 0 < measured["queries"] <= 60
    assert measured["map"] > 0.1
