"""Conditions on attributes: values, ranges of numbers and of dates, and what there is where nothing has them."""

from __future__ import annotations

import pytest

from retrieval.core import AppError
from retrieval.words import dates
from retrieval.words.conditions import counted, read

ROWS = [
    {"view": "main", "price": "$45.00", "added": "2026-05-01", "Größe": "M, slim"},
    {"view": "Back", "price": "60", "added": "2026:05:31 12:00:00", "Größe": "L"},
    {"view": "main", "price": "ask", "added": "1.6.2026", "Größe": "L"},
]


def passing(*conditions: str) -> list[int]:
    """Return which of ROWS pass."""
    filter = read(conditions, counted(ROWS)) or {}
    return [n for n, row in enumerate(ROWS) if all(row[name] in values for name, values in filter.items())]


@pytest.mark.parametrize(
    ("conditions", "rows"),
    [
        ((), [0, 1, 2]), (("view=main",), [0, 2]), (("VIEW = back",), [1]), (("view=main,back",), [0, 1, 2]),
        (("view=main", "view=back"), [0, 1, 2]), (("view=main", "price<100"), [0]), (("price=45",), [0]),
        (("price=20..60",), [0, 1]), (("price=..45",), [0]), (("price=46..",), [1]), (("price<60",), [0]),
        (("price<=60",), [0, 1]), (("price>45",), [1]), (("price>=45",), [0, 1]), (("price=20..60", "price>50"), [1]),
        (("grosse=m, slim",), [0]), (("Größe=L",), [1, 2]), (("added=2026-05..2026-05",), [0, 1]),
        (("added>2026-05",), [2]), (("added<=2026-05-01",), [0]), (("added>=2026",), [0, 1]),
    ],
)  # fmt: skip
def test_conditions_let_through_what_meets_all_of_them(conditions: tuple[str, ...], rows: list[int]) -> None:
    assert passing(*conditions) == rows


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("view", "'view' is no condition. Write ATTRIBUTE=VALUE"),
        ("colour=red", "has the attribute 'colour'. There are: Größe, added, price, view."),
        ("view=front", "has view 'front'. There are: main, Back."),
        ("view=main,front", "has view 'front'"),
        ("price=500..600", "No picture has such a price. There are: "),
        ("price=a..b", "'a..b' is no range"),
        ("price<cheap", "'cheap' is no range"),
    ],
)
def test_what_no_picture_has_is_an_error_that_lists_what_there_is(condition: str, said: str) -> None:
    with pytest.raises(AppError) as error:
        passing(condition)
    assert said in str(error.value)


def test_a_catalogue_without_attributes_says_so() -> None:
    with pytest.raises(AppError, match="There are: none, neither in a table nor by folders"):
        read(["view=main"], {})


@pytest.mark.parametrize(
    ("text", "days"), [("2026", 365), ("2024-02", 29), ("2026-05-01", 1), ("2026-05-01T10:00Z", 1), ("31.12.1999", 1)]
)
def test_a_date_is_read_as_the_days_that_it_names(text: str, days: int) -> None:
    first, last = dates.span(text) or (0, 0)
    assert last - first + 1 == days


@pytest.mark.parametrize("text", ["", "soon", "2026-13-01", "2026-02-30", "12", "0000:00:00 00:00:00"])
def test_what_is_no_date_is_none(text: str) -> None:
    assert dates.span(text) is None
