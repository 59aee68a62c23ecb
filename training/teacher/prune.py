"""Cuts EfficientNetB4 down to an EfficientNetB0 without training: chosen hidden units, least squares for the rest.

The student's residual stream is the teacher's along its principal components; a student block stands for a group of
the teacher's. Units are chosen greedily by what they explain of the group's output, then every linear layer is the
ridge regression of what the teacher computes on what the student has so far, so that errors do not add up. After
"Channel Pruning for Accelerating Very Deep Neural Networks" (He et al., 2017) and "Initializing Models with Larger
Ones" (Xu et al., 2023).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F  # noqa: N812 (the name every torch reader expects)
from torch import Tensor, nn

from training.teacher.efficientnet import B0, Block, FoldedEfficientNet, bias, convolve, normalise

logger = logging.getLogger(__name__)

CHUNK = 64


def sample(maps: Tensor, places: Tensor) -> Tensor:
    """Take (n, c, h, w) at places (n, q), row-major positions: (n * q, c)."""
    flat = maps.flatten(2).transpose(1, 2)
    return torch.gather(flat, 1, places[:, :, None].expand(-1, -1, flat.shape[2])).flatten(0, 1)


def regress(inputs: Tensor, outputs: Tensor, ridge: float = 1e-3) -> tuple[Tensor, Tensor]:
    """Fit outputs (n, o) = inputs (n, i) @ weight.T + bias, with a ridge relative to the inputs' mean variance."""
    mean_in, mean_out = inputs.mean(0), outputs.mean(0)
    centred = (inputs - mean_in).double()
    gram = centred.T @ centred
    gram += torch.eye(len(gram)) * ridge * gram.diagonal().mean()
    weight = torch.linalg.solve(gram, centred.T @ (outputs - mean_out).double()).T.float()
    return weight, mean_out - weight @ mean_in


def choose(units: Tensor, outputs: Tensor, count: int) -> Tensor:
    """Choose `count` columns of units (n, u) that together best predict outputs (n, o), one after the other."""
    units, outputs = units - units.mean(0), outputs - outputs.mean(0)
    gram, cross = units.T @ units, units.T @ outputs
    gram += torch.eye(len(gram)) * 1e-3 * gram.diagonal().mean()
    chosen: list[int] = []
    for _ in range(count):
        gain = cross.square().sum(1) / gram.diagonal().clamp(min=1e-9)
        gain[chosen] = -1
        best = int(gain.argmax())
        chosen.append(best)
        # What the chosen unit explains is taken out of the others (a step of Cholesky's).
        column = gram[:, best] / gram[best, best]
        cross = cross - column[:, None] * cross[best]
        gram = gram - column[:, None] * gram[best]
    return torch.tensor(sorted(chosen))


def _set(layer: nn.Conv2d, weight: Tensor, shift: Tensor) -> None:
    layer.weight.data.copy_(weight.reshape(layer.weight.shape))
    bias(layer).data.copy_(shift)


@dataclass
class Trace:
    """What one block of the teacher computes: samples at places, and per picture."""

    before: list[Tensor] = field(default_factory=list)
    depthwise: list[Tensor] = field(default_factory=list)
    gated: list[Tensor] = field(default_factory=list)
    squeezed: list[Tensor] = field(default_factory=list)
    opened: list[Tensor] = field(default_factory=list)

    def join(self, name: str) -> Tensor:
        """Put the parts of one quantity together."""
        return torch.cat(getattr(self, name))


def watch(block: Block, maps: Tensor, places_in: Tensor, places_out: Tensor, trace: Trace | None) -> Tensor:
    """Run a block over a chunk, noting what it computes on the way."""
    before = block.expanded(maps)
    hidden = before if block.expand_conv is None else F.silu(before)
    depthwise = convolve(hidden, block.dwconv)
    active = F.silu(depthwise)
    squeezed = block.se_reduce(active.mean((2, 3), keepdim=True))
    opened = block.se_expand(F.silu(squeezed))
    gated = active * opened.sigmoid()
    if trace is not None:
        trace.before.append(sample(before, places_in))
        trace.depthwise.append(sample(depthwise, places_out))
        trace.gated.append(sample(gated, places_out))
        trace.squeezed.append(squeezed.flatten(1))
        trace.opened.append(opened.flatten(1))
    result = block.project_conv(gated)
    return maps + result if block.skips else result


class Cutter:
    """The state of the cutting: teacher's and student's maps of the same pictures, block after block."""

    def __init__(self, teacher: FoldedEfficientNet, images: Tensor, seed: int = 7) -> None:
        """Take pictures (n, 3, h, w) in 0..1."""
        self.teacher, self.student = teacher, FoldedEfficientNet(B0)
        self.images = images
        self.generator = torch.Generator().manual_seed(seed)
        self.bases: dict[str, tuple[Tensor, Tensor]] = {}

    def places(self, side: int, most: int = 24) -> Tensor:
        """Draw positions (n, q) on a map of side x side for every picture."""
        count = min(most, side * side)
        scores = torch.rand(len(self.images), side * side, generator=self.generator)
        return scores.topk(count, dim=1).indices

    @torch.inference_mode()
    def cut(self) -> FoldedEfficientNet:
        """Give the student."""
        large = torch.cat([self.teacher.stem(normalise(part)) for part in self.images.split(CHUNK)])
        small = large
        ends = dict(zip(range(7), self.teacher.stage_ends, strict=True))
        names, mine = list(self.teacher.blocks), list(self.student.blocks)
        for stage in range(7):
            theirs = [name for name in names if name.startswith(f"block{stage + 1}")]
            ours = [name for name in mine if name.startswith(f"block{stage + 1}")]
            ahead = large
            for name in theirs:
                block = self.teacher.block(name)
                ahead = torch.cat([block(part) for part in ahead.split(CHUNK)])
            seen = sample(ahead, self.places(ahead.shape[-1]))
            mean = seen.mean(0)
            basis = torch.linalg.svd((seen - mean)[:20000], full_matrices=False).Vh[: B0.filters[stage]]
            self.bases[ends[stage]] = (basis, mean)
            begin = 0
            for number, name in enumerate(ours):
                stop = round((number + 1) * len(theirs) / len(ours))
                large, small = self.cut_block(name, theirs[begin:stop], large, small, basis, mean)
                begin = stop
        self.cut_top(large, small)
        return self.student

    def cut_block(
        self, name: str, group: list[str], large: Tensor, small: Tensor, basis: Tensor, mean: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Make one student block stand for a group of the teacher's; give both streams after it."""
        block = self.student.block(name)
        source = group[0] if name.endswith("a") else group[-1]
        side = large.shape[-1]
        places_in = self.places(side)
        places_out = places_in if block.dwconv.stride[0] == 1 else self.places(side // 2)
        trace, start = Trace(), large
        for theirs in group:
            their_block = self.teacher.block(theirs)
            parts = zip(large.split(CHUNK), places_in.split(CHUNK), places_out.split(CHUNK), strict=True)
            large = torch.cat([watch(their_block, *part, trace if theirs == source else None) for part in parts])
        aim = (sample(large, places_out) - mean) @ basis.T
        added = aim
        if block.skips:
            added = aim - (sample(start, places_out) - mean) @ basis.T
        units = choose(trace.join("gated"), added, block.dwconv.out_channels)
        their_block = self.teacher.block(source)
        if block.expand_conv is None:
            _set(self.student.stem_conv, self.teacher.stem_conv.weight[units], bias(self.teacher.stem_conv)[units])
            small = small[:, units]
        else:
            _set(block.expand_conv, *regress(sample(small, places_in), trace.join("before")[:, units]))
        _set(block.dwconv, their_block.dwconv.weight[units], bias(their_block.dwconv)[units])
        self.correct_depthwise(block, small, places_in, places_out, trace.join("depthwise")[:, units])
        self.cut_gate(block, their_block, units, small, trace)
        gated = torch.cat(
            [
                sample(block.gated(block.activated(part)), where)
                for part, where in zip(small.split(CHUNK), places_out.split(CHUNK), strict=True)
            ]
        )
        wanted = aim - sample(small, places_out) if block.skips else aim
        _set(block.project_conv, *regress(gated, wanted))
        small = torch.cat([block(part) for part in small.split(CHUNK)])
        error = (sample(small, places_out) - aim).square().mean() / aim.var(0).mean()
        logger.info("%s for %s: %.3f of the variance is lost", name, "+".join(group), float(error))
        return large, small

    def correct_depthwise(
        self, block: Block, small: Tensor, places_in: Tensor, places_out: Tensor, wanted: Tensor
    ) -> None:
        """Scale and shift each depthwise channel to the teacher's, for what the expansion lost."""
        got = torch.cat(
            [
                sample(convolve(block.activated(part), block.dwconv), where)
                for part, where in zip(small.split(CHUNK), places_out.split(CHUNK), strict=True)
            ]
        )
        centred, aim = got - got.mean(0), wanted - wanted.mean(0)
        scale = ((centred * aim).mean(0) / centred.square().mean(0).clamp(min=1e-6)).clamp(0.5, 2.0)
        shift = (bias(block.dwconv) - got.mean(0)) * scale + wanted.mean(0)
        _set(block.dwconv, block.dwconv.weight * scale.view(-1, 1, 1, 1), shift)

    def cut_gate(self, block: Block, theirs: Block, units: Tensor, small: Tensor, trace: Trace) -> None:
        """Keep the squeeze units that open the chosen hidden units most, then fit both layers."""
        pooled = torch.cat(
            [F.silu(convolve(block.activated(part), block.dwconv)).mean((2, 3)) for part in small.split(CHUNK)]
        )
        squeezed, opened = trace.join("squeezed"), trace.join("opened")[:, units]
        kept = choose(F.silu(squeezed), opened, block.se_reduce.out_channels)
        first = theirs.se_reduce.weight.flatten(1)[kept][:, units]
        guess = pooled @ first.T
        change, shift = regress(pooled, squeezed[:, kept] - guess, ridge=0.3)
        _set(block.se_reduce, first + change, shift)
        inner = F.silu(pooled @ (first + change).T + shift)
        _set(block.se_expand, *regress(inner, opened, ridge=1e-2))

    def cut_top(self, large: Tensor, small: Tensor) -> None:
        """Choose 1,280 of the teacher's top channels, and fit them."""
        places = self.places(large.shape[-1])
        wanted = sample(self.teacher.top_conv(large), places)
        self.top_units = choose(F.silu(wanted), F.silu(wanted), B0.top)
        _set(self.student.top_conv, *regress(sample(small, places), wanted[:, self.top_units]))
