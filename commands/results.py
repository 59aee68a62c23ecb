"""What becomes of results on the command line: a table, JSON, copies of the pictures, a page that a browser opens."""

from __future__ import annotations

import base64
import html
import tempfile
import webbrowser
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from rich.table import Table

from commands import err, out, print_json
from retrieval import catalogs
from retrieval.core import AppError, BadPictureError, Catalog
from retrieval.search.searcher import Result
from retrieval.words import columns
from retrieval.words.answer import Found

_SIDE = 360
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>
<style>
body {{ font: 15px system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; }}
main {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(13rem, 1fr)); gap: 1.5rem; }}
article img {{ width: 100%; height: 15rem; object-fit: contain; }}
h2 {{ font-size: 1rem; margin: .3rem 0; }} p {{ margin: .2rem 0; }} .weak {{ opacity: .6; }}
small {{ color: #555; overflow-wrap: anywhere; }}
</style></head><body><h1>{title}</h1><main>
{cards}
</main></body></html>
"""


@dataclass(frozen=True, slots=True)
class Results:
    """What a search found, best first; the first `strong` fit well.

    `others` are the ids of a group by its first's; `explained` says that each result has reasons, as words do.
    """

    found: Sequence[Found]
    strong: int
    others: Mapping[str, Sequence[str]] = field(default_factory=dict)
    explained: bool = False

    @classmethod
    def of(cls, result: Result) -> Results:
        """Return what a network found."""
        return cls([Found(hit.id, hit.score, hit.attributes) for hit in result.hits], result.strong)


@dataclass(frozen=True, slots=True)
class Outputs:
    """Where results go besides the terminal: a folder for copies, a file for a page, and whether it is opened."""

    folder: Path | None = None
    page: Path | None = None
    opened: bool = False


def show(results: Results, as_json: bool) -> None:
    """Print results as JSON or as a table, with why each fits; the weak ones are dim."""
    if as_json:
        print_json([_as_json(each, results) for each in results.found])
        return
    rows = [(each, columns.facts(each.attributes)) for each in results.found]
    filled = {
        "id": [each.id for each, _ in rows],
        "name": [facts.title for _, facts in rows],
        "price": [facts.price for _, facts in rows],
        "why": [
            " · ".join(each.why) or ", ".join(f"{name} {value[:60]}" for name, value in each.attributes.items())
            for each, _ in rows
        ],
    }
    filled = {name: cells for name, cells in filled.items() if any(cells)}
    table = Table("rank", "score", box=None)
    for name in filled:
        table.add_column(name, overflow="fold")
    for rank, (each, *cells) in enumerate(zip(results.found, *filled.values(), strict=True), 1):
        table.add_row(str(rank), f"{each.score:.3f}", *cells, style=None if rank <= results.strong else "dim")
    out.print(table)


def _as_json(found: Found, results: Results) -> dict[str, Any]:
    told = asdict(found)
    if not results.explained:
        del told["why"]
    return told | ({"others": list(results.others[found.id])} if results.others else {})


def hand_on(results: Results, catalog: Catalog, title: str, outputs: Outputs) -> None:
    """Copy the pictures and write the page that were asked for; raises AppError where the disk does not take them."""
    try:
        if outputs.folder:
            copied = _copy(results.found, catalog, outputs.folder)
            err.print(f"{copied} pictures copied to {outputs.folder}", highlight=False, markup=False)
        page = outputs.page
        if outputs.opened and not page:
            page = Path(tempfile.mkdtemp(prefix="visual-search-")) / "results.html"
        if page:
            page.write_text(_page(results, catalog, title), encoding="utf-8")
            err.print(f"written: {page}", highlight=False, markup=False)
        if outputs.opened and page and not webbrowser.open(page.resolve().as_uri()):
            err.print(f"There is no browser here. Open {page} in one.", style="yellow", highlight=False, markup=False)
    except OSError as error:
        raise AppError(f"{error.filename or 'The results'} could not be written ({error.strerror}).") from None


def _copy(found: Sequence[Found], catalog: Catalog, folder: Path) -> int:
    """Copy pictures under their own names, numbered where a name is taken; nothing is overwritten."""
    folder.mkdir(parents=True, exist_ok=True)
    copied = 0
    for each in found:
        file = catalogs.path(catalog, each.id)
        name = file.name if file else PurePosixPath(each.id).name or "picture"
        try:
            data = catalog.read(each.id)
        except BadPictureError as error:
            err.print(f"skipped {each.id}: {error}", style="yellow", highlight=False, markup=False)
            continue
        _free(folder / name).write_bytes(data)
        copied += 1
    return copied


def _free(path: Path) -> Path:
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_stem(f"{path.stem} ({number})")
    return free


def _page(results: Results, catalog: Catalog, title: str) -> str:
    cards = [_card(each, rank <= results.strong, catalog) for rank, each in enumerate(results.found, 1)]
    return _PAGE.format(title=html.escape(title), cards="\n".join(cards))


def _card(each: Found, strong: bool, catalog: Catalog) -> str:
    """Return one picture with what is known of it; all that a table says is text, and only safe links are links."""
    from retrieval.pictures import decoding

    facts = columns.facts(each.attributes)
    try:
        data = base64.b64encode(decoding.thumbnail(catalog.open(each.id, _SIDE), _SIDE)).decode()
    except BadPictureError:
        data = ""
    name = html.escape(facts.title or each.id)
    if facts.link:
        name = f'<a href="{html.escape(facts.link)}" rel="noopener noreferrer" target="_blank">{name}</a>'
    lines = [facts.price, facts.brand, " · ".join(each.why), *(f"{key}: {value}" for key, value in facts.rest.items())]
    said = "".join(f"<p>{html.escape(line[:300])}</p>" for line in lines if line)
    picture = f'<img src="data:image/jpeg;base64,{data}" alt="{html.escape(facts.title or each.id)}">'
    weak = "" if strong else ' class="weak"'
    return f"<article{weak}>{picture}<h2>{name}</h2>{said}<small>{html.escape(each.id)}</small></article>"
