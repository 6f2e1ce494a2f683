// The arithmetic of charts.js and map.js.
import assert from "node:assert/strict";
import test from "node:test";
import { ranked, stacked, stepOf } from "./charts.js";
import { dominant, intensity } from "./map.js";

test("a range has about a hundred bars, of a length that the server can give", () => {
  assert.deepEqual([3600, 86_400, 604_800].map(stepOf), [60, 900, 7200]);
  for (let range = 600; range < 100 * 86_400; range += 3600) {
    assert.ok(range / stepOf(range) <= 110, String(range));
    assert.equal(stepOf(range) % 60, 0);
  }
});

test("what was blocked stands at the bottom, where it can be seen", () => {
  const series = ["allow", "block", "review"].map((name, at) => ({ name, values: [at + 1, null] }));
  const found = ranked(series, "verdict");
  assert.deepEqual(found.map((one) => [one.name, one.total]), [["block", 2], ["review", 3], ["allow", 1]]);
  assert.deepEqual(stacked(found, new Set()), [[2, 0], [5, 0], [6, 0]]);
  assert.deepEqual(stacked(found, new Set(["review"])), [[2, 0], [2, 0], [3, 0]]);
});

test("more series than colours lose no figure", () => {
  const series = Array.from({ length: 20 }, (_, at) => ({ name: `p${at}`, values: [at, 1] }));
  const found = ranked(series, "product");
  assert.equal(found.length, 8);
  assert.equal(found.at(-1).name, "13 others");
  assert.deepEqual(stacked(found, new Set()).at(-1), [190, 20]);
});

test("a country has the colour of most of its decisions, and of equal ones the stricter", () => {
  assert.equal(dominant({ allow: 5, review: 1, block: 2 }), "allow");
  assert.equal(dominant({ allow: 2, review: 2, block: 2 }), "block");
  assert.equal(dominant({ allow: 2, review: 2 }), "review");
  assert.deepEqual([1, 10, 1000, 100_000].map((count) => intensity(count, 100_000)), [1, 1, 3, 4]);
  assert.equal(intensity(1, 1), 4);
});
