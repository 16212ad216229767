import type { ProblemBody } from "./shapes";

/** An answer that refuses (RFC 9457), or no answer at all (`status` 0). */
export class Problem extends Error {
  readonly slug: string;

  constructor(
    readonly status: number,
    readonly body: Partial<ProblemBody> = {},
    readonly retryAfterMs = 0,
  ) {
    super(body.title ?? `HTTP ${status}`);
    this.slug = String(body.type ?? "").split("/").pop() ?? "";
  }

  /** The same request may succeed later without any change. */
  get temporary(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500 || this.slug === "idempotency-in-flight";
  }
}

export async function problemFrom(answer: Response): Promise<Problem> {
  const wait = Number(answer.headers.get("Retry-After"));
  const body = await answer.json().catch(() => ({}));
  const known = typeof body === "object" && body !== null ? (body as Partial<ProblemBody>) : {};
  return new Problem(answer.status, known, Number.isFinite(wait) && wait > 0 ? wait * 1000 : 0);
}
