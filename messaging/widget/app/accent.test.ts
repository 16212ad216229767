import assert from "node:assert/strict";
import { test } from "node:test";
import { inkOn } from "./accent";

test("the ink is the one that can be read", () => {
  assert.deepEqual(["#000000", "#0e5a44", "#ffe08a", "#ffffff"].map(inkOn), ["#ffffff", "#ffffff", "#000000", "#000000"]);
});
