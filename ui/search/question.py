"""The query input: a picture with a box around one item, and the question that it puts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import gradio as gr
from gradio.data_classes import FileData
from pydantic import BaseModel, Field, ValidationError, field_validator

from retrieval.core import AppError, Box
from services import Services
from ui.shell import modules
from ui.shell.sent_pictures import receive

if TYPE_CHECKING:
    from retrieval.search.searcher import Searcher

Id = Annotated[str, Field(max_length=4096)]
Ids = Annotated[list[Id], Field(max_length=100)]
RelativeBox = tuple[float, float, float, float]
"""Left, top, right, bottom as parts of the upright picture's width and height, 0 to 1."""

SMALLEST = 0.005
LONGEST_SENT = 100_000
"""Characters; how many are read is for retrieval.search.words to say, in words."""

TWINS = 8
"""How many equal pictures an item may have for its attributes still to be found among its nearest."""


class Query(BaseModel):
    """One question as the page sends it: an uploaded picture or an item, a box in it, words, and marks on results.

    `balance` is how much the picture counts beside words: 0 is the words alone, 1 the picture alone.
    """

    picture: FileData | None = None
    item: Id | None = None
    box: RelativeBox | None = None
    text: Annotated[str, Field(max_length=LONGEST_SENT)] = ""
    balance: Annotated[float, Field(ge=0, le=1)] = 0.5
    liked: Ids = Field(default_factory=list)
    disliked: Ids = Field(default_factory=list)

    @field_validator("box")
    @classmethod
    def _inside(cls, box: RelativeBox | None) -> RelativeBox | None:
        if box and not (0 <= box[0] < box[2] <= 1 and 0 <= box[1] < box[3] <= 1):
            raise ValueError("a box is [left, top, right, bottom] in parts of the picture, 0 to 1")
        if box and min(box[2] - box[0], box[3] - box[1]) < SMALLEST:
            raise ValueError("the box is too small to search")
        return box

    @property
    def subject(self) -> tuple[object, ...]:
        """What is looked for, without the marks: equal subjects have equal query vectors."""
        seen = (self.picture.path if self.picture else None), self.item, self.box
        return (*seen, self.text, self.balance) if self.text else seen

    @property
    def pictured(self) -> bool:
        """Whether a picture, uploaded or an item, has a say in the answer."""
        return bool(self.picture or self.item) and not (self.text and self.balance == 0)


def create() -> gr.HTML:
    """Return the query input; its `submit` event says that its value is a new question."""
    return gr.HTML(**modules.component("search/question"))


def opening(services: Services, catalog: str, searcher: Searcher, item: str | None, limit: int) -> dict[str, Any]:
    """Return the input's value for a catalogue just opened: its examples, and `item` or the first of them asked."""
    examples = [card for card in (_card(searcher, i) for i in services.views.examples(catalog)) if card]
    first = (_card(searcher, item) if item else None) or next(iter(examples), None)
    asked = {"item": first["id"], "alt": first["alt"]} if first else {}
    return {"catalog": catalog, "examples": examples, "limit": limit, **asked}


def _card(searcher: Searcher, item: str) -> dict[str, str] | None:
    """Return an item's id and its attributes in words; None when the index does not hold it."""
    try:
        nearest = searcher.index.query(searcher.index.vectors([item]), TWINS)[0]
    except AppError:
        return None
    attributes = next((hit.attributes for hit in nearest if hit.id == item), {})
    return {"id": item, "alt": described(attributes) or item}


def described(attributes: Mapping[str, str]) -> str:
    """Return attributes in words, as the alternative text of a picture."""
    return ", ".join(f"{name}: {value}" for name, value in attributes.items())


def of_client(services: Services, picture: str | None, **more: Any) -> Query:  # noqa: ANN401 - as in parse
    """Read what a client of the API sends; raises AppError.

    `picture` is a data URI or an https address, or the file that a Gradio client uploaded: clients need to know of the
    first two alone, so that is what the endpoints' type hints say.
    """
    sent = receive(picture, services.settings.max_upload_bytes) if isinstance(picture, str) else picture
    return parse({"picture": sent, **more})


def parse(value: Mapping[str, Any] | None) -> Query:
    """Read a question that came from a browser or a client; raises AppError.

    Gradio has checked the path of every file that carries its `meta` mark to lie in the upload folder before a handler
    runs; `validate_meta` refuses a file without the mark, so no visitor can name a path.
    """
    try:
        return Query.model_validate(value or {}, context={"validate_meta": True})
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
