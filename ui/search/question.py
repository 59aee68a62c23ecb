"""The visitor's question, one for all tabs: a picture or a part of it, words, marks, and where they are asked."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import gradio as gr
import numpy as np
from gradio.data_classes import FileData
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from retrieval.core import AppError, Box
from services import Services
from ui.shell import modules
from ui.shell.sent_pictures import receive

Id = Annotated[str, Field(max_length=4096)]
Ids = Annotated[list[Id], Field(max_length=100)]
RelativeBox = tuple[float, float, float, float]
"""Left, top, right, bottom as parts of the upright picture's width and height, 0 to 1."""

SMALLEST = 0.005
LONGEST_SENT = 100_000
"""Characters; how many are read is for retrieval.search.words to say, in words."""

COUNTS = (6, 12, 24, 48, 96)
COUNT = 24
"""How many results may be asked for on the page, and how many are unless somebody chooses."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """What a network made of a question's subject, so that marks and filters need no second look.

    `vector` is float32 (dim,), `address` where the browser finds the picture at the network's input, `notes` what a
    person should know of it.
    """

    vector: np.ndarray
    address: str
    notes: tuple[str, ...] = ()


class QueryCache(OrderedDict[tuple[object, ...], Encoded]):
    """The last few subjects of one visitor as networks made vectors of them, by catalogue, engine and subject."""

    MOST = 8

    def keep(self, key: tuple[object, ...], encoded: Encoded) -> None:
        """Remember a subject, and forget the one that was asked longest ago."""
        self[key] = encoded
        self.move_to_end(key)
        while len(self) > self.MOST:
            self.popitem(last=False)


class Question(BaseModel):
    """What a visitor asks: a picture or an item, a part of it, words, marks on results; and where it is asked.

    `balance` is how much the picture counts beside words: 0 is the words alone, 1 the picture alone. `filter` lets
    pictures of `catalog` through, `count` says how many are wanted, 1 to the most of COUNTS. `cache` holds what
    networks made of this visitor's questions before.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    catalog: Id = ""
    picture: FileData | None = None
    item: Id | None = None
    box: RelativeBox | None = None
    text: Annotated[str, Field(max_length=LONGEST_SENT)] = ""
    balance: Annotated[float, Field(ge=0, le=1)] = 0.5
    liked: Ids = Field(default_factory=list)
    disliked: Ids = Field(default_factory=list)
    filter: dict[str, list[str]] | None = None
    count: int = COUNT
    cache: QueryCache = Field(default_factory=QueryCache, exclude=True, repr=False)

    @field_validator("box")
    @classmethod
    def _inside(cls, box: RelativeBox | None) -> RelativeBox | None:
        if box and not (0 <= box[0] < box[2] <= 1 and 0 <= box[1] < box[3] <= 1):
            raise ValueError("a box is [left, top, right, bottom] in parts of the picture, 0 to 1")
        if box and min(box[2] - box[0], box[3] - box[1]) < SMALLEST:
            raise ValueError("the box is too small to search")
        return box

    @field_validator("text")
    @classmethod
    def _stripped(cls, text: str) -> str:
        return text.strip()

    @field_validator("count")
    @classmethod
    def _bounded(cls, count: int) -> int:
        return min(max(count, 1), max(COUNTS))

    @property
    def subject(self) -> tuple[object, ...]:
        """What is looked for, without the marks: equal subjects have equal query vectors."""
        seen = (self.picture.path if self.picture else None), self.item, self.box
        return (*seen, self.text, self.balance) if self.text else seen

    @property
    def pictured(self) -> bool:
        """Whether a picture, uploaded or an item, has a say in the answer."""
        return bool(self.picture or self.item) and not (self.text and self.balance == 0)

    @property
    def whole_item(self) -> str | None:
        """The item that is asked as it is, and so is no answer; None for a part of it, an upload or words alone."""
        return self.item if self.item and self.pictured and not self.box else None

    @property
    def blank(self) -> bool:
        """Whether nothing is asked."""
        return not (self.picture or self.item or self.liked or self.text)


def create(services: Services) -> gr.HTML:
    """Return the visitor's question, one for all tabs; it tells the page by an "asked" event that there is a new one.

    Its value is a Question's own fields with what the component needs besides: examples, the upload limit, and the
    image-text model that would read words better, where none is here.
    """
    return gr.HTML(
        {"limit": services.settings.max_upload_bytes, "offer": offer(services)}, **modules.component("search/question")
    )


def offer(services: Services) -> str:
    """Return a line that offers the first image-text model, with its licence, where none is on this machine."""
    readers = [(spec, missing) for spec, missing in services.engines.choices() if spec.accepts_text]
    if not readers or any(missing is None for _, missing in readers):
        return ""
    spec, missing = readers[0]
    return f"A model that reads pictures and words finds more: {spec.title} (licence: {spec.licence}). {missing}"


def opening(
    services: Services, catalog: str, value: Mapping[str, Any] | None, wanted: Mapping[str, str]
) -> dict[str, Any]:
    """Return the component's value for a catalogue just opened: the question so far, and the catalogue's examples.

    Where nothing is asked, what the page's address names (`wanted`: item, words) is, else the first example.
    """
    before = carried(value, catalog)
    ids = services.views.examples(catalog)
    item = wanted.get("item", "")
    ids += [item] if item not in ids and services.indexes.holds(catalog, item) else []
    texts = alternatives(services, catalog, ids)
    examples = [{"id": each, "alt": texts[each]} for each in ids if each in texts and each != item]
    begun: dict[str, Any] = {}
    if not (before.get("picture") or before.get("item") or before.get("text")):
        text = wanted.get("words", "").strip()
        first = item if item in texts else None if text else next(iter(texts), None)
        begun = {"item": first, "alt": texts[first]} if first else {}
        begun |= {"text": text, "balance": 0.5 if first else 0} if text else {}
    return {**before, "examples": examples, **begun}


def carried(value: Mapping[str, Any] | None, catalog: str) -> dict[str, Any]:
    """Return the component's value as it is asked of `catalog`: items and marks of another catalogue mean nothing here.

    An uploaded picture, the part of it that was chosen, and words stay.
    """
    before = dict(value or {})
    if before.get("catalog") != catalog:
        left = ("examples", "liked", "disliked", *(() if before.get("picture") else ("item", "box", "alt")))
        before = {name: given for name, given in before.items() if name not in left}
    return {**before, "catalog": catalog}


def alternatives(services: Services, catalog: str, ids: Sequence[str]) -> dict[str, str]:
    """Return item -> its attributes in words, or its id where it has none, for those of `ids` that an index holds."""
    found: dict[str, str] = {}
    for searcher in services.indexes.searchers(catalog):
        left = [item for item in ids if item not in found and item in searcher.index]
        attributes = searcher.index.attributes(left)
        found |= {item: described(each) or item for item, each in zip(left, attributes, strict=True)}
    return {item: found[item] for item in ids if item in found}


def described(attributes: Mapping[str, str]) -> str:
    """Return attributes in words, as the alternative text of a picture."""
    return ", ".join(f"{name}: {value}" for name, value in attributes.items())


def of_client(services: Services, picture: str | None, **more: Any) -> Question:  # noqa: ANN401 - as in parse
    """Read what a client of the API sends; raises AppError.

    `picture` is a data URI or an https address, or the file that a Gradio client uploaded: clients need to know of the
    first two alone, so that is what the endpoints' type hints say. `more` are the question's other fields.
    """
    sent = receive(picture, services.settings.max_upload_bytes) if isinstance(picture, str) else picture
    return parse({"picture": sent, **more})


def parse(value: Mapping[str, Any] | None, **more: Any) -> Question:  # noqa: ANN401 - a field is any value
    """Read a question that came from a browser or a client, with `more` fields in place of its own; raises AppError.

    Gradio has checked the path of every file that carries its `meta` mark to lie in the upload folder before a handler
    runs; `validate_meta` refuses a file without the mark, so no visitor can name a path.
    """
    try:
        return Question.model_validate({**(value or {}), **more}, context={"validate_meta": True})
    except ValidationError as error:
        reasons = "; ".join(
            f"{'.'.join(map(str, e['loc']))}: {e['msg'].removeprefix('Value error, ')}" for e in error.errors()[:3]
        )
        raise AppError(f"The query cannot be read ({reasons}).") from None


def pixels(box: RelativeBox, size: tuple[int, int]) -> Box:
    """Return `box` in whole pixels of a picture of `size` (width, height), at least one each way."""
    left, top = min(int(box[0] * size[0]), size[0] - 1), min(int(box[1] * size[1]), size[1] - 1)
    return left, top, max(left + 1, round(box[2] * size[0])), max(top + 1, round(box[3] * size[1]))


def read(picture: FileData, limit: int) -> bytes:
    """Return the bytes of an uploaded picture, as they were sent; raises AppError when it is gone or too large."""
    path = Path(picture.path)
    try:
        size = path.stat().st_size
        if size > limit:
            raise AppError(f"The file has {size / 2**20:.0f} MB; at most {limit / 2**20:.0f} MB can be searched.")
        return path.read_bytes()
    except OSError:
        raise AppError("The picture is no longer on the server. Choose it again.") from None
