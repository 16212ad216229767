import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { openKeep } from "../storage";
import { keepDrafts, nextToSend, readDrafts, withRefusal, without, type Unsent } from "./outgoing";

const NOW = Date.parse("2026-03-02T12:00:00Z");
const unsent = (id: string, change: Partial<Unsent> = {}): Unsent => ({
  client_msg_id: id, text: `text ${id}`, created_at: "2026-03-02T11:59:00Z", refused: null, ...change,
});

/** A storage that throws on every touch, as browsers do when third-party storage is blocked. */
const blocked = new Proxy({} as Storage, {
  get() {
    throw new DOMException("denied", "SecurityError");
  },
  ownKeys() {
    throw new DOMException("denied", "SecurityError");
  },
});

describe("unsent messages", () => {
  test("come back after a reload under the same ids", () => {
    const keep = openKeep(null);
    keepDrafts(keep, "k", { draft: "half a", unsent: [unsent("a"), unsent("b")] });

    const back = readDrafts(keep.read("k"), NOW, "too old");

    assert.deepEqual(back, { draft: "half a", unsent: [unsent("a"), unsent("b")] });
  });

  test("are sent in order; a refused one does not stop the next", () => {
    assert.equal(nextToSend([unsent("a", { refused: "no" }), unsent("b"), unsent("c")])?.client_msg_id, "b");
    assert.equal(nextToSend(withRefusal([unsent("a")], "a", "no")), undefined);
  });

  test("older than its key, a message waits for the customer", () => {
    const old = unsent("a", { created_at: "2026-03-01T11:00:00Z" });

    assert.equal(readDrafts({ unsent: [old] }, NOW, "too old").unsent[0]?.refused, "too old");
  });

  test("what was kept by something else is passed over", () => {
    for (const kept of [null, 7, "x", [], { draft: 5, unsent: 6 }, { unsent: [null, {}, { text: "x" }] }])
      assert.deepEqual(readDrafts(kept, NOW, ""), { draft: "", unsent: [] });
  });

  test("the one that arrived is taken out; no other", () => {
    assert.deepEqual(without([unsent("a"), unsent("b")], "a"), [unsent("b")]);
    assert.deepEqual(without([unsent("a")], null), [unsent("a")]);
  });
});

describe("storage", () => {
  test("blocked storage is memory for as long as the page lives", () => {
    const keep = openKeep(blocked);
    keep.write("k", { a: 1 });

    assert.deepEqual(keep.read("k"), { a: 1 });
    keep.forget("k", "other");
    keep.write("k", null);
    assert.equal(keep.read("k"), null);
  });

  test("another customer's drafts are forgotten", () => {
    const keep = openKeep(null);
    keep.write("chat:a:1", 1);
    keep.write("chat:a:2", 2);

    keep.forget("chat:a:", "chat:a:2");

    assert.deepEqual([keep.read("chat:a:1"), keep.read("chat:a:2")], [null, 2]);
  });
});
