"""Words and decisions on the command line."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

import cli
from services.words import looking
from tests.conftest import blocks


@pytest.mark.usefixtures("place")
def test_one_result_a_product_with_the_others_and_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "shop"
    folder.mkdir()
    lines = ["file_name,product,name,price"]
    for number in range(4):
        blocks(number).save(folder / f"{number}.jpg")
        lines.append(f"{number}.jpg,p{number // 2},Polar fleece,{30 + 20 * number}")
    (folder / "metadata.csv").write_text("\n".join(lines), encoding="utf-8")
    monkeypatch.setattr(looking, "look_at_all", lambda table, catalog, on_progress: None)
    arguments = ["-q", "search", "--catalog", f"folder:{folder}", "--words", "fleece under 80", "--json"]
    answer = CliRunner().invoke(cli.app, [*arguments, "--group", "product"])
    found = json.loads(answer.stdout)
    assert [(each["id"], each["others"]) for each in found] == [("0.jpg", ["1.jpg"]), ("2.jpg", [])]
    assert found[0]["why"] == ["name: fleece"]


@pytest.mark.usefixtures("place")
def test_of_duplicates_the_largest_is_kept_and_nothing_is_deleted(tmp_path: Path) -> None:
    folder = tmp_path / "twice"
    folder.mkdir()
    picture = blocks(1, (400, 400))
    picture.save(folder / "large.png")
    picture.resize((200, 200), Image.Resampling.BOX).save(folder / "a small.png")
    blocks(2).save(folder / "other.png")
    command = ["-q", "duplicates", "--engine", "colours", "--catalog", f"folder:{folder}", "--format", "csv"]
    rows = list(csv.DictReader(io.StringIO(CliRunner().invoke(cli.app, command).stdout)))
    assert [(row["decision"], row["id"], row["width"]) for row in rows] == [
        ("keep", "large.png", "400"), ("drop", "a small.png", "200"),
    ]  # fmt: skip
    assert len(list(folder.iterdir())) == 3
