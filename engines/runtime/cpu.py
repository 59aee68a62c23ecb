"""What arithmetic this processor does itself."""

from __future__ import annotations

from functools import cache
from pathlib import Path


@cache
def has_bfloat16() -> bool:
    """Tell whether the processor multiplies bfloat16 itself (AVX512_BF16 or AMX); unknown counts as no."""
    return bool(_features() & {"avx512_bf16", "amx_bf16"})


@cache
def has_int8() -> bool:
    """Tell whether the processor adds up products of bytes itself (VNNI or AMX); unknown counts as no."""
    return bool(_features() & {"avx512_vnni", "avx_vnni", "amx_int8"})


def _features() -> set[str]:
    try:
        return set(Path("/proc/cpuinfo").read_text(encoding="ascii", errors="ignore").split())
    except OSError:
        return set()
