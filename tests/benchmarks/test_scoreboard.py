"""The scoreboard: official layouts are read as their authors mean them, and the page says what was measured."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.scoreboard import __main__ as scoreboard
from benchmarks.scoreboard import our_sets, page, public_sets
from benchmarks.scoreboard.bench import Bench, MeasuredSet
from retrieval.core import AppError
from services import Services
from settings import Settings
from tests.conftest import COLOUR_SPEC, jpeg, write_picture

pytestmark = pytest.mark.usefixtures("place")


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(Services(Settings(index_cache=tmp_path / "cache"), []), COLOUR_SPEC, False, tmp_path / "data")


def listing(path: Path, heading: str, rows: Sequence[str]) -> None:
    """Write a list as DeepFashion's authors do: how many, what the columns are, then the rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([str(len(rows)), heading, *rows]))


def in_shop_folder(root: Path) -> Path:
    """Write two products in the layout of the In-shop benchmark; a product's query is the picture of its gallery."""
    rows, boxes = [], []
    for product in (1, 2):
        for number, role in ((1, "query"), (2, "gallery"), (3, "train")):
            name = f"img/WOMEN/Dresses/id_{product:08}/0{number}_1_front.jpg"
            write_picture(root / "Img" / name, product)
            rows.append(f"{name}   id_{product:08}   {role}")
            boxes.append(f"{name} 3 1 004 004 044 060")
    listing(root / "Eval" / "list_eval_partition.txt", "image_name item_id evaluation_status", rows)
    listing(root / "Anno" / "list_bbox_inshop.txt", "image_name clothes_type pose_type x_1 y_1 x_2 y_2", boxes)
    return root


def test_in_shop_queries_ask_the_gallery_by_item_and_box(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = in_shop_folder(tmp_path / "inshop")
    found = public_sets.in_shop(root)
    assert [item.attributes["role"] for item in found] == ["query", "gallery"] * 2
    assert {item.box for item in found} == {(4, 4, 44, 60)}
    assert found.open(found.items[0].id).size == (40, 56)
    monkeypatch.setenv("INSHOP", str(root))
    measured = next(each for each in public_sets.SETS if each.name == "deepfashion-inshop").measure(bench)
    assert (measured["queries"], measured["gallery"], measured["p_at_1"], measured["hit_at_20"]) == (2, 2, 1, 1)


def test_consumer_to_shop_takes_the_test_pairs_and_each_shop_picture_once(tmp_path: Path) -> None:
    rows = [
        "img/DRESSES/id_1/consumer_01.jpg img/DRESSES/id_1/shop_01.jpg id_1 test",
        "img/DRESSES/id_1/consumer_02.jpg img/DRESSES/id_1/shop_01.jpg id_1 test",
        "img/DRESSES/id_2/consumer_01.jpg img/DRESSES/id_2/shop_01.jpg id_2 train",
    ]
    heading = "image_pair_name_1 image_pair_name_2 item_id evaluation_status"
    listing(tmp_path / "Eval" / "list_eval_partition.txt", heading, rows)
    found = {item.id: item.attributes for item in public_sets.to_shop(tmp_path)}
    assert len(found) == 3
    assert found["img/DRESSES/id_1/shop_01.jpg"] == {"item": "id_1", "role": "gallery"}
    assert found["img/DRESSES/id_1/consumer_02.jpg"] == {"item": "id_1", "role": "query"}


def parquet(path: Path, rows: Sequence[tuple[int, str, str]]) -> None:
    """Write pictures as LookBench's parquet files hold them, two to a row group."""
    path.parent.mkdir(parents=True, exist_ok=True)
    table = [{"image": {"bytes": jpeg(n), "path": None}, "category": c, "main_attribute": m} for n, c, m in rows]
    pq.write_table(pa.Table.from_pylist(table), path, row_group_size=2)


def test_look_bench_is_right_by_category_and_main_attribute_with_noise_in_every_gallery(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for subset in public_sets.LOOKS:
        folder = tmp_path / "look" / "v1" / subset
        parquet(folder / "gallery.parquet", [(1, "Dress", "Red"), (2, "dress", "blue"), (3, "hat", "red")])
        # The first finds its own picture, whose attribute is another; the second finds its own, rightly.
        parquet(folder / "query.parquet", [(2, "dress", "red"), (3, "HAT", "red ")])
    parquet(tmp_path / "look" / "v1" / "noise" / "gallery.parquet", [(n, "bag", "") for n in range(10, 15)])
    monkeypatch.setenv("LOOKBENCH", str(tmp_path / "look"))
    measured = public_sets.looks(bench)
    assert (measured["queries"], measured["overall"], measured["aigen_studio"]) == (8, 0.5, 0.5)
    catalog = public_sets.look_bench(tmp_path / "look", "real_studio_flat")
    assert len(list(catalog)) == 2 + 3 + 5
    assert catalog.read("1/2") == jpeg(3)


def test_a_public_set_that_is_not_here_says_which_variable_names_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("INSHOP", raising=False)
    failed = scoreboard.row(next(s for s in public_sets.SETS if s.name == "deepfashion-inshop"), bench)
    assert failed["failed"] == "Nothing says where this set lies. Set INSHOP to its folder."
    with pytest.raises(AppError, match="list_eval_partition.txt cannot be read"):
        public_sets.in_shop(tmp_path)


def test_the_shop_is_asked_by_its_other_views_with_regions_too(bench: Bench) -> None:
    rows = ["file_name,product,view"]
    for n in range(8):
        write_picture(bench.data / "shop" / f"{n}.jpg", n // 2)
        rows.append(f"{n}.jpg,p{n // 2},{('main', ('back', 'alt1')[n // 2 % 2])[n % 2]}")
    (bench.data / "shop" / "metadata.csv").write_text("\n".join(rows))
    for regions in (False, True):
        figures = our_sets.shop(replace(bench, regions=regions))
        assert (figures["queries"], figures["gallery"], figures["p_at_1"]) == (4, 4, 1)


def made_up(figures: dict[str, float]) -> MeasuredSet:
    return MeasuredSet(
        "made-up", "Made up", "About it.", {"p_at_1": "P@1", "map": "mAP"}, lambda bench: figures, "Clothing Dataset",
        (("Others", {"p_at_1": 0.5}),),
    )  # fmt: skip


def test_a_table_puts_the_best_first_marks_what_was_learned_and_keeps_what_others_published() -> None:
    rows = [
        {
            "set": "made-up",
            "engine": "a:x",
            "regions": False,
            "figures": {"queries": 1200, "gallery": 9, "p_at_1": 0.25},
        },
        {"set": "made-up", "engine": "b:y", "regions": True, "figures": {"p_at_1": 0.75, "map": 0.5}},
        {"set": "made-up", "engine": "c:z", "regions": False, "failed": "not here"},
    ]
    shown = page.section(made_up({}), rows, {"b:y": "fine-tuned on the Clothing Dataset (CC0)"}).splitlines()
    assert shown[3] == "1,200 questions among 9 pictures."
    assert shown[5:] == [
        "| engine | regions | P@1 | mAP |",
        "| --- | --- | --- | --- |",
        "| b:y † | yes | **0.750** | **0.500** |",
        "| a:x |  | 0.250 |  |",
        "| *Others, published* |  | 0.500 |  |",
    ]


def test_the_command_measures_a_piece_keeps_it_and_writes_the_same_page_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[float] = []

    def measure(bench: Bench) -> dict[str, float]:
        measured.append(1.0)
        return {"queries": 3.0, "gallery": 4.0, "p_at_1": 1 / 3}

    monkeypatch.setattr(scoreboard, "SETS", (replace(made_up({}), measure=measure),))
    words = ["scoreboard", "--set", "made-up", "--engine", "colours", "--out", str(tmp_path / "docs")]
    for extra in ([], [], ["--again"]):
        monkeypatch.setattr(sys, "argv", [*words, *extra])
        scoreboard.main()
    assert len(measured) == 2
    text = (tmp_path / "docs" / "scoreboard.md").read_text(encoding="utf-8")
    assert "| colours:none |  | **0.333** |  |" in text
    (row,) = json.loads((tmp_path / "docs" / "scoreboard.json").read_text())
    assert row["figures"] == {"queries": 3.0, "gallery": 4.0, "p_at_1": 0.3333}
    monkeypatch.setattr(sys, "argv", words)
    scoreboard.main()
    assert (tmp_path / "docs" / "scoreboard.md").read_text(encoding="utf-8") == text
