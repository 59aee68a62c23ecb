"""Edits in words against a service on this machine that checks what it gets and tints what the mask leaves open."""

from __future__ import annotations

import io
import logging
import re
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image, ImageDraw

from engines.editing.framing import Frame
from engines.editing.models import facts, frame_size, listed
from engines.editing.requests import Access
from retrieval.core import AppError
from services.edits import (
    CancelToken,
    EditRequest,
    Edits,
    Failed,
    PartialImage,
    RetryAfter,
    Step,
    StoppedError,
    Variant,
    read_mask,
)
from settings import Settings
from tests.conftest import blocks, encoded
from tests.fakes import images_service
from tests.fakes.images_service import KEY, Service

SIZE = (300, 400)
BOX = (90, 120, 210, 330)
FLARE, FIXED, PLAIN = "gpt-image-2.5-flare", "gpt-image-1.5", "dall-e-2"


@pytest.fixture
def service() -> Iterator[Service]:
    with images_service.running() as running:
        yield running


def edits(service: Service, key: str = KEY, seconds: float = 60.0) -> Edits:
    return Edits(Settings(openai_key=key, openai_base_url=service.url, edit_seconds=seconds))


def marked(box: tuple[int, int, int, int] = BOX) -> Image.Image:
    mask = Image.new("L", SIZE)
    ImageDraw.Draw(mask).rectangle((box[0], box[1], box[2] - 1, box[3] - 1), fill=255)
    return mask


def request(model: str = FLARE, **more: object) -> EditRequest:
    given: dict[str, object] = {"prompt": "make it red", "change": marked(), "model": model, **more}
    return EditRequest(blocks(3, SIZE), **given)  # type: ignore[arg-type]


def made(steps: Iterator[Step]) -> list[Image.Image]:
    return [step.image for step in steps if isinstance(step, Variant)]


def told(found: Edits, asked: EditRequest | None = None, key: str | None = None) -> str:
    """Return what a person is told of an edit that fails."""
    with pytest.raises(AppError) as error:
        list(found.edit(asked or request(), CancelToken(), key))
    assert KEY not in str(error.value)
    assert KEY not in repr(error.value)
    assert error.value.__cause__ is None
    return str(error.value)


@pytest.mark.parametrize("model", [FLARE, FIXED, "gpt-image-1-mini", "gpt-image-2", "gpt-image-2.6-flare", PLAIN])
def test_what_is_marked_turns_red_and_the_rest_stays_where_it_was(service: Service, model: str) -> None:
    (picture,) = made(edits(service).edit(request(model), CancelToken()))
    assert picture.size == SIZE
    before, after = (np.asarray(image, np.float32) for image in (blocks(3, SIZE), picture))
    inside = np.s_[BOX[1] + 8 : BOX[3] - 8, BOX[0] + 8 : BOX[2] - 8]
    assert (after[inside][..., 0] > after[inside][..., 1:].max(axis=2) + 60).all()
    outside = np.ones(SIZE[::-1], bool)
    outside[BOX[1] - 8 : BOX[3] + 8, BOX[0] - 8 : BOX[2] + 8] = False
    assert np.abs(before - after)[outside].mean() < 3


def test_the_mask_is_transparent_where_to_change_and_as_large_as_the_picture(service: Service) -> None:
    list(edits(service).edit(request(FIXED), CancelToken()))
    (got,) = service.seen
    assert got.mask is not None
    assert got.mask.size == got.image.size == (1024, 1536)
    alpha = np.asarray(got.mask.getchannel("A"))
    assert set(np.unique(alpha)) == {0, 255}
    # 300 x 400 becomes 1024 x 1365 with margins of 85 and 86 above and below: nothing is asked for there.
    assert (alpha[:85] == 255).all()
    assert (alpha[-86:] == 255).all()
    assert alpha[85 + round(225 * 1024 / 300), 512] == 0
    share = (alpha == 0).sum() / (1024 * 1365)
    assert share == pytest.approx(120 * 210 / (300 * 400), abs=0.005)


@pytest.mark.parametrize(
    ("model", "sent"),
    [
        (FLARE, {"stream": "true", "partial_images": "2", "size": "880x1184"}),
        (FIXED, {"stream": "true", "partial_images": "2", "size": "1024x1536", "input_fidelity": "high"}),
        (PLAIN, {"n": "2", "size": "1024x1024", "response_format": "b64_json"}),
    ],
)
def test_a_model_is_sent_only_what_it_takes(service: Service, model: str, sent: dict[str, str]) -> None:
    list(edits(service).edit(request(model, variants=2), CancelToken()))
    for got in service.seen:
        assert got.fields == {"prompt": "make it red", "model": model, **sent}


def test_without_a_mask_all_may_change(service: Service) -> None:
    (picture,) = made(edits(service).edit(request(change=None), CancelToken()))
    assert service.seen[0].mask is None
    pixels = np.asarray(picture, np.float32)
    assert (pixels[..., 0] > pixels[..., 1:].max(axis=2) + 60).all()


@pytest.mark.parametrize("model", [FLARE, PLAIN])
def test_every_variant_comes(service: Service, model: str) -> None:
    steps = list(edits(service).edit(request(model, variants=3), CancelToken()))
    assert sorted(step.variant for step in steps if isinstance(step, Variant)) == [0, 1, 2]
    assert len(service.seen) == (3 if model == FLARE else 1)


def test_pictures_on_the_way_come_first_and_in_the_frame(service: Service) -> None:
    steps = list(edits(service).edit(request(), CancelToken()))
    assert [type(step) for step in steps] == [PartialImage, PartialImage, Variant]
    assert all(step.image.size == SIZE for step in steps if isinstance(step, PartialImage | Variant))


def test_an_answer_by_address_is_fetched_without_the_key(service: Service) -> None:
    service.faults.append("url")
    assert len(made(edits(service).edit(request(PLAIN), CancelToken()))) == 1
    assert "Authorization" not in service.file_headers[0]
    service.faults.append("url elsewhere")
    assert "not safe to open" in told(edits(service), request(PLAIN))


@pytest.mark.parametrize("fault", ["429", "500"])
def test_a_busy_service_is_asked_again(service: Service, fault: str) -> None:
    service.faults.extend([fault, fault])
    steps = list(edits(service).edit(request(), CancelToken()))
    assert [step.seconds for step in steps if isinstance(step, RetryAfter)] == [0.05, 0.05]
    assert len(service.seen) == 3
    assert isinstance(steps[-1], Variant)


@pytest.mark.parametrize(
    ("fault", "model", "words", "asked"),
    [
        ("429", FLARE, "busy", 4),
        ("500", FLARE, "trouble of its own", 4),
        ("quota", FLARE, "no credit left", 1),
        ("moderation", FLARE, "declined", 1),
        ("error event", FLARE, "declined", 1),
        ("garbage", FLARE, "broke off|cannot be understood", 1),
        ("garbage", PLAIN, "cannot be understood", 1),
        ("not json", PLAIN, "cannot be understood", 1),
        ("empty", PLAIN, "cannot be understood", 1),
        ("no picture", PLAIN, "no picture", 1),
        ("cut", FLARE, "broke off", 1),
        ("cut", PLAIN, "broke off", 1),
        ("huge", PLAIN, "more than 24 MB", 1),
        ("huge", FLARE, "more than 24 MB", 1),
        ("huge, unannounced", FLARE, "more than 24 MB", 1),
        ("echo", FLARE, r"Bad header: Bearer \(key\) and \(key\)", 1),
    ],
)
def test_a_failure_is_a_sentence(service: Service, fault: str, model: str, words: str, asked: int) -> None:
    service.faults.extend([fault] * asked)
    found = told(edits(service), request(model))
    assert re.search(words, found), found
    assert found[0].isupper()
    assert found.endswith((".", "(key)"))
    assert len(service.seen) == asked


def test_a_wrong_key_an_unknown_model_and_an_absent_service_are_told(service: Service) -> None:
    assert "key was not accepted" in told(edits(service, key="sk-wrong"))
    assert "knows no model called 'tailor-9'" in told(edits(service), request("tailor-9"))
    nowhere = Edits(Settings(openai_key=KEY, openai_base_url="http://127.0.0.1:9/v1"))
    assert "127.0.0.1 cannot be reached" in told(nowhere)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (request(prompt="  "), "Say in words"),
        (request(PLAIN, prompt="x" * 1001), "reads 1000"),
        (request(variants=9), "1 to 4"),
        (request(quality="splendid"), "no quality 'splendid'"),
        (request(FIXED, quality="max"), "no quality 'max'"),
        (request(FIXED, size="512x512"), "no pictures of the size '512x512'"),
        (request(size="1000x1000"), "steps of 16"),
        (request(size="4096x2048"), "too large"),
        (request(size="1024x256"), "at most 3:1"),
        (request(change=Image.new("L", SIZE)), "No part of the picture is marked"),
        (request(change=Image.new("L", (30, 40), 255)), "must be the same"),
        (request("dall-e-3"), "never edited pictures"),
    ],
)
def test_what_cannot_be_sent_is_told_before_anything_is(service: Service, asked: EditRequest, words: str) -> None:
    assert words in told(edits(service), asked)
    assert not service.seen


@pytest.mark.parametrize("key", ["", "sk with space", "sk-ключ", "sk-\n"])
def test_no_key_and_a_key_that_is_none_are_told(service: Service, key: str) -> None:
    assert "key" in told(edits(service, key=""), key=key)
    assert not service.seen


def test_a_visitors_key_goes_before_the_owners_and_takes_no_organisation(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-owner")
    assert made(edits(service, key="sk-owner").edit(request(), CancelToken(), KEY))
    assert "OpenAI-Organization" not in service.seen[0].headers


@pytest.mark.parametrize(("fault", "model"), [("slow", FLARE), ("slow", PLAIN), ("stall", FLARE)])
def test_stopping_hangs_up_at_once(service: Service, fault: str, model: str) -> None:
    service.faults.append(fault)
    stop, problems = CancelToken(), []

    def run() -> None:
        try:
            list(edits(service, seconds=60).edit(request(model), stop))
        except AppError as error:
            problems.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    deadline = time.monotonic() + 20
    while not service.seen and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.2)
    stop.set()
    thread.join(20)
    assert not thread.is_alive()
    assert [type(problem) for problem in problems] == [StoppedError]
    assert str(problems[0]) == "You stopped this edit."
    if fault == "slow":
        assert service.broken_off.wait(20)


def test_a_service_that_says_nothing_is_given_up(service: Service) -> None:
    service.faults.append("slow")
    assert "No picture came within 1 s" in told(edits(service, seconds=1.0))


def test_one_variant_that_fails_does_not_take_the_others_with_it(service: Service) -> None:
    service.faults.append("moderation")
    steps = list(edits(service).edit(request(variants=3), CancelToken()))
    assert len(made(iter(steps))) == 2
    (failed,) = (step for step in steps if isinstance(step, Failed))
    assert failed.reason.startswith("The service declined")


def test_the_key_is_in_no_log_and_no_repr(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    service.faults.extend(["500", "429"])
    found = edits(service)
    list(found.edit(request(), CancelToken()))
    told(edits(service, key="sk-wrong-0123456789"))
    assert KEY not in caplog.text
    assert "sk-wrong" not in caplog.text
    assert KEY not in repr(Settings(openai_key=KEY))
    assert KEY not in repr(Access(KEY))


@pytest.mark.parametrize("original", [(300, 400), (400, 300), (777, 777), (40, 900), (2048, 31), (1, 1)])
@pytest.mark.parametrize("size", [(1024, 1024), (1536, 1024), (1024, 1536), (592, 1776)])
def test_what_is_framed_and_cut_back_lies_where_it_lay(original: tuple[int, int], size: tuple[int, int]) -> None:
    frame = Frame.fit(original, size)
    across, down = np.meshgrid(np.linspace(0, 255, original[0]), np.linspace(0, 255, original[1]))
    image = Image.fromarray(np.stack([across, down, across], axis=2).astype(np.uint8))
    canvas = Image.open(io.BytesIO(frame.picture(image)))
    assert canvas.size == size
    for answer in (canvas, canvas.resize((size[0] * 2, size[1] * 2))):
        back = frame.cut(answer)
        assert back.size == original
        assert np.abs(np.asarray(back, np.float32) - np.asarray(image, np.float32)).mean() < 6


def test_the_models_are_the_packages_own_with_the_retired_ones_last() -> None:
    rows = {row.name: row for row in listed()}
    names = list(rows)
    assert names[0] == FLARE
    assert {row.name: row.retired for row in rows.values() if row.retired} == {
        "gpt-image-1": "2026-10-23", "dall-e-2": "2026-05-12", "dall-e-3": "2026-05-12",
    }  # fmt: skip
    assert set(names[-3:]) == {"gpt-image-1", "dall-e-2", "dall-e-3"}
    assert rows["gpt-image-2.5-flare-2026-09-08"].qualities == rows[FLARE].qualities


@pytest.mark.parametrize("picture", [(300, 400), (1, 1), (10, 4000), (4000, 10), (640, 480), (1600, 534)])
def test_a_size_that_is_chosen_for_a_picture_is_one_that_the_service_makes(picture: tuple[int, int]) -> None:
    for row in listed():
        size = "{}x{}".format(*frame_size(row, "auto", picture))
        if images_service.MODELS.fullmatch(row.name):
            images_service.check_size(size, row.name)


def test_the_cost_is_an_estimate_where_it_is_known() -> None:
    found = Edits(Settings())
    assert found.cost(FLARE, "1024x1024", "medium", 2, SIZE).cents == pytest.approx(2.6)
    assert found.cost(FLARE, "auto", "auto", 1, SIZE).cents is None
    assert found.cost("gpt-image-2", "auto", "high", 1, SIZE).cents is None
    assert facts(FLARE).priced == "September 2026"


def test_a_mask_file_means_its_transparent_part_or_its_white_part() -> None:
    change = np.asarray(marked()) > 0
    alpha = Image.new("RGBA", SIZE, "white")
    alpha.putalpha(Image.fromarray(np.where(change, 0, 255).astype(np.uint8)))
    for data in (encoded(alpha, "PNG"), encoded(marked(), "PNG"), encoded(marked().convert("RGB"), "PNG")):
        assert np.array_equal(np.asarray(read_mask(data, SIZE)) >= 128, change)
    assert read_mask(encoded(marked(), "PNG"), (600, 800)).size == (600, 800)
    with pytest.raises(AppError, match="other proportions"):
        read_mask(encoded(marked(), "PNG"), (400, 300))
    with pytest.raises(AppError, match="not a picture"):
        read_mask(b"no", SIZE)
