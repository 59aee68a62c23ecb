"""What can be handed in as a picture, and what is refused with a sentence."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zlib
from collections.abc import Callable
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from retrieval.core import BadPictureError
from retrieval.pictures import decoding
from tests.conftest import blocks, encoded, jpeg

RED, WHITE, BLACK = (255, 0, 0), (255, 255, 255), (0, 0, 0)
_PHOTO = jpeg(1, (120, 160))
_FLAT = encoded(blocks(2), "PNG")


def far(one: Image.Image, other: Image.Image) -> float:
    """Return the mean difference of two pictures of one size, in steps of 0 to 255."""
    assert one.size == other.size
    return float(np.abs(np.asarray(one, np.int16) - np.asarray(other, np.int16)).mean())


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width: int, height: int, depth: int, colour: int, rows: bytes, *extra: bytes) -> bytes:
    """Return a PNG made by hand, of any size its header claims."""
    return png_of(width, height, depth, colour, zlib.compress(rows, 9), *extra)


def png_of(width: int, height: int, depth: int, colour: int, packed: bytes, *extra: bytes) -> bytes:
    """Return the same of rows that are packed already."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    body = b"".join(extra) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + header + body


def turned(image: Image.Image, orientation: int, form: str = "JPEG") -> bytes:
    """Return a file that shows `image` only when its EXIF orientation is followed."""
    back = {
        2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = image.transpose(back[orientation]) if orientation in back else image
    options = {"quality": 95, "subsampling": 0} if form == "JPEG" else {}
    return encoded(stored, form, exif=exif.tobytes(), **options)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b"dear diary,\n" * 40, "not a picture"),
        (b"\x00" * 4096, "not a picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n", "not a picture"),
        (b"P6 2 2 255 " + bytes(12), "not a picture"),
        (_PHOTO[: len(_PHOTO) // 2], "cut short"),
        (_FLAT[: len(_FLAT) // 2], "cut short"),
        (encoded(blocks(3), "WEBP")[:-40], "cut short"),
        (_PHOTO[:2], "not a picture"),
    ],
    ids=["nothing", "text", "zero bytes", "svg", "eps", "ppm", "half a jpeg", "half a png", "half a webp", "two bytes"],
)
def test_what_is_no_picture_is_refused_with_a_sentence(data: bytes, says: str) -> None:
    with pytest.raises(BadPictureError, match=says) as raised:
        decoding.decode(data)
    assert str(raised.value).endswith(".")


def test_the_first_picture_of_a_phone_s_two_in_one_jpeg_is_read() -> None:
    data = encoded(blocks(1), "MPO", save_all=True, append_images=[blocks(2)])
    assert far(decoding.decode(data), blocks(1)) < 6


def test_formats_that_run_programs_or_are_rare_are_refused_even_when_well_formed() -> None:
    for form in ("EPS", "PPM", "TGA", "PDF", "ICO", "PCX"):
        with pytest.raises(BadPictureError, match="not a picture"):
            decoding.decode(encoded(blocks(1), form))


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (33, 47)])
@pytest.mark.parametrize("side", [None, 24])
def test_every_format_is_read_at_every_size_as_rgb(form: str, size: tuple[int, int], side: int | None) -> None:
    image = decoding.decode(encoded(blocks(4, size), form), side)
    assert (image.mode, image.size) == ("RGB", size)


def test_a_jpeg_of_12000_pixels_is_read_reduced() -> None:
    data = encoded(Image.new("RGB", (12_000, 9_000), RED), "JPEG")
    for_network, for_page = decoding.decode(data, 224), decoding.decode(data)
    assert 224 <= min(for_network.size) < 448
    assert max(for_page.size) == decoding.DISPLAY_SIDE
    assert for_page.getpixel((5, 5)) == pytest.approx(RED, abs=2)


def test_a_png_of_12000_pixels_is_read_reduced() -> None:
    row = b"\0" + bytes(6000) + b"\xff" * 6000
    packer = zlib.compressobj()
    packed = b"".join(packer.compress(row) for _ in range(12_000)) + packer.flush()
    data = png_of(12_000, 12_000, 8, 0, packed)
    for_network, for_page = decoding.decode(data, 224), decoding.decode(data)
    assert 224 <= for_network.width < 448
    assert for_page.size == (decoding.DISPLAY_SIDE, decoding.DISPLAY_SIDE)
    assert (for_page.getpixel((5, 5)), for_page.getpixel((2040, 2040))) == (BLACK, WHITE)


@pytest.mark.parametrize("side", [60_000, 2_000_000_000])
def test_a_decompression_bomb_is_refused_by_its_header(side: int) -> None:
    with pytest.raises(BadPictureError, match=r"megapixels|damaged|not a picture"):
        decoding.decode(png(side, side, 8, 2, bytes(1000)))


def test_a_bomb_in_a_text_chunk_is_not_unpacked_and_the_picture_is_shown() -> None:
    bomb = chunk(b"zTXt", b"comment\0\0" + zlib.compress(bytes(200 << 20), 9))
    data = png(1, 1, 8, 2, bytes(4), bomb)
    tracemalloc.start()
    assert decoding.decode(data).getpixel((0, 0)) == BLACK
    assert tracemalloc.get_traced_memory()[1] < 8 << 20
    tracemalloc.stop()


def test_a_file_larger_than_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "MAX_BYTES", 1 << 20)
    with pytest.raises(BadPictureError, match="2 MB; at most 1 MB"):
        decoding.decode(bytes(2 << 20))


def test_a_large_picture_keeps_little_memory_whatever_its_format() -> None:
    image = Image.new("RGB", (2800, 2100), RED)
    for form in ("PNG", "BMP", "TIFF"):
        small = decoding.decode(encoded(image, form), 224)
        assert 224 <= min(small.size) < 448
        assert max(decoding.decode(encoded(image, form)).size) == decoding.DISPLAY_SIDE


@pytest.mark.parametrize("side", [64, 100, 224])
def test_a_reduced_picture_is_the_same_picture_and_never_below_the_side(side: int) -> None:
    image = blocks(5, (640, 900))
    for form in ("JPEG", "PNG"):
        reduced = decoding.decode(encoded(image, form, quality=95), side)
        assert side <= min(reduced.size) < 2 * side
        assert far(reduced.resize((80, 100)), image.resize((80, 100))) < 3


def test_a_cmyk_jpeg_shows_its_colours() -> None:
    cmyk = encoded(Image.new("RGB", (40, 40), RED).convert("CMYK"), "JPEG", quality=95)
    assert decoding.decode(cmyk).getpixel((20, 20)) == pytest.approx(RED, abs=6)
    assert decoding.decode(cmyk, 8).getpixel((2, 2)) == pytest.approx(RED, abs=6)


def test_a_16_bit_grey_picture_keeps_its_whole_range() -> None:
    ramp = np.linspace(0, 65535, 256 * 16).astype(np.uint16).reshape(16, 256)
    for form in ("PNG", "TIFF"):
        shown = np.asarray(decoding.decode(encoded(Image.fromarray(ramp), form)))
        assert np.array_equal(shown[..., 0], ramp >> 8)


def test_a_dark_16_bit_picture_stays_dark() -> None:
    dark = np.full((8, 8), 200, np.uint16)
    shown = np.asarray(decoding.decode(encoded(Image.fromarray(dark), "PNG")))
    assert shown.max() <= 1


def test_a_16_bit_colour_png_is_read() -> None:
    row = b"\0" + struct.pack(">HHH", 0xFFFF, 0x8000, 0) * 4
    shown = decoding.decode(png(4, 4, 16, 2, row * 4))
    assert shown.getpixel((1, 1)) == pytest.approx((255, 128, 0), abs=1)


@pytest.mark.parametrize(("high", "kind"), [(1.0, np.float32), (255.0, np.float32), (65535, np.int32), (255, np.int32)])
def test_float_and_32_bit_tiffs_span_black_to_white(high: float, kind: type) -> None:
    ramp: np.ndarray = np.linspace(0, high, 64).astype(kind).reshape(8, 8)
    shown = np.asarray(decoding.decode(encoded(Image.fromarray(ramp), "TIFF")))
    assert (shown.min(), shown.max()) == (0, 255)


def test_a_float_tiff_with_holes_is_read() -> None:
    values = np.array([[np.nan, np.inf], [0.0, 1.0]], np.float32)
    assert decoding.decode(encoded(Image.fromarray(values), "TIFF")).getpixel((0, 0)) == BLACK


def test_black_and_white_one_bit_is_read() -> None:
    assert decoding.decode(encoded(Image.new("1", (9, 9), 1), "PNG")).getpixel((4, 4)) == WHITE


def _palette() -> bytes:
    image = Image.new("P", (4, 4), 1)
    image.putpalette([0, 0, 0, *RED])
    image.putpixel((0, 0), 0)
    return encoded(image, "PNG", transparency=0)


def _half_clear(mode: str) -> bytes:
    image = Image.new("RGBA", (4, 4), (*RED, 255))
    image.putpixel((0, 0), (0, 0, 0, 0))
    return encoded(image.convert(mode), "PNG")


def _colour_key() -> bytes:
    image = Image.new("RGB", (4, 4), RED)
    image.putpixel((0, 0), (1, 2, 3))
    return encoded(image, "PNG", transparency=(1, 2, 3))


@pytest.mark.parametrize(
    ("make", "elsewhere"),
    [
        (_palette, RED),
        (lambda: _half_clear("RGBA"), RED),
        (lambda: _half_clear("LA"), (76, 76, 76)),
        (_colour_key, RED),
    ],
    ids=["palette", "rgba", "la", "colour key"],
)
def test_what_is_transparent_is_white(make: Callable[[], bytes], elsewhere: tuple[int, int, int]) -> None:
    shown = decoding.decode(make())
    assert shown.getpixel((0, 0)) == WHITE
    assert shown.getpixel((3, 3)) == elsewhere


def test_half_transparent_is_half_way_to_white() -> None:
    image = Image.new("RGBA", (2, 2), (0, 0, 0, 128))
    assert decoding.decode(encoded(image, "PNG")).getpixel((0, 0)) == pytest.approx((127, 127, 127), abs=1)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_turned_picture_is_shown_upright(orientation: int, form: str) -> None:
    upright = blocks(6, (90, 60))
    for side in (None, 24):
        shown = decoding.decode(turned(upright, orientation, form), side)
        assert shown.width > shown.height
        assert far(shown.resize((90, 60)), upright) < (12 if side else 6)


@pytest.mark.parametrize("orientation", [0, 9, 77, 60_000])
def test_an_orientation_that_does_not_exist_is_no_orientation(orientation: int) -> None:
    assert decoding.decode(turned(blocks(6, (90, 60)), orientation)).size == (90, 60)


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG", "TIFF", "AVIF"])
def test_of_an_animation_the_first_frame_is_shown(form: str) -> None:
    frames = [Image.new("RGB", (20, 20), colour) for colour in (RED, WHITE, BLACK)]
    data = encoded(frames[0], form, save_all=True, append_images=frames[1:])
    assert decoding.decode(data).getpixel((10, 10)) == pytest.approx(RED, abs=6)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("side", [None, 24])
def test_a_box_is_cut_from_the_upright_picture_at_full_size(form: str, orientation: int, side: int | None) -> None:
    upright = Image.new("RGB", (480, 320), WHITE)
    upright.paste(RED, (96, 64, 192, 160))
    shown = decoding.decode(turned(upright, orientation, form), side, (96, 64, 192, 160))
    assert shown.width == pytest.approx(shown.height, abs=1)
    assert side is None or min(shown.size) >= side
    assert far(shown, Image.new("RGB", shown.size, RED)) < 12


def test_a_small_box_in_a_large_jpeg_keeps_its_detail() -> None:
    upright = Image.new("RGB", (4000, 3000), WHITE)
    item = blocks(7, (300, 300))
    upright.paste(item, (1000, 2000))
    shown = decoding.decode(encoded(upright, "JPEG", quality=95), 224, (1000, 2000, 1300, 2300))
    assert min(shown.size) >= 224
    assert far(shown.resize((300, 300)), item) < 6


@pytest.mark.parametrize("side", [None, 24])
def test_a_box_that_reaches_over_the_edge_is_cut_at_the_edge(side: int | None) -> None:
    shown = decoding.decode(encoded(blocks(8, (100, 80)), "PNG"), side, (-50, 40, 60, 9000))
    assert shown.size == (60, 40)


@pytest.mark.parametrize(
    "box", [(200, 0, 300, 50), (-30, 0, 0, 50), (0, 80, 10, 90), (10, 10, 10, 40), (30, 10, 20, 40)]
)
def test_a_box_without_any_of_the_picture_is_refused(box: tuple[int, int, int, int]) -> None:
    with pytest.raises(BadPictureError, match=r"outside the picture, which has 100 x 80 pixels"):
        decoding.decode(encoded(blocks(8, (100, 80)), "PNG"), None, box)


def test_a_box_of_one_pixel_gives_one_pixel_at_least() -> None:
    assert min(decoding.decode(encoded(blocks(8, (1000, 800)), "JPEG"), 24, (999, 799, 1000, 800)).size) >= 1


def test_a_thumbnail_is_a_jpeg_within_its_side_and_leaves_the_picture_alone() -> None:
    image = blocks(9, (400, 100))
    with Image.open(io.BytesIO(decoding.thumbnail(image, 160))) as small:
        assert (small.format, small.size) == ("JPEG", (160, 40))
    assert image.size == (400, 100)
    with Image.open(io.BytesIO(decoding.thumbnail(image, 640))) as unchanged:
        assert unchanged.size == (400, 100)


_SEEDS = {
    "JPEG": encoded(blocks(1, (24, 20)), "JPEG"),
    "turned JPEG": turned(blocks(1, (24, 20)), 6),
    "progressive JPEG": encoded(blocks(1, (24, 20)), "JPEG", progressive=True),
    "PNG": encoded(blocks(1, (24, 20)), "PNG"),
    "palette": _palette(),
    "16 bits": encoded(Image.fromarray(np.arange(64, dtype=np.uint16).reshape(8, 8) * 1000), "PNG"),
    "GIF": encoded(blocks(1, (24, 20)), "GIF"),
    "WEBP": encoded(blocks(1, (24, 20)), "WEBP"),
    "BMP": encoded(blocks(1, (24, 20)), "BMP"),
    "TIFF": turned(blocks(1, (24, 20)), 6, "TIFF"),
    "LZW TIFF": encoded(blocks(1, (24, 20)), "TIFF", compression="tiff_lzw"),
    "AVIF": encoded(blocks(1, (24, 20)), "AVIF"),
}


@given(
    st.sampled_from(sorted(_SEEDS)),
    st.lists(st.tuples(st.integers(0, 1500), st.integers(0, 255)), max_size=6),
    st.one_of(st.none(), st.integers(0, 1500)),
    st.sampled_from([None, 8]),
    st.sampled_from([None, (2, 3, 9, 12)]),
)
@example("JPEG", [], None, None, None)
@example("16 bits", [(16, 0), (20, 0)], None, 8, (2, 3, 9, 12))
def test_a_damaged_file_is_a_picture_or_a_bad_picture_and_nothing_else(
    seed: str, changes: list[tuple[int, int]], end: int | None, side: int | None, box: tuple[int, int, int, int] | None
) -> None:
    data = bytearray(_SEEDS[seed])
    for place, value in changes:
        data[place % len(data)] = value
    with suppress(BadPictureError):
        image = decoding.decode(bytes(data[:end]), side, box)
        assert image.mode == "RGB"
        assert ImageOps.grayscale(image).size == image.size


@given(st.binary(max_size=200), st.sampled_from([b"", b"\xff\xd8\xff\xe1", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"II*\0"]))
def test_any_bytes_are_a_picture_or_a_bad_picture(data: bytes, start: bytes) -> None:
    with suppress(BadPictureError):
        assert decoding.decode(start + data).mode == "RGB"


def test_dimensions_are_those_stored_however_large() -> None:
    assert decoding.dimensions(encoded(Image.new("RGB", (3000, 20)), "PNG")) == (3000, 20)
