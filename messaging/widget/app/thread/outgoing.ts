/** Messages that the server does not have yet: kept over a reload, sent in order, each under one lasting id. */
import type { Keep } from "../storage";

export interface Unsent {
  readonly client_msg_id: string;
  readonly text: string;
  readonly created_at: string;
  /** Why the server refused it; null while it is still being tried. */
  readonly refused: string | null;
}

export const LONGEST_TEXT = 4000;
const OLDEST_MS = 24 * 3600_000;

export interface Drafts {
  readonly draft: string;
  readonly unsent: readonly Unsent[];
}

function isUnsent(value: unknown): value is Unsent {
  const it = (value ?? {}) as Record<string, unknown>;
  return ["client_msg_id", "text", "created_at"].every((name) => typeof it[name] === "string");
}

/** Bring back what was kept; a message older than its idempotency key is not sent by itself any more. */
export function readDrafts(kept: unknown, now: number, expired: string): Drafts {
  const { draft, unsent } = (kept ?? {}) as { draft?: unknown; unsent?: unknown };
  const list = (Array.isArray(unsent) ? unsent : []).filter(isUnsent).map((it) => {
    const tooOld = !(now - Date.parse(it.created_at) < OLDEST_MS);
    return { ...it, refused: tooOld ? expired : (it.refused ?? null) };
  });
  return { draft: typeof draft === "string" ? draft : "", unsent: list };
}

export function keepDrafts(keep: Keep, key: string, drafts: Drafts): void {
  const nothing = drafts.draft === "" && drafts.unsent.length === 0;
  keep.write(key, nothing ? null : drafts);
}

export const nextToSend = (unsent: readonly Unsent[]): Unsent | undefined => unsent.find((it) => it.refused === null);

export const without = (unsent: readonly Unsent[], id: string | null | undefined): readonly Unsent[] =>
  id && unsent.some((it) => it.client_msg_id === id) ? unsent.filter((it) => it.client_msg_id !== id) : unsent;

export const withRefusal = (unsent: readonly Unsent[], id: string, refused: string | null): readonly Unsent[] =>
  unsent.map((it) => (it.client_msg_id === id ? { ...it, refused } : it));
