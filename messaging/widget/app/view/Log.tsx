import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import type { ChatState } from "../chat";
import { rowsOf } from "../thread/rows";
import { dayText, zoneText } from "../times";
import { useSurroundings } from "./context";
import { Icon } from "./icons";
import { LinkAccount } from "./cards";
import { MessageRow, UnsentRow } from "./rows";

const NEAR_END_PX = 48;
const NEAR_START_PX = 400;

/** Where the mark "New" stands: at what had been read when the customer last looked away. */
function useUnreadMark(state: ChatState, atEnd: boolean): number | null {
  const { chat } = useSurroundings();
  const [mark, setMark] = useState<number | null>(null);
  const unread = chat.unread.length;
  const looking = state.open && atEnd && document.visibilityState === "visible";
  useEffect(() => {
    if (mark === null && unread > 0 && !looking) setMark(state.readSeq);
  }, [unread, looking]);
  useEffect(() => {
    if (!state.open && unread === 0) setMark(null);
  }, [state.open]);
  useEffect(() => setMark(null), [state.unsent.length]);
  return mark;
}

export function Log({ state, sends }: { state: ChatState; sends: number }) {
  const { chat, speech } = useSurroundings();
  const box = useRef<HTMLDivElement>(null);
  const held = useRef({ atEnd: true, first: "", height: 0 });
  const [atEnd, setAtEnd] = useState(true);
  const mark = useUnreadMark(state, atEnd);
  const { messages, hasMore } = state.thread;
  const rows = useMemo(() => rowsOf(messages, mark), [messages, mark]);
  const firstKey = messages[0]?.id ?? "";

  const toEnd = useCallback((behavior: ScrollBehavior = "instant") => {
    box.current?.scrollTo({ top: box.current.scrollHeight, behavior });
  }, []);

  const look = useCallback(() => {
    const it = box.current;
    if (!it || it.clientHeight === 0) return;
    held.current.atEnd = it.scrollHeight - it.scrollTop - it.clientHeight < NEAR_END_PX;
    setAtEnd(held.current.atEnd);
    if (held.current.atEnd) chat.seen();
    if (it.scrollTop < NEAR_START_PX && chat.state.older === "idle") void chat.loadOlder();
  }, [chat]);

  // Earlier messages push the rest down: stay with what is being read. New ones are followed only from the end.
  useLayoutEffect(() => {
    const it = box.current;
    if (!it) return;
    const before = held.current;
    const prepended = before.first !== "" && before.first !== firstKey && messages.some((one) => one.id === before.first);
    if (prepended) it.scrollTop += it.scrollHeight - before.height;
    else if (before.atEnd) toEnd();
    held.current = { atEnd: before.atEnd, first: firstKey, height: it.scrollHeight };
    look();
  }, [messages, state.unsent, state.presses, state.older, state.typing, mark]);

  useEffect(() => {
    const observer = new ResizeObserver(() => {
      if (held.current.atEnd) toEnd();
      look();
    });
    if (box.current) observer.observe(box.current);
    document.addEventListener("visibilitychange", look);
    return () => (observer.disconnect(), document.removeEventListener("visibilitychange", look));
  }, []);

  // Opened: begin at what is new.
  useLayoutEffect(() => {
    if (!state.open) return;
    const divider = box.current?.querySelector<HTMLElement>(".unread-mark");
    if (divider && box.current) box.current.scrollTop = divider.offsetTop - 16;
    else toEnd();
    look();
  }, [state.open]);

  useEffect(() => {
    if (sends > 0) toEnd("smooth");
  }, [sends]);

  // The customer came for one message: put it before their eyes, and mark which it is.
  useLayoutEffect(() => {
    if (state.wanted?.phase !== "found" || !state.open) return;
    const row = box.current?.querySelector<HTMLElement>(`[data-id="${state.wanted.id}"]`);
    row?.scrollIntoView({ block: "center" });
    row?.classList.add("row-wanted");
    look();
    chat.wantedSeen();
  }, [state.wanted, state.open]);

  const now = new Date();
  const lastOwn = messages.findLast((it) => it.author.kind === "customer");
  const readByOthers = Math.max(0, ...Object.entries(state.thread.reads)
    .filter(([reader]) => reader !== state.session?.customer.id && reader !== "customer").map(([, seq]) => seq));
  const empty = messages.length === 0 && state.unsent.length === 0;
  const unread = chat.unread.length;

  return (
    <main class="log-frame">
      <div
        class="log" ref={box} role="log" aria-live={state.older === "loading" ? "off" : "polite"} tabIndex={0}
        aria-label={speech.say("messages")} onScroll={look}
      >
        <Beginning state={state} empty={empty} hasMore={hasMore} />
        <ul class="rows">
          {rows.map((row) => {
            if (row.kind === "day")
              return <li key={row.key} class="day"><span>{[dayText(row.date, speech.locale, now), zoneText(row.date, speech.locale)].filter(Boolean).join(" · ")}</span></li>;
            if (row.kind === "unread")
              return <li key={row.key} class="unread-mark"><span>{speech.say("unread")}</span></li>;
            const status = row.message !== lastOwn || state.unsent.length > 0 ? null : row.message.seq <= readByOthers ? "read" : "sent";
            return <MessageRow key={row.key} row={row} press={state.presses[row.message.id]} status={status} />;
          })}
          {state.unsent.map((it) => (
            <UnsentRow key={it.client_msg_id} unsent={it} connected={state.connection !== "offline" && state.connection !== "waiting"} />
          ))}
        </ul>
        {state.typing !== null && (
          <p class="typing"><span class="typing-dots" aria-hidden="true"><i /><i /><i /></span>{speech.say("typing", { name: state.typing })}</p>
        )}
      </div>
      {!atEnd && (
        <button type="button" class="jump" onClick={() => toEnd("smooth")} aria-label={unread ? speech.count("jump_new", unread) : speech.say("jump")}>
          {unread > 0 && <span>{speech.count("jump_new", unread)}</span>}
          <Icon name="arrowDown" />
        </button>
      )}
    </main>
  );
}

function Beginning({ state, empty, hasMore }: { state: ChatState; empty: boolean; hasMore: boolean }) {
  const { chat, speech } = useSurroundings();
  const session = state.session;
  if (state.older === "loading") return <p class="beginning" aria-busy="true"><Icon name="spinner" /><span class="unseen">{speech.say("loading_older")}</span></p>;
  if (state.older === "failed")
    return (
      <p class="beginning">
        {speech.say("older_failed")}{" "}
        <button type="button" class="inline" onClick={() => void chat.loadOlder()}>{speech.say("try_again")}</button>
      </p>
    );
  if (hasMore) return <p class="beginning" />;
  if (!empty) return <p class="beginning">{speech.say("beginning")}</p>;
  const shares = session?.bank.shares !== false;
  return (
    <div class="empty">
      <h2>{speech.say("empty_title", { name: session?.customer.display_name ?? "" })}</h2>
      <p>{speech.say(shares ? "empty_text" : "empty_closed", { bank: chat.bankName })}</p>
      {shares && session?.linked === false && <LinkAccount message={null} />}
    </div>
  );
}
