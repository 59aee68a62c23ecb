"""Two strangers on one shared page, by its real endpoints: neither stops, sees or replaces what the other made."""

from __future__ import annotations

import base64
import json
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

import engines
from engines.product.encoder import Product
from services.tasks import KINDS
from settings import Settings
from tests.conftest import encoded, write_picture
from tests.e2e.test_door import Served, event, sent, serving, zipped

pytestmark = pytest.mark.skipif(
    engines.missing(engines.spec("product", "fashion")) is not None, reason="our product weights are not here"
)

SECRET = "Wedding gown"
go_on = threading.Event()


def features(self: Product, images: Sequence[Image.Image]) -> np.ndarray:
    """Return float32 (n, 1280) at once: mean colours and noise; but not before the test says so."""
    assert go_on.wait(300)
    small = [np.asarray(image.resize((8, 8), Image.Resampling.BOX), np.float32).ravel() / 255 for image in images]
    noise = np.random.default_rng(0).normal(scale=0.05, size=(len(images), 1280 - 192))
    return np.concatenate([np.stack(small), noise], axis=1).astype(np.float32)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    place = tmp_path_factory.mktemp("page")
    for number in range(8):
        write_picture(place / "shop" / ("Hat", "Shoe")[number % 2] / f"{number}.jpg", number)
    settings = Settings(index_cache=place / "cache", clip=(), manage=False)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("GRADIO_TEMP_DIR", str(place / "sent"))
        patched.setattr(Product, "features", features)
        with serving(settings, place / "shop") as page:
            yield page
            go_on.set()


class Visitor:
    """One browser: the page it has loaded, and the component that teaches the product engine."""

    def __init__(self, served: Served) -> None:
        self.served, self.page = served, uuid.uuid4().hex
        assert event(served, served.number("link.<locals>.begin"), [None, ""], session=self.page)["success"]
        self._component = next(number for number, block in served.demo.blocks.items() if hasattr(block, "counts"))

    def call(self, function: str, **data: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        """Call a function of the component as its script does."""
        asked = {
            "session_hash": self.page, "component_id": self._component, "fn_name": function, "data": data,
        }  # fmt: skip
        return dict(httpx.post(f"{self.served.url}gradio_api/component_server", json=asked, timeout=60).json())

    def train(self, name: str, catalog: str | None = None, epochs: int = 3) -> dict[str, Any]:
        return self.call("start", catalog=catalog or self.served.key, name=name, epochs=epochs)

    def state(self, name: str) -> str | None:
        return self.call("follow", name=name, known=0).get("state")

    def ended(self, name: str) -> dict[str, Any]:
        deadline = time.monotonic() + 300
        while (run := self.call("follow", name=name, known=0))["state"] in ("waiting", "running"):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        return run

    def runs(self) -> list[str]:
        return [run["name"] for run in self.call("counts", catalog=self.served.key)["runs"]]

    def models(self) -> list[str]:
        """Return the models that the tab offers, as it shows them."""
        numbers = [
            number for number, each in self.served.demo.fns.items()
            if each.fn and each.fn.__qualname__ == "TabPage.refreshed"
        ]  # fmt: skip
        answers = [event(self.served, number, ["product:fashion", None], session=self.page) for number in numbers]
        (told,) = [each for each in answers if each["success"]]  # those of other tabs know no such engine
        return [title for title, _ in told["output"]["data"][0]["choices"]]

    def uploads(self) -> str:
        """Send pictures of one's own, of two kinds, and return the key of their catalogue."""
        session = self.served.services.sessions.arrive(self.page)
        files = {
            f"{kind}/{n}.png": encoded(Image.new("RGB", (24, 24), colour), "PNG")
            for kind, colour in ((SECRET, "white"), ("Veil", "gold")) for n in range(4)
        }  # fmt: skip
        path = Path(sent(self.served, "mine.zip", zipped(files)).json()[0])
        return self.served.services.uploads.add(session, [("mine.zip", path)])[0]


def test_a_training_is_seen_and_stopped_by_its_own_visitor_alone(served: Served) -> None:
    go_on.clear()
    ann, bob = Visitor(served), Visitor(served)
    assert ann.train("ann-s", epochs=500) == {"name": "ann-s"}
    assert "You have no training" in bob.call("stop", name="ann-s")["problem"]
    assert "no model 'ann-s'" in bob.call("follow", name="ann-s", known=0)["problem"]
    assert "ann-s" not in bob.runs()
    assert "in use" in bob.train("ann-s")["problem"]
    assert ann.state("ann-s") in ("waiting", "running")
    assert ann.call("stop", name="ann-s") == {}
    go_on.set()
    assert ann.ended("ann-s")["state"] == "stopped"


def test_one_visitor_does_not_fill_all_places(served: Served) -> None:
    go_on.clear()
    greedy, modest = Visitor(served), Visitor(served)
    answers = [greedy.train(f"greedy-{number}") for number in range(10)]
    assert sum("name" in each for each in answers) == KINDS["training"].per_session
    assert "of yours wait or run already" in answers[-1]["problem"]
    assert modest.train("modest") == {"name": "modest"}
    go_on.set()
    assert modest.ended("modest")["state"] == "done"


def test_a_model_taught_from_a_private_upload_stays_with_its_visitor(served: Served) -> None:
    go_on.set()
    ann, bob = Visitor(served), Visitor(served)
    key = ann.uploads()
    assert ann.train("gowns", key) == {"name": "gowns"}
    assert SECRET in ann.ended("gowns")["about"]["classes"]
    assert ann.runs()[0] == "gowns"
    assert any("gowns" in title for title in ann.models())
    data = base64.b64encode(encoded(Image.new("RGB", (24, 24)), "PNG")).decode()
    picture = f"data:image/png;base64,{data}"
    told = [
        bob.call("counts", catalog=served.key), bob.call("follow", name="gowns", known=0), bob.models(), bob.runs(),
        bob.train("gowns"), event(served, served.number("catalogs.tab.catalogs"), []),
        event(served, served.number("product.tab.product_type"), [picture, served.key, 3, None, "gowns", None, None]),
        httpx.get(f"{served.url}config", timeout=60).json(),
    ]  # fmt: skip
    for each in told:
        assert SECRET not in json.dumps(each)
        assert "session-" not in json.dumps(each)
        assert key not in json.dumps(each)
    assert "in use" in told[4]["problem"]
    assert "no weights 'gowns'" in json.dumps(told[6])
    assert SECRET in ann.call("follow", name="gowns", known=0)["about"]["classes"]


def test_a_page_that_was_never_loaded_sees_and_stops_nothing(served: Served) -> None:
    go_on.clear()
    ann, forger = Visitor(served), Visitor(served)
    assert ann.train("quiet", epochs=500) == {"name": "quiet"}
    for page in ("", uuid.uuid4().hex, "machine"):
        forger.page = page
        assert "problem" in forger.call("stop", name="quiet")
        assert "problem" in forger.call("follow", name="quiet", known=0)
    assert ann.state("quiet") in ("waiting", "running")
    ann.call("stop", name="quiet")
    go_on.set()
    ann.ended("quiet")


def test_another_s_build_is_not_stopped(served: Served) -> None:
    services, number = served.services, served.number("catalogs.tab.act")
    held = threading.Event()
    services.tasks.submit("index", "busy", lambda task: held.wait(60))
    ann, bob = Visitor(served), Visitor(served)
    detail = {"catalog": served.key, "engine": "vae", "weights": "fashion"}
    begun = event(served, number, [served.key, None, None], {"act": "build", **detail}, ann.page)
    assert begun["success"], begun
    refused = event(served, number, [served.key, None, None], {"act": "stop", **detail}, bob.page)
    assert not refused["success"]
    assert "Somebody else began this" in refused["output"]["error"]
    assert services.indexes.status(served.key, services.engines.spec("vae")).state == "waiting"
    assert event(served, number, [served.key, None, None], {"act": "stop", **detail}, ann.page)["success"]
    held.set()
