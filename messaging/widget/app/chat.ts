/** The chat's state and everything that changes it. Views draw `state` and call the methods. */
import type { Config } from "./config";
import type { Bridge } from "./host/bridge";
import { seal, unseal } from "./host/sealed";
import { openWithPass, postCode } from "./host/windows";
import { Problem } from "./rest/problem";
import { Rest, SessionLost, type SessionFailure } from "./rest/session";
import { isMessage, type Message, type MessagePage, type Session, type Ticket, type WindowPass } from "./rest/shapes";
import type { Phase } from "./socket/protocol";
import { SocketRunner } from "./socket/runner";
import { openKeep } from "./storage";
import { keepDrafts, nextToSend, readDrafts, without, withRefusal, type Unsent } from "./thread/outgoing";
import { emptyThread, fromPage, fromSnapshot, newToRead, unreadOf, withEvent, withMessage, withOlder, type Thread } from "./thread/thread";
import { momentText, tellTimesIn } from "./times";
import { Waits } from "./waits";
import type { Speech } from "./words/words";

const PAGE = 30;
const LARGEST_PAGE = 100;
const TYPING_EVERY_MS = 3_000;
const TYPING_SHOWN_MS = 6_000;
const REFRESH_AFTER_MS = 250;
const ACTION_TRIES = 4;
/** An alert further back than this is not what a mail of the last days leads to. */
const SOUGHT_PAGES = 10;

export type Failure = SessionFailure | "alone";
export type ActionPhase = "busy" | "retrying" | "failed";

/** One press of a card's button, until the server has answered it. */
export interface Press {
  readonly key: string;
  readonly rev: number;
  readonly idempotencyKey: string;
  readonly phase: ActionPhase;
  readonly problem: string | null;
}

export type WindowPurpose = "link" | "sharing" | "reaching";

export interface ChatState {
  readonly phase: "starting" | "ready" | "failed";
  readonly failure: Failure | null;
  readonly session: Omit<Session, "token" | "draft_key"> | null;
  readonly thread: Thread;
  readonly unsent: readonly Unsent[];
  readonly draft: string;
  readonly connection: Phase;
  /** False until the connection has once been good: the first moments are not shown as a fault. */
  readonly everLive: boolean;
  readonly older: "idle" | "loading" | "failed";
  readonly presses: Readonly<Record<string, Press>>;
  readonly readSeq: number;
  readonly typing: string | null;
  readonly open: boolean;
  /** How often the customer has opened the chat by hand; a chat that the page opened takes no focus. */
  readonly openings: number;
  readonly mode: "bubble" | "full";
  readonly blocked: WindowPass | null;
  readonly windowFailed: boolean;
  readonly opening: WindowPurpose | null;
  /** The message that the customer came for: sought, before their eyes, or not in this conversation. */
  readonly wanted: Wanted | null;
}

export interface Wanted {
  readonly id: string;
  readonly phase: "sought" | "found" | "missing";
}

const starting: ChatState = {
  phase: "starting", failure: null, session: null, thread: emptyThread, unsent: [], draft: "", connection: "idle",
  everLive: false, older: "idle", presses: {}, readSeq: 0, typing: null, open: false, openings: 0, mode: "bubble", blocked: null,
  windowFailed: false, opening: null, wanted: null,
};

export class Chat {
  state: ChatState = starting;
  readonly #rest: Rest;
  readonly #socket: SocketRunner;
  readonly #keep = openKeep();
  readonly #waits = new Waits();
  #listeners = new Set<() => void>();
  #userStreams = new Set<string>();
  #sending = false;
  #beginning = false;
  #seeking = false;
  #typedAt = 0;
  #draftKey: string | undefined;
  #sealing: Promise<void> = Promise.resolve();

  constructor(
    private readonly config: Config,
    private readonly bridge: Bridge,
    private readonly speech: Speech,
  ) {
    this.#rest = new Rest(config.api, config.bank, () => bridge.assertion());
    this.#socket = new SocketRunner(config.socket, () => this.#ticket(), {
      // Between two sessions the socket stands still, but nothing is wrong.
      changed: ({ phase }) => this.#connectionChanged(phase === "stopped" && this.#beginning ? "ticket" : phase),
      apply: (event) => this.#applied(event.stream, withEvent(this.state.thread, event), event.data, event.type),
      reset: (stream, head, snapshot) => this.#resetTo(stream, head, snapshot),
      synced: (stream) => void this.#userStreams.add(stream),
      heard: (stream, type, data) => this.#heard(stream, type, data),
      newSession: () => void this.start(),
    });
    document.addEventListener("visibilitychange", () => this.#visibilityChanged());
    addEventListener("online", () => this.#pump());
    addEventListener("pagehide", () => this.#saveDrafts());
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #set(change: Partial<ChatState>): void {
    const unread = this.unread.length;
    this.state = { ...this.state, ...change };
    if (this.unread.length !== unread) this.bridge.say({ t: "unread", count: this.unread.length });
    for (const listener of this.#listeners) listener();
  }

  get unread(): readonly Message[] {
    return unreadOf(this.state.thread, this.state.readSeq);
  }

  get #conversation(): string {
    return this.state.session?.conversation_id ?? "";
  }

  get #stream(): string {
    return `conv:${this.#conversation}`;
  }

  get #keepKey(): string {
    return `bank-chat:${this.config.bank}:${this.state.session?.customer.id ?? ""}`;
  }

  // ---- Beginning, and beginning again ----

  async start(): Promise<void> {
    this.#waits.cancel("start");
    this.#beginning = true;
    if (this.state.phase === "failed") this.#set({ phase: "starting", failure: null });
    try {
      const session = await this.#rest.renew();
      const held = this.state.session;
      if (held && held.customer.id !== session.customer.id) return location.reload();
      await this.#begun(session);
      if (this.state.phase !== "ready") await this.#loadFirst();
      this.#socket.take({ kind: "start", streams: this.#positions(session) });
      this.#pump();
      await this.#seek();
    } catch (failure) {
      this.#failed(failure);
    } finally {
      this.#beginning = false;
    }
  }

  /** The bank's name, or a word for it. */
  get bankName(): string {
    return this.state.session?.bank.name ?? this.config.bankName ?? this.speech.say("your_bank");
  }

  async #begun(session: Session): Promise<void> {
    const { token: _, draft_key, ...known } = session;
    const first = this.state.session === null;
    this.#draftKey = draft_key;
    tellTimesIn(session.bank.time_zone);
    this.#set({ session: known });
    this.#waits.set("renew", this.#rest.freshForMs, () => void this.#renew());
    if (!first) return;
    this.#keep.forget(`bank-chat:${this.config.bank}:`, this.#keepKey);
    this.#set(readDrafts(await this.#keptDrafts(), Date.now(), this.speech.say("not_sent_old")));
  }

  async #keptDrafts(): Promise<unknown> {
    if (this.#keep.lasting || !this.#draftKey || !this.bridge.kept) return this.#keep.read(this.#keepKey);
    return unseal(this.#draftKey, this.#keepKey, this.bridge.kept);
  }

  async #loadFirst(): Promise<void> {
    const page = await this.#page(`?limit=${PAGE}`);
    const thread = fromPage(emptyThread, page);
    const kept = this.#keep.read(`${this.#keepKey}:read`);
    const readSeq = page.read_seq ?? (typeof kept === "number" ? kept : thread.head);
    const arrived = new Set(thread.messages.map((it) => it.client_msg_id));
    const unsent = this.state.unsent.filter((it) => !arrived.has(it.client_msg_id));
    this.#set({ phase: "ready", failure: null, thread, readSeq, unsent });
    this.bridge.say({ t: "unread", count: this.unread.length });
  }

  #positions(session: Session): Record<string, number> {
    return Object.fromEntries(session.streams.map((it) => [it, it === this.#stream ? this.state.thread.head : 0]));
  }

  /** Signed out or refused: what was shown goes from the screen. Out of reach: it is tried again. */
  #failed(failure: unknown): void {
    const reason: SessionFailure = failure instanceof SessionLost ? failure.reason : "unavailable";
    if (reason === "unavailable") {
      if (this.state.phase !== "ready") this.#set({ phase: "failed", failure: reason });
      this.#waits.backOff("start", () => void this.start());
      return;
    }
    this.#socket.take({ kind: "stop" });
    this.#set({ phase: "failed", failure: reason, thread: emptyThread, presses: {}, readSeq: 0 });
  }

  async #renew(): Promise<void> {
    if (document.visibilityState !== "visible") return; // Done when seen again; nobody is kept signed in unseen.
    try {
      const session = await this.#rest.renew();
      if (session.customer.id !== this.state.session?.customer.id) return location.reload();
      await this.#begun(session);
      this.#waits.done("renew-again");
      await this.#socket.reauthenticate();
    } catch (failure) {
      if (failure instanceof SessionLost && failure.reason !== "unavailable") return this.#failed(failure);
      this.#waits.backOff("renew-again", () => void this.#renew());
    }
  }

  #visibilityChanged(): void {
    if (document.visibilityState !== "visible" || this.state.phase !== "ready") return;
    if (this.#rest.freshForMs === 0) void this.#renew();
    this.#waits.set("refresh", REFRESH_AFTER_MS, () => void this.refresh());
  }

  async #ticket(): Promise<string> {
    return (await this.#rest.ask<Ticket>("/realtime/tickets", { method: "POST", body: {} })).ticket;
  }

  // ---- What comes in ----

  #connectionChanged(connection: Phase): void {
    this.#set({ connection, everLive: this.state.everLive || connection === "live", typing: null });
    if (connection === "live") {
      this.#waits.done("start");
      this.#pump();
    }
  }

  reconnect(): void {
    void this.start();
  }

  #applied(stream: string, thread: Thread, data: unknown, type: string): void {
    if (stream !== this.#stream) {
      // Something about this customer's sharing or links: draw all again through the gate.
      if (this.#userStreams.has(stream)) this.#waits.set("refresh", REFRESH_AFTER_MS, () => void this.refresh());
      return;
    }
    const unsent = isMessage(data) ? without(this.state.unsent, data.client_msg_id) : this.state.unsent;
    const arrived = unsent !== this.state.unsent;
    const isWord = type === "message.created";
    const mine = thread.reads[this.state.session?.customer.id ?? ""] ?? thread.reads["customer"] ?? 0;
    this.#set({ thread, unsent, readSeq: Math.max(this.state.readSeq, mine), ...(isWord ? { typing: null } : {}) });
    if (arrived) this.#saveDrafts();
  }

  #resetTo(stream: string, head: number, snapshot: unknown): void {
    if (stream !== this.#stream) {
      this.#applied(stream, this.state.thread, null, "");
      this.#userStreams.add(stream);
      return;
    }
    this.#set({ thread: fromSnapshot(this.state.thread, head, snapshot), older: "idle" });
  }

  #heard(stream: string, type: string, data: unknown): void {
    if (stream !== this.#stream || type !== "typing") return;
    const { name } = (data ?? {}) as { name?: unknown };
    this.#set({ typing: typeof name === "string" && name ? name : this.bankName });
    this.#waits.set("typing", TYPING_SHOWN_MS, () => this.#set({ typing: null }));
  }

  #page(query: string): Promise<MessagePage> {
    return this.#rest.ask<MessagePage>(`/conversations/${this.#conversation}/messages${query}`);
  }

  /** Read the newest messages again: what may be shown of them can have changed. */
  async refresh(): Promise<void> {
    const limit = Math.min(LARGEST_PAGE, Math.max(PAGE, this.state.thread.messages.length));
    const before = this.state.thread.head;
    try {
      const page = await this.#page(`?limit=${limit}`);
      if (this.state.thread.head <= Math.max(before, page.head_seq)) this.#set({ thread: fromPage(this.state.thread, page) });
      else this.#waits.set("refresh", REFRESH_AFTER_MS, () => void this.refresh());
    } catch (failure) {
      if (failure instanceof SessionLost) this.#failed(failure);
    }
  }

  async loadOlder(limit = PAGE): Promise<void> {
    const oldest = this.state.thread.messages[0];
    if (!oldest || !this.state.thread.hasMore || this.state.older === "loading") return;
    this.#set({ older: "loading" });
    try {
      const page = await this.#page(`?before_seq=${oldest.seq}&limit=${limit}`);
      this.#set({ thread: withOlder(this.state.thread, page), older: "idle" });
      void this.#seek();
    } catch {
      this.#set({ older: "failed" });
    }
  }

  // ---- What the customer came for ----

  /** Show this message once the conversation is there, reading back as far as it takes. */
  lookFor(id: string): void {
    if (this.state.wanted?.id === id) return;
    this.#set({ wanted: { id, phase: "sought" } });
    void this.#seek();
  }

  async #seek(): Promise<void> {
    const wanted = this.state.wanted;
    if (wanted?.phase !== "sought" || this.state.phase !== "ready" || this.#seeking) return;
    this.#seeking = true;
    for (let page = 0; page < SOUGHT_PAGES && !this.#holds(wanted.id) && this.state.thread.hasMore; page += 1) {
      await this.loadOlder(LARGEST_PAGE);
      if (this.state.older !== "idle") break; // Not to be read now: what has been sought in part is not missing.
    }
    this.#seeking = false;
    const found = this.#holds(wanted.id);
    if (found || this.state.older === "idle") this.#set({ wanted: { id: wanted.id, phase: found ? "found" : "missing" } });
  }

  #holds(id: string): boolean {
    return this.state.thread.messages.some((it) => it.id === id);
  }

  /** It was shown, or its absence was read. */
  wantedSeen(): void {
    this.#set({ wanted: null });
  }

  // ---- What goes out ----

  write(draft: string): void {
    this.#set({ draft });
    this.#waits.set("draft", 300, () => this.#saveDrafts());
    if (draft === "" || performance.now() - this.#typedAt < TYPING_EVERY_MS) return;
    this.#typedAt = performance.now();
    this.#socket.take({ kind: "typing", stream: this.#stream });
  }

  send(text: string): void {
    const created_at = new Date().toISOString();
    const unsent = [...this.state.unsent, { client_msg_id: crypto.randomUUID(), text, created_at, refused: null }];
    this.#typedAt = 0;
    this.#set({ unsent, draft: "" });
    this.#saveDrafts();
    this.#pump();
  }

  sendAgain(id: string): void {
    this.#set({ unsent: withRefusal(this.state.unsent, id, null) });
    this.#saveDrafts();
    this.#pump();
  }

  discard(id: string): void {
    this.#set({ unsent: without(this.state.unsent, id) });
    this.#saveDrafts();
  }

  #saveDrafts(): void {
    if (!this.state.session) return;
    const { draft, unsent } = this.state;
    keepDrafts(this.#keep, this.#keepKey, { draft, unsent });
    const key = this.#draftKey;
    if (this.#keep.lasting || !key) return;
    const nothing = draft === "" && unsent.length === 0;
    this.#sealing = this.#sealing.then(async () => {
      this.bridge.say({ t: "keep", box: nothing ? "" : await seal(key, this.#keepKey, { draft, unsent }) });
    });
  }

  /** Send what waits, one after another; the id makes every repeat the same message. */
  async #pump(): Promise<void> {
    this.#waits.cancel("pump");
    const next = nextToSend(this.state.unsent);
    if (!next || this.#sending || this.state.phase !== "ready" || !navigator.onLine) return;
    this.#sending = true;
    const again = await this.#post(next);
    this.#sending = false;
    if (again) this.#waits.backOff("pump", () => void this.#pump());
    else void this.#pump();
  }

  /** True when it should be tried again later. */
  async #post(unsent: Unsent): Promise<boolean> {
    const { client_msg_id, text } = unsent;
    try {
      const path = `/conversations/${this.#conversation}/messages`;
      const message = await this.#rest.ask<Message>(path, { method: "POST", body: { client_msg_id, text }, key: client_msg_id });
      this.#waits.done("pump");
      this.#set({ thread: withMessage(this.state.thread, message), unsent: without(this.state.unsent, client_msg_id) });
    } catch (failure) {
      if (failure instanceof SessionLost) {
        this.#failed(failure);
        return failure.reason === "unavailable";
      }
      if (!(failure instanceof Problem) || failure.temporary || failure.status === 409) return true;
      const why = failure.body.title ?? this.speech.say("not_sent_refused");
      this.#set({ unsent: withRefusal(this.state.unsent, client_msg_id, why) });
    }
    this.#saveDrafts();
    return false;
  }

  // ---- Cards ----

  /** Press a card's button. The same press keeps its key however often it has to be repeated. */
  async press(message: Message, key: string): Promise<void> {
    const held = this.state.presses[message.id];
    if (held && held.phase !== "failed") return;
    const same = held?.key === key && held.rev === message.rev;
    const idempotencyKey = same ? held.idempotencyKey : crypto.randomUUID();
    const press: Press = { key, rev: message.rev, idempotencyKey, phase: "busy", problem: null };
    this.#setPress(message.id, press);
    for (let attempt = 1; attempt <= ACTION_TRIES; attempt += 1) {
      const settled = await this.#act(message, press);
      if (settled) return;
      this.#setPress(message.id, { ...press, phase: "retrying" });
      await new Promise((resolve) => setTimeout(resolve, 1000 * attempt));
    }
    this.#setPress(message.id, { ...press, phase: "failed", problem: this.speech.say("action_failed") });
  }

  /** Until when to wait, in whole minutes. */
  #waitText(ms: number): string {
    const now = new Date();
    const until = new Date(Math.ceil((now.getTime() + ms) / 60_000) * 60_000);
    return this.speech.say("too_often", { when: momentText(until.toISOString(), this.speech.locale, now) });
  }

  /** True when the server has answered, whatever it said. */
  async #act(message: Message, press: Press): Promise<boolean> {
    const path = `/conversations/${this.#conversation}/cards/${message.id}/actions/${press.key}`;
    try {
      const fresh = await this.#rest.ask<Message>(path, {
        method: "POST", body: { rev: press.rev }, key: press.idempotencyKey,
      });
      this.#set({ thread: withMessage(this.state.thread, fresh) });
      this.#setPress(message.id, null);
      return true;
    } catch (failure) {
      if (failure instanceof SessionLost && failure.reason !== "unavailable") {
        this.#failed(failure);
        return true;
      }
      if (failure instanceof Problem && failure.status === 429) {
        this.#setPress(message.id, { ...press, phase: "failed", problem: this.#waitText(failure.retryAfterMs) });
        return true;
      }
      if (!(failure instanceof Problem) || failure.temporary) return false;
      const isOld = failure.slug === "stale-card" || failure.status === 403 || failure.status === 404;
      if (isOld) return this.#takeFresh(message, failure);
      this.#setPress(message.id, { ...press, phase: "failed", problem: failure.body.title ?? this.speech.say("action_failed") });
      return true;
    }
  }

  /** Our card was old: it says something else by now, or is not shared. Show it as it is, before anything is pressed again. */
  async #takeFresh(message: Message, problem: Problem): Promise<boolean> {
    try {
      const given = problem.body.message;
      const page = given ? null : await this.#page(`?before_seq=${message.seq + 1}&limit=1`);
      const fresh = given ?? page?.messages.find((it) => it.id === message.id);
      if (isMessage(fresh)) this.#set({ thread: withMessage(this.state.thread, fresh) });
      this.#setPress(message.id, null);
      return true;
    } catch {
      return false;
    }
  }

  #setPress(id: string, press: Press | null): void {
    const { [id]: _, ...others } = this.state.presses;
    this.#set({ presses: press ? { ...others, [id]: press } : others });
  }

  // ---- Windows of their own ----

  /** Must be called from a tap: the window opens at once, its pass follows. */
  async openWindow(purpose: WindowPurpose): Promise<void> {
    if (this.state.opening) return;
    this.#set({ opening: purpose, blocked: null, windowFailed: false });
    const [path, body] = purpose === "link" ? ["/links", {}] : ["/windows", { purpose }];
    const pass = this.#rest.ask<WindowPass>(path as string, { method: "POST", body, key: crypto.randomUUID() });
    const result = await openWithPass(pass, this.config.portal, this.speech.say("opening"));
    this.#set({ opening: null, blocked: result.pass, windowFailed: result.outcome === "failed" });
  }

  openBlocked(): void {
    if (this.state.blocked) postCode(this.state.blocked);
    this.#set({ blocked: null });
  }

  dismissWindow(): void {
    this.#set({ blocked: null, windowFailed: false });
  }

  // ---- Being seen ----

  shown(open: boolean): void {
    this.#set({ open, openings: this.state.openings + (open ? 1 : 0) });
  }

  greeted(mode: "bubble" | "full", open: boolean): void {
    this.#set({ mode, open });
  }

  fail(failure: Failure): void {
    this.#set({ phase: "failed", failure });
  }

  close(): void {
    this.bridge.say({ t: "close" });
  }

  /** The customer has the newest message before their eyes. */
  seen(): void {
    const { thread, readSeq, open } = this.state;
    const seq = newToRead(thread, readSeq);
    if (!open || document.visibilityState !== "visible" || seq === null) return;
    this.#set({ readSeq: seq });
    this.#keep.write(`${this.#keepKey}:read`, seq);
    this.#socket.take({ kind: "read", stream: this.#stream, seq });
  }
}
