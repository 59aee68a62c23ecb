import assert from "node:assert/strict";
import { test } from "node:test";
import { medoid, nearest, neighbour, shuffled, thinned } from "../../../ui/search/map_points.js";

test("the order of pictures is a permutation and the same for everybody", () => {
  const order = shuffled(1000);
  assert.deepEqual(order, shuffled(1000));
  assert.deepEqual([...order].sort((a, b) => a - b), Array.from({ length: 1000 }, (_, n) => n));
  assert.notDeepEqual(order, [...order].sort((a, b) => a - b));
  assert.deepEqual([shuffled(0), shuffled(1)], [[], [0]]);
});

test("the medoid is the point with the smallest sum of distances, not the mean", () => {
  const points = { x: [0, 1, 2, 100], y: [0, 0, 0, 0] };
  assert.equal(medoid(points, [0, 1, 2, 3]), 1);
  assert.equal(medoid(points, []), undefined);
});

test("pictures keep their distance, and those of the coarser level stay", () => {
  const points = { x: [0, 0.4, 1, 1.3, 5], y: [0, 0, 0, 0.9, 5] };
  assert.deepEqual(thinned(points, 1, [], [1, 0, 2, 3, 4]), [1, 4]);
  assert.deepEqual(thinned(points, 1, [0], [1, 0, 2, 3, 4]), [0, 2, 4]);
  const all = thinned(points, 0.1, [], [0, 1, 2, 3, 4]);
  assert.deepEqual(all, [0, 1, 2, 3, 4]);
});

test("thinning agrees with comparing every pair", () => {
  let seed = 7;
  const random = () => {
    seed = (seed * 48271) % 2147483647;
    return seed / 2147483647;
  };
  const [x, y] = [Array.from({ length: 300 }, random), Array.from({ length: 300 }, random)];
  const slow = [];
  for (const n of shuffled(300))
    if (slow.every((m) => Math.max(Math.abs(x[m] - x[n]), Math.abs(y[m] - y[n])) >= 0.07)) slow.push(n);
  assert.deepEqual(thinned({ x, y }, 0.07, [], shuffled(300)), slow);
});

test("the nearest point is found within reach, among those that pass", () => {
  const points = { x: [0, 3, 10], y: [0, 4, 0] };
  assert.equal(nearest(points, 2, 3), 1);
  assert.equal(nearest(points, 6, 20, 5), -1);
  assert.equal(nearest(points, 2, 3, 50, (n) => n !== 1), 0);
});

test("an arrow goes to the nearest point within 45 degrees of it", () => {
  const points = { x: [0, 1, 5, -2, 0], y: [0, 1.5, 0.1, 0, 3] };
  assert.equal(neighbour(points, 0, [1, 0]), 2);
  assert.equal(neighbour(points, 0, [-1, 0]), 3);
  assert.equal(neighbour(points, 0, [0, 1]), 1);
  assert.equal(neighbour(points, 0, [0, -1]), -1);
  assert.equal(neighbour(points, 0, [0, 1], (n) => n !== 1), 4);
});
