import { useEffect, useRef, useState } from "preact/hooks";
import type { Press } from "../chat";
import { amountText } from "../money";
import type { BalanceCard, BalanceLine, Message } from "../rest/shapes";
import { momentText } from "../times";
import type { Speech } from "../words/words";
import { useSurroundings } from "./context";
import { Icon } from "./icons";
import { useNow } from "./now";

const REFRESH = "refresh";

interface Props {
  message: Message;
  card: BalanceCard;
  press: Press | undefined;
}

/** Whether the bank's answer is waited for: as long as the server said, counted here, whatever this device's clock shows. */
function useAsking(message: Message, seconds: number | null): boolean {
  const [over, setOver] = useState<Message | null>(null);
  useEffect(() => {
    if (!seconds) return undefined;
    const timer = setTimeout(() => setOver(message), seconds * 1000);
    return () => clearTimeout(timer);
  }, [message]);
  return Boolean(seconds) && over !== message;
}

/** The oldest word of the bank's that stands on the card. */
function oldest(accounts: readonly BalanceLine[]): string | null {
  const told = accounts.map((it) => it.as_of).filter((it) => it !== null);
  return told.toSorted((a, b) => Date.parse(a) - Date.parse(b))[0] ?? null;
}

function silentText(card: BalanceCard, speech: Speech, now: Date): string {
  const since = oldest(card.accounts);
  return since ? speech.say("bank_silent", { when: momentText(since, speech.locale, now) }) : speech.say("bank_silent_bare");
}

export function Balances({ message, card, press }: Props) {
  const { speech } = useSurroundings();
  const [shown, setShown] = useState(false);
  const now = useNow();
  const hidden = (
    <>
      <span aria-hidden="true">••••••</span>
      <span class="unseen">{speech.say("hidden_amount")}</span>
    </>
  );
  return (
    <section class="card balances">
      <div class="card-bar">
        <Icon name="wallet" />
        <p class="card-title">{speech.count("balance", card.accounts.length)}</p>
        <button
          type="button" class="round small" aria-pressed={shown} onClick={() => setShown(!shown)}
          aria-label={speech.say("show_amounts")} title={speech.say(shown ? "hide_amounts" : "show_amounts")}
        >
          <Icon name={shown ? "eyeOff" : "eye"} />
        </button>
      </div>
      <ul class="lines">
        {card.accounts.map((it) => (
          <li key={it.id} class="line">
            <div class="line-words">
              <p class="line-name">{it.name ?? speech.say("an_account")}</p>
              {it.as_of && <p class="card-note fresh" key={it.as_of}><time dateTime={it.as_of}>{speech.say("as_of", { when: momentText(it.as_of, speech.locale, now) })}</time></p>}
              {shown && it.credit_line_text && <p class="card-note">{it.credit_line_text}</p>}
            </div>
            <div class="line-money">
              <p class="money balance-amount">{(shown && amountText(it.balance, it.balance_band, speech.locale)) || hidden}</p>
              {shown && (it.available ?? it.available_band) && (
                <p class="card-note money">{speech.say("available", { amount: amountText(it.available ?? null, it.available_band, speech.locale) })}</p>
              )}
            </div>
          </li>
        ))}
      </ul>
      <Renewal message={message} card={card} press={press} now={now} />
    </section>
  );
}

/** The button that has the bank asked anew, and what came of it. */
function Renewal({ message, card, press, now }: Props & { now: Date }) {
  const { chat, speech } = useSurroundings();
  const waits = useAsking(message, card.checking_seconds);
  const asked = useRef(false);
  const offered = message.actions.find(({ key }) => key === REFRESH);
  const busy = waits || (press !== undefined && press.phase !== "failed");
  asked.current ||= busy;
  const silent = !busy && card.checking_seconds !== null;
  const problem = press?.rev === message.rev ? press.problem : null;
  const tone = problem || silent ? "warn" : "calm";
  const told = busy ? speech.say("asking_bank")
    : problem ?? (silent ? silentText(card, speech, now) : asked.current ? speech.say("up_to_date") : "");
  return (
    <div class={`renewal renewal-${tone}`}>
      <p class="renewal-words" role="status">{told && <span key={told}>{told}</span>}</p>
      {offered && (
        <button
          type="button" class="quiet" aria-disabled={busy} aria-busy={busy}
          onClick={() => busy || void chat.press(message, REFRESH)}
        >
          <Icon name={busy ? "spinner" : "refresh"} />
          <span>{offered.label}</span>
        </button>
      )}
    </div>
  );
}
