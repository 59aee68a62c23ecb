"""Where the files of a CLIP checkpoint lie, what its config says, and how it gets here; imports no framework."""

from __future__ import annotations

import hashlib
import json
import os
import re
import struct
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from engines.clip import families, open_clip
from engines.clip.known import known
from retrieval.core import AppError, EncoderSpec

DEFAULT = "google/siglip2-base-patch32-256"
"""The best of the small ones by published figures, in many languages."""

OPENAI = "openai/clip-vit-base-patch32"

REVISIONS = {OPENAI: "refs/pr/15"}
"""Where `main` has only a pickle: the pull request of the Hub's own converter, which adds model.safetensors."""

WEIGHTS, SHARDS = "model.safetensors", "model.safetensors.index.json"
PICKLES = ("pytorch_model.bin", "pytorch_model.bin.index.json")
TOKENIZER, SENTENCEPIECE = "tokenizer.json", "spiece.model"
OTHER_TOKENIZERS = ("vocab.txt", "vocab.json", SENTENCEPIECE, "sentencepiece.bpe.model", "tokenizer.model")
"""What transformers makes a tokenizer of besides; the towers here read tokenizer.json, and vocab.json of CLIP."""

TOKENIZER_FILES = ("tokenizer*.json", "special_tokens_map.json", "vocab.json", "merges.txt")
SMALL_FILES = ("*.json", "*.txt", "*.model")


def rows(checkpoints: Sequence[str], trusted: Collection[str] = ()) -> tuple[EncoderSpec, ...]:
    """Return a row for each checkpoint: facts from its config where it is on this machine, else those of the default.

    `trusted` names the checkpoints whose own code may run.
    """
    slugs = [slug(name) for name in checkpoints]
    return tuple(
        _row(name, mark if slugs.count(mark) == 1 else f"{mark}-{_short(name)}", name in trusted)
        for name, mark in zip(checkpoints, slugs, strict=True)
    )


def chosen(names: Sequence[str] | None) -> tuple[str, ...]:
    """Return `names`, or for None the default; OpenAI's CLIP, the default of earlier versions, stays where it is."""
    if names is not None:
        return tuple(names)
    return (DEFAULT,) if not is_here(OPENAI) else (DEFAULT, OPENAI) if is_here(DEFAULT) else (OPENAI,)


def slug(checkpoint: str) -> str:
    """Return a name fit for files: the last part of a folder's, or the Hub's own form, `org--name`."""
    name = Path(checkpoint).expanduser().resolve().name if is_folder(checkpoint) else checkpoint.replace("/", "--")
    return re.sub(r"[^\w.-]+", "-", name) or "checkpoint"


def is_folder(checkpoint: str) -> bool:
    """Tell a local folder from a name on the Hub, which is `name` or `org/name`."""
    return checkpoint.startswith((".", "~", os.sep)) or checkpoint.count("/") > 1 or Path(checkpoint).is_dir()


def find(checkpoint: str, name: str) -> Path | None:
    """Return where file `name` of a checkpoint lies: in its folder, or in one of its snapshots in the Hub's cache.

    Raises AppError where that may not be read.
    """
    try:
        return next((folder / name for folder in _folders(checkpoint) if (folder / name).is_file()), None)
    except OSError as error:
        raise AppError(
            f"What the Hugging Face cache holds of {checkpoint} cannot be read ({error.strerror}). If it is another "
            "user's, set HF_HOME to a folder of your own."
        ) from None


def where(checkpoint: str) -> str:
    """Return the folder that a checkpoint is in, empty for one that is not here."""
    path = next((path for name in ("config.json", open_clip.CONFIG) if (path := find(checkpoint, name))), None)
    return str(path.parent) if path else ""


def read_json(checkpoint: str, name: str) -> dict[str, Any]:
    """Return the content of a JSON file of the checkpoint; raises AppError when it is missing or damaged."""
    path = need(checkpoint, name)
    try:
        value = json.loads(path.read_bytes())
        if not isinstance(value, dict):
            raise ValueError("it holds no object")
        return value
    except (OSError, ValueError) as error:
        raise AppError(f"{path} cannot be read ({error}). {how_to_get(checkpoint, name)}") from None


def need(checkpoint: str, name: str) -> Path:
    """Return where file `name` lies; raises AppError, with the command that gets it, when it is missing."""
    path = find(checkpoint, name)
    if path is None:
        raise AppError(f"{name} of {checkpoint} is not on this machine. {how_to_get(checkpoint, name)}")
    return path


def weight_files(checkpoint: str) -> list[Path]:
    """Return the safetensors files; raises AppError for a missing or truncated one, or only a pickle."""
    if find(checkpoint, open_clip.WEIGHTS) and open_clip.KEY in config(checkpoint):
        paths = [need(checkpoint, open_clip.WEIGHTS)]
    elif find(checkpoint, WEIGHTS):
        paths = [need(checkpoint, WEIGHTS)]
    elif find(checkpoint, SHARDS):
        names = sorted(set(read_json(checkpoint, SHARDS).get("weight_map", {}).values()))
        paths = [need(checkpoint, name) for name in names]
    else:
        pickled = next((name for name in PICKLES if find(checkpoint, name)), None)
        if pickled:
            raise AppError(
                f"{checkpoint} has its weights only in {pickled}, a pickle, which can run any code when it is opened; "
                f"only safetensors are read. {how_to_get(checkpoint, WEIGHTS)}"
            )
        paths = [need(checkpoint, WEIGHTS)]
    for path in paths:
        _check_whole(checkpoint, path)
    return paths


def wanted_weights(checkpoint: str, names: Sequence[str]) -> list[str]:
    """Return which of the files `names` of a repository hold the weights that are read, its small files being here."""
    shards = (
        [str(name) for name in set(read_json(checkpoint, SHARDS)["weight_map"].values())] if SHARDS in names else []
    )
    others = [open_clip.WEIGHTS] if open_clip.KEY in config(checkpoint) else []
    for wanted in (others, [WEIGHTS], sorted(shards)):
        if wanted and set(wanted) <= set(names):
            return wanted
    return []


def check(spec: EncoderSpec) -> None:
    """Raise AppError, naming the file, unless everything that a search needs is on this machine and may be read."""
    found = config(spec.checkpoint)
    if not (spec.remote_code and families.needs_code(found)):
        families.family(spec, found)
    _check_files(spec.checkpoint)


def tokenizer(checkpoint: str) -> Path:
    """Return where tokenizer.json lies; raises AppError when it is missing, or is there in another form only."""
    if not find(checkpoint, TOKENIZER) and find(checkpoint, SENTENCEPIECE):
        raise AppError(
            f"{checkpoint} has its tokenizer only as {SENTENCEPIECE} (SentencePiece); {TOKENIZER} is needed, the same "
            "in the form that the tokenizers library reads. Make it where transformers and sentencepiece are installed "
            f"(AutoTokenizer.from_pretrained('{checkpoint}').save_pretrained(FOLDER)), or name another checkpoint in "
            f"VISUAL_SEARCH_CLIP, such as {DEFAULT}."
        )
    return need(checkpoint, TOKENIZER)


def is_here(checkpoint: str) -> bool:
    """Tell whether everything that a search needs is on this machine."""
    try:
        _check_files(checkpoint)
    except AppError:
        return False
    return True


def config(checkpoint: str) -> dict[str, Any]:
    """Return the config, that of open_clip's layout in the words of transformers; raises AppError.

    A checkpoint in both layouts is read by transformers' if that needs no code of its own.
    """
    if find(checkpoint, open_clip.CONFIG):
        plain = read_json(checkpoint, "config.json") if find(checkpoint, "config.json") else {}
        if plain.get("model_type") not in families.FAMILIES or families.needs_code(plain):
            return open_clip.config(read_json(checkpoint, open_clip.CONFIG), checkpoint)
    return read_json(checkpoint, "config.json")


def preprocessor(checkpoint: str) -> dict[str, Any]:
    """Return what the checkpoint says is done to a picture."""
    if open_clip.KEY in config(checkpoint):
        return open_clip.preprocessor(read_json(checkpoint, open_clip.CONFIG), checkpoint)
    if find(checkpoint, "preprocessor_config.json") or not find(checkpoint, "processor_config.json"):
        return read_json(checkpoint, "preprocessor_config.json")
    return read_json(checkpoint, "processor_config.json").get("image_processor", {})


def how_to_get(checkpoint: str, name: str) -> str:
    """Return the sentence that says how a file is got."""
    if is_folder(checkpoint):
        return f"Put a whole {name} into {checkpoint}, or name another checkpoint in VISUAL_SEARCH_CLIP."
    return f"With a network, run: {command(checkpoint)}"


def command(checkpoint: str) -> str:
    """Return the command that gets a checkpoint of the Hub."""
    if is_folder(checkpoint):
        return f"put config.json, preprocessor_config.json, {TOKENIZER} and {WEIGHTS} into {checkpoint}"
    revision = REVISIONS.get(checkpoint)
    return f"hf download {checkpoint}" + (f" --revision {revision}" if revision else "")


def digest(checkpoint: str) -> str:
    """Return what names the content of the weights and of the preprocessing: a blob's own name where there is one."""
    mark = hashlib.sha256()
    for path in weight_files(checkpoint):
        blob = path.resolve()
        named = re.fullmatch(r"[0-9a-f]{64}", blob.name)
        found = blob.stat()
        mark.update((blob.name if named else _sha256(blob, found.st_size, found.st_mtime_ns)).encode())
    mark.update(json.dumps(preprocessor(checkpoint), sort_keys=True).encode())
    return mark.hexdigest()[:16]


def size(checkpoint: str) -> int:
    """Return the bytes of the weights."""
    return sum(path.stat().st_size for path in weight_files(checkpoint))


def _check_files(checkpoint: str) -> None:
    found = config(checkpoint)
    weight_files(checkpoint)
    preprocessor(checkpoint)
    family = families.FAMILIES.get(str(found.get("model_type")))
    if family and not family.words:
        return
    home = tokenizer_home(checkpoint, found)
    more = OTHER_TOKENIZERS if families.runs(found) != families.NATIVE else ("vocab.json",)
    if not any(find(home, name) for name in more):
        tokenizer(home)


def tokenizer_home(checkpoint: str, found: Mapping[str, Any]) -> str:
    """Return the checkpoint that holds the tokenizer: itself, or the one that open_clip's layout leaves it to."""
    own = any(find(checkpoint, name) for name in (TOKENIZER, "vocab.json"))
    if open_clip.KEY not in found or own:
        return checkpoint
    return str(found[open_clip.KEY]["tokenizer"] or OPENAI)


def _row(checkpoint: str, weights: str, trusted: bool) -> EncoderSpec:
    published, side = known(checkpoint), 224
    found: dict[str, Any] = {"model_type": published.model_type} if published else {}
    try:
        if find(checkpoint, open_clip.CONFIG) or find(checkpoint, "config.json"):
            found = config(checkpoint)
            side = families.picture_side(found, preprocessor(checkpoint))
    except (AppError, AttributeError, TypeError, ValueError):
        pass  # loading says what is wrong with it; listing goes on
    family = families.FAMILIES.get(str(found.get("model_type")), families.FAMILIES["clip"])
    remote = trusted and families.needs_code(found)
    name = Path(checkpoint).expanduser().name if is_folder(checkpoint) else checkpoint
    size = f" {published.megabytes:,} MB" if published else ""
    return EncoderSpec(
        engine="clip" if family.words else "vision", weights=weights, title=f"{family.title}, {name}",
        dim=families.dim(found), image_size=side, licence=published.licence if published else "see its model card",
        source=f"{checkpoint},{size} through the Hub's cache", load=families.REMOTE if remote else families.runs(found),
        accepts_text=family.words, checkpoint=checkpoint, remote_code=trusted, purposes=("look-alike",),
        files="engines.clip.files:CHECKPOINT",
    )  # fmt: skip


def _folders(checkpoint: str) -> list[Path]:
    if is_folder(checkpoint):
        folder = Path(checkpoint).expanduser()
        if not folder.is_dir():
            raise AppError(f"The checkpoint folder {checkpoint} does not exist. Correct VISUAL_SEARCH_CLIP.")
        return [folder]
    home = _hub_cache() / f"models--{checkpoint.replace('/', '--')}"
    refs = [home / "refs" / "main", home / "refs" / REVISIONS.get(checkpoint, "main")]
    refs += sorted((home / "refs" / "refs" / "pr").glob("*"))
    commits = dict.fromkeys(ref.read_text(encoding="ascii").strip() for ref in refs if ref.is_file())
    return [home / "snapshots" / commit for commit in commits]


def _hub_cache() -> Path:
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if os.environ.get(name):
            return Path(os.environ[name]).expanduser()
    cache_home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(os.environ.get("HF_HOME") or Path(cache_home) / "huggingface").expanduser() / "hub"


def _check_whole(checkpoint: str, path: Path) -> None:
    """Raise AppError unless the file is as long as its header says (see the safetensors format)."""
    there = path.stat().st_size
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > min(there, 100_000_000):
                raise ValueError("its header is longer than the file")
            header = json.loads(file.read(length))
        ends = [facts["data_offsets"][1] for name, facts in header.items() if name != "__metadata__"]
        if there != 8 + length + max(ends, default=0):
            raise ValueError(f"{there} bytes, not {8 + length + max(ends, default=0)}")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, struct.error) as error:
        raise AppError(
            f"{path} is truncated or damaged ({error}). Delete it. {how_to_get(checkpoint, path.name)}"
        ) from None


@cache
def _sha256(path: Path, size: int, modified: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:6]
