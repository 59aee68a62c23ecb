"""What the product engine sees beyond search: filters by kind and colour as seen, and patterns said with care."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

import engines
from retrieval.core import AppError, EncoderSpec
from retrieval.pictures import patterns
from services import Services
from services.models import product
from services.models.product import AppearanceFilter
from services.words import looking
from settings import Settings
from tests.fakes.drawn import shirt, trousers
from ui.search import appearance_filters, flow
from ui.search.question import Question

needs_weights = pytest.mark.skipif(
    engines.missing(engines.spec("product", "fashion")) is not None, reason="our product weights are not here"
)
SHADES = {"red": (200, 30, 40), "blue": (43, 95, 184), "green": (46, 125, 70)}


def spec() -> EncoderSpec:
    return engines.spec("product:fashion")


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Services:
    """Return services over four plain garments of each of three colours, indexed."""
    shop = tmp_path_factory.mktemp("shop")
    for name, shade in SHADES.items():
        for number in range(4):
            image = Image.new("RGB", (120, 160), (238, 236, 232))
            ImageDraw.Draw(image).rectangle((25 + number, 25, 95, 130 - 6 * number), fill=shade)
            image.save(shop / f"{name}-{number}.png")
    found = Services(Settings(index_cache=tmp_path_factory.mktemp("cache")), [f"folder:{shop}"])
    found.indexes.build(found.catalogs.infos()[0].key, spec())
    return found


def narrowed(services: Services, k: int, wanted: AppearanceFilter) -> list[str]:
    key = services.catalogs.infos()[0].key
    vector = services.indexes.searcher(key, spec()).index.vectors(["red-0.png"])[0]
    return [hit.id for hit in services.products.narrowed(key, spec(), vector, k, wanted).hits]


@needs_weights
def test_only_garments_of_a_seen_colour_pass_the_nearest_first(services: Services) -> None:
    found = narrowed(services, 12, AppearanceFilter(colours=("blue", "navy")))
    assert sorted(found) == [f"blue-{n}.png" for n in range(4)]
    everything = narrowed(services, 12, AppearanceFilter())
    assert [name for name in everything if name.startswith("blue")] == found
    assert len(narrowed(services, 2, AppearanceFilter(colours=("red", "blue")))) == 2
    assert narrowed(services, 12, AppearanceFilter(colours=("purple",))) == []


@needs_weights
def test_a_filter_by_colour_looks_at_so_many_pictures_and_no_more_however_many_results_are_wanted(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(product, "MOST_LOOKED_AT", 5)
    looked: list[str] = []
    look = services.products._look

    def noted(key: str, item: str) -> product.Appearance | None:
        looked.append(item)
        return look(key, item)

    monkeypatch.setattr(services.products, "_look", noted)
    key = services.catalogs.infos()[0].key
    vector = services.indexes.searcher(key, spec()).index.vectors(["red-0.png"])[0]
    result = services.products.narrowed(key, spec(), vector, 10_000, AppearanceFilter(colours=("red",)))
    assert len(looked) == 5
    assert {hit.id[:3] for hit in result.hits} == {"red"}
    assert "the nearest 5 of 12 pictures" in result.notes[-1]


@needs_weights
def test_words_look_at_no_picture_when_they_are_asked(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a picture was looked at while somebody waited")

    key = services.catalogs.infos()[0].key
    services.words.prepare(key)
    for name in ("garment", "look_at"):
        monkeypatch.setattr(looking, name, refuse)
    monkeypatch.setattr(services.products, "_look", refuse)
    asked = Question(catalog=key, text="red", balance=0, count=4)
    found = flow.answer(services, asked, spec())
    assert found.result
    assert sorted(hit.id for hit in found.result.hits) == [f"red-{n}.png" for n in range(4)]
    assert all(found.why[hit.id] for hit in found.result.hits)


@needs_weights
def test_kinds_as_seen_are_counted_and_part_the_catalogue(services: Services) -> None:
    counts = services.products.kinds(services.catalogs.infos()[0].key, spec())
    assert sum(counts.values()) == 12
    parts = [narrowed(services, 12, AppearanceFilter(kinds=(kind,))) for kind in counts]
    assert [len(part) for part in parts] == list(counts.values())
    assert len({name for part in parts for name in part}) == 12


@needs_weights
def test_what_goes_with_a_picture_is_what_its_neighbours_share(tmp_path: Path) -> None:
    for kind, drawn in (("upper", shirt), ("lower", trousers)):
        (tmp_path / "shop" / kind).mkdir(parents=True)
        for number in range(12):
            drawn(SHADES["blue"], number).save(tmp_path / "shop" / kind / f"{number}.png")
    found = Services(Settings(index_cache=tmp_path / "cache"), [f"folder:{tmp_path / 'shop'}"])
    key = found.catalogs.infos()[0].key
    found.indexes.build(key, spec())
    vector = found.indexes.searcher(key, spec()).index.vectors(["upper/0.png"])[0]
    (one,) = found.products.associations(key, spec(), vector, ["upper/0.png"])
    assert (one.attribute, one.value, one.near, one.neighbours) == ("label", "upper", 6, 6)
    assert one.lift == pytest.approx(2)


@needs_weights
def test_a_picture_that_is_gone_has_no_colour_and_the_search_goes_on(services: Services) -> None:
    key = services.catalogs.infos()[0].key
    services.products._looks.clear()
    path = Path(services.catalogs.catalog(key).name.removeprefix("folder:")) / "green-1.png"
    data = path.read_bytes()
    path.unlink()
    try:
        found = narrowed(services, 12, AppearanceFilter(colours=("green",)))
        assert sorted(found) == [
            "green-0.png",
            "green-2.png",
            "green-3.png",
        ]
    finally:
        path.write_bytes(data)
        services.products._looks.clear()


@needs_weights
def test_the_page_offers_what_is_seen_and_takes_it_out_of_the_catalogues_filter(services: Services) -> None:
    key = services.catalogs.infos()[0].key
    choice = appearance_filters.offered(
        services, key, spec(), {"facets": [], "chosen": {appearance_filters.KIND: ["no kind"]}}, {}
    )
    assert choice["facets"][-1]["name"] == appearance_filters.COLOUR
    assert choice["chosen"] == {}
    wanted, rest = appearance_filters.parted({appearance_filters.COLOUR: ["red"], "label": ["Dress"]})
    assert (wanted, rest) == (AppearanceFilter(colours=("red",)), {"label": ["Dress"]})
    question = Question(catalog=key, item="red-0.png", count=12, filter={appearance_filters.COLOUR: ["red"]})
    found = flow.answer(services, question, spec()).result
    assert found
    assert sorted(hit.id for hit in found.hits) == [f"red-{n}.png" for n in (1, 2, 3)]
    assert appearance_filters.names(["red"]) == ["red"]
    with pytest.raises(AppError):
        appearance_filters.names("red")
    with pytest.raises(AppError, match="no kind 'Gown'. Choose from: .*Dress"):
        appearance_filters.check(services, AppearanceFilter(kinds=("Gown",)), spec())
    with pytest.raises(AppError, match="no colour 'mauvish'. Choose from: .*red"):
        appearance_filters.check(services, AppearanceFilter(colours=("mauvish",)), spec())
    appearance_filters.check(services, AppearanceFilter(("Dress",), ("red",)), spec())


@pytest.mark.parametrize(
    ("probabilities", "told"),
    [
        ({"plain": 0.85, "printed": 0.15}, "plain"),
        ({"plain": 0.7, "printed": 0.3}, None),
        ({"printed": 0.99, "plain": 0.01}, None),
        ({"floral": 0.85, "plain": 0.15}, None),
        ({"floral": 0.95, "plain": 0.05}, "floral"),
    ],
)
def test_a_pattern_is_said_only_where_it_can_be_trusted(probabilities: dict[str, float], told: str | None) -> None:
    assert patterns.said(probabilities) == told


def test_stripes_are_seen_and_said() -> None:
    pixels = np.full((160, 120, 3), 235, np.uint8)
    pixels[20:140, 20:100] = np.where(np.arange(120)[:, None, None] // 6 % 2, (30, 40, 120), (240, 240, 240))
    garment = np.zeros((160, 120), np.float32)
    garment[20:140, 20:100] = 1
    assert patterns.said(patterns.pattern(Image.fromarray(pixels), garment)) == "striped"
