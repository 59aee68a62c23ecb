"""Plane geometry of the drawn corpus: curves, ribbons, outlines and homographies, all as (n, 2) float arrays."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
Pair = tuple[float, float]
Grid = NDArray[np.floating]
"""One value per pixel: a mask or a map of light."""


def as_points(points: Sequence[Pair] | Points) -> Points:
    """Return the points as an (n, 2) float64 array."""
    return np.asarray(points, dtype=np.float64).reshape(-1, 2)


def cubic(start: Pair, control1: Pair, control2: Pair, end: Pair, steps: int = 18) -> Points:
    """Sample a cubic Bezier curve, both ends included."""
    t = np.linspace(0.0, 1.0, steps)[:, None]
    a, b, c, d = (np.asarray(p, dtype=np.float64) for p in (start, control1, control2, end))
    return (1 - t) ** 3 * a + 3 * (1 - t) ** 2 * t * b + 3 * (1 - t) * t**2 * c + t**3 * d


def smooth(points: Sequence[Pair] | Points, steps: int = 10) -> Points:
    """Sample a Catmull-Rom curve that passes through every point."""
    knots = as_points(points)
    if len(knots) < 3:
        return knots
    padded = np.vstack([2 * knots[0] - knots[1], knots, 2 * knots[-1] - knots[-2]])
    t = np.linspace(0.0, 1.0, steps, endpoint=False)[:, None]
    spans = []
    for p0, p1, p2, p3 in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
        spans.append(
            0.5 * (2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 + (3 * p1 - p0 - 3 * p2 + p3) * t**3)
        )
    return np.vstack([*spans, knots[-1:]])


def join(*runs: Sequence[Pair] | Points) -> Points:
    """Put runs of points end to end."""
    return np.vstack([as_points(run) for run in runs])


def flip(points: Sequence[Pair] | Points) -> Points:
    """Mirror left and right about x = 0."""
    return as_points(points) * np.array([-1.0, 1.0])


def mirrored(half: Points) -> Points:
    """Close a right half that runs from the top centre to the bottom centre with its mirror image."""
    return np.vstack([half, flip(half)[::-1]])


def normals(points: Points) -> Points:
    """Return the unit normal at each point of a line, to the right of the way it runs (y points down)."""
    tangent = np.gradient(points, axis=0)
    tangent /= np.maximum(np.linalg.norm(tangent, axis=1, keepdims=True), 1e-9)
    return np.stack([-tangent[:, 1], tangent[:, 0]], axis=1)


def band(points: Sequence[Pair] | Points, width: float) -> Points:
    """Return the closed strip between a line and its parallel `width` to the right of it (left when negative)."""
    line = as_points(points)
    return np.vstack([line, (line + normals(line) * width)[::-1]])


def tapered(points: Sequence[Pair] | Points, width: float, wedge: bool = False) -> Points:
    """Return a closed leaf along a line, thickest in the middle, or at its end when `wedge`."""
    line = smooth(points, 8)
    t = np.linspace(0.0, 1.0, len(line))
    profile = (t**1.3 if wedge else np.sin(np.pi * t) ** 0.9) * width / 2
    offset = normals(line) * profile[:, None]
    return np.vstack([line + offset, (line - offset)[::-1]])


def ellipse(x: float, y: float, rx: float, ry: float, turn: float = 0.0, steps: int = 28) -> Points:
    """Return a closed ellipse around (x, y), turned by `turn` degrees."""
    angle = np.linspace(0.0, 2 * np.pi, steps, endpoint=False)
    return turned(np.stack([np.cos(angle) * rx, np.sin(angle) * ry], axis=1), turn) + (x, y)


def box(x1: float, y1: float, x2: float, y2: float, round_by: float = 0.0) -> Points:
    """Return a closed rectangle, its corners rounded by `round_by`."""
    if not round_by:
        return as_points([(x1, y1), (x2, y1), (x2, y2), (x1, y2)])
    corners = [(x2 - round_by, y1 + round_by, -90), (x2 - round_by, y2 - round_by, 0)]
    corners += [(x1 + round_by, y2 - round_by, 90), (x1 + round_by, y1 + round_by, 180)]
    runs = []
    for cx, cy, begin in corners:
        angle = np.radians(np.linspace(begin, begin + 90, 7))
        runs.append(np.stack([cx + np.cos(angle) * round_by, cy + np.sin(angle) * round_by], axis=1))
    return np.vstack(runs)


def turned(points: Points, degrees: float) -> Points:
    """Turn points about the origin."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return points @ np.array([[c, s], [-s, c]])


def homography(source: Points, target: Points) -> NDArray[np.float64]:
    """Return the 3x3 matrix that takes four source corners to four target corners."""
    rows, values = [], []
    for (x, y), (u, v) in zip(source, target, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    return np.append(np.linalg.solve(np.array(rows), np.array(values)), 1.0).reshape(3, 3)


def project(matrix: NDArray[np.floating], points: Points) -> Points:
    """Apply a homography to points."""
    mapped = np.column_stack([points, np.ones(len(points))]) @ matrix.T
    return mapped[:, :2] / mapped[:, 2:]


def clip_to_frame(polygon: Points, width: float, height: float) -> Points:
    """Clip a closed polygon to the picture (Sutherland and Hodgman); empty when nothing is inside."""
    points = polygon
    for axis, limit, sign in ((0, 0.0, 1.0), (0, width, -1.0), (1, 0.0, 1.0), (1, height, -1.0)):
        kept: list[Points] = []
        for here, after in zip(points, np.roll(points, -1, axis=0), strict=True):
            inside, next_inside = (here[axis] - limit) * sign >= 0, (after[axis] - limit) * sign >= 0
            if inside:
                kept.append(here)
            if inside != next_inside:
                kept.append(here + (after - here) * (limit - here[axis]) / (after[axis] - here[axis]))
        if not kept:
            return np.empty((0, 2))
        points = np.array(kept)
    return np.clip(points, 0.0, (width, height))


def area(polygon: Points) -> float:
    """Return the area of a closed polygon."""
    x, y = polygon.T
    return float(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2)


def simplified(line: Points, tolerance: float) -> Points:
    """Drop points that lie within `tolerance` of the chord they sit on (Douglas and Peucker)."""
    if len(line) < 3:
        return line
    chord = line[-1] - line[0]
    offset = line - line[0]
    length = float(np.hypot(*chord))
    if length < 1e-9:
        distance = np.hypot(offset[:, 0], offset[:, 1])
    else:
        distance = np.abs(chord[0] * offset[:, 1] - chord[1] * offset[:, 0]) / length
    far = int(distance.argmax())
    if distance[far] <= tolerance:
        return line[[0, -1]]
    return np.vstack([simplified(line[: far + 1], tolerance)[:-1], simplified(line[far:], tolerance)])


def outer_contour(mask: NDArray[np.bool_]) -> Points:
    """Trace the outer border of the topmost blob of a mask, clockwise from its topmost pixel (Moore's way)."""
    grid = np.pad(mask, 1)
    row, col = (int(v[0]) for v in np.nonzero(grid))
    ring = [(0, -1), (-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1)]
    start, came_from = (row, col), 0
    contour = [start]
    for _ in range(4 * grid.size):
        for turn in range(1, 9):
            at = (came_from + turn) % 8
            if grid[row + ring[at][0], col + ring[at][1]]:
                row, col = row + ring[at][0], col + ring[at][1]
                came_from = (at + 4) % 8
                break
        if (row, col) == start:
            break
        contour.append((row, col))
    return np.array([(c - 0.5, r - 0.5) for r, c in contour])
