"""How strange a catalogue's pictures are: measured in the background, and tried again where that failed."""

from __future__ import annotations

from pathlib import Path

import pytest

from retrieval.core import AppError, MissingIndexError
from retrieval.evaluation import anomaly
from services import Services, Task
from settings import Settings
from tests.conftest import write_picture


def finished(services: Services, key: str) -> Task[anomaly.AnomalyScores]:
    """Wait for the background, then return how the survey stands."""
    spec = services.engines.spec("vae:map")
    task = services.latent.survey(key, spec)
    while not task.ended:
        assert task.wait(120)
        task = services.latent.survey(key, spec)
    return task


@pytest.mark.parametrize("wrong", [AppError("The disk is full."), ValueError("secret")])
def test_a_survey_that_failed_says_why_once_and_is_then_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: Exception
) -> None:
    for number in range(4):
        write_picture(tmp_path / "shop" / f"{number}.jpg", number)
    services = Services(Settings(index_cache=tmp_path / "cache"), [f"folder:{tmp_path / 'shop'}"])
    key = services.catalogs.infos()[0].key
    with pytest.raises(MissingIndexError):
        finished(services, key)
    services.indexes.build(key, services.engines.spec("vae:map"))

    def fails(*_: object) -> None:
        raise wrong

    with monkeypatch.context() as patched:
        patched.setattr(anomaly, "save", fails)
        failed = finished(services, key)
    assert failed.state == "failed"
    assert ("The disk is full." if isinstance(wrong, AppError) else "our side") in failed.error
    again = finished(services, key)
    assert again.result is not None
    assert len(again.result.ids) == 4
    services.close()
