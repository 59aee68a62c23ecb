"""Tables of every form beside pictures: what they say, and what of them cannot be used."""

from __future__ import annotations

import json
import tracemalloc
import unicodedata
from collections.abc import Callable, Mapping
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from retrieval.catalogs.local.folder import FolderCatalog
from retrieval.catalogs.local.tables import reading
from retrieval.catalogs.local.tables.reading import LONGEST_CELL, MOST_COLUMNS
from tests.conftest import jpeg


def pictures(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(jpeg(1))


def said(folder: Path) -> tuple[dict[str, Mapping[str, str]], dict[str, str]]:
    """Return the attributes of every picture and the notes on the tables."""
    catalog = FolderCatalog(folder)
    found = {item.id: item.attributes for item in catalog}
    return found, dict(catalog.notes())


ROWS = [{"file_name": "a.jpg", "name": "Robe d’été", "price": "45 €"}, {"file_name": "b.jpg", "name": "Top, blue"}]
EXPECTED = {"a.jpg": {"name": "Robe d’été", "price": "45 €"}, "b.jpg": {"name": "Top, blue"}}


def separated(mark: str, encoding: str, line: str = "\r\n") -> Callable[[Path], None]:
    def write(path: Path) -> None:
        rows = [["file_name", "name", "price"], *([r["file_name"], f'"{r["name"]}"', r.get("price", "")] for r in ROWS)]
        path.write_bytes((line.join(mark.join(row) for row in rows) + line).encode(encoding))

    return write


def as_parquet(path: Path) -> None:
    parquet.write_table(pa.Table.from_pylist([{**dict.fromkeys(ROWS[0]), **row} for row in ROWS]), path)


def as_json_lines(path: Path) -> None:
    path.write_text("\n".join(json.dumps(row) for row in ROWS), encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("metadata.csv", separated(",", "utf-8")), ("metadata.csv", separated(";", "utf-8-sig")),
        ("metadata.csv", separated("\t", "utf-16")), ("export.csv", separated(";", "utf-16-le", "\n")),
        ("Products.TSV", separated("\t", "cp1252")), ("list.csv", separated("|", "cp1252")),
        ("metadata.parquet", as_parquet), ("metadata.jsonl", as_json_lines), ("products.ndjson", as_json_lines),
    ],
)  # fmt: skip
def test_a_table_of_any_form_says_the_same(tmp_path: Path, name: str, write: Callable[[Path], None]) -> None:
    pictures(tmp_path, "a.jpg", "b.jpg")
    write(tmp_path / name)
    assert said(tmp_path) == (EXPECTED, {})


@pytest.mark.parametrize("column", ["file_name", "filename", "image", "path", "id", "Bild", "name", "image link"])
def test_the_column_that_names_pictures_is_found_whatever_it_is_called(tmp_path: Path, column: str) -> None:
    pictures(tmp_path, "photos/10.jpg", "photos/11.jpg")
    rows = ["quantity,label," + column, "10,Hat,10.jpg", "12,Cap,11.jpg"]
    (tmp_path / "metadata.csv").write_text("\n".join(rows))
    expected = {"quantity": "10", "label": "Hat"}, {"quantity": "12", "label": "Cap"}
    assert said(tmp_path)[0] == {"photos/10.jpg": expected[0], "photos/11.jpg": expected[1]}


@pytest.mark.parametrize(
    "named", ["photos/a.jpg", r"photos\a.jpg", "PHOTOS/A.JPG", " a.jpg ", "./photos/a.jpg", "a", "/me/photos/a.jpg",
              r"C:\shop\photos\a.jpg", "https://shop.example/photos/a.jpg?w=300"],
)  # fmt: skip
def test_a_picture_is_found_however_it_is_written(tmp_path: Path, named: str) -> None:
    pictures(tmp_path, "photos/a.jpg", "photos/b.jpg")
    (tmp_path / "metadata.csv").write_text(f"file,label\n{named},Hat\n")
    assert said(tmp_path)[0]["photos/a.jpg"]["label"] == "Hat"


def test_accents_composed_or_not_and_case_find_the_same_file_and_the_exact_one_first(tmp_path: Path) -> None:
    pictures(tmp_path, unicodedata.normalize("NFD", "é.jpg"), "B.JPG", "x y.jpg", "in/c.jpg", "in/C.jpg")
    lines = ["file_name,label", f"{unicodedata.normalize('NFC', 'é.jpg')},Jupe", "b.jpg,Robe", "x y.jpg,Top"]
    (tmp_path / "metadata.csv").write_text("\n".join([*lines, "C.jpg,large", "c.jpg,small"]), encoding="utf-8")
    found, notes = said(tmp_path)
    labels = {unicodedata.normalize("NFC", name): each["label"] for name, each in found.items()}
    assert labels == {"é.jpg": "Jupe", "B.JPG": "Robe", "x y.jpg": "Top", "in/c.jpg": "small", "in/C.jpg": "large"}
    assert not notes


def test_kaggle_s_fashion_product_images_open_as_they_are(tmp_path: Path) -> None:
    pictures(tmp_path, "images/15970.jpg", "images/39386.jpg")
    (tmp_path / "styles.csv").write_text(
        "id,gender,masterCategory,articleType,baseColour,season,year,usage,productDisplayName\n"
        "15970,Men,Apparel,Shirts,Navy Blue,Fall,2011,Casual,Turtle Check Men Navy Blue Shirt\n"
        "39386,Men,Apparel,Jeans,Blue,Summer,2012,Casual,Peter England Jeans, slim, blue\n"
        "59263,Women,Accessories,Watches,Silver,Winter,2016,Casual,Titan Women Silver Watch\n"
    )
    (tmp_path / "images.csv").write_text("filename,link\n15970.jpg,http://a.example/15970.jpg\n39386.jpg,undefined\n")
    found, notes = said(tmp_path)
    assert found["images/39386.jpg"]["productDisplayName"] == "Peter England Jeans, slim, blue"
    assert found["images/15970.jpg"] == {
        "link": "http://a.example/15970.jpg", "gender": "Men", "masterCategory": "Apparel", "articleType": "Shirts",
        "baseColour": "Navy Blue", "season": "Fall", "year": "2011", "usage": "Casual",
        "productDisplayName": "Turtle Check Men Navy Blue Shirt",
    }  # fmt: skip
    assert notes == {"styles.csv": "1 of its 3 rows name no picture here: 59263"}


def test_a_hub_export_with_numbers_lists_and_boxes_is_put_in_words(tmp_path: Path) -> None:
    pictures(tmp_path, "train/0001.png")
    row = {
        "file_name": "0001.png",
        "price": 59.0,
        "new": True,
        "tags": ["a", "b"],
        "objects": {"bbox": [1]},
        "no": None,
    }
    (tmp_path / "train" / "metadata.jsonl").write_text(json.dumps(row))
    assert said(tmp_path)[0]["train/0001.png"] == {"price": "59", "new": "true", "tags": "a, b"}


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("metadata.csv", b"colour,label\nred,x\n", "no column that names pictures; its columns are: colour, label"),
        ("metadata.csv", b"", "its columns are: none"),
        ("metadata.jsonl", b'{"file_name": "a.jpg"\n', "cannot be read as a table"),
        ("metadata.jsonl", b"[1]\n", "line 1 is no object"),
        ("metadata.parquet", b"PAR1 is not all", "cannot be read as a table"),
        ("metadata.csv", b"file_name,label\na.jpg," + b"x" * (1 << 21), "field larger than field limit"),
    ],
)
def test_a_table_that_cannot_be_used_is_named_and_the_pictures_stay(
    tmp_path: Path, name: str, content: bytes, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "_LONGEST_FIELD", 1 << 20)
    pictures(tmp_path, "Hat/a.jpg")
    (tmp_path / name).write_bytes(content)
    found, notes = said(tmp_path)
    assert found == {"Hat/a.jpg": {"label": "Hat"}}
    assert reason in notes[name]


def test_half_a_character_in_json_is_shown_as_unknown(tmp_path: Path) -> None:
    pictures(tmp_path, "a.jpg")
    (tmp_path / "metadata.jsonl").write_text('{"file_name": "a.jpg", "label": "\\ud83d Hat", "\\ud83d": "x"}\n')
    assert said(tmp_path) == ({"a.jpg": {"label": "? Hat"}}, {})


def test_a_table_of_something_else_is_passed_over(tmp_path: Path) -> None:
    pictures(tmp_path, "Hat/a.jpg")
    (tmp_path / "bank.csv").write_text("date,amount\n2026-01-01,5\n")
    assert said(tmp_path) == ({"Hat/a.jpg": {"label": "Hat"}}, {})


def test_a_table_that_was_changed_is_read_again(tmp_path: Path) -> None:
    pictures(tmp_path, "a.jpg")
    catalog = FolderCatalog(tmp_path)
    for label in ("Hat", "Glove", "Sock 👗"):
        (tmp_path / "metadata.csv").write_text(f"file_name,label\na.jpg,{label}\n", encoding="utf-8")
        assert [item.attributes["label"] for item in catalog] == [label]


def test_a_table_that_was_of_no_use_is_read_when_its_pictures_come(tmp_path: Path) -> None:
    pictures(tmp_path, "a.jpg")
    (tmp_path / "list.csv").write_text("number,label\n7,Hat\n")
    catalog = FolderCatalog(tmp_path)
    assert [item.attributes for item in catalog] == [{}]
    pictures(tmp_path, "7.jpg")
    assert [item.attributes for item in catalog] == [{"label": "Hat"}, {}]


def test_the_first_of_several_rows_for_a_picture_counts_and_the_others_are_counted(tmp_path: Path) -> None:
    pictures(tmp_path, "a.jpg", "b.jpg")
    (tmp_path / "metadata.csv").write_text("file_name,label\na.jpg,Hat\na.jpg,Cap\nb.jpg,Sock\na.jpg,Shoe\n")
    found, notes = said(tmp_path)
    assert [each["label"] for each in found.values()] == ["Hat", "Sock"]
    assert notes == {"metadata.csv": "2 rows name a picture that an earlier row names; the earlier one counts."}


def test_rows_without_a_picture_are_counted_and_named(tmp_path: Path) -> None:
    pictures(tmp_path, "0.jpg")
    (tmp_path / "metadata.csv").write_text("file_name,label\n" + "".join(f"{n}.jpg,x\n" for n in range(1000)))
    notes = said(tmp_path)[1]
    assert notes["metadata.csv"] == (
        "999 of its 1,000 rows name no picture here: 1.jpg, 2.jpg, 3.jpg, 4.jpg, 5.jpg and 994 more"
    )


def test_a_very_long_cell_is_cut_and_very_many_columns_are_bounded(tmp_path: Path) -> None:
    pictures(tmp_path, "a.jpg")
    (tmp_path / "metadata.csv").write_text("file_name,description\na.jpg," + "word " * 2_000_000, encoding="utf-8")
    assert len(said(tmp_path)[0]["a.jpg"]["description"]) == LONGEST_CELL
    names = ",".join(f"c{n}" for n in range(200_000))
    (tmp_path / "metadata.csv").write_text(f"file_name,{names}\na.jpg{',1' * 200_000}\n")
    found, notes = said(tmp_path)
    assert len(found["a.jpg"]) == MOST_COLUMNS - 1
    assert notes["metadata.csv"] == f"only its first {MOST_COLUMNS} columns are read, 199,745 are not"


def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    pictures(tmp_path, "0.jpg")
    with (tmp_path / "metadata.csv").open("w") as file:
        file.write("file_name,name,price\n")
        file.writelines(f"{n}.jpg,Product number {n} of very many,{n % 90}\n" for n in range(50_000))
    tracemalloc.start()
    try:
        found, notes = said(tmp_path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found["0.jpg"]["name"] == "Product number 0 of very many"
    assert "49,999 of its 50,000 rows" in notes["metadata.csv"]
    assert peak < 9e6
