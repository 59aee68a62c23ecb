"""Text brought to one form, for questions and catalogues alike: no case, no accents, East Asian runs as bigrams."""

from __future__ import annotations

import re
import unicodedata

VERSION = 1
"""Goes into every table of words; raise it when the same text would come out otherwise."""

_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "æ": "ae", "œ": "oe", "ı": "i", "ð": "d", "þ": "th"})
_APOSTROPHE = re.compile(r"(?<=\w)['\N{RIGHT SINGLE QUOTATION MARK}\N{MODIFIER LETTER APOSTROPHE}](?=\w)")
_WORD = re.compile(r"\w+")
# Scripts that are written without spaces, or whose words take endings without one: Thai to Khmer, kana, Han, Hangul.
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]+")


def fold(text: str) -> str:
    """Return `text` in lower case, compatibility forms and accents taken off, `women's` as `womens`."""
    if text.isascii():  # nothing to decompose, and most of a catalogue
        return _APOSTROPHE.sub("", text.lower()) if "'" in text else text.lower()
    plain = unicodedata.normalize("NFKD", text.casefold()).translate(_LETTERS)
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    return _APOSTROPHE.sub("", unicodedata.normalize("NFC", plain))


def tokens(text: str) -> list[str]:
    """Return the words of folded `text` in order; a run without spaces comes as bigrams and its last character."""
    words = _WORD.findall(text.replace("_", " "))
    if text.isascii():
        return words
    found: list[str] = []
    for word in words:
        place = 0
        for run in _UNSPACED.finditer(word):
            if run.start() > place:
                found.append(word[place : run.start()])
            found += [run[0][n : n + 2] for n in range(len(run[0]))]
            place = run.end()
        if place < len(word):
            found.append(word[place:])
    return found


def match_phrase(text: str) -> str:
    """Return an FTS5 phrase that finds folded `text` in what `tokens` made of a catalogue; empty where it has no word.

    A single character of a script without spaces begins a bigram, or is the last one.
    """
    found: list[str] = []
    prefix = False
    for word in _WORD.findall(text.replace("_", " ")):
        parts = tokens(word)
        if len(parts) > 1 and len(parts[-1]) == 1 and _UNSPACED.fullmatch(parts[-1]):
            parts.pop()
        elif len(parts) == 1 and len(word) == 1 and _UNSPACED.fullmatch(word):
            prefix = True
        found += parts
    return f'"{" ".join(found)}"{" *" if prefix else ""}' if found else ""
