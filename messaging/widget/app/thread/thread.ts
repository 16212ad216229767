/** What the customer sees of a conversation, as pure functions: loaded messages in order of their place. */
import { isMessage, type Message, type MessagePage } from "../rest/shapes";
import type { StreamEvent } from "../socket/frames";

export interface Thread {
  readonly messages: readonly Message[];
  /** The stream's last seq that is contained here. */
  readonly head: number;
  readonly hasMore: boolean;
  /** How far each reader has read. */
  readonly reads: Readonly<Record<string, number>>;
}

export const emptyThread: Thread = { messages: [], head: 0, hasMore: false, reads: {} };

const bySeq = (a: Message, b: Message): number => a.seq - b.seq;

/** The revision of the receipt or parcel that a card tells of; 0 where it tells of none. */
function toldOf(message: Message): number {
  if (message.kind === "receipt") return message.card?.receipt?.revision ?? 0;
  return message.kind === "shipment" ? (message.card?.shipment?.revision ?? 0) : 0;
}

/**
 * Whether `message` was drawn before the one we hold. The same revision drawn again is taken, for what may be shown can
 * have changed; but a parcel never goes back, in whatever order two answers arrive.
 */
function isOlder(message: Message, held: Message): boolean {
  if (message.rev !== held.rev) return message.rev < held.rev;
  const told = toldOf(message);
  return told > 0 && told < toldOf(held);
}

/** Put one message in its place; an older one than that which we hold changes nothing. */
export function withMessage(thread: Thread, message: Message): Thread {
  const at = thread.messages.findIndex((it) => it.id === message.id);
  const held = thread.messages[at];
  if (held) {
    if (isOlder(message, held)) return thread;
    return { ...thread, messages: thread.messages.with(at, message) };
  }
  const oldest = thread.messages[0];
  if (oldest && message.seq < oldest.seq && thread.hasMore) return thread;
  return { ...thread, messages: [...thread.messages, message].sort(bySeq) };
}

/** The newest page replaces what we hold: what may be shown can have changed for all of it. */
export function fromPage(thread: Thread, page: MessagePage): Thread {
  const messages = page.messages.filter(isMessage).toSorted(bySeq);
  return { ...thread, messages, hasMore: page.has_more, head: Math.max(thread.head, page.head_seq) };
}

export function withOlder(thread: Thread, page: MessagePage): Thread {
  const held = new Set(thread.messages.map((it) => it.id));
  const older = page.messages.filter((it) => isMessage(it) && !held.has(it.id));
  return { ...thread, messages: [...older, ...thread.messages].sort(bySeq), hasMore: page.has_more };
}

/** A snapshot stands for everything before its head. */
export function fromSnapshot(thread: Thread, head: number, snapshot: unknown): Thread {
  const given = (snapshot ?? {}) as { messages?: unknown; has_more?: unknown };
  const messages = (Array.isArray(given.messages) ? given.messages : []).filter(isMessage).toSorted(bySeq);
  const hasMore = typeof given.has_more === "boolean" ? given.has_more : (messages[0]?.seq ?? 1) > 1;
  return { ...thread, messages, hasMore, head };
}

export function withEvent(thread: Thread, event: StreamEvent): Thread {
  const next = { ...thread, head: Math.max(thread.head, event.seq) };
  if (event.type === "message.created" || event.type === "message.updated")
    return isMessage(event.data) ? withMessage(next, event.data) : next;
  if (event.type === "read.updated") return withRead(next, event.data);
  return next;
}

function withRead(thread: Thread, data: unknown): Thread {
  const { reader, seq } = (data ?? {}) as { reader?: unknown; seq?: unknown };
  if (typeof reader !== "string" || !Number.isSafeInteger(seq)) return thread;
  const read = Math.max(thread.reads[reader] ?? 0, seq as number);
  return { ...thread, reads: { ...thread.reads, [reader]: read } };
}

/**
 * The place up to which there is something new to have read; null for nothing. A read mark makes an event of its own
 * in the stream, so only messages count: marks for marks would never end.
 */
export function newToRead(thread: Thread, readSeq: number): number | null {
  const last = thread.messages.findLast((it) => it.author.kind !== "customer");
  return last && last.seq > readSeq ? last.seq : null;
}

/** Messages of others that came after the read mark. */
export function unreadOf(thread: Thread, readSeq: number): readonly Message[] {
  return thread.messages.filter((it) => it.seq > readSeq && it.author.kind !== "customer");
}
