import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { readFrame, type ServerFrame } from "./frames";
import { BACKOFF_CAP_MS, backoffMs, HURRY_LIMIT, initial, step, type Effect, type Input, type SocketState } from "./protocol";

const CONV = "conv:1";
const USER = "user:1";
const at = (now = 0, random = 0.5) => ({ now, random });

/** Feed inputs one after another; give the last state and every effect. */
function run(from: SocketState, ...inputs: Input[]): [SocketState, Effect[]] {
  let state = from;
  const all: Effect[] = [];
  for (const input of inputs) {
    const [next, effects] = step(state, input, at());
    state = next;
    all.push(...effects);
  }
  return [state, all];
}

const frame = (value: ServerFrame): Input => ({ kind: "frame", frame: value });
const event = (seq: number, stream = CONV, epoch = "e1"): Input =>
  frame({ t: "event", stream, epoch, seq, id: `id${seq}`, type: "message.created", ts: "", data: { seq } });
const ready = frame({ t: "ready", session: "s", hb_s: 15, max_frame: 65536 });
const beat = (heads: Record<string, number>): Input => frame({ t: "hb", ts: "", heads });
const synced = (head: number, stream = CONV): Input => frame({ t: "synced", stream, epoch: "e1", head, recovered: true });
const sent = (effects: readonly Effect[]) => effects.flatMap((it) => (it.kind === "send" ? [it.frame] : []));
const applied = (effects: readonly Effect[]) => effects.flatMap((it) => (it.kind === "apply" ? [it.event.seq] : []));
const kinds = (effects: readonly Effect[]) => effects.map((it) => it.kind);
const start: Input = { kind: "start", streams: { [CONV]: 5 } };
const opening: Input[] = [start, { kind: "ticket", ticket: "t1" }, { kind: "opened" }, ready];
const live = run(initial, ...opening, synced(5))[0];

describe("connecting", () => {
  test("asks for a ticket, opens with it, greets, and subscribes from where it stands", () => {
    const [state, effects] = run(initial, ...opening);

    assert.equal(state.phase, "live");
    assert.deepEqual(effects.filter((it) => it.kind === "open"), [{ kind: "open", ticket: "t1" }]);
    assert.deepEqual(sent(effects), [
      { t: "hello", client: "widget/1" },
      { t: "sub", stream: CONV, seq: 5 },
    ]);
  });

  test("a socket that never opens is given up and tried again", () => {
    const [opening_] = run(initial, start, { kind: "ticket", ticket: "t1" });

    const [state, effects] = run(opening_, { kind: "timer", timer: "silence" });

    assert.equal(state.phase, "waiting");
    assert.equal(effects[0]?.kind, "close");
  });

  test("a ticket that comes after going offline opens nothing", () => {
    const [state, effects] = run(initial, start, { kind: "online", online: false }, { kind: "ticket", ticket: "late" });

    assert.equal(state.phase, "offline");
    assert.ok(!kinds(effects).includes("open"));
  });
});

describe("order", () => {
  test("applies last + 1, drops what is lower", () => {
    const [state, effects] = run(live, event(6), event(6), event(4), event(7));

    assert.deepEqual(applied(effects), [6, 7]);
    assert.equal(state.streams[CONV]?.seq, 7);
  });

  test("a gap is asked for once, and nothing is applied out of order", () => {
    const [state, effects] = run(live, event(8), event(9), event(6), event(7), event(8), event(9));

    assert.deepEqual(sent(effects), [{ t: "sub", stream: CONV, seq: 5, epoch: "e1" }]);
    assert.deepEqual(applied(effects), [6, 7, 8, 9]);
    assert.equal(state.streams[CONV]?.seq, 9);
  });

  test("an event of another epoch is not applied but asked for", () => {
    const [, effects] = run(live, event(6, CONV, "e2"));

    assert.deepEqual(applied(effects), []);
    assert.equal(sent(effects)[0]?.t, "sub");
  });

  test("a reset moves to the head it names, and order goes on from there", () => {
    const fresh = frame({ t: "reset", stream: CONV, epoch: "e2", head: 400, snapshot: { messages: [] } });

    const [state, effects] = run(live, fresh, event(401, CONV, "e2"));

    assert.deepEqual(effects.filter((it) => it.kind === "reset"), [
      { kind: "reset", stream: CONV, head: 400, snapshot: { messages: [] } },
    ]);
    assert.deepEqual(applied(effects), [401]);
    assert.equal(state.streams[CONV]?.epoch, "e2");
  });

  test("whatever is lost, doubled or shuffled on the way, each is applied once and in order", () => {
    let seed = 7;
    const random = () => (seed = (seed * 1103515245 + 12345) % 2147483648) / 2147483648;
    const head = 60;
    for (let round = 0; round < 50; round += 1) {
      let state = live;
      const seen: number[] = [];
      const feed = (input: Input) => {
        const [next, effects] = step(state, input, at());
        state = next;
        seen.push(...applied(effects));
        for (const asked of sent(effects))
          if (asked.t === "sub") replay(asked.seq);
      };
      const replay = (from: number) => {
        for (let seq = from + 1; seq <= head; seq += 1) if (random() > 0.1) feed(event(seq));
      };
      for (let seq = 6; seq <= head; seq += 1) {
        if (random() < 0.3) continue;
        feed(event(random() < 0.2 ? Math.max(1, seq - 3) : seq));
      }
      for (let beats = 0; beats < 200 && state.streams[CONV]?.seq !== head; beats += 1) feed(beat({ [CONV]: head }));

      assert.deepEqual(seen, Array.from({ length: head - 5 }, (_, index) => index + 6));
    }
  });
});

describe("the beat", () => {
  test("a head beyond ours is asked for; one that we have is not", () => {
    const [, behind] = run(live, beat({ [CONV]: 6 }));
    const [, level] = run(live, beat({ [CONV]: 5 }));

    assert.deepEqual(sent(behind), [{ t: "sub", stream: CONV, seq: 5, epoch: "e1" }]);
    assert.deepEqual(sent(level), []);
  });

  test("every frame pushes the silence timer to two and a half beats", () => {
    const [, effects] = run(live, frame({ t: "pong" }));

    assert.deepEqual(effects[0], { kind: "set_timer", timer: "silence", ms: 37_500 });
  });

  test("silence closes and backs off", () => {
    const [state, effects] = run(live, { kind: "timer", timer: "silence" });

    assert.equal(state.phase, "waiting");
    assert.equal(effects[0]?.kind, "close");
    assert.deepEqual(effects.at(-1), { kind: "set_timer", timer: "retry", ms: 500 });
  });

  test("positions survive a reconnection", () => {
    const [, effects] = run(
      live, event(6), { kind: "closed", code: 1006 }, { kind: "timer", timer: "retry" },
      { kind: "ticket", ticket: "t2" }, { kind: "opened" }, ready,
    );

    assert.deepEqual(sent(effects).at(-1), { t: "sub", stream: CONV, seq: 6, epoch: "e1" });
  });
});

describe("close codes", () => {
  test("4001 and 4002 ask once for a new session, then stop until a beat has been heard", () => {
    for (const code of [4001, 4002]) {
      const [first, effects] = run(live, { kind: "closed", code });
      const [second, again] = run(first, ...opening, { kind: "closed", code });
      const [, later] = run(first, ...opening, beat({}), { kind: "closed", code });

      assert.ok(kinds(effects).includes("new_session"));
      assert.equal(second.phase, "stopped");
      assert.ok(!kinds(again).includes("new_session"));
      assert.ok(kinds(later).includes("new_session"));
    }
  });

  test("other 40xx stop: no timer, no ticket", () => {
    for (const code of [4003, 4008, 4009]) {
      const [state, effects] = run(live, { kind: "closed", code });

      assert.equal(state.phase, "stopped");
      assert.equal(state.stopReason, "refused");
      assert.ok(effects.every((it) => it.kind === "clear_timer"));
    }
  });

  test("41xx back off, not before the time that the server named", () => {
    const limited = frame({ t: "err", code: "rate_limited", detail: "", temporary: true, retry_after: 7 });

    const [, effects] = run(live, limited, { kind: "closed", code: 4101 });

    assert.deepEqual(effects.at(-1), { kind: "set_timer", timer: "retry", ms: 7_500 });
  });

  test("42xx come back at once with a new ticket, but not for ever", () => {
    let state = live;
    for (let turn = 0; turn < HURRY_LIMIT; turn += 1) {
      const [next, effects] = run(state, { kind: "closed", code: 4201 });
      assert.equal(effects.at(-1)?.kind, "get_ticket");
      state = run(next, { kind: "ticket", ticket: "t" }, { kind: "opened" })[0];
    }

    assert.equal(run(state, { kind: "closed", code: 4201 })[0].phase, "waiting");
  });

  test("a drain leaves within the server's time", () => {
    const [state, effects] = run(live, frame({ t: "drain", retry_after: 4 }));

    assert.equal(state.phase, "waiting");
    assert.ok(kinds(effects).includes("close"));
    assert.deepEqual(effects.at(-1), { kind: "set_timer", timer: "retry", ms: 2_000 });
  });

  test("back-off is full jitter under a bound that doubles and ends", () => {
    assert.deepEqual([0, 1, 2, 3].map((attempt) => backoffMs(attempt, 1, 0)), [1000, 2000, 4000, 8000]);
    assert.equal(backoffMs(40, 1, 0), BACKOFF_CAP_MS);
    assert.equal(backoffMs(3, 0, 0), 0);
  });

  test("a connection that dies before its first beat counts as failed", () => {
    const [state] = run(live, { kind: "closed", code: 1011 }, { kind: "timer", timer: "retry" },
      { kind: "ticket", ticket: "t" }, { kind: "opened" }, ready, { kind: "closed", code: 1011 });

    assert.equal(state.attempt, 2);
  });
});

describe("the world outside", () => {
  test("offline closes; online connects at once", () => {
    const [away, closing] = run(live, { kind: "online", online: false });
    const [back, effects] = run(away, { kind: "online", online: true });

    assert.equal(away.phase, "offline");
    assert.ok(kinds(closing).includes("close"));
    assert.equal(back.phase, "ticket");
    assert.equal(effects.at(-1)?.kind, "get_ticket");
  });

  test("seen again, a waiting client does not wait and a quiet one is pinged", () => {
    const [waiting] = run(live, { kind: "closed", code: 1006 });
    const [hurried] = step(waiting, { kind: "visible" }, at());
    const [, quiet] = step(live, { kind: "visible" }, at(60_000));
    const [, fresh] = step(live, { kind: "visible" }, at(1_000));

    assert.equal(hurried.phase, "ticket");
    assert.deepEqual(sent(quiet), [{ t: "ping" }]);
    assert.deepEqual(fresh, []);
  });

  test("no pong in time is a lost connection", () => {
    const [state, effects] = run(live, { kind: "timer", timer: "pong" });

    assert.equal(state.phase, "waiting");
    assert.equal(effects[0]?.kind, "close");
  });

  test("a renewed session is told on the open socket", () => {
    assert.deepEqual(sent(run(live, { kind: "renewed", ticket: "t9" })[1]), [{ t: "auth", ticket: "t9" }]);
  });
});

describe("acknowledging", () => {
  test("says once what was delivered and what was read, and never more than it has", () => {
    const [, effects] = run(
      live, event(6), event(7), { kind: "read", stream: CONV, seq: 99 },
      { kind: "timer", timer: "ack" }, { kind: "timer", timer: "ack" },
    );

    assert.deepEqual(sent(effects), [{ t: "ack", stream: CONV, delivered: 7, read: 7 }]);
  });

  test("streams do not mix", () => {
    const [two] = run(live, { kind: "start", streams: { [CONV]: 5, [USER]: 0 } });
    const [state] = run(two, event(1, USER), event(6));

    assert.deepEqual([state.streams[CONV]?.seq, state.streams[USER]?.seq], [6, 1]);
  });
});

describe("frames", () => {
  test("what is malformed or unknown is passed over", () => {
    const bad = [
      "", "null", "[]", "7", "{", '{"t":"nope"}', '{"t":"toString"}', '{"t":"__proto__"}', '{"t":"event"}',
      '{"t":"event","stream":"s","epoch":"e","seq":-1,"type":"x"}', '{"t":"event","stream":"s","epoch":"e","seq":"1","type":"x"}',
      '{"t":"reset","stream":"s","epoch":"e","head":1.5}',
    ];

    assert.deepEqual(bad.map(readFrame), bad.map(() => null));
  });

  test("a beat keeps only heads that are numbers", () => {
    assert.deepEqual(readFrame('{"t":"hb","ts":"x","heads":{"a":1,"b":"2","c":null}}'), { t: "hb", ts: "x", heads: { a: 1 } });
  });
});
