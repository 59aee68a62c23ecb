"""Which files are pictures: by their ending or by their content, those that cannot be read included."""

from __future__ import annotations

import os

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF", "JPEG2000")
"""Pillow's names of what is read; HEIF (phones' HEIC) comes from pi-heif."""

READ_ENDINGS = frozenset(
    ".jpg .jpeg .jpe .jfif .mpo .png .apng .webp .gif .bmp .dib .tif .tiff .avif .avifs .heic .heif .hif "
    ".jp2 .j2k .jpx .jpf .jpc .j2c".split()
)
_OTHER_PICTURES = {
    "a Photoshop file": ".psd .psb",
    "a drawing (SVG)": ".svg .svgz",
    "a JPEG XL picture": ".jxl",
    "a camera's raw file": ".cr2 .cr3 .crw .nef .nrw .arw .srf .sr2 .orf .rw2 .raf .pef .raw .rwl .x3f .dng",
    "a PostScript file": ".eps .ai",
    "an icon": ".ico .icns",
    "a picture of a rare format": ".tga .ppm .pgm .pbm .pnm .pcx .xcf .exr .hdr .dds .wmf .emf .xbm .xpm .qoi",
}
ENDINGS = READ_ENDINGS | {ending for endings in _OTHER_PICTURES.values() for ending in endings.split()}
"""Endings of files that are meant to be pictures: one that cannot be read is named, not passed over."""

HEAD_BYTES = 32
_NEVER = frozenset(
    ".txt .csv .tsv .json .jsonl .xml .xmp .aae .md .rst .html .htm .css .js .py .log .ini .cfg .yaml .yml .toml .db "
    ".sqlite .lnk .url .part .crdownload .download .tmp .bak .zip .rar .7z .gz .tar .pdf .doc .docx .xls .xlsx .ods "
    ".mp4 .mov .avi .mkv .mp3 .wav .m4a .npy .npz .parquet .safetensors .pt .bin .exe .dll .so".split()
)
_BRANDS = (b"avif", b"avis", b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")
_STARTS = (
    b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"8BPS\0",
    b"\0\0\0\x0cjP  \r\n", b"\xff\x4f\xff\x51", b"\0\0\0\x0cJXL \r\n", b"\xff\x0a",
)  # fmt: skip


def ending(name: str) -> str:
    """Return the ending of a file's name with its dot, in lower case."""
    return os.path.splitext(name)[1].lower()


def is_named_like_a_picture(name: str) -> bool:
    """Return whether the name's ending is that of a picture, readable or not."""
    return ending(name) in ENDINGS


def may_be_a_picture(name: str) -> bool:
    """Return whether a file that is not named like a picture may be one all the same, so that its head is worth a look.

    What is surely something else (a text, a film, an unfinished download) is not.
    """
    return ending(name) not in _NEVER


def begins_like_a_picture(head: bytes) -> bool:
    """Return whether the first HEAD_BYTES of a file are those of a picture, whatever its name."""
    if head.startswith(b"RIFF"):
        return head[8:12] == b"WEBP"
    if head[4:8] == b"ftyp":
        return head[8:12] in _BRANDS
    if head.startswith(b"BM"):
        return head[6:10] == b"\0\0\0\0" and 12 <= int.from_bytes(head[14:18], "little") <= 124
    return head.startswith(_STARTS)


def kind(data: bytes) -> str:
    """Return in words what the content of a picture that cannot be read seems to be, nothing where that is unknown."""
    head = data[:256]
    if head[4:8] == b"ftyp" and head[8:12] in _BRANDS:
        return "a HEIC, HEIF or AVIF picture"
    if head.startswith(b"8BPS"):
        return "a Photoshop file"
    if head.startswith((b"\0\0\0\x0cJXL ", b"\xff\x0a")):
        return "a JPEG XL picture"
    if head.startswith((b"\0\0\0\x0cjP", b"\xff\x4f\xff\x51")):
        return "a JPEG 2000 picture"
    if b"<svg" in head:
        return "a drawing (SVG)"
    return "a PostScript file" if head.startswith(b"%!PS") else ""
