import { useEffect, useId, useRef, useState } from "preact/hooks";
import type { ChatState, WindowPurpose } from "../chat";
import { useSurroundings } from "./context";
import { Icon, type IconName } from "./icons";

const ITEMS: readonly { purpose: WindowPurpose; icon: IconName; word: "link_account" | "who_sees_what" | "how_we_reach_you" }[] = [
  { purpose: "link", icon: "link", word: "link_account" },
  { purpose: "sharing", icon: "eye", word: "who_sees_what" },
  { purpose: "reaching", icon: "bell", word: "how_we_reach_you" },
];

const initials = (name: string): string =>
  name.split(/\s+/).filter(Boolean).map((word) => [...word][0]).slice(0, 2).join("").toLocaleUpperCase();

export function Header({ state }: { state: ChatState }) {
  const { chat, speech } = useSurroundings();
  const bank = chat.bankName;
  return (
    <header class="head">
      <span class="face" aria-hidden="true">{initials(bank)}</span>
      <div class="head-words">
        <h1 class="head-name" title={bank}>{bank}</h1>
        <Connection state={state} />
      </div>
      {state.phase === "ready" && <Menu shares={state.session?.bank.shares !== false} />}
      {state.mode === "bubble" && state.failure !== "alone" && (
        <button type="button" class="round" aria-label={speech.say("close")} onClick={() => chat.close()}>
          <Icon name="close" />
        </button>
      )}
    </header>
  );
}

function Connection({ state }: { state: ChatState }) {
  const { speech } = useSurroundings();
  if (state.phase === "failed") return null;
  const word = state.connection === "live" ? "live" : state.connection === "offline" ? "offline" : state.connection === "stopped" ? "stopped" : "connecting";
  return (
    <p class={`connection connection-${word}`}>
      <span class="dot" aria-hidden="true" />
      {speech.say(word)}
    </p>
  );
}

function Menu({ shares }: { shares: boolean }) {
  const { chat, speech } = useSurroundings();
  const [open, setOpen] = useState(false);
  const id = useId();
  const root = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);

  useEffect(() => {
    if (!open) return;
    root.current?.querySelector<HTMLButtonElement>("[role=menuitem]")?.focus();
    const outside = (event: Event) => {
      if (!root.current?.contains(event.target as Node)) setOpen(false);
    };
    addEventListener("pointerdown", outside);
    addEventListener("blur", outside);
    return () => (removeEventListener("pointerdown", outside), removeEventListener("blur", outside));
  }, [open]);

  const closeTo = (target: HTMLElement | null) => {
    setOpen(false);
    target?.focus();
  };

  const onKeyDown = (event: KeyboardEvent) => {
    if (!open) return;
    const items = [...(root.current?.querySelectorAll<HTMLButtonElement>("[role=menuitem]") ?? [])];
    const at = items.indexOf(document.activeElement as HTMLButtonElement);
    const moves: Record<string, number> = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 };
    const move = moves[event.key];
    if (event.key === "Escape") {
      event.stopPropagation();
      closeTo(button.current);
    } else if (event.key === "Tab") setOpen(false);
    else if (move !== undefined) {
      event.preventDefault();
      items[(move + items.length) % items.length]?.focus();
    }
  };

  const choose = (purpose: WindowPurpose) => {
    closeTo(button.current);
    void chat.openWindow(purpose);
  };

  return (
    <div class="menu" ref={root} onKeyDown={onKeyDown}>
      <button
        type="button" class="round" ref={button} aria-label={speech.say("menu")} aria-haspopup="menu"
        aria-expanded={open} aria-controls={id} onClick={() => setOpen(!open)}
      >
        <Icon name="more" />
      </button>
      <div id={id} class="menu-list" role="menu" hidden={!open} aria-label={speech.say("menu")}>
        {ITEMS.filter(({ purpose }) => shares || purpose !== "link").map(({ purpose, icon, word }) => (
          <button key={purpose} type="button" role="menuitem" tabIndex={-1} onClick={() => choose(purpose)}>
            <Icon name={icon} />
            <span>{speech.say(word)}</span>
            <span class="unseen">, {speech.say("opens_window")}</span>
            <Icon name="window" />
          </button>
        ))}
      </div>
    </div>
  );
}
