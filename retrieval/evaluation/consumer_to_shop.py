"""Consumer-to-shop retrieval as DeepFashion2 measures it: of people's photos, how many find their garment in a shop."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from retrieval.core import AppError
from retrieval.evaluation import measures
from retrieval.evaluation.measures import Collection
from retrieval.evaluation.protocol import EvaluationProtocol

PAIR = "pair"
"""The name by which this protocol is asked for in place of an attribute to match."""
CUTS = (1, 5, 10, 20)
PAPER = {"top_1": 0.192, "top_20": 0.524}
"""The best of Ge et al. 2019 (arXiv:1901.07973), on the validation split and with found, not given, boxes."""


def spelled_out(protocol: EvaluationProtocol) -> EvaluationProtocol:
    """Return what "pair" stands for: garments (pair and style) of users' photos are looked for among those of shops."""
    return replace(
        protocol,
        match="garment",
        query_where={**protocol.query_where, "source": ("user",)},
        gallery_where={**protocol.gallery_where, "source": ("shop",)},
    )


def consumer_to_shop(collection: Collection, protocol: EvaluationProtocol | None = None) -> dict[str, Any]:
    """Search with every garment in a consumer's photo among all garments of shops; return the share found by rank.

    A garment of a user without pair and style asks nothing; queries whose garment no shop has count as not found and
    are counted in `unmatched`. Raises AppError where there are no such pairs.
    """
    given = protocol or EvaluationProtocol()
    try:
        measured = measures.per_query(collection, None, spelled_out(given))
    except AppError as error:
        if given.query_where or given.gallery_where:
            raise
        raise AppError(
            "Nothing to pair here: --match pair needs garments of shops and of users, in DeepFashion2's layout "
            "(sample, deepfashion2:PATH)."
        ) from error
    found = {f"top_{cut}": measured.hit(cut) for cut in CUTS}
    return measures.averaged(measured).as_dict() | found | {"paper": PAPER}
