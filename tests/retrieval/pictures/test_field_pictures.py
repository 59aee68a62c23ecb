"""Pictures as phones, cameras, scanners and editors write them: found by content, decoded as every viewer does."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import textwrap
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from retrieval.core import BadPictureError, UnreadableError
from retrieval.pictures import decoding, formats, jpeg
from tests.conftest import ROOT, blocks, encoded
from tests.retrieval.pictures.test_pictures import RED, chunk, far, png


def rgb_png(*extra: bytes) -> bytes:
    return png(4, 4, 8, 2, (b"\0" + bytes(RED) * 4) * 4, *extra)


def with_app1(picture: bytes, exif: bytes) -> bytes:
    return picture[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + picture[2:]


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000", "MPO"])
def test_a_picture_is_known_by_its_first_bytes(form: str) -> None:
    assert formats.begins_like_a_picture(encoded(blocks(1), form)[: formats.HEAD_BYTES])


@pytest.mark.parametrize(
    "head", [b"", b"BM and more text in a note", b"RIFF1234WAVEfmt ", b"\0\0\0\x20ftypqt  ", b"%PDF-1.7"]
)
def test_what_is_no_picture_is_not_taken_for_one_by_its_first_bytes(head: bytes) -> None:
    assert not formats.begins_like_a_picture(head)


def test_a_jpeg_2000_is_read_whatever_its_size_is_when_halved() -> None:
    for size in ((300, 200), (401, 333), (1000, 1130)):
        shown = decoding.decode(encoded(blocks(3, size), "JPEG2000"), 100)
        assert min(shown.size) >= 100
        assert far(shown.resize((60, 60)), blocks(3, size).resize((60, 60))) < 4


def test_a_phone_s_format_that_is_cut_short_is_named() -> None:
    with pytest.raises(BadPictureError, match="HEIC"):
        decoding.decode(b"\0\0\0\x18ftypheic\0\0\0\0heicmif1")


@pytest.mark.parametrize(
    "aside",
    [
        chunk(b"zTXt", b"workflow\0\0" + zlib.compress(b"x" * 2_000_000)),
        chunk(b"tEXt", b"prompt\0" + b"x" * 3_000_000),
        chunk(b"iCCP", b"s\0\0" + zlib.compress(os.urandom(1_500_000))),
        chunk(b"tEXt", b"note\0hello")[:-4] + b"oops",
        chunk(b"gAMA", b"\0\0\xb1\x8f")[:-1] + b"!",
        chunk(b"acTL", b"\0\0"),
    ],
    ids=["text of 2 MB", "plain text of 3 MB", "profile of 1.5 MB", "text's checksum", "gamma's checksum", "animation"],
)  # fmt: skip
def test_what_lies_beside_a_png_s_pixels_does_not_stop_it(aside: bytes) -> None:
    assert decoding.decode(rgb_png(aside)).getpixel((2, 2)) == RED


def test_a_malformed_entry_beside_the_orientation_does_not_hide_it() -> None:
    entries = struct.pack("<HHIHH", 0x112, 3, 1, 6, 0) + struct.pack("<HHII", 0x11A, 10, 1, 38)
    exif = b"Exif\0\0II*\0\x08\0\0\0\2\0" + entries + b"\0\0\0\0" + struct.pack("<ii", -1, 0)
    assert decoding.decode(with_app1(encoded(blocks(1, (90, 60)), "JPEG"), exif)).size == (60, 90)
    wild = b"Exif\0\0II*\0\x08\0\0\0\2\0" + entries[:12] + struct.pack("<HHII", 0x11A, 5, 2**31, 2**31) + b"\0\0\0\0"
    assert decoding.decode(with_app1(encoded(blocks(1, (90, 60)), "JPEG"), wild)).size == (60, 90)


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("tail", [b"", bytes(40)])
def test_a_jpeg_without_its_end_marker_is_read_and_one_without_pixels_is_not(progressive: bool, tail: bytes) -> None:
    data = encoded(blocks(2, (160, 120)), "JPEG", progressive=progressive)
    assert far(decoding.decode(data[:-2] + tail), decoding.decode(data)) == 0
    with pytest.raises(BadPictureError, match="cut short"):
        decoding.decode(data[: len(data) * 2 // 3])


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_twelve_bits_in_a_grey_file_of_sixteen_span_black_to_white(form: str) -> None:
    ramp = np.linspace(0, 4095, 64).astype(np.uint16).reshape(8, 8)
    shown = np.asarray(decoding.decode(encoded(Image.fromarray(ramp), form)))
    assert (shown.min(), shown.max()) == (0, 255)


def profile_of(primaries: tuple[tuple[float, float], ...], gamma: float) -> bytes:
    """Return a matrix profile (ICC.1) with these CIE xy of red, green and blue, adapted from D65 to D50."""
    columns = np.array([[x / y, 1.0, (1 - x - y) / y] for x, y in primaries]).T
    white = np.array([0.95047, 1.0, 1.08883])
    to_xyz = columns * np.linalg.solve(columns, white)
    bradford = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
    d50 = np.array([0.9642, 1.0, 0.8249])
    to_xyz = np.linalg.solve(bradford, np.diag(bradford @ d50 / (bradford @ white)) @ bradford) @ to_xyz
    fixed = lambda values: struct.pack(">3i", *(round(float(v) * 65536) for v in values))  # noqa: E731
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)
    text = b"desc" + bytes(4) + struct.pack(">I", 5) + b"test\0" + bytes(78)
    bodies = {b"desc": text + bytes(-len(text) % 4), b"wtpt": b"XYZ " + bytes(4) + fixed(d50)}
    for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), to_xyz.T, strict=True):
        bodies[name] = b"XYZ " + bytes(4) + fixed(column)
    bodies |= {b"rTRC": curve, b"gTRC": curve, b"bTRC": curve}
    at, table, data = 128 + 4 + 12 * len(bodies), b"", b""
    for name, body in bodies.items():
        table += name + struct.pack(">II", at + len(data), len(body))
        data += body
    header = struct.pack(">I4sI4s4s4s", at + len(data), b"test", 0x02100000, b"mntr", b"RGB ", b"XYZ ") + bytes(12)
    header += b"acsp" + bytes(28) + fixed(d50) + bytes(48)
    return header + struct.pack(">I", len(bodies)) + table + data


ADOBE = profile_of(((0.64, 0.33), (0.21, 0.71), (0.15, 0.06)), 2.2)
WIDE = profile_of(((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)), 2.2)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_colours_are_those_of_the_picture_s_own_profile(form: str) -> None:
    green = Image.new("RGB", (32, 32), (120, 200, 90))
    options = {"quality": 100, "subsampling": 0} if form == "JPEG" else {"lossless": True} if form == "WEBP" else {}
    for profile in (ADOBE, WIDE):
        shown = decoding.decode(encoded(green, form, icc_profile=profile, **options)).getpixel((16, 16))
        assert isinstance(shown, tuple)
        assert shown[0] < 110  # purer than the same numbers are in sRGB
        assert shown[1] >= 198
    same = decoding.decode(encoded(green, form, icc_profile=SRGB, **options))
    assert far(same, decoding.decode(encoded(green, form, **options))) == 0


def test_a_grey_picture_has_its_grey_profile_and_a_damaged_or_foreign_profile_is_passed_over() -> None:
    grey = Image.new("L", (8, 8), 100)
    for profile in (b"nothing like it", ADOBE, b""):
        assert decoding.decode(encoded(grey, "PNG", icc_profile=profile)).getpixel((1, 1)) == (100, 100, 100)


def test_only_pictures_whose_pixels_are_others_now_lose_their_vectors() -> None:
    assert decoding.decodes_as_in_version_1(encoded(blocks(1), "JPEG"))
    assert decoding.decodes_as_in_version_1(encoded(blocks(1), "PNG", icc_profile=SRGB))
    assert not decoding.decodes_as_in_version_1(encoded(blocks(1), "JPEG", icc_profile=WIDE))
    assert not decoding.decodes_as_in_version_1(encoded(Image.fromarray(np.zeros((4, 4), np.uint16)), "PNG"))
    assert not decoding.decodes_as_in_version_1(b"no picture")


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("restart", [0, 3])
def test_the_first_scans_of_a_progressive_jpeg_are_the_picture_at_an_eighth(
    mode: str, subsampling: int, restart: int
) -> None:
    picture = blocks(6, (333, 209)).convert(mode)
    data = encoded(
        picture, "JPEG", progressive=True, quality=92, subsampling=subsampling, restart_marker_blocks=restart
    )
    small = jpeg.eighth(data)
    assert (small.size, small.mode) == ((42, 27), mode)
    near, wanted = (np.asarray(image, float)[:13, :20] for image in (small.reduce(2), picture.reduce(16)))
    assert np.abs(near - wanted).mean() < 3


def test_no_memory_is_not_the_picture_s_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(*_: object) -> None:
        raise MemoryError

    data = encoded(blocks(1), "PNG")
    monkeypatch.setattr(Image.Image, "crop", none_left)
    monkeypatch.setattr("retrieval.pictures.pixels.to_rgb", none_left)
    with pytest.raises(UnreadableError, match="memory"):
        decoding.decode(data)


_MEASURE = """
import io, struct, sys, threading, zlib
import numpy as np
from PIL import Image
from retrieval.pictures import decoding
from tests.fakes import heif
from tests.retrieval.pictures.test_pictures import png_of

def packed(row, rows):
    packer = zlib.compressobj(1)
    return b"".join(packer.compress(row) for _ in range(rows)) + packer.flush()

def progressive(side):
    out = io.BytesIO()
    Image.new("L", (side, side), 77).save(out, "JPEG", progressive=True)
    return out.getvalue()

def tiff():
    out = io.BytesIO()
    Image.new("F", (6000, 5000), 0.5).save(out, "TIFF", compression="tiff_adobe_deflate")
    return out.getvalue()

files = {
    "rgba": lambda: png_of(9000, 7000, 8, 6, packed(b"\\0" + bytes([200, 10, 10, 128]) * 9000, 7000)),
    "16 bits": lambda: png_of(6000, 6000, 16, 2, packed(b"\\0" + bytes([200, 0] * 3) * 6000, 6000)),
    "progressive": lambda: progressive(11000),
    "float": tiff,
    "phone": lambda: heif.grid(heif.HEIC, 24, 18, (12000, 9000)),
}
made = [make() for make in files.values()]
Image.core.clear_cache()
decoding.decode(made[0][:33] + made[0][33:], 224)
def kilobytes(name):
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(name))
open("/proc/self/clear_refs", "w").write("5")
before = kilobytes("VmRSS")
sizes = []
threads = [threading.Thread(target=lambda d=d: sizes.append(decoding.decode(d, 224).size)) for d in made]
for each in threads: each.start()
for each in threads: each.join()
assert len(sizes) == len(made), sizes
print((kilobytes("VmHWM") - before) // 1024)
"""


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux's account of memory")
def test_several_huge_pictures_at_once_take_little_memory() -> None:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(_MEASURE)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 300


def test_a_profile_survives_the_strips_of_a_large_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = Image.new("RGB", (900, 700), (120, 200, 90))
    data = encoded(picture, "PNG", icc_profile=ADOBE)
    whole = decoding.decode(data, 100)
    monkeypatch.setattr("retrieval.pictures.budget.AT_ONCE", 1)
    assert far(decoding.decode(data, 100), whole) <= 1
    half = Image.new("RGBA", (900, 700), (0, 0, 0, 128))
    assert decoding.decode(encoded(half, "PNG"), 100).getpixel((4, 4)) == pytest.approx((127, 127, 127), abs=1)
    with Image.open(io.BytesIO(data)) as opened:
        assert opened.info["icc_profile"] == ADOBE
