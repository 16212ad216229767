/** The session lives in memory only: the bank's assertion is changed for a bearer token of ten minutes. */
import { NoAssertion } from "../host/bridge";
import { Problem, problemFrom } from "./problem";
import type { Session } from "./shapes";

const REQUEST_WAIT_MS = 20_000;
const RENEW_BEFORE_MS = 60_000;
const LONGEST_MS = 10 * 60_000;

export type SessionFailure = "signed_out" | "unavailable" | "refused";

export class SessionLost extends Error {
  constructor(readonly reason: SessionFailure) {
    super(reason);
  }
}

interface Held {
  readonly session: Session;
  readonly renewAt: number;
}

export interface Ask {
  readonly method?: "GET" | "POST";
  readonly body?: unknown;
  /** Makes a write safe to repeat: the same key and body give the same answer. */
  readonly key?: string;
}

export class Rest {
  #held: Held | null = null;
  #renewing: Promise<Session> | null = null;

  constructor(
    private readonly base: string,
    private readonly bank: string,
    private readonly assertion: () => Promise<string>,
  ) {}

  /** A session that is good for a while yet; a new one where there is none. */
  async session(): Promise<Session> {
    if (this.#held && performance.now() < this.#held.renewAt) return this.#held.session;
    return this.renew();
  }

  /** Milliseconds until the session should be renewed; 0 when there is none. */
  get freshForMs(): number {
    return this.#held ? Math.max(0, this.#held.renewAt - performance.now()) : 0;
  }

  /** Ask the host page for a new assertion and change it for a new session; one at a time. */
  renew(): Promise<Session> {
    return (this.#renewing ??= this.#begin().finally(() => (this.#renewing = null)));
  }

  async ask<T>(path: string, ask: Ask = {}): Promise<T> {
    const { token } = await this.session();
    try {
      return await this.#send<T>(path, ask, token);
    } catch (problem) {
      if (!(problem instanceof Problem) || problem.status !== 401) throw problem;
    }
    if (this.#held?.session.token === token) this.#held = null;
    return this.#send<T>(path, ask, (await this.session()).token);
  }

  async #begin(): Promise<Session> {
    this.#held = null;
    const askedAt = performance.now();
    const session = await this.#exchange();
    const lifetime = Math.min(Date.parse(session.expires_at) - Date.now(), LONGEST_MS);
    const usable = Number.isFinite(lifetime) && lifetime > 2 * RENEW_BEFORE_MS ? lifetime : LONGEST_MS / 2;
    this.#held = { session, renewAt: askedAt + usable - RENEW_BEFORE_MS };
    return session;
  }

  async #exchange(): Promise<Session> {
    try {
      const body = { bank: this.bank, assertion: await this.assertion() };
      return await this.#send<Session>("/widget/sessions", { method: "POST", body });
    } catch (failure) {
      throw new SessionLost(sessionFailure(failure));
    }
  }

  async #send<T>(path: string, { method = "GET", body, key }: Ask, token?: string): Promise<T> {
    const headers = new Headers({ Accept: "application/json" });
    if (token) headers.set("Authorization", `Bearer ${token}`);
    if (key) headers.set("Idempotency-Key", key);
    if (body !== undefined) headers.set("Content-Type", "application/json");
    let answer: Response;
    try {
      answer = await fetch(this.base + path, {
        method,
        headers,
        body: body === undefined ? null : JSON.stringify(body),
        credentials: "omit",
        cache: "no-store",
        redirect: "error",
        signal: AbortSignal.timeout(REQUEST_WAIT_MS),
      });
    } catch {
      throw new Problem(0);
    }
    if (!answer.ok) throw await problemFrom(answer);
    return (await answer.json().catch(() => {
      throw new Problem(0);
    })) as T;
  }
}

function sessionFailure(failure: unknown): SessionFailure {
  if (failure instanceof NoAssertion) return failure.reason;
  if (failure instanceof Problem && !failure.temporary) return "refused";
  return "unavailable";
}
