"""Where a data set of the Hub can be streamed from: the Hub itself, or files of it that were downloaded before."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retrieval.catalogs.hub import columns
from retrieval.catalogs.hub.names import HubName
from retrieval.core import AppError
from retrieval.pictures import decoding

if TYPE_CHECKING:
    from datasets import DatasetBuilder, Features, IterableDataset

SECONDS = 5.0
"""How long the Hub may take to answer at all."""

RETRIES = 1
"""Of the library's own; the Hub's client below it tries again for half a minute already."""

SUGGESTED: Mapping[str, tuple[str, str]] = {
    "Marqo/deepfashion-multimodal": ("look-alike", "Clothes in studio photos; the Visual-Search project used them"),
    "Marqo/deepfashion-inshop": ("look-alike", "52,591 shop photos of 7,982 garments, in categories and colours"),
    "ashraq/fashion-product-images-small": ("product", "44,000 small product photos with types, colours and seasons"),
    "huggan/wikiart": ("style", "Paintings by artist, genre and style; large, so take a few thousand"),
    "zalando-datasets/fashion_mnist": ("latent", "70,000 grey pictures of 28 pixels, in ten kinds of clothes"),
}
"""Data sets that suit a mode: name -> (the tab that it suits, what it is)."""


LABEL = "label"
"""The column in which the library puts the name of a picture's folder."""


@dataclass(slots=True)
class Source:
    """A data set that can be streamed; `root` is the folder or address below which its own files lie."""

    builder: DatasetBuilder
    repo: str
    revision: str
    licence: str
    root: str
    splits: list[str]
    rows: dict[str, int] = field(default_factory=dict)
    labels_by_folder: bool = False

    def stream(self, split: str) -> IterableDataset:
        """Return the rows of a split, as the library streams them, with their types; pictures as files, not pixels."""
        from datasets import Features, Value

        stream = self.builder.as_streaming_dataset(split=split)
        if stream.features is None:
            stream = stream._resolve_features()
        stream = stream.decode(False)
        if self.labels_by_folder:
            picture = next(name for name, feature in stream.features.items() if columns.is_picture(feature))
            features = Features({**stream.features, LABEL: Value("string")})
            stream = stream.map(lambda row: row | {LABEL: _folder_of(row[picture]["path"])}, features=features)
        return stream

    def kept(self, features: Features, names: Sequence[str]) -> Features:
        """Return the types of what is kept of the columns `names`, with the row's number."""
        from datasets import Features, Image, Value

        kept = {name: Image() if columns.is_picture(features[name]) else features[name] for name in names}
        return Features({**kept, "__row": Value("int64")})

    def content(self, cell: Mapping[str, Any] | None) -> dict[str, Any]:
        """Return a picture's cell with its bytes in it; a file that is not the data set's own is never opened."""
        if not cell:
            return {"bytes": b"", "path": None}
        data, path = cell.get("bytes"), cell.get("path")
        if data is None and path and _is_own(path, self.root):
            from datasets.utils.file_utils import xopen

            with xopen(path, "rb") as file:
                data = file.read(decoding.MAX_BYTES + 1)
        return {"bytes": data or b"", "path": Path(path.replace("\\", "/")).name if path else None}


def find(wanted: HubName, anonymous: bool) -> Source:
    """Return the data set as the Hub has it, or without a network as it was downloaded; raises AppError at once.

    `anonymous` leaves this machine's token out: a visitor sees what is public, not what the owner may see.
    """
    import huggingface_hub as hub
    from huggingface_hub.errors import (
        DisabledRepoError,
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
    )
    from huggingface_hub.utils import httpx

    token = False if anonymous else None
    try:
        info = hub.HfApi(token=token).dataset_info(wanted.repo, timeout=SECONDS)
    except GatedRepoError:
        raise _gated(wanted) from None
    except (RepositoryNotFoundError, HFValidationError):
        raise AppError(
            f"The Hub has no data set '{wanted.repo}', or it is private. Check how it is spelt.{_meant(wanted)}"
        ) from None
    except DisabledRepoError:
        raise AppError(f"The Hub has closed the data set '{wanted.repo}'. Choose another one.") from None
    except (OfflineModeIsEnabled, OSError, HfHubHTTPError, httpx.HTTPError) as error:
        return _downloaded(wanted) or _unreachable(wanted, error)
    if info.gated and anonymous:
        raise _gated(wanted)
    names = [file.rfilename for file in info.siblings or ()]
    licence = _licence(info.card_data)
    return _source(wanted, wanted.repo, str(info.sha), licence, f"hf://datasets/{wanted.repo}@", names, token)


def _downloaded(wanted: HubName) -> Source | None:
    """Return the data set from the Hub client's cache of files, or None where it is not there."""
    import huggingface_hub as hub
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        folder = hub.snapshot_download(wanted.repo, repo_type="dataset", local_files_only=True)
    except (LocalEntryNotFoundError, OSError, ValueError):
        return None
    names = [path.name for path in Path(folder).iterdir()]
    return _source(wanted, folder, Path(folder).name, "", str(Path(folder).resolve()), names, None)


def _unreachable(wanted: HubName, error: Exception) -> Source:
    raise AppError(
        f"{wanted.repo} is not on this machine, and the Hub cannot be reached ({line(error)}). "
        f"With a network, open it again or run: python cli.py catalogs add '{wanted}'"
    ) from None


def _source(
    wanted: HubName, place: str, revision: str, licence: str, root: str, names: Sequence[str], token: bool | None
) -> Source:
    import datasets

    datasets.config.STREAMING_READ_MAX_RETRIES = datasets.config.STREAMING_OPEN_MAX_RETRIES = RETRIES
    datasets.config.STREAMING_READ_RETRY_INTERVAL = datasets.config.STREAMING_OPEN_RETRY_INTERVAL = 1
    remote = {"revision": revision} if place == wanted.repo else {}
    try:
        builder = datasets.load_dataset_builder(place, wanted.config, token=token, **remote)
        splits, rows = _splits(builder)
        by_folder = _labels_in_archives(builder)
        if by_folder:
            builder = datasets.load_dataset_builder(place, wanted.config, token=token, drop_labels=True, **remote)
    except Exception as error:  # the library raises what httpx, yaml, fsspec and its own parsers raise
        if f"{wanted.repo.rpartition('/')[2]}.py" in names:
            raise AppError(
                f"{wanted.repo} runs a program of its own to make its rows. That is refused: it could do anything on "
                "this machine. Choose a data set of plain files (Parquet)."
            ) from error
        raise AppError(f"{wanted.repo} cannot be opened: {line(error)}") from error
    licence = licence or str(builder.info.license or "")
    return Source(builder, wanted.repo, revision, licence, root, splits, rows, by_folder)


def _labels_in_archives(builder: DatasetBuilder) -> bool:
    """Tell whether the folders inside archives are the labels: datasets 5.2 streams those by the archive's own folder.

    Its readers of folders then stop at the first picture with "Invalid string class label".
    """
    from datasets import ClassLabel
    from datasets.packaged_modules.folder_based_builder.folder_based_builder import FolderBasedBuilder

    files = (str(file) for split in (builder.config.data_files or {}).values() for file in split)
    labelled = isinstance((builder.info.features or {}).get(LABEL), ClassLabel)
    return isinstance(builder, FolderBasedBuilder) and labelled and any(file.endswith(".zip") for file in files)


def _folder_of(path: str) -> str:
    """Return the name of the folder that a file is in, inside its archive if it is in one."""
    return Path(path.partition("::")[0].removeprefix("zip://")).parent.name


def _splits(builder: DatasetBuilder) -> tuple[list[str], dict[str, int]]:
    if builder.info.splits:
        return list(builder.info.splits), {name: int(s.num_examples or 0) for name, s in builder.info.splits.items()}
    from datasets.download.streaming_download_manager import StreamingDownloadManager

    manager = StreamingDownloadManager(base_path=builder.base_path, dataset_name=builder.dataset_name)
    return [str(made.name) for made in builder._split_generators(manager)], {}


def _is_own(path: str, root: str) -> bool:
    """Return whether a file, or the archive that it lies in, is one of the data set's own."""
    outermost = path.split("::")[-1]
    if root.startswith("hf://"):
        return outermost.startswith(root)
    with contextlib.suppress(OSError, RuntimeError, ValueError):
        home = Path(root)
        hub_home = home.parent.parent if home.parent.name == "snapshots" else home
        return Path(outermost).is_absolute() and Path(outermost).resolve().is_relative_to(hub_home)
    return False


def _licence(card: Any) -> str:  # noqa: ANN401 - the Hub's client is imported late
    """Return the licence, or licences, that a data set's card names."""
    named = getattr(card, "license", None) or ()
    return ", ".join([named] if isinstance(named, str) else map(str, named))


def _gated(wanted: HubName) -> AppError:
    return AppError(
        f"{wanted.repo} is gated: its owners want to know who uses it. Ask for it on "
        f"https://huggingface.co/datasets/{wanted.repo}, then, on this machine: hf auth login, and "
        f"python cli.py catalogs add '{wanted}'"
    )


def _meant(wanted: HubName) -> str:
    near = difflib.get_close_matches(wanted.repo, SUGGESTED, 1, 0.7)
    return f" Did you mean {near[0]}?" if near else ""


def line(error: BaseException) -> str:
    """Return the first line of what an error says."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:300]
