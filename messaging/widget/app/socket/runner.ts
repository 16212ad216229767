/** Carries out what the machine in protocol.ts decides: tickets, one WebSocket, timers. */
import { Problem } from "../rest/problem";
import { SessionLost } from "../rest/session";
import type { ClientFrame, StreamEvent } from "./frames";
import { readFrame } from "./frames";
import { initial, step, type Effect, type Input, type SocketState, type TimerName } from "./protocol";

export interface SocketListener {
  changed(state: SocketState): void;
  apply(event: StreamEvent): void;
  reset(stream: string, head: number, snapshot: unknown): void;
  synced(stream: string): void;
  heard(stream: string, type: string, data: unknown): void;
  newSession(): void;
}

export class SocketRunner {
  #state: SocketState = initial;
  #socket: WebSocket | null = null;
  #timers = new Map<TimerName, ReturnType<typeof setTimeout>>();

  constructor(
    private readonly url: string,
    private readonly ticket: () => Promise<string>,
    private readonly listener: SocketListener,
  ) {
    this.#state = { ...initial, online: navigator.onLine };
    addEventListener("online", () => this.take({ kind: "online", online: true }));
    addEventListener("offline", () => this.take({ kind: "online", online: false }));
    addEventListener("pagehide", () => this.#drop());
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") this.take({ kind: "visible" });
    });
  }

  get state(): SocketState {
    return this.#state;
  }

  take(input: Input): void {
    const before = this.#state;
    const [next, effects] = step(before, input, { now: performance.now(), random: Math.random() });
    this.#state = next;
    for (const effect of effects) this.#carryOut(effect);
    if (next.phase !== before.phase) this.listener.changed(next);
  }

  /** The session was renewed: prove it on the open socket, so that it lives on. */
  async reauthenticate(): Promise<void> {
    if (this.#state.phase === "live") this.take({ kind: "renewed", ticket: await this.ticket() });
  }

  #carryOut(effect: Effect): void {
    switch (effect.kind) {
      case "get_ticket":
        return void this.#fetchTicket();
      case "open":
        return this.#open(effect.ticket);
      case "close":
        return this.#drop();
      case "send":
        return this.#send(effect.frame);
      case "set_timer":
        return this.#setTimer(effect.timer, effect.ms);
      case "clear_timer":
        clearTimeout(this.#timers.get(effect.timer));
        this.#timers.delete(effect.timer);
        return;
      case "apply":
        return this.listener.apply(effect.event);
      case "reset":
        return this.listener.reset(effect.stream, effect.head, effect.snapshot);
      case "synced":
        return this.listener.synced(effect.stream);
      case "heard":
        return this.listener.heard(effect.stream, effect.type, effect.data);
      case "new_session":
        return this.listener.newSession();
    }
  }

  #setTimer(timer: TimerName, ms: number): void {
    clearTimeout(this.#timers.get(timer));
    this.#timers.set(timer, setTimeout(() => this.take({ kind: "timer", timer }), ms));
  }

  async #fetchTicket(): Promise<void> {
    try {
      this.take({ kind: "ticket", ticket: await this.ticket() });
    } catch (failure) {
      this.take({ kind: "ticket_failed", ...ticketFailure(failure) });
    }
  }

  #open(ticket: string): void {
    this.#drop();
    const socket = new WebSocket(this.url, ["portal.v1.json", `portal.t.${ticket}`]);
    this.#socket = socket;
    const whileCurrent = (input: Input): void => {
      if (this.#socket === socket) this.take(input);
    };
    socket.onopen = () => whileCurrent({ kind: "opened" });
    socket.onmessage = ({ data }: MessageEvent<unknown>) => {
      const frame = typeof data === "string" ? readFrame(data) : null;
      if (frame) whileCurrent({ kind: "frame", frame });
    };
    socket.onclose = ({ code }) => whileCurrent({ kind: "closed", code });
  }

  #send(frame: ClientFrame): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(frame));
  }

  #drop(): void {
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }
}

type TicketFailure = { reason: "session" | "refused" | "temporary"; retryAfterMs?: number };

function ticketFailure(failure: unknown): TicketFailure {
  if (failure instanceof SessionLost) return { reason: failure.reason === "unavailable" ? "temporary" : "session" };
  if (!(failure instanceof Problem)) return { reason: "temporary" };
  if (failure.status === 401) return { reason: "session" };
  return failure.temporary ? { reason: "temporary", retryAfterMs: failure.retryAfterMs } : { reason: "refused" };
}
