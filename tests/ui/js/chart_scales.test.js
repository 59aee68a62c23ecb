import assert from "node:assert/strict";
import { test } from "node:test";
import { apart, frontOf, qualityRange, ticks, tidy } from "../../../ui/tabs/compare/chart_scales.js";

test("a number has as many digits as it is worth", () => {
  assert.deepEqual([1234.6, 100, 42.26, 3.086, 0.0523].map(tidy), ["1235", "100", "42.3", "3.1", "0.052"]);
});

test("ticks are round and within the axis", () => {
  assert.deepEqual(ticks(3, 120), [5, 10, 20, 50, 100]);
  assert.deepEqual(ticks(10, 10), [10]);
});

test("the axis of quality holds every interval and stays within 0 and 1", () => {
  assert.deepEqual(qualityRange([0.45, 0.57]), [0.4, 0.6]);
  assert.deepEqual(qualityRange([0.001, 0.999]), [0, 1]);
  assert.deepEqual(qualityRange([0, 0]), [0, 0.1]);
});

test("the front has whom no other beats in both; equals stay together", () => {
  const rows = [
    { name: "good", map: 0.9, ms: 9 }, { name: "fast", map: 0.5, ms: 1 }, { name: "beaten", map: 0.5, ms: 5 },
    { name: "twin", map: 0.9, ms: 9 },
  ];
  assert.deepEqual(frontOf(rows, "map", "ms", -1).map(({ name }) => name), ["good", "fast", "twin"]);
  assert.deepEqual(frontOf(rows, "map", "ms", 1).map(({ name }) => name), ["good", "twin"]);
});

test("names are pushed down until none covers another", () => {
  assert.deepEqual(apart([10, 12, 100], 36), [10, 46, 100]);
  assert.deepEqual(apart([50, 10], 36), [50, 10]);
  assert.deepEqual(apart([20, 10, 15], 36), [82, 10, 46]);
});
