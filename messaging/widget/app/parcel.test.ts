import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { trackOf } from "./parcel";
import type { ParcelStatus } from "./rest/papers";

const stops = (...statuses: ParcelStatus[]) => statuses.map((status) => ({ at: "", status, text: null, place: null }));

describe("a parcel's way", () => {
  test("stands at the step that it has come to", () => {
    const at = (status: ParcelStatus) => trackOf({ status, events: [] }).at;

    assert.deepEqual((["ordered", "packed", "in_transit", "out_for_delivery", "delivered"] as const).map(at), [0, 1, 2, 3, 4]);
    assert.equal(trackOf({ status: "delivered", events: [] }).tone, "good");
  });

  test("held up or going back, it stands where it last was", () => {
    assert.deepEqual(trackOf({ status: "delayed", events: stops("ordered", "packed", "in_transit", "delayed") }), { at: 2, tone: "warn" });
    assert.deepEqual(trackOf({ status: "returned", events: stops("ordered", "delivered", "returned") }), { at: 4, tone: "warn" });
    assert.deepEqual(trackOf({ status: "delayed", events: [] }), { at: 0, tone: "warn" });
  });

  test("a status that is newer than this app is no alarm", () => {
    assert.deepEqual(trackOf({ status: "at_customs" as ParcelStatus, events: stops("packed") }), { at: 1, tone: "calm" });
  });
});
