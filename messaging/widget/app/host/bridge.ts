/** The frame's side of the talk with the host page. Only origins that the bank has registered are heard. */
import type { FrameSays, HostSays } from "./messages";

export class NoAssertion extends Error {
  constructor(readonly reason: "signed_out" | "unavailable") {
    super(reason);
  }
}

const TOKEN_WAIT_MS = 15_000;
const HELLO_WAIT_MS = 20_000;

interface Waiting {
  resolve: (assertion: string) => void;
  reject: (reason: NoAssertion) => void;
}

export interface Bridge {
  /** Ask the host page for a fresh assertion that its bank signed. */
  assertion(): Promise<string>;
  say(message: FrameSays): void;
  readonly mode: "bubble" | "full";
  /** What the host page has held since an earlier visit. */
  readonly kept: string;
}

export interface BridgeListener {
  /** `alert`: the message that the page's address asks for, if it asks for one. */
  hello(mode: "bubble" | "full", open: boolean, theme: "light" | "dark" | undefined, alert: string | null): void;
  shown(open: boolean): void;
}

/** Listen to `parent`; `origins` are the exact origins that may be it. */
export function listenToHost(origins: readonly string[], listener: BridgeListener): Bridge {
  let hostOrigin: string | null = null;
  let mode: "bubble" | "full" = "bubble";
  let kept = "";
  let waiting: Waiting | null = null;
  let pending: Promise<string> | null = null;
  let greeted: () => void = () => undefined;
  const greeting = new Promise<void>((resolve) => (greeted = resolve));

  const answer: { [K in HostSays["t"]]: (message: Extract<HostSays, { t: K }>) => void } = {
    hello: (message) => {
      mode = message.mode === "full" ? "full" : "bubble";
      if (typeof message.kept === "string") kept = message.kept;
      greeted();
      listener.hello(mode, message.open === true, message.theme, typeof message.alert === "string" ? message.alert : null);
    },
    token: ({ token }) => {
      if (typeof token === "string" && token) waiting?.resolve(token);
    },
    token_failed: ({ reason }) =>
      waiting?.reject(new NoAssertion(reason === "signed_out" ? "signed_out" : "unavailable")),
    open: () => listener.shown(true),
    close: () => listener.shown(false),
  };

  addEventListener("message", (event: MessageEvent<unknown>) => {
    if (event.source !== parent || parent === window || !origins.includes(event.origin)) return;
    const message = event.data as HostSays | null;
    if (typeof message !== "object" || message === null || !Object.hasOwn(answer, message.t)) return;
    if (message.t === "hello") hostOrigin = event.origin;
    if (event.origin === hostOrigin) (answer[message.t] as (it: HostSays) => void)(message);
  });

  const say = (message: FrameSays): void => {
    if (hostOrigin !== null) parent.postMessage(message, hostOrigin);
  };

  const ask = async (): Promise<string> => {
    await within(HELLO_WAIT_MS, greeting);
    const told = new Promise<string>((resolve, reject) => (waiting = { resolve, reject }));
    say({ t: "need_token" });
    return within(TOKEN_WAIT_MS, told);
  };

  return {
    assertion: () => (pending ??= ask().finally(() => ((pending = null), (waiting = null)))),
    say,
    get mode() {
      return mode;
    },
    get kept() {
      return kept;
    },
  };
}

function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout>;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new NoAssertion("unavailable")), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
