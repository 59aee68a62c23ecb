"""Questions in words over what is written and what is seen."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from retrieval.core import Item
from retrieval.pictures import colours, patterns
from retrieval.words.answer import Answer, Pictures, Scope
from retrieval.words.question import read
from retrieval.words.seen import Seen
from retrieval.words.table import Looked, WordTable


@pytest.fixture
def table(tmp_path: Path) -> WordTable:
    return WordTable(tmp_path)


def filled(table: WordTable, rows: Mapping[str, Mapping[str, str]]) -> Pictures:
    table.update(Item(name, attributes, "1") for name, attributes in rows.items())
    return Pictures(table)


def asked(pictures: Pictures, text: str, **scope: object) -> Answer:
    return pictures.answer(read(text), Scope(**scope))  # type: ignore[arg-type]


def ids(answer: Answer) -> list[str]:
    return [each.id for each in answer.found]


def look(colour: str, kind: str) -> bytes:
    """Return what is seen of a garment all of one colour and kind, plain."""
    shades = np.append(colours.prototypes(colour)[0], 1.0).astype(np.float32)[None]
    plain = {name: float(name == "plain") for name in patterns.NAMES}
    return Seen(shades, {kind: 0.9}, plain).pack()


@pytest.mark.parametrize(
    ("text", "value"),
    [("Röcke", "Röcke"), ("rocke", "Röcke"), ("裙子", "红色裙子"), ("裙", "红色裙子"), ("Women's", "Women’s"),
     ("womens", "Women's"), ("T-shirt/top", "T-shirt/top"), ("jacke*", "Jackets"), ("платье", "Платье"),
     ("ワンピース", "青いワンピース"), ("running", "runs"), ('"full zip"', "Full zip"), ("👗 dress", "👗 dress")],
)  # fmt: skip
def test_a_word_of_any_script_finds_what_bears_it(table: WordTable, text: str, value: str) -> None:
    pictures = filled(table, {"a.jpg": {"name": "other"}, "b.jpg": {"category": value}, "c.jpg": {}})
    assert ids(asked(pictures, text)) == ["b.jpg"]


def test_what_bears_all_words_comes_before_what_bears_some_and_says_why(table: WordTable) -> None:
    pictures = filled(table, {
        "1.jpg": {"name": "Jade jacket", "colour": "red"}, "2.jpg": {"name": "Jade hoodie", "colour": "navy"},
        "3.jpg": {"name": "Coat of Jade", "colour": "navy"}, "4.jpg": {"name": "Jade tee", "text": "A jacket " * 20},
    })  # fmt: skip
    answer = asked(pictures, "navy jacket")
    assert ids(answer)[0] == "3.jpg"
    assert answer.strong == 1
    assert answer.found[0].why == ("colour: navy", "name: coat")


def test_a_colour_column_overrules_a_name_and_a_name_overrules_other_columns_of_kind(table: WordTable) -> None:
    pictures = filled(table, {
        "1.jpg": {"name": "Jade Jacket", "colour": "blue"}, "2.jpg": {"name": "Zip Jacket", "colour": "mint"},
        "3.jpg": {"name": "Power Shorts", "style": "Sweatpants", "colour": "grey"},
        "4.jpg": {"name": "Comfort", "category": "Pants", "colour": "grey"},
    })  # fmt: skip
    assert ids(asked(pictures, "green jacket"))[0] == "2.jpg"
    assert asked(pictures, "green jacket").strong == 1
    assert ids(asked(pictures, "grey pants"))[0] == "4.jpg"
    assert ids(asked(pictures, "blue jacket"))[0] == "1.jpg"


def test_a_fabric_in_a_name_or_a_text_counts_beside_another_in_a_column(table: WordTable) -> None:
    pictures = filled(table, {
        "1.jpg": {"name": "Pant", "material": "Polyester", "description": "Lined with fleece all the way down."},
        "2.jpg": {"name": "Fleece-lined Jacket", "material": "Nylon"}, "3.jpg": {"name": "Cap", "material": "Fleece"},
    })  # fmt: skip
    assert ids(asked(pictures, "fleece")) == ["2.jpg", "3.jpg", "1.jpg"]


def test_a_longer_name_is_not_the_shorter_one_in_it(table: WordTable) -> None:
    pictures = filled(table, {"a.jpg": {"name": "Dress shirt"}, "b.jpg": {"name": "Silk dress"}})
    assert ids(asked(pictures, "dress")) == ["b.jpg"]


def test_synonyms_find_what_is_called_otherwise(table: WordTable) -> None:
    pictures = filled(
        table, {"a.jpg": {"name": "Sneakers"}, "b.jpg": {"name": "Anorak"}, "c.jpg": {"name": "Maroon tee"}}
    )
    assert [ids(asked(pictures, text)) for text in ("shoes", "jacket", "burgundy")] == [["a.jpg"], ["b.jpg"], ["c.jpg"]]


def test_file_and_folder_names_are_words_too(table: WordTable) -> None:
    pictures = filled(table, {"women_dresses/summer-01.jpg": {}, "men/02.jpg": {}})
    assert ids(asked(pictures, "summer dress")) == ["women_dresses/summer-01.jpg"]


def test_what_is_seen_answers_where_nothing_is_written(table: WordTable) -> None:
    pictures = filled(table, {f"{n}.jpg": {} for n in range(4)})
    looks = [("red", "jacket"), ("blue", "jacket"), ("blue", "shorts"), ("green", "shorts")]
    table.note_seen("v", [Looked(n + 1, "1", look(*each)) for n, each in enumerate(looks)])
    answer = asked(Pictures(table), "blue jacket")
    assert ids(answer)[0] == "1.jpg"
    assert answer.found[0].why == ("looks blue, 100 %", "looks jacket, 90 %")
    assert set(ids(asked(Pictures(table), "shorts, no green"))) == {"2.jpg"}
    assert pictures.seen.looked.sum() == 0


def test_what_the_table_says_of_a_colour_counts_more_than_what_is_seen(table: WordTable) -> None:
    filled(table, {"0.jpg": {"colour": "green"}, "1.jpg": {"colour": "blue"}})
    table.note_seen("v", [Looked(1, "1", look("blue", "shorts")), Looked(2, "1", look("green", "shorts"))])
    assert ids(asked(Pictures(table), "blue shorts"))[0] == "1.jpg"


def test_numbers_bound_the_price_and_a_price_to_ask_for_is_left_out(table: WordTable) -> None:
    rows = {"a.jpg": "$45.00", "b.jpg": "80 €", "c.jpg": "ask", "d.jpg": "59,99"}
    pictures = filled(table, {name: {"name": "Fleece", "price": price} for name, price in rows.items()})
    assert set(ids(asked(pictures, "fleece under 60"))) == {"a.jpg", "d.jpg"}
    assert ids(asked(pictures, "over 60")) == ["b.jpg"]
    assert ids(asked(pictures, "fleece under 45")) == []
    assert ids(asked(pictures, "fleece up to 45")) == ["a.jpg"]
    sized = filled(table, {"a.jpg": {"size": "44"}, "b.jpg": {"size": "38"}})
    assert ids(asked(sized, "size over 40")) == ["a.jpg"]


def test_numbers_without_a_price_are_said_and_the_rest_is_answered(table: WordTable) -> None:
    answer = asked(filled(table, {"a.jpg": {"name": "Fleece"}}), "fleece under 60")
    assert ids(answer) == ["a.jpg"]
    assert "No picture has a price" in answer.notes[0]


def test_a_word_nobody_understands_is_said_and_the_rest_is_answered(table: WordTable) -> None:
    answer = asked(filled(table, {"a.jpg": {"name": "Red dress"}, "b.jpg": {}}), "red quux dress")
    assert ids(answer) == ["a.jpg"]
    assert answer.notes[0] == "'quux' was not understood; the rest is answered."


def test_a_filter_and_pages_narrow_the_answer(table: WordTable) -> None:
    pictures = filled(table, {f"{n}.jpg": {"name": "Tee", 'view "x"': "main" if n % 2 else "back"} for n in range(10)})
    assert ids(asked(pictures, "tee", filter={'view "x"': ["main"]}, count=2, start=1)) == ["3.jpg", "5.jpg"]
    assert asked(pictures, "tee", filter={'view "x"': ["main"]}).total == 5


def test_an_image_text_model_counts_most(table: WordTable) -> None:
    pictures = filled(table, {"a.jpg": {"name": "Red dress"}, "b.jpg": {}, "c.jpg": {}})
    assert ids(asked(pictures, "red dress", similarities={"b.jpg": 0.3, "c.jpg": 0.2, "a.jpg": 0.29}))[0] == "a.jpg"
    assert ids(asked(pictures, "gloomy", similarities={"b.jpg": 0.3, "a.jpg": 0.2}))[0] == "b.jpg"


def test_the_table_follows_the_catalogue(table: WordTable) -> None:
    filled(table, {"a.jpg": {"name": "Red dress"}, "b.jpg": {"name": "Blue skirt"}})
    assert not table.update([Item("a.jpg", {"name": "Red dress"}, "1"), Item("b.jpg", {"name": "Blue skirt"}, "1")])
    pictures = filled(table, {"a.jpg": {"name": "Green coat"}, "c.jpg": {"name": "Red dress"}})
    assert ids(asked(pictures, "red dress")) == ["c.jpg"]
    assert ids(asked(pictures, "coat")) == ["a.jpg"]
    assert len(pictures) == 2
