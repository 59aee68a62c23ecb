"""An index with regions: built once for all of a picture, resumed, kept up to date, and searched by the best."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from retrieval.catalogs.local.folder import FolderCatalog
from retrieval.core import Encoder, Stopped
from retrieval.evaluation.measures import Collection, per_query
from retrieval.evaluation.protocol import EvaluationProtocol
from retrieval.indexes.approximate import building, shard
from retrieval.indexes.approximate import index as approximate
from retrieval.indexes.exact import ExactIndex
from retrieval.indexes.region_index import RegionIndex
from retrieval.indexing.build import Progress, Report, build_index, open_manifest, stored_regions
from retrieval.indexing.region_rows import COUNT, RegionEncoder, count_in, spread, with_regions
from retrieval.pictures import decoding
from retrieval.pictures.regions import regions
from tests.conftest import COLOUR_SPEC, ColourEncoder, built, stored, write_picture


def regional(folder: Path, cache: Path, encoder: Encoder | None = None, most: int | None = None) -> Report:
    """Bring an index with regions up to date; stop when more than `most` pictures were encoded."""

    def on_progress(progress: Progress) -> None:
        if most is not None and progress.encoded > most:
            raise Stopped

    within = encoder or ColourEncoder()
    return build_index(
        FolderCatalog(folder), with_regions(COLOUR_SPEC), "d1", lambda: RegionEncoder(within), cache, on_progress
    )


def index_of(cache: Path) -> RegionIndex:
    index = RegionIndex(ExactIndex(COLOUR_SPEC.dim), COUNT)
    for ids, vectors, attributes in stored_regions(cache, COLOUR_SPEC):
        index.add_regions(ids, vectors, attributes)
    return index


def test_every_region_is_encoded_as_if_it_were_a_picture(folder: Path, cache: Path) -> None:
    report = regional(folder, cache)
    assert (report.pictures, report.encoded) == (12, 12)
    ((ids, vectors, _),) = stored_regions(cache, COLOUR_SPEC)
    assert vectors.shape == (12, COUNT, COLOUR_SPEC.dim)
    for item_id, held in zip(ids, vectors, strict=True):
        picture = decoding.decode((folder / item_id).read_bytes(), COLOUR_SPEC.image_size)
        np.testing.assert_allclose(held, ColourEncoder().encode_images(regions(picture)), atol=1e-6)
    assert count_in(open_manifest(cache, COLOUR_SPEC).dim, COLOUR_SPEC) == COUNT


def test_the_picture_of_a_file_finds_itself_first_at_one_and_comes_once(folder: Path, cache: Path) -> None:
    regional(folder, cache)
    index = index_of(cache)
    picture = decoding.decode((folder / "red" / "03.jpg").read_bytes(), COLOUR_SPEC.image_size)
    (hits,) = index.query(ColourEncoder().encode_images([picture]), 100)
    assert (hits[0].id, f"{hits[0].score:.3f}", dict(hits[0].attributes)) == ("red/03.jpg", "1.000", {"label": "red"})
    assert len({hit.id for hit in hits}) == len(hits) == 12


def test_a_second_build_encodes_what_is_new_and_forgets_what_is_gone(folder: Path, cache: Path) -> None:
    regional(folder, cache)
    assert regional(folder, cache).encoded == 0
    write_picture(folder / "red" / "new.jpg", 77)
    (folder / "blue" / "02.jpg").unlink()
    report = regional(folder, cache)
    assert (report.pictures, report.encoded, report.removed) == (12, 1, 1)
    assert "blue/02.jpg" not in index_of(cache)


def test_a_stopped_build_goes_on_where_it_was(tmp_path: Path, cache: Path) -> None:
    for n in range(70):
        write_picture(tmp_path / "many" / f"{n:02}.jpg", n)
    with pytest.raises(Stopped):
        regional(tmp_path / "many", cache, most=1)
    assert regional(tmp_path / "many", cache).encoded == 70 - 32


def test_an_index_without_regions_stays_until_the_one_with_them_is_finished(folder: Path, cache: Path) -> None:
    built(folder, cache, ColourEncoder())
    plain = stored(cache)
    with pytest.raises(Stopped):
        regional(folder, cache, most=1)
    assert stored(cache).keys() == plain.keys()
    assert open_manifest(cache, COLOUR_SPEC).dim == COLOUR_SPEC.dim
    regional(folder, cache)
    assert open_manifest(cache, COLOUR_SPEC).dim == COUNT * COLOUR_SPEC.dim
    # Who asks for one vector a picture gets that of the whole, as before.
    for item_id, (vector, _) in stored(cache).items():
        np.testing.assert_allclose(vector, plain[item_id][0], atol=1e-6)
    assert len(list(cache.glob("*.sqlite"))) == 1


def test_an_approximate_index_of_the_table_finds_what_the_exact_one_finds(
    folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shard, "LISTED_FROM", 16)
    monkeypatch.setattr(building, "PART_SLOTS", 30)
    regional(folder, cache)
    table = cache / open_manifest(cache, COLOUR_SPEC).table
    assert approximate.update_index(table, COLOUR_SPEC.dim).pictures == 12 * COUNT
    found = RegionIndex(approximate.ApproximateIndex(table, COLOUR_SPEC.dim), COUNT)
    assert len(found) == 12
    assert "red/00.jpg" in found
    queries = ColourEncoder().encode_images([decoding.decode((folder / "red" / "00.jpg").read_bytes(), 32)])
    for filter in (None, {"label": ["green", "blue"]}):
        ours, exact = (index.query(queries, 12, filter)[0] for index in (found, index_of(cache)))
        assert [hit.id for hit in ours] == [hit.id for hit in exact]
        assert [hit.score for hit in ours] == pytest.approx([hit.score for hit in exact], abs=1e-6)


def test_an_evaluation_ranks_by_the_score_of_the_regions(folder: Path, cache: Path) -> None:
    regional(folder, cache)
    held, index = Collection.of(cache, COLOUR_SPEC), index_of(cache)
    measured = per_query(held, None, EvaluationProtocol())
    for row, first in zip(measured.rows, measured.first_right, strict=True):
        found = [hit for hit in index.query(held.vectors[row][None], 12)[0] if hit.id != held.ids[row]]
        ranks = [n for n, hit in enumerate(found, 1) if hit.attributes["label"] == held.attributes[row]["label"]]
        assert first == ranks[0]


def test_rows_of_one_vector_keep_their_ids() -> None:
    vectors = np.zeros((2, 1, 3), np.float32)
    assert spread(["a", "b"], vectors, [{}, {}])[0] == ["a", "b"]
    assert len(spread(["a", "b"], np.zeros((2, 4, 3), np.float32), [{}, {"x": "y"}])[2]) == 8
