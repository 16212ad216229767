/** What stands under what: day separators, the unread mark, and runs of one author's messages. */
import type { Message } from "../rest/shapes";
import { dayKey } from "../times";

export type Row =
  | { readonly kind: "day"; readonly key: string; readonly date: Date }
  | { readonly kind: "unread"; readonly key: string }
  | { readonly kind: "message"; readonly key: string; readonly message: Message; readonly first: boolean; readonly last: boolean };

const RUN_MS = 5 * 60_000;

const keyOf = (message: Message): string => message.client_msg_id ?? message.id;

function sameRun(a: Message | undefined, b: Message | undefined): boolean {
  if (!a || !b || a.kind === "system" || b.kind === "system") return false;
  if (a.author.kind !== b.author.kind || a.author.name !== b.author.name) return false;
  return Math.abs(Date.parse(b.created_at) - Date.parse(a.created_at)) < RUN_MS;
}

/** `unreadAfter` is the place of the last message that was read when the chat was opened; null for no mark. */
export function rowsOf(messages: readonly Message[], unreadAfter: number | null): readonly Row[] {
  const rows: Row[] = [];
  let day = "";
  let marked = unreadAfter === null;
  messages.forEach((message, index) => {
    const date = new Date(message.created_at);
    const newDay = dayKey(date) !== day;
    day = dayKey(date);
    if (newDay) rows.push({ kind: "day", key: `day ${day}`, date });
    const mark = !marked && message.seq > (unreadAfter ?? 0) && message.author.kind !== "customer";
    if (mark) rows.push({ kind: "unread", key: "unread" });
    marked ||= mark;
    const next = messages[index + 1];
    const nextDay = next && dayKey(new Date(next.created_at)) !== day;
    const first = newDay || mark || !sameRun(messages[index - 1], message);
    rows.push({ kind: "message", key: keyOf(message), message, first, last: !!nextDay || !sameRun(message, next) });
  });
  return rows;
}
