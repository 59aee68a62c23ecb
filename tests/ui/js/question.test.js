import assert from "node:assert/strict";
import { test } from "node:test";
import { link } from "../../../ui/search/detail.js";
import { inTwoPlaces } from "../../../ui/search/results.js";
import { phrases, written } from "../../../ui/search/words_box.js";

test("words are read as phrases with weights, a minus or no before and a weight behind", () => {
  assert.deepEqual(phrases("red dress, no stripes, floral:0.5; -blue"), [
    { text: "red dress", weight: 1 }, { text: "stripes", weight: -1 }, { text: "floral", weight: 0.5 }, { text: "blue", weight: -1 },
  ]);
  assert.deepEqual(phrases(" , "), []);
  assert.equal(phrases("jacket under 1,000").length, 1);
});

test("what a slider writes is read as it was meant", () => {
  for (const phrase of [{ text: "red", weight: 1 }, { text: "red", weight: -1 }, { text: "red", weight: -0.4 }, { text: "red", weight: 1.7 }]) {
    assert.deepEqual(phrases(written(phrase)), [phrase]);
  }
});

test("only the same picture scores 1.00", () => {
  assert.deepEqual([1, 0.99996, 0.9999, 0.996, 0.984, 0.5, -0.25].map(inTwoPlaces), ["1.00", "1.00", "0.99", "0.99", "0.98", "0.50", "-0.25"]);
});

test("a fact is a link where it is plainly an address of the web, and nothing else ever is", () => {
  assert.equal(link("https://shop.example/p?id=1"), "https://shop.example/p?id=1");
  for (const text of ["javascript:alert(1)", "data:text/html,x", "//host/x", "see https://a.b", "https://", "ftp://a.b/c", ""]) {
    assert.equal(link(text), "");
  }
});
