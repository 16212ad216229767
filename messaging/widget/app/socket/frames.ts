/** The frames of the socket: JSON text, each an object with its name in `t`. */

export type ClientFrame =
  | { t: "hello"; client: string; resume?: string }
  | { t: "sub"; stream: string; seq: number; epoch?: string }
  | { t: "unsub"; stream: string }
  | { t: "ack"; stream: string; delivered?: number; read?: number }
  | { t: "typing"; stream: string }
  | { t: "auth"; ticket: string }
  | { t: "ping" };

/** One entry of a stream's log. */
export interface StreamEvent {
  readonly stream: string;
  readonly epoch: string;
  readonly seq: number;
  readonly id: string;
  readonly type: string;
  readonly ts: string;
  readonly data: unknown;
}

export type ServerFrame =
  | { t: "ready"; session: string; hb_s: number; max_frame: number }
  | ({ t: "event" } & StreamEvent)
  | { t: "synced"; stream: string; epoch: string; head: number; recovered: boolean }
  | { t: "reset"; stream: string; epoch: string; head: number; snapshot: unknown }
  | { t: "hb"; ts: string; heads: Record<string, number> }
  | { t: "eph"; stream: string; type: string; data: unknown }
  | { t: "ok"; re: string }
  | { t: "err"; code: string; detail: string; temporary: boolean; retry_after?: number }
  | { t: "pong" }
  | { t: "drain"; retry_after: number };

type Loose = Record<string, unknown>;

const isText = (value: unknown): value is string => typeof value === "string";
const isSeq = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
/** Epochs are opaque: a server that numbers them is understood as well as one that names them. */
const epochOf = (value: unknown): string | null =>
  isText(value) || typeof value === "number" ? String(value) : null;
const seconds = (value: unknown): number | undefined =>
  typeof value === "number" && Number.isFinite(value) && value >= 0 ? value : undefined;

function headsOf(value: unknown): Record<string, number> {
  const heads: Record<string, number> = {};
  if (typeof value !== "object" || value === null) return heads;
  for (const [stream, seq] of Object.entries(value)) if (isSeq(seq)) heads[stream] = seq;
  return heads;
}

function readEvent(raw: Loose): ServerFrame | null {
  const { stream, seq, type } = raw;
  const epoch = epochOf(raw["epoch"]);
  if (!isText(stream) || !isSeq(seq) || !isText(type) || epoch === null) return null;
  return { t: "event", stream, epoch, seq, type, id: String(raw["id"] ?? ""), ts: String(raw["ts"] ?? ""), data: raw["data"] };
}

function readPosition(raw: Loose): ServerFrame | null {
  const { t, stream, head } = raw;
  const epoch = epochOf(raw["epoch"]);
  if (!isText(stream) || !isSeq(head) || epoch === null) return null;
  if (t === "reset") return { t, stream, epoch, head, snapshot: raw["snapshot"] ?? null };
  return { t: "synced", stream, epoch, head, recovered: raw["recovered"] !== false };
}

const readers: Record<string, (raw: Loose) => ServerFrame | null> = {
  ready: (raw) => ({
    t: "ready",
    session: String(raw["session"] ?? ""),
    hb_s: seconds(raw["hb_s"]) || 15,
    max_frame: seconds(raw["max_frame"]) ?? 65536,
  }),
  event: readEvent,
  synced: readPosition,
  reset: readPosition,
  hb: (raw) => ({ t: "hb", ts: String(raw["ts"] ?? ""), heads: headsOf(raw["heads"]) }),
  eph: ({ stream, type, data }) => (isText(stream) && isText(type) ? { t: "eph", stream, type, data } : null),
  ok: ({ re }) => ({ t: "ok", re: String(re ?? "") }),
  err: (raw) => ({
    t: "err",
    code: String(raw["code"] ?? "unknown"),
    detail: String(raw["detail"] ?? ""),
    temporary: raw["temporary"] === true,
    ...(seconds(raw["retry_after"]) === undefined ? {} : { retry_after: seconds(raw["retry_after"]) as number }),
  }),
  pong: () => ({ t: "pong" }),
  drain: (raw) => ({ t: "drain", retry_after: seconds(raw["retry_after"]) ?? 0 }),
};

/** Read one text frame; null for what is malformed or not known to us, which a client passes over. */
export function readFrame(text: string): ServerFrame | null {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof raw !== "object" || raw === null || Array.isArray(raw)) return null;
  const name = (raw as Loose)["t"];
  const read = isText(name) && Object.hasOwn(readers, name) ? readers[name] : undefined;
  return read ? read(raw as Loose) : null;
}
