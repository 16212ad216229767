import assert from "node:assert/strict";
import { test } from "node:test";
import { seal, unseal } from "./sealed";

const KEY = Buffer.alloc(32, 250).toString("base64url");
const OTHER = Buffer.alloc(32, 9).toString("base64url");
const drafts = { draft: "perché no? 👍", unsent: [] };

test("a sealed draft comes back under its own key and place, and under nothing else", async () => {
  const box = await seal(KEY, "northmoor:ada", drafts);

  assert.deepEqual(await unseal(KEY, "northmoor:ada", box), drafts);
  assert.ok(!Buffer.from(box.split(".")[1] ?? "", "base64").includes("draft"));
  assert.equal(await unseal(OTHER, "northmoor:ada", box), null);
  assert.equal(await unseal(KEY, "northmoor:bob", box), null);
  for (const wrong of ["", ".", "x.y", `${box.slice(0, -6)}AAAAA=`]) assert.equal(await unseal(KEY, "northmoor:ada", wrong), null);
});
