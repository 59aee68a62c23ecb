"""Pretrained models worth choosing from, with what their publishers say of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Known:
    """What is published of a model: `megabytes` of its weights, `languages` of the words it reads, if any."""

    name: str
    model_type: str
    good_for: str
    licence: str
    megabytes: int
    languages: str
    quality: str


KNOWN = (
    Known(
        name="google/siglip2-base-patch32-256",
        model_type="siglip",
        good_for="words and photos of every kind; the best of the small ones",
        licence="Apache-2.0",
        megabytes=1_500,
        languages="over 100",
        quality="73.2 in Immich's table of models for search, CLIP B/32 59.4",
    ),
    Known(
        name="openai/clip-vit-base-patch32",
        model_type="clip",
        good_for="words and photos of every kind; small and fast",
        licence="MIT",
        megabytes=605,
        languages="English",
        quality="59.4 in Immich's table of models for search",
    ),
    Known(
        name="Marqo/marqo-fashionSigLIP",
        model_type="siglip",
        good_for="words and photos of clothes and shops",
        licence="Apache-2.0",
        megabytes=813,
        languages="English",
        quality="recall@1 of words 0.121 over six sets of fashion (its model card)",
    ),
    Known(
        name="patrickjohncyh/fashion-clip",
        model_type="clip",
        good_for="words and photos of clothes; small and fast",
        licence="MIT",
        megabytes=605,
        languages="English",
        quality="recall@1 of words 0.077 over six sets of fashion (Marqo's model card)",
    ),
    Known(
        name="facebook/dinov2-small",
        model_type="dinov2",
        good_for="look-alikes without words: shapes, parts, the same thing again",
        licence="Apache-2.0",
        megabytes=88,
        languages="",
        quality="ImageNet by nearest neighbours 79.0 % (DINOv2's README)",
    ),
    Known(
        name="facebook/dinov2-base",
        model_type="dinov2",
        good_for="look-alikes without words, better and three times slower than the small one",
        licence="Apache-2.0",
        megabytes=346,
        languages="",
        quality="ImageNet by nearest neighbours 82.1 % (DINOv2's README)",
    ),
)


def known(name: str) -> Known | None:
    """Return what is published of a model, or None for another one."""
    return next((row for row in KNOWN if row.name == name), None)
