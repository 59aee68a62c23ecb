"""Pictures in a bucket, over real HTTP: what is asked of it, what is kept, and everything that can go wrong."""

from __future__ import annotations

import builtins
import json
import shutil
import tracemalloc
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from retrieval import catalogs
from retrieval.catalogs.local.deepfashion2 import DeepFashion2Catalog
from retrieval.catalogs.local.folder import FolderCatalog
from retrieval.catalogs.s3 import bucket as s3
from retrieval.catalogs.s3 import catalog as s3_catalog
from retrieval.catalogs.s3.catalog import S3Catalog, S3Options
from retrieval.catalogs.s3.listing import Listed, Listing
from retrieval.core import AppError, BadPictureError
from retrieval.pictures import decoding
from tests.conftest import ColourEncoder, blocks, built, encoded, jpeg, stored, write_picture
from tests.fakes import bucket
from tests.fakes.bucket import BUCKET, Store

pytest.importorskip("boto3", reason="boto3 is not installed: pip install -r requirements-scale.txt")
pytest.importorskip("moto", reason="moto is not installed: pip install -r requirements-dev.txt")

PLACE = f"s3://{BUCKET}"


@pytest.fixture(scope="module")
def served() -> Iterator[Store]:
    with bucket.serving() as store:
        yield store


@pytest.fixture
def store(served: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Return an empty store, which boto3 finds by its own chain."""
    served.faults.clear()
    for each in served.client.list_objects_v2(Bucket=BUCKET).get("Contents", ()):
        served.delete(each["Key"])
    served.asked.clear()
    bucket.environment(monkeypatch, served.url)
    monkeypatch.setattr(s3, "_WAIT_SECONDS", 0.001)
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0.001)
    return served


@pytest.fixture
def options(tmp_path: Path) -> S3Options:
    return S3Options(tmp_path / "s3")


def upload(store: Store, folder: Path, prefix: str = "") -> None:
    """Put every file below `folder` into the bucket."""
    for path in folder.rglob("*"):
        if path.is_file():
            store.put(f"{prefix}{path.relative_to(folder).as_posix()}", path.read_bytes())


def attributes(catalog: S3Catalog | FolderCatalog) -> dict[str, dict[str, str]]:
    return {item.id: dict(item.attributes) for item in catalog}


# --- What is there


def test_a_bucket_is_read_as_the_same_folder_would_be(store: Store, folder: Path, options: S3Options) -> None:
    (folder / "red" / "metadata.csv").write_text("file_name,season\n00.jpg,summer\n03,winter\n")
    (folder / "notes.txt").write_text("no picture")
    write_picture(folder / ".hidden.jpg", 1)
    write_picture(folder / "blue" / "deep" / "x.PNG", 1)
    upload(store, folder, "shop/")
    catalog = S3Catalog(f"{PLACE}/shop/", options)
    assert attributes(catalog) == attributes(FolderCatalog(folder))
    assert (catalog.name, catalog.title) == (f"{PLACE}/shop", "shop")
    assert catalog.open("red/00.jpg").tobytes() == FolderCatalog(folder).open("red/00.jpg").tobytes()


def test_a_table_at_the_root_counts_for_all_and_is_read_again_only_when_it_changes(
    store: Store, folder: Path, options: S3Options
) -> None:
    upload(store, folder)
    store.put("images.csv", b"image,season\nred/00.jpg,summer\n01,winter\n")
    catalog = S3Catalog(PLACE, options)
    found = attributes(catalog)
    assert (found["red/00.jpg"], found["green/01.jpg"], found["blue/02.jpg"]) == (
        {"season": "summer"},
        {"season": "winter"},
        {},
    )
    assert attributes(S3Catalog(PLACE, options)) == found
    assert store.count("GET /pictures/images.csv") == 1
    store.put("images.csv", b"image,season\nred/00.jpg,spring\n")
    assert attributes(S3Catalog(PLACE, options))["red/00.jpg"] == {"season": "spring"}
    store.delete("images.csv")
    assert attributes(S3Catalog(PLACE, options))["red/00.jpg"] == {"label": "red"}


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (b"picture,season\n", "has no column that names pictures; its columns are: picture, season"),
        (b"", "has no column that names pictures; its columns are: none"),
        (b"PAR1", "has no column that names pictures; its columns are: PAR1"),
    ],
)
def test_a_table_that_is_none_is_said_and_the_pictures_stay(
    store: Store, options: S3Options, table: bytes, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    store.put("a/x.jpg", jpeg(1))
    store.put("a/metadata.csv", table)
    assert attributes(S3Catalog(PLACE, options)) == {"a/x.jpg": {"label": "a"}}
    assert f"a/metadata.csv {said}" in caplog.text


def test_a_table_may_have_any_bytes_and_rows_of_any_length(store: Store, options: S3Options) -> None:
    store.put("a/x.jpg", jpeg(1))
    store.put("a/metadata.csv", b"\xef\xbb\xbffile_name,season\n\xff\xfe,y\n\nx.jpg,sum\xe4mer,more,more\n,z\ny.jpg\n")
    assert attributes(S3Catalog(PLACE, options)) == {"a/x.jpg": {"season": "sum\ufffdmer"}}


def test_labels_may_come_from_names(store: Store, options: S3Options) -> None:
    store.put("dress_1.jpg", jpeg(1))
    assert attributes(S3Catalog(PLACE, options, r"^[a-z]+")) == {"dress_1.jpg": {"label": "dress"}}


@pytest.mark.parametrize(
    "key", ["ä ö/ü ✓.jpg", "日本/着物.jpg", "a+b&c=d%20?.jpg", "//odd/./x.jpg", "e\u0301.jpg", "🎽.jpg"]
)
def test_keys_may_be_any_text(store: Store, options: S3Options, key: str, cache: Path) -> None:
    store.put(f"pr é/{key}", jpeg(3))
    catalog = S3Catalog(f"{PLACE}/pr é", options)
    assert [item.id for item in catalog] == [key]
    assert built(catalog, cache, ColourEncoder()).pictures == 1
    assert list(stored(cache)) == [key]


def test_deepfashion2_s_layout_below_a_prefix_gives_the_same_garments(
    store: Store, tmp_path: Path, options: S3Options
) -> None:
    root = tmp_path / "corpus" / "validation"
    for n in (1, 2, 3):
        write_picture(root / "image" / f"{n:06}.jpg", n)
    note = {"source": "user", "pair_id": 7, "item1": {"bounding_box": [4, 6, 30, 40], "style": 1, "scale": 2,
            "category_name": "skirt", "landmarks": [1] * 99}, "item2": {"bounding_box": [0, 0, 0, 9]}}  # fmt: skip
    (root / "annos").mkdir()
    (root / "annos" / "000001.json").write_text(json.dumps(note))
    (root / "annos" / "000002.json").write_text("{broken")
    (root / "annos" / "000009.json").write_text(json.dumps(note))
    upload(store, root.parent, "df2/")
    local = DeepFashion2Catalog(root, "deepfashion2:x", "x")
    remote = S3Catalog(f"{PLACE}/df2/validation", options)
    assert {(i.id, i.box, *i.attributes.items()) for i in remote} == {
        (i.id, i.box, *i.attributes.items()) for i in local
    }
    assert remote.open("000001/item1").tobytes() == local.open("000001/item1").tobytes()
    with pytest.raises(BadPictureError, match="annotation of 000009/whole, but no picture image/000009.jpg"):
        remote.read("000009/whole")
    whole = S3Catalog(f"{PLACE}/df2", options)
    assert "validation/000001/item1" in {i.id for i in whole}
    assert whole.open("validation/000001/item1").size == local.open("000001/item1").size
    with pytest.raises(BadPictureError, match="no garment of this corpus"):
        whole.read("000001/item1")


def test_an_annotation_is_asked_for_once_until_it_changes(store: Store, options: S3Options) -> None:
    store.put("image/000001.jpg", jpeg(1))
    store.put("annos/000001.json", json.dumps({"item1": {"category_name": "skirt"}}).encode())
    assert attributes(S3Catalog(PLACE, options)) == {"000001/item1": {"category": "skirt"}}
    assert attributes(S3Catalog(PLACE, options)) == {"000001/item1": {"category": "skirt"}}
    assert store.count("GET /pictures/annos/000001.json") == 1
    store.put("annos/000001.json", json.dumps({"item1": {"category_name": "vest"}}).encode())
    assert attributes(S3Catalog(PLACE, options)) == {"000001/item1": {"category": "vest"}}


# --- What is asked of the bucket, and what is kept


def test_nothing_is_downloaded_but_what_is_looked_at_and_that_once(
    store: Store, folder: Path, options: S3Options
) -> None:
    upload(store, folder)
    store.asked.clear()
    catalog = S3Catalog(PLACE, options)
    assert len(list(catalog)) == 12
    assert store.count(".jpg") == 0
    for _ in range(3):
        catalog.open("red/00.jpg", 64)
    assert store.count(".jpg") == 1
    S3Catalog(PLACE, options).read("red/00.jpg")
    assert store.count(".jpg") == 1


def test_a_listing_is_used_again_for_a_while_and_a_new_process_makes_a_new_one(
    store: Store, folder: Path, options: S3Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload(store, folder)
    catalog = S3Catalog(PLACE, options)
    assert len(list(catalog)) == 12
    store.put("new.jpg", jpeg(50))
    store.asked.clear()
    assert len(list(catalog)) == len(list(catalog.known())) == 12
    assert store.asked == []
    again = S3Catalog(PLACE, options)
    assert len(list(again.known())) == 12
    assert len(list(again)) == 13
    store.delete("new.jpg")
    monkeypatch.setattr(s3_catalog.time, "monotonic", lambda: 1e12)
    assert len(list(again)) == 12


def test_a_changed_picture_is_read_anew_and_encoded_anew(
    store: Store, folder: Path, options: S3Options, cache: Path
) -> None:
    upload(store, folder)
    built(S3Catalog(PLACE, options), cache, ColourEncoder())
    store.put("red/00.jpg", jpeg(99))
    store.delete("red/03.jpg")
    report = built(S3Catalog(PLACE, options), cache, ColourEncoder())
    assert (report.encoded, report.removed, report.pictures) == (1, 1, 11)
    assert S3Catalog(PLACE, options).read("red/00.jpg") == jpeg(99)


def test_the_same_vectors_as_from_a_folder(store: Store, folder: Path, options: S3Options, tmp_path: Path) -> None:
    upload(store, folder)
    built(S3Catalog(PLACE, options), tmp_path / "a", ColourEncoder())
    built(folder, tmp_path / "b", ColourEncoder())
    ours, theirs = stored(tmp_path / "a"), stored(tmp_path / "b")
    assert ours.keys() == theirs.keys()
    assert all((ours[name][0] == theirs[name][0]).all() for name in ours)


def test_more_keys_than_one_answer_holds_are_all_listed(
    store: Store, folder: Path, options: S3Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload(store, folder)
    monkeypatch.setattr(s3, "PAGE", 5)
    assert attributes(S3Catalog(PLACE, options)) == attributes(FolderCatalog(folder))
    assert store.count("continuation-token") == 2


def test_a_listing_of_any_length_is_held_on_disk_and_not_in_memory(tmp_path: Path) -> None:
    listing = Listing(tmp_path / "l.sqlite")
    pages = ([Listed(f"{p:04}/{n:04}-{'k' * 40}.jpg", "e" * 32, 1) for n in range(1000)] for p in range(100))
    tracemalloc.start()
    listing.renew(pages)
    count = sum(len(page) for page in listing.objects())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 100_000
    assert peak < 4_000_000  # one page is about 0.3 MB, all of them 25 MB


def test_a_listing_that_breaks_off_loses_nothing(tmp_path: Path) -> None:
    listing = Listing(tmp_path / "l.sqlite")
    listing.renew([[Listed("a", "1", 1), Listed("b", "1", 1)]])

    def broken() -> Iterator[list[Listed]]:
        yield [Listed("c", "1", 1)]
        raise AppError("the network is gone")

    with pytest.raises(AppError, match="network"):
        listing.renew(broken())
    assert [each.key for page in listing.objects() for each in page] == ["a", "b", "c"]
    listing.renew([[Listed("b", "2", 1)]])
    assert [(each.key, each.etag) for page in listing.objects() for each in page] == [("b", "2")]


# --- What goes wrong


def test_an_object_that_is_no_picture_is_skipped_by_name(store: Store, options: S3Options, cache: Path) -> None:
    store.put("good.jpg", jpeg(1))
    store.put("bad.jpg", b"<html>not found</html>")
    store.put("empty.jpg", b"")
    report = built(S3Catalog(PLACE, options), cache, ColourEncoder())
    assert report.pictures == 1
    assert [name for name, _ in report.skipped] == ["bad.jpg", "empty.jpg"]


def test_an_object_that_is_too_large_is_not_downloaded(
    store: Store, options: S3Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put("large.jpg", b"x" * (2 << 20))
    monkeypatch.setattr(decoding, "MAX_BYTES", 1 << 20)
    with pytest.raises(BadPictureError, match="larger than 1 MB"):
        S3Catalog(PLACE, options).read("large.jpg")


def test_a_key_that_vanishes_after_it_was_listed_is_skipped_and_looked_for_again(
    store: Store, options: S3Options, cache: Path
) -> None:
    store.put("a.jpg", jpeg(1))
    store.put("b.jpg", jpeg(2))
    catalog = S3Catalog(PLACE, options)
    assert len(list(catalog)) == 2
    store.delete("b.jpg")
    report = built(catalog, cache, ColourEncoder())
    assert report.skipped == [("b.jpg", "The object is not in the bucket any more.")]
    report = built(S3Catalog(PLACE, options), cache, ColourEncoder())
    assert (report.pictures, report.removed, report.skipped) == (1, 1, [])


@pytest.mark.parametrize("kind", ["cut", "slow down", "broken"])
def test_a_fault_that_passes_is_not_noticed(store: Store, options: S3Options, kind: str) -> None:
    store.put("a.jpg", jpeg(1))
    catalog = S3Catalog(PLACE, options)
    store.faults["a.jpg"] = (kind, 2)
    assert catalog.read("a.jpg") == jpeg(1)
    assert store.count("GET /pictures/a.jpg") == 3


def test_an_answer_that_stops_half_way_is_asked_for_again(
    store: Store, options: S3Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3, "READ_SECONDS", 0.3)
    store.put("a.jpg", jpeg(1))
    catalog = S3Catalog(PLACE, options)
    store.faults["a.jpg"] = ("hang", 1)
    assert catalog.read("a.jpg") == jpeg(1)


@pytest.mark.parametrize(
    ("kind", "said"),
    [("cut", "could not be read"), ("slow down", "503 SlowDown"), ("denied", "403 AccessDenied"),
     ("archived", "Restore it")],
)  # fmt: skip
def test_a_fault_that_stays_is_one_picture_s_and_is_tried_again_by_the_next_build(
    store: Store, options: S3Options, kind: str, said: str, cache: Path
) -> None:
    store.put("a.jpg", jpeg(1))
    store.put("b.jpg", jpeg(2))
    store.faults["GET /pictures/b.jpg"] = (kind, 100)
    report = built(S3Catalog(PLACE, options), cache, ColourEncoder())
    assert report.pictures == 1
    assert [name for name, _ in report.skipped] == ["b.jpg"]
    assert said in report.skipped[0][1]
    store.faults.clear()
    report = built(S3Catalog(PLACE, options), cache, ColourEncoder())
    assert (report.pictures, report.encoded, report.skipped) == (2, 1, [])


def test_a_store_that_fails_for_all_stops_the_build_and_the_next_goes_on(
    store: Store, options: S3Options, cache: Path
) -> None:
    for n in range(160):
        store.put(f"{n:03}.jpg", jpeg(n))
    catalog = S3Catalog(PLACE, options)
    for n in range(64, 160):
        store.faults[f"{n:03}.jpg"] = ("denied", 100)
    with pytest.raises(
        AppError, match=r"1\d pictures of s3://pictures in a row could not be read.*What is done is kept"
    ):
        built(catalog, cache, ColourEncoder())
    store.faults.clear()
    report = built(S3Catalog(PLACE, options), cache, ColourEncoder())
    assert report.pictures == 160
    assert report.reused >= 32


def test_credentials_that_expire_half_way_stop_the_build_at_once(store: Store, options: S3Options, cache: Path) -> None:
    store.put("a.jpg", jpeg(1))
    store.put("b.jpg", jpeg(2))
    catalog = S3Catalog(PLACE, options)
    store.faults["b.jpg"] = ("expired", 100)
    with pytest.raises(AppError, match=r"refuses these credentials \(ExpiredToken\). Renew them"):
        built(catalog, cache, ColourEncoder())


def test_a_listing_that_fails_is_said_and_the_index_before_stays(
    store: Store, folder: Path, options: S3Options, cache: Path
) -> None:
    upload(store, folder)
    built(S3Catalog(PLACE, options), cache, ColourEncoder())
    catalog = S3Catalog(PLACE, options)
    store.faults["list-type"] = ("slow down", 100)
    with pytest.raises(AppError, match="cannot be listed .S3 answers 503 SlowDown"):
        built(catalog, cache, ColourEncoder())
    assert len(stored(cache)) == 12
    assert len(list(catalog.known())) == 12


def test_a_denied_annotation_stops_the_build_so_that_no_garment_is_taken_for_a_whole_picture(
    store: Store, options: S3Options
) -> None:
    store.put("image/000001.jpg", jpeg(1))
    store.put("annos/000001.json", b'{"item1": {"category_name": "skirt"}}')
    store.faults["annos/000001.json"] = ("denied", 100)
    with pytest.raises(AppError, match=r"annos/000001.json is needed. The object could not be read .S3 answers 403"):
        list(S3Catalog(PLACE, options))
    store.faults.clear()
    assert attributes(S3Catalog(PLACE, options)) == {"000001/item1": {"category": "skirt"}}


def test_a_bucket_that_is_not_there_a_prefix_without_objects_and_a_name_that_is_none_are_said(
    store: Store, options: S3Options
) -> None:
    store.put("shop/a.jpg", jpeg(1))
    for name, said in (
        ("s3://nothing-here", "There is no bucket for s3://nothing-here"),
        (f"{PLACE}/sho", f"There is nothing in {PLACE}/sho. Check the prefix"),
        ("s3://", "is no place in S3"),
        ("s3:pictures", "is no place in S3"),
        ("s3://no bucket!", "is no place in S3"),
    ):
        with pytest.raises(AppError, match=said):
            S3Catalog(name, options)


def test_a_bucket_that_may_not_be_listed_is_said(store: Store, options: S3Options) -> None:
    store.faults["list-type"] = ("denied", 100)
    with pytest.raises(AppError, match=r"Nobody lets you list s3://pictures .AccessDenied.*s3:ListBucket"):
        S3Catalog(PLACE, options)


def test_a_public_bucket_is_read_without_credentials(
    store: Store, options: S3Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.client.put_object(Bucket=BUCKET, Key="red/1.jpg", Body=jpeg(1), ACL="public-read")
    monkeypatch.setattr(store, "public", True)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    catalog = S3Catalog(PLACE, options)
    assert [catalog.read(item.id) for item in catalog] == [jpeg(1)]


def test_missing_credentials_are_said_with_how_to_give_them(
    store: Store, options: S3Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(AppError, match=r"no credentials for s3://pictures .*AWS_ACCESS_KEY_ID.*AWS_PROFILE"):
        S3Catalog(PLACE, options)
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(AppError, match=r"no credentials .*nobody"):
        S3Catalog(PLACE, options)


def test_a_store_that_does_not_answer_is_said(
    store: Store, options: S3Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(AppError, match=r"s3://pictures cannot be reached .*AWS_ENDPOINT_URL"):
        S3Catalog(PLACE, options)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "nowhere")
    with pytest.raises(AppError, match="AWS_ENDPOINT_URL is no address"):
        S3Catalog(PLACE, options)


def test_without_boto3_the_command_that_installs_it_is_said(
    options: S3Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def missing(name: str, *more: Any, **given: Any) -> Any:  # noqa: ANN401 - as import itself
        if name.startswith("boto"):
            raise ImportError(name)
        return real(name, *more, **given)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(AppError, match=r"pip install -r requirements-scale.txt"):
        S3Catalog(PLACE, options)


# --- On the page and the command line


def test_thumbnails_come_through_the_app_or_by_signed_links(store: Store, folder: Path, options: S3Options) -> None:
    upload(store, folder)
    assert catalogs.link(S3Catalog(PLACE, options), "red/00.jpg") is None
    store.put("ä b.jpg", jpeg(5))
    catalog = S3Catalog(PLACE, S3Options(options.folder, links=True))
    link = catalogs.link(catalog, "ä b.jpg")
    assert link is not None
    assert "X-Amz-Signature=" in link
    with urllib.request.urlopen(link) as answer:
        assert answer.read() == jpeg(5)
    assert catalogs.link(catalog, "scan.tif") is None  # no browser shows it


def test_garments_are_cut_out_by_the_app_whatever_the_setting(store: Store, options: S3Options) -> None:
    store.put("image/000001.jpg", encoded(blocks(1), "JPEG"))
    store.put("annos/000001.json", b'{"item1": {"bounding_box": [0, 0, 9, 9]}}')
    catalog = S3Catalog(PLACE, S3Options(options.folder, links=True))
    assert catalogs.link(catalog, "000001/item1") is None
    assert isinstance(catalog.open("000001/item1"), Image.Image)
    shutil.rmtree(options.folder / "pictures")
    assert catalog.open("000001/item1").size == (9, 9)
