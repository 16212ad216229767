/**
 * The socket client as a pure state machine: no clock, no network, no randomness of its own.
 *
 * `step(state, input, {now, random})` gives the next state and the effects that the runner carries out.
 * A stream is applied only in order: `seq == last + 1`; lower is dropped, higher is a gap and is asked for again.
 */
import type { ClientFrame, ServerFrame, StreamEvent } from "./frames";

export type TimerName = "retry" | "silence" | "ack" | "pong";

/** idle: not started. waiting: backing off. stopped: only a person, or a new session, starts it again. */
export type Phase = "idle" | "ticket" | "opening" | "greeting" | "live" | "waiting" | "offline" | "stopped";

export type StopReason = "session" | "refused";

export interface StreamPosition {
  readonly epoch: string | null;
  readonly seq: number;
  /** A `sub` is on its way and neither `synced` nor `reset` has answered it. */
  readonly asked: boolean;
  readonly read: number;
  readonly sentDelivered: number;
  readonly sentRead: number;
}

export interface SocketState {
  readonly phase: Phase;
  readonly streams: Readonly<Record<string, StreamPosition>>;
  readonly attempt: number;
  /** How often in a row we were told "come back at once" without living to the first beat. */
  readonly hurried: number;
  readonly heartbeatMs: number;
  readonly heardAt: number;
  readonly retryAfterMs: number;
  readonly online: boolean;
  readonly sessionAsked: boolean;
  readonly stopReason: StopReason | null;
}

export type Input =
  | { kind: "start"; streams: Readonly<Record<string, number>> }
  | { kind: "stop" }
  | { kind: "ticket"; ticket: string }
  | { kind: "ticket_failed"; reason: "session" | "refused" | "temporary"; retryAfterMs?: number }
  | { kind: "opened" }
  | { kind: "frame"; frame: ServerFrame }
  | { kind: "closed"; code: number }
  | { kind: "timer"; timer: TimerName }
  | { kind: "online"; online: boolean }
  | { kind: "visible" }
  | { kind: "renewed"; ticket: string }
  | { kind: "read"; stream: string; seq: number }
  | { kind: "typing"; stream: string };

export type Effect =
  | { kind: "get_ticket" }
  | { kind: "open"; ticket: string }
  | { kind: "close" }
  | { kind: "send"; frame: ClientFrame }
  | { kind: "set_timer"; timer: TimerName; ms: number }
  | { kind: "clear_timer"; timer: TimerName }
  | { kind: "apply"; event: StreamEvent }
  | { kind: "reset"; stream: string; head: number; snapshot: unknown }
  | { kind: "synced"; stream: string; head: number }
  | { kind: "heard"; stream: string; type: string; data: unknown }
  | { kind: "new_session" };

export interface Moment {
  /** Milliseconds of a clock that only goes forward. */
  readonly now: number;
  /** 0 <= random < 1. */
  readonly random: number;
}

export type Step = readonly [SocketState, readonly Effect[]];

export const BACKOFF_BASE_MS = 1_000;
export const BACKOFF_CAP_MS = 30_000;
export const SILENT_BEATS = 2.5;
export const ACK_DELAY_MS = 250;
export const PONG_WAIT_MS = 5_000;
export const OPEN_WAIT_MS = 10_000;
/** The least that we stay away after a 41xx that named no time. */
export const CROWDED_MS = 1_000;
/** After so many "at once" in a row we back off like after any other loss. */
export const HURRY_LIMIT = 3;

const TIMERS: readonly TimerName[] = ["retry", "silence", "ack", "pong"];

export const initial: SocketState = {
  phase: "idle",
  streams: {},
  attempt: 0,
  hurried: 0,
  heartbeatMs: 15_000,
  heardAt: 0,
  retryAfterMs: 0,
  online: true,
  sessionAsked: false,
  stopReason: null,
};

/** Full jitter: anywhere between nothing and the exponential bound, and never before the server allows it. */
export function backoffMs(attempt: number, random: number, atLeastMs: number): number {
  const bound = Math.min(BACKOFF_CAP_MS, BACKOFF_BASE_MS * 2 ** Math.min(attempt, 16));
  return Math.round(atLeastMs + random * bound);
}

const connected = (state: SocketState): boolean => state.phase === "greeting" || state.phase === "live";
const clearAll = (): Effect[] => TIMERS.map((timer) => ({ kind: "clear_timer", timer }));

function place(state: SocketState, stream: string, change: Partial<StreamPosition>): SocketState {
  const old = state.streams[stream];
  if (!old) return state;
  return { ...state, streams: { ...state.streams, [stream]: { ...old, ...change } } };
}

function connect(state: SocketState): Step {
  if (!state.online) return [{ ...state, phase: "offline" }, clearAll()];
  return [{ ...state, phase: "ticket", stopReason: null }, [...clearAll(), { kind: "get_ticket" }]];
}

function backOff(state: SocketState, moment: Moment): Step {
  if (!state.online) return [{ ...state, phase: "offline" }, clearAll()];
  const ms = backoffMs(state.attempt, moment.random, state.retryAfterMs);
  return [
    { ...state, phase: "waiting", attempt: state.attempt + 1, retryAfterMs: 0 },
    [...clearAll(), { kind: "set_timer", timer: "retry", ms }],
  ];
}

function stop(state: SocketState, stopReason: StopReason): Step {
  return [{ ...state, phase: "stopped", stopReason }, clearAll()];
}

/** The session is gone: ask once for another; if that one is refused too, a person has to act. */
function loseSession(state: SocketState): Step {
  if (state.sessionAsked) return stop(state, "session");
  return [
    { ...state, phase: "stopped", stopReason: "session", sessionAsked: true },
    [...clearAll(), { kind: "new_session" }],
  ];
}

function closed(state: SocketState, code: number, moment: Moment): Step {
  if (["idle", "stopped", "waiting", "offline", "ticket"].includes(state.phase)) return [state, []];
  if (code === 4001 || code === 4002) return loseSession(state);
  if (code >= 4000 && code < 4100) return stop(state, "refused");
  if (code >= 4200 && code < 4300 && state.hurried < HURRY_LIMIT)
    return connect({ ...state, hurried: state.hurried + 1 });
  const crowded = code >= 4100 && code < 4200;
  return backOff(crowded ? { ...state, retryAfterMs: Math.max(state.retryAfterMs, CROWDED_MS) } : state, moment);
}

function subscribe(stream: string, at: StreamPosition): Effect {
  const frame: ClientFrame = { t: "sub", stream, seq: at.seq, ...(at.epoch === null ? {} : { epoch: at.epoch }) };
  return { kind: "send", frame };
}

function ask(state: SocketState, stream: string): Step {
  const at = state.streams[stream];
  if (!at) return [state, []];
  return [place(state, stream, { asked: true }), [subscribe(stream, at)]];
}

function ready(state: SocketState, heartbeatMs: number): Step {
  const streams = Object.fromEntries(
    Object.entries(state.streams).map(([name, at]) => [name, { ...at, asked: true, sentDelivered: 0, sentRead: 0 }]),
  );
  const next: SocketState = { ...state, streams, heartbeatMs, phase: "live", retryAfterMs: 0 };
  return [next, Object.entries(streams).map(([name, at]) => subscribe(name, at))];
}

function applyEvent(state: SocketState, event: StreamEvent): Step {
  const at = state.streams[event.stream];
  if (!at) return [state, []];
  const otherLog = at.epoch !== null && at.epoch !== event.epoch;
  if (!otherLog && event.seq <= at.seq) return [state, []];
  if (otherLog || event.seq !== at.seq + 1) return at.asked ? [state, []] : ask(state, event.stream);
  return [
    place(state, event.stream, { seq: event.seq, epoch: event.epoch }),
    [{ kind: "apply", event }, { kind: "set_timer", timer: "ack", ms: ACK_DELAY_MS }],
  ];
}

function synced(state: SocketState, frame: Extract<ServerFrame, { t: "synced" }>): Step {
  const at = state.streams[frame.stream];
  if (!at) return [state, []];
  const next = place(state, frame.stream, { asked: false, epoch: frame.epoch });
  if (frame.head > at.seq) return [next, []]; // The beat asks again if the rest does not come.
  return [next, [{ kind: "synced", stream: frame.stream, head: frame.head }]];
}

function reset(state: SocketState, frame: Extract<ServerFrame, { t: "reset" }>): Step {
  const at = state.streams[frame.stream];
  if (!at) return [state, []];
  const read = Math.min(at.read, frame.head);
  return [
    place(state, frame.stream, { asked: false, epoch: frame.epoch, seq: frame.head, read }),
    [
      { kind: "reset", stream: frame.stream, head: frame.head, snapshot: frame.snapshot },
      { kind: "set_timer", timer: "ack", ms: ACK_DELAY_MS },
    ],
  ];
}

/**
 * A head beyond ours is a lost poke: ask again. An unanswered `sub` is asked again one beat later.
 * The first beat also proves the connection good: only now is the count of bad ones forgotten.
 */
function heartbeat(state: SocketState, heads: Readonly<Record<string, number>>): Step {
  let next: SocketState = { ...state, attempt: 0, hurried: 0, sessionAsked: false };
  const effects: Effect[] = [];
  for (const [stream, at] of Object.entries(state.streams)) {
    const head = heads[stream];
    if (!at.asked && (head === undefined || head <= at.seq)) continue;
    const [asked, asking] = ask(next, stream);
    next = asked;
    effects.push(...asking);
  }
  return [next, effects];
}

function hear(state: SocketState, frame: ServerFrame): Step {
  switch (frame.t) {
    case "ready":
      return ready(state, frame.hb_s * 1000);
    case "event":
      return applyEvent(state, frame);
    case "synced":
      return synced(state, frame);
    case "reset":
      return reset(state, frame);
    case "hb":
      return heartbeat(state, frame.heads);
    case "eph":
      return [state, [{ kind: "heard", stream: frame.stream, type: frame.type, data: frame.data }]];
    case "err":
      return [frame.retry_after === undefined ? state : { ...state, retryAfterMs: frame.retry_after * 1000 }, []];
    case "pong":
      return [state, [{ kind: "clear_timer", timer: "pong" }]];
    case "ok":
    case "drain":
      return [state, []];
  }
}

/** The server is about to go: leave within its time, not all at the same moment. */
function drain(state: SocketState, seconds: number, moment: Moment): Step {
  const ms = Math.round(moment.random * seconds * 1000);
  return [
    { ...state, phase: "waiting" },
    [...clearAll(), { kind: "close" }, { kind: "set_timer", timer: "retry", ms }],
  ];
}

function receive(state: SocketState, frame: ServerFrame, moment: Moment): Step {
  if (!connected(state)) return [state, []];
  if (frame.t === "drain") return drain(state, frame.retry_after, moment);
  const [next, effects] = hear({ ...state, heardAt: moment.now }, frame);
  const silence: Effect = { kind: "set_timer", timer: "silence", ms: next.heartbeatMs * SILENT_BEATS };
  return [next, [silence, ...effects]];
}

function acknowledge(state: SocketState): Step {
  let next = state;
  const effects: Effect[] = [];
  if (state.phase !== "live") return [state, effects];
  for (const [stream, at] of Object.entries(state.streams)) {
    if (at.seq <= at.sentDelivered && at.read <= at.sentRead) continue;
    const frame: ClientFrame = {
      t: "ack",
      stream,
      ...(at.seq > at.sentDelivered ? { delivered: at.seq } : {}),
      ...(at.read > at.sentRead ? { read: at.read } : {}),
    };
    effects.push({ kind: "send", frame });
    next = place(next, stream, { sentDelivered: at.seq, sentRead: at.read });
  }
  return [next, effects];
}

function timeUp(state: SocketState, timer: TimerName, moment: Moment): Step {
  switch (timer) {
    case "retry":
      return state.phase === "waiting" ? connect(state) : [state, []];
    case "ack":
      return acknowledge(state);
    case "silence":
    case "pong": {
      if (state.phase === "stopped" || state.phase === "idle") return [state, []];
      const [next, effects] = backOff(state, moment);
      return [next, [{ kind: "close" }, ...effects]];
    }
  }
}

function begin(state: SocketState, heads: Readonly<Record<string, number>>): Step {
  const streams: Record<string, StreamPosition> = {};
  for (const [name, seq] of Object.entries(heads))
    streams[name] = state.streams[name] ?? { epoch: null, seq, asked: false, read: 0, sentDelivered: 0, sentRead: 0 };
  const next = { ...state, streams };
  if (state.phase === "idle" || state.phase === "stopped") return connect({ ...next, attempt: 0, hurried: 0 });
  if (state.phase !== "live") return [next, []];
  return Object.keys(streams)
    .filter((name) => !state.streams[name])
    .reduce<Step>(([before, effects], name) => {
      const [after, asking] = ask(before, name);
      return [after, [...effects, ...asking]];
    }, [next, []]);
}

function changeOnline(state: SocketState, online: boolean): Step {
  const next = { ...state, online };
  if (online) return state.phase === "offline" || state.phase === "waiting" ? connect({ ...next, attempt: 0 }) : [next, []];
  if (state.phase === "idle" || state.phase === "stopped") return [next, []];
  return [{ ...next, phase: "offline" }, [{ kind: "close" }, ...clearAll()]];
}

/** Seen again after a while: do not wait for a back-off, and do not trust a socket that slept. */
function becomeVisible(state: SocketState, moment: Moment): Step {
  if (state.phase === "waiting") return connect({ ...state, attempt: 0 });
  if (state.phase !== "live" || moment.now - state.heardAt < state.heartbeatMs) return [state, []];
  return [state, [{ kind: "send", frame: { t: "ping" } }, { kind: "set_timer", timer: "pong", ms: PONG_WAIT_MS }]];
}

function ticketFailed(state: SocketState, input: Extract<Input, { kind: "ticket_failed" }>, moment: Moment): Step {
  if (state.phase !== "ticket") return [state, []];
  if (input.reason === "session") return loseSession(state);
  if (input.reason === "refused") return stop(state, "refused");
  return backOff({ ...state, retryAfterMs: input.retryAfterMs ?? 0 }, moment);
}

function markRead(state: SocketState, stream: string, seq: number): Step {
  const at = state.streams[stream];
  const read = at ? Math.min(seq, at.seq) : 0;
  if (!at || read <= at.read) return [state, []];
  return [place(state, stream, { read }), [{ kind: "set_timer", timer: "ack", ms: ACK_DELAY_MS }]];
}

/** One step of the machine. */
export function step(state: SocketState, input: Input, moment: Moment): Step {
  switch (input.kind) {
    case "start":
      return begin(state, input.streams);
    case "stop":
      return [{ ...state, phase: "idle" }, [{ kind: "close" }, ...clearAll()]];
    case "ticket":
      return state.phase === "ticket"
        ? [
            { ...state, phase: "opening" },
            [{ kind: "open", ticket: input.ticket }, { kind: "set_timer", timer: "silence", ms: OPEN_WAIT_MS }],
          ]
        : [state, []];
    case "ticket_failed":
      return ticketFailed(state, input, moment);
    case "opened":
      if (state.phase !== "opening") return [state, []];
      return [
        { ...state, phase: "greeting", heardAt: moment.now },
        [
          { kind: "send", frame: { t: "hello", client: "widget/1" } },
          { kind: "set_timer", timer: "silence", ms: state.heartbeatMs * SILENT_BEATS },
        ],
      ];
    case "frame":
      return receive(state, input.frame, moment);
    case "closed":
      return closed(state, input.code, moment);
    case "timer":
      return timeUp(state, input.timer, moment);
    case "online":
      return changeOnline(state, input.online);
    case "visible":
      return becomeVisible(state, moment);
    case "renewed":
      return state.phase === "live" ? [state, [{ kind: "send", frame: { t: "auth", ticket: input.ticket } }]] : [state, []];
    case "read":
      return markRead(state, input.stream, input.seq);
    case "typing":
      return state.phase === "live" ? [state, [{ kind: "send", frame: { t: "typing", stream: input.stream } }]] : [state, []];
  }
}
