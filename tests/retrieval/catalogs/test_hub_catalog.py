"""Data sets of the Hub: opened offline from the caches, streamed into our own store, resumed, and refused in words."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from retrieval.catalogs.hub import catalog as huggingface
from retrieval.catalogs.hub import columns, download, source
from retrieval.catalogs.hub.names import HubName, parse
from retrieval.core import AppError, BadPictureError, Stopped
from tests.conftest import ColourEncoder, built, jpeg, stored

datasets = pytest.importorskip("datasets")
from tests.fakes import hub  # noqa: E402 - it needs the library


@pytest.fixture(autouse=True)
def caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the library caches of this test alone, and no network."""
    from huggingface_hub import constants

    for name in ("HF_DATASETS_CACHE", "DOWNLOADED_DATASETS_PATH", "EXTRACTED_DATASETS_PATH"):
        monkeypatch.setattr(datasets.config, name, tmp_path / "datasets" / name.lower())
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    (tmp_path / "hub").mkdir()


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def downloaded(tmp_path: Path) -> str:
    """Return a data set whose Parquet files the Hub's client has downloaded: 40 rows to train, 6 to test."""
    hub.into_hub_cache("shop/clothes", tmp_path, tmp_path / "hub", train=hub.rows(40), test=hub.rows(6, 100))
    return "hf:shop/clothes"


def opened(name: str, store: Path) -> huggingface.HubCatalog:
    return huggingface.open_hub(parse(name), store)


NAMES = [
    ("hf:a/b", HubName("a/b")),
    ("hf:b", HubName("b")),
    ("hf:a/b:test#20", HubName("a/b", split="test", limit=20)),
    ("hf:a/b@small:test", HubName("a/b", config="small", split="test")),
    ("hf:a/b?image=mask&where=kind%3Da+%23%3F", HubName("a/b", image="mask", where=("kind", "a #?"))),
]


@pytest.mark.parametrize(("name", "meant"), NAMES)
def test_a_name_says_what_is_wanted_and_is_written_the_same_way(name: str, meant: HubName) -> None:
    assert parse(name) == meant
    assert parse(str(meant)) == meant


@pytest.mark.parametrize(
    "name",
    ["hf:", "hf:../etc", "hf:/etc/passwd", "hf:a/b/c", "hf:a//b", "hf:~", "hf:a/b:../x", "hf:a/b@..", "hf:a/b#many",
     "hf:a/b#0", "hf:a/b#-1", "hf:a/b?code=1", "hf:a/b?where=x", "hf:a/b:train[:10%]", "hf:a\0b", "hf:" + "x" * 500],
)  # fmt: skip
def test_what_is_no_name_is_refused_in_words(name: str) -> None:
    with pytest.raises(AppError, match="no name|no number|is nothing|is written"):
        parse(name)


def test_the_library_s_cache_opens_without_a_network_and_without_a_copy(tmp_path: Path, store: Path) -> None:
    hub.into_library_cache("shop/clothes", tmp_path, train=hub.rows(40), test=hub.rows(6, 100))
    catalog = opened("hf:shop/clothes", store)
    items = list(catalog)
    assert [item.id for item in items] == [f"{n:04}.jpg" for n in range(40)]
    assert items[1].attributes == {"title": "no 1", "kind": "Hat", "new": "false"}
    assert items[3].attributes == {"title": "no 3", "new": "false"}  # a class of -1 is none
    assert catalog.read("0007.jpg") == jpeg(7)
    assert catalog.pictures == ("photo", "mask")
    assert not store.exists()
    assert [item.id for item in opened("hf:shop/clothes:test#2", store)] == ["0100.jpg", "0101.jpg"]


def test_downloaded_files_are_streamed_once_and_only_the_chosen_part_is_kept(
    downloaded: str, store: Path, tmp_path: Path
) -> None:
    catalog = opened(f"{downloaded}#10", store)
    assert [item.id for item in catalog] == [f"{n:04}.jpg" for n in range(10)]
    assert catalog.open("0003.jpg").size == (48, 64)
    size = sum(file.stat().st_size for file in store.rglob("*.arrow"))
    assert size < sum(len(jpeg(n)) for n in range(10)) + 30_000  # not the masks, not the other rows
    for file in (tmp_path / "hub").rglob("*"):
        if file.is_file() or file.is_symlink():
            file.unlink()
    again = opened(f"{downloaded}#10", store)
    assert again.fingerprint() == catalog.fingerprint()
    assert again.read("0009.jpg") == jpeg(9)


def test_another_picture_column_and_an_attribute_choose(downloaded: str, store: Path) -> None:
    catalog = opened(f"{downloaded}#4?image=mask&where=kind%3DHat", store)
    assert [item.id for item in catalog] == ["train/000001", "train/000005", "train/000009", "train/000013"]
    assert catalog.read("train/000005") == jpeg(5005)
    assert {item.attributes["kind"] for item in catalog} == {"Hat"}


def test_an_id_is_the_row_of_the_split_however_many_are_wanted(tmp_path: Path, store: Path) -> None:
    hub.into_library_cache("shop/bare", tmp_path, train=hub.rows(9, names=False))
    few = {item.id: item for item in opened("hf:shop/bare#3?where=kind%3DHat", store)}
    many = {item.id: item for item in opened("hf:shop/bare", store)}
    assert list(few) == ["train/000001", "train/000005"]
    assert {few[key].attributes == many[key].attributes for key in few} == {True}
    assert opened("hf:shop/bare", store).read("train/000005") == jpeg(5)


def test_a_corrupt_picture_is_skipped_by_name_and_the_rest_is_indexed(
    tmp_path: Path, store: Path, cache: Path, encoder: ColourEncoder
) -> None:
    cells = [{"bytes": jpeg(n), "path": None} for n in range(6)]
    cells[2] = {"bytes": b"\xff\xd8 not a picture", "path": None}
    hub.into_library_cache("shop/corrupt", tmp_path, train=hub.cells(*cells, None))
    report = built(opened("hf:shop/corrupt", store), cache, encoder)
    assert (report.pictures, [name for name, _ in report.skipped]) == (5, ["train/000002", "train/000006"])
    assert len(stored(cache)) == 5


def breaking(after: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the stream break after so many rows, as a connection does."""
    real = source.Source.content
    seen = iter(range(10**6))

    def content(self: source.Source, cell: Any) -> dict[str, Any]:  # noqa: ANN401
        if next(seen) >= after:
            raise ConnectionError("Connection reset by peer")
        return real(self, cell)

    monkeypatch.setattr(source.Source, "content", content)


def test_a_network_that_breaks_half_way_loses_nothing(
    downloaded: str, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "PART_ROWS", 8)
    with monkeypatch.context() as patched:
        breaking(27, patched)
        with pytest.raises(AppError, match="reset by peer.*goes on from there"):
            opened(downloaded, store)
    with monkeypatch.context() as patched:
        breaking(40 - 24, patched)  # as many as are missing, and not one more
        catalog = opened(downloaded, store)
    assert [catalog.read(item.id) for item in catalog] == [jpeg(n) for n in range(40)]


def test_stopping_keeps_what_has_arrived_and_going_on_gives_the_same(
    downloaded: str, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(fetching: download.Fetching) -> None:
        assert fetching.total == 40
        raise Stopped

    with pytest.raises(Stopped):
        huggingface.open_hub(parse(f"{downloaded}#40"), store, on_progress=stop)
    states = [json.loads(path.read_bytes()) for path in store.rglob(download.STATE)]
    assert [state["kept"] for state in states] == [20]
    assert len(list(opened(f"{downloaded}#40", store))) == 40


def test_what_is_nowhere_is_said_at_once_with_the_command(store: Path) -> None:
    with pytest.raises(AppError, match="not on this machine.*python cli.py catalogs add 'hf:no/where#5'"):
        opened("hf:no/where#5", store)


def test_a_data_set_without_pictures_names_its_columns(tmp_path: Path, store: Path) -> None:
    hub.into_hub_cache(
        "shop/texts", tmp_path, tmp_path / "hub", train=datasets.Dataset.from_dict({"text": ["a", "b"], "n": [1, 2]})
    )
    with pytest.raises(AppError, match="has no pictures: its columns are text, n"):
        opened("hf:shop/texts", store)


@pytest.mark.parametrize(
    ("asked", "said"),
    [(":nope", "no split 'nope'. Choose one of: test, train|no split 'nope'. Choose one of: train, test"),
     ("?image=kind", "no picture column 'kind'. Choose one of: photo, mask"),
     ("?where=size%3DL", "no attribute 'size'. Choose one of: title, story, kind, new"),
     ("?where=kind%3DCoat", "no picture in 'train' that fits")],
)  # fmt: skip
def test_what_the_data_set_does_not_have_is_said_with_what_it_has(
    downloaded: str, store: Path, asked: str, said: str
) -> None:
    with pytest.raises(AppError, match=said):
        opened(downloaded + asked, store)


@pytest.mark.parametrize("path", ["/etc/hostname", "SECRET", "../../secret.jpg", "https://example.com/x.jpg"])
def test_a_cell_that_names_a_file_of_this_machine_is_not_followed(tmp_path: Path, store: Path, path: str) -> None:
    secret = tmp_path / "secret.jpg"
    secret.write_bytes(jpeg(1))
    path = path.replace("SECRET", str(secret))
    cells = [{"bytes": None, "path": path}, {"bytes": jpeg(2), "path": "b.jpg"}]
    hub.into_hub_cache("shop/evil", tmp_path, tmp_path / "hub", train=hub.cells(*cells))
    catalog = opened("hf:shop/evil", store)
    first, second = (item.id for item in catalog)
    with pytest.raises(BadPictureError):
        catalog.read(first)
    assert catalog.read(second) == jpeg(2)
    assert jpeg(1) not in b"".join(file.read_bytes() for file in store.rglob("*.arrow"))


def test_the_library_s_cache_does_not_follow_such_a_cell_either(tmp_path: Path, store: Path) -> None:
    secret = tmp_path / "secret.jpg"
    secret.write_bytes(jpeg(1))
    data = hub.cells({"bytes": None, "path": "x.jpg"}, {"bytes": jpeg(2), "path": "y.jpg"})
    home = hub.into_library_cache("shop/evil", tmp_path, train=data)
    (arrow,) = home.rglob("*.arrow")
    evil = hub.cells({"bytes": None, "path": str(secret)}, {"bytes": jpeg(2), "path": "y.jpg"})
    with datasets.arrow_writer.ArrowWriter(features=evil.features, path=str(arrow)) as writer:
        writer.write_table(evil.data.table)
        writer.finalize()
    catalog = opened("hf:shop/evil", store)
    with pytest.raises(BadPictureError, match="no picture"):
        catalog.read("secret.jpg")


def test_millions_of_rows_are_not_taken_without_saying_how_many(
    downloaded: str, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = source.find
    monkeypatch.setattr(source, "find", lambda *given: replace(find(*given), rows={"train": 10_000_000}))
    with pytest.raises(AppError, match="has 10,000,000 rows.*'hf:shop/clothes:train#2000'"):
        opened(downloaded, store)
    assert len(list(opened(f"{downloaded}#5", store))) == 5


class Answers:
    """What the Hub says to every question: an error."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def dataset_info(self, *_: object, **__: object) -> Any:  # noqa: ANN401
        raise self.error


def refused(kind: str) -> Exception:
    import huggingface_hub.errors as errors
    from huggingface_hub.utils import httpx

    response = httpx.Response(403, request=httpx.Request("GET", "https://huggingface.co/api/datasets/a/b"))
    return getattr(errors, kind)("no", response=response)


@pytest.mark.parametrize(
    ("kind", "said"),
    [("GatedRepoError", "is gated.*https://huggingface.co/datasets/huggan/wikiat.*hf auth login"),
     ("RepositoryNotFoundError", "no data set 'huggan/wikiat'.*Did you mean huggan/wikiart?"),
     ("DisabledRepoError", "has closed")],
)  # fmt: skip
def test_what_the_hub_refuses_is_said_with_what_to_do(
    store: Path, monkeypatch: pytest.MonkeyPatch, kind: str, said: str
) -> None:
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub, "HfApi", lambda **_: Answers(refused(kind)))
    with pytest.raises(AppError, match=said):
        opened("hf:huggan/wikiat", store)


def test_a_data_set_that_runs_its_own_program_is_refused(
    tmp_path: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = hub.into_hub_cache("shop/program", tmp_path, tmp_path / "hub", train=hub.rows(2))
    (home / "snapshots" / hub.COMMIT / "program.py").write_text("raise SystemExit('it ran')")
    for file in (home / "snapshots" / hub.COMMIT / "data").iterdir():
        file.unlink()
    with pytest.raises(AppError, match="runs a program of its own.*refused"):
        opened("hf:shop/program", store)


def test_a_long_text_is_no_attribute_and_a_short_one_is() -> None:
    features = datasets.Features({"a": datasets.Value("string"), "b": datasets.Value("string")})
    given: list[dict[str, Any]] = [{"a": "red", "b": "x" * 300}, {"a": None, "b": "y"}]
    assert columns.short(("a", "b"), features, given) == ("a",)
