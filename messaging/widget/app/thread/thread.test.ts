import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Message } from "../rest/shapes";
import { emptyThread, fromPage, fromSnapshot, newToRead, unreadOf, withEvent, withMessage, withOlder, type Thread } from "./thread";

const message = (seq: number, change: Partial<Message> = {}): Message =>
  ({
    id: `m${seq}`, conversation_id: "c", seq, rev: 1, kind: "text", author: { kind: "bank", name: "Bank" },
    created_at: "2026-03-01T10:00:00Z", text: `text ${seq}`, card: null, actions: [], expires_at: null, ...change,
  }) as Message;
const page = (seqs: number[], has_more: boolean) => ({ messages: seqs.map((it) => message(it)), head_seq: 20, has_more });
const seqs = (thread: Thread) => thread.messages.map((it) => it.seq);
const thread = fromPage(emptyThread, page([12, 11, 14], true));

describe("a thread", () => {
  test("is in order of place, whatever order it came in", () => {
    assert.deepEqual(seqs(thread), [11, 12, 14]);
    assert.equal(thread.head, 20);
  });

  test("older pages go before, once", () => {
    assert.deepEqual(seqs(withOlder(thread, page([9, 10, 11], false))), [9, 10, 11, 12, 14]);
  });

  test("a new revision takes the old one's place; an old one does not come back", () => {
    const fresh = withMessage(thread, message(12, { rev: 3, text: "new" }));

    assert.equal(withMessage(fresh, message(12, { rev: 2 })).messages[1]?.text, "new");
    assert.deepEqual(seqs(fresh), [11, 12, 14]);
  });

  test("the same revision drawn again is taken: what may be shown can have changed", () => {
    assert.equal(withMessage(thread, message(12, { text: "withheld" })).messages[1]?.text, "withheld");
  });

  test("a parcel drawn again never goes back, and is gone when it is shared no more", () => {
    const parcel = (rev: number, revision: number | null) =>
      message(12, { rev, kind: "shipment", card: { shipment: revision === null ? null : { revision }, withheld: revision === null ? "not_shared" : null } } as Partial<Message>);
    const told = (one: Thread) => (one.messages[1]?.card as { shipment: { revision: number } | null }).shipment?.revision;
    const moved = withMessage(thread, parcel(2, 5));

    assert.deepEqual([parcel(2, 4), parcel(1, 6), parcel(2, 5), parcel(2, 6), parcel(3, 6)].map((it) => told(withMessage(moved, it))), [5, 5, 5, 6, 6]);
    assert.equal(told(withMessage(moved, parcel(2, null))), undefined);
  });

  test("an update of a message that is not loaded leaves no hole", () => {
    assert.deepEqual(seqs(withMessage(thread, message(3))), [11, 12, 14]);
  });

  test("events move the head even when their data is not understood", () => {
    const event = { stream: "conv:c", epoch: "e", seq: 21, id: "", type: "message.created", ts: "", data: { id: 7 } };

    assert.equal(withEvent(thread, event).head, 21);
    assert.deepEqual(seqs(withEvent(thread, event)), [11, 12, 14]);
  });

  test("a snapshot replaces everything and says whether there is more", () => {
    const fresh = fromSnapshot(thread, 400, { messages: [message(399), message(398)] });

    assert.deepEqual(seqs(fresh), [398, 399]);
    assert.equal(fresh.hasMore, true);
    assert.equal(fresh.head, 400);
    assert.equal(fromSnapshot(thread, 0, null).messages.length, 0);
  });

  test("read marks only move forward", () => {
    const read = (seq: number) => ({ stream: "conv:c", epoch: "e", seq: 21, id: "", type: "read.updated", ts: "", data: { reader: "b", seq } });

    assert.deepEqual(withEvent(withEvent(thread, read(14)), read(12)).reads, { b: 14 });
  });

  test("a read mark is no news that has to be marked as read", () => {
    const marked = withEvent(thread, { stream: "conv:c", epoch: "e", seq: 21, id: "", type: "read.updated", ts: "", data: { reader: "customer", seq: 14 } });

    assert.equal(marked.head, 21);
    assert.deepEqual([newToRead(marked, 12), newToRead(marked, 14)], [14, null]);
  });

  test("what the customer wrote is never unread", () => {
    const own = withMessage(thread, message(15, { author: { kind: "customer", name: "Me" } }));

    assert.deepEqual(unreadOf(own, 11).map((it) => it.seq), [12, 14]);
  });
});
