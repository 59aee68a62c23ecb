"""Names of catalogues from the Hub: hf:NAME[@CONFIG][:SPLIT][#LIMIT][?image=COLUMN&where=ATTRIBUTE=VALUE]."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

from retrieval.core import AppError

FORM = "hf:NAME[:SPLIT][#LIMIT]"
LONGEST = 100
_PART = r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?"
_REPO = re.compile(rf"{_PART}(?:/{_PART})?")
_WORD = re.compile(r"\w[\w.+-]*")


@dataclass(frozen=True, slots=True)
class HubName:
    """What is wanted of a data set: which rows (`split`, the first `limit` where `where` holds), which picture column.

    `where` is (attribute, value). None means: the library's default, all rows, the first picture column.
    """

    repo: str
    config: str | None = None
    split: str | None = None
    limit: int | None = None
    image: str | None = None
    where: tuple[str, str] | None = None

    def __str__(self) -> str:
        """Return the name that parses to this."""
        config = f"@{self.config}" if self.config else ""
        split = f":{self.split}" if self.split else ""
        limit = f"#{self.limit}" if self.limit else ""
        asked = {"image": self.image, "where": "=".join(self.where) if self.where else None}
        query = urlencode({name: value for name, value in asked.items() if value})
        return f"hf:{self.repo}{config}{split}{limit}" + (f"?{query}" if query else "")


def parse(name: str) -> HubName:
    """Read `name`; raises AppError, saying what part of it is wrong."""
    place, _, query = name.removeprefix("hf:").strip().partition("?")
    place, _, limit = place.partition("#")
    place, _, split = place.partition(":")
    repo, _, config = place.partition("@")
    if not _REPO.fullmatch(repo) or ".." in repo or "--" in repo or len(repo) > LONGEST or repo.endswith(".git"):
        raise AppError(
            f"'{repo}' is no name of a data set. It is written OWNER/NAME, such as zalando-datasets/fashion_mnist."
        )
    for kind, word in (("split", split), ("configuration", config)):
        if word and not (_WORD.fullmatch(word) and len(word) <= LONGEST):
            raise AppError(f"'{word}' is no name of a {kind}. It is one word, such as train.")
    if limit and not (limit.isdecimal() and 0 < int(limit) < 10**9):
        raise AppError(f"'#{limit}' is no number of pictures. Write a whole number above 0, such as #2000.")
    asked = dict(parse_qsl(query))
    if unknown := set(asked) - {"image", "where"}:
        raise AppError(
            f"'{sorted(unknown)[0]}' is nothing that a catalogue's name can say. It can say image and where."
        )
    attribute, _, value = asked.get("where", "").partition("=")
    if asked.get("where") and not (attribute and value):
        raise AppError(f"where is written ATTRIBUTE=VALUE, not '{asked['where']}'.")
    return HubName(
        repo, config or None, split or None, int(limit) if limit else None, asked.get("image"),
        (attribute, value) if value else None,
    )  # fmt: skip
