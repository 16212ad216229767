import { useId } from "preact/hooks";
import type { Press } from "../chat";
import { amountText, cameIn, moneyText } from "../money";
import type { AlertCard, Message, Money, Transaction, TransactionsCard } from "../rest/shapes";
import { dateText, momentText, monthText } from "../times";
import type { Speech } from "../words/words";
import { useSurroundings } from "./context";
import { Icon, type IconName } from "./icons";

/** Nothing of the bank's is shown. What became of the customer's own instruction still is, and the number to call. */
export function Withheld({ alert }: { alert: AlertCard | null }) {
  const { speech } = useSurroundings();
  return (
    <div class="card card-withheld">
      <Icon name="eyeOff" />
      <div>
        <p class="card-title">{speech.say("not_shared")}</p>
        <p class="card-note">{speech.say("not_shared_text")}</p>
        {alert?.state_text && <p class="card-text">{alert.state_text}</p>}
        {alert && <CallBank card={alert} />}
      </div>
    </div>
  );
}

function whenText(it: Transaction, speech: Speech, now: Date): string {
  if (it.booked_at) return momentText(it.booked_at, speech.locale, now);
  if (it.booked_on) return dateText(it.booked_on, speech.locale, now);
  return it.booked_month ? monthText(it.booked_month, speech.locale) : "";
}

const merchantOf = (it: Transaction, speech: Speech): string =>
  it.merchant || speech.say("unknown_merchant");

const foreign = (it: Transaction): Money | null =>
  it.original_amount && it.original_amount.currency !== it.amount?.currency ? it.original_amount : null;

/** How a state looks. The words are the server's: this only chooses colour and drawing. */
const looks: Record<AlertCard["state"], { tone: string; icon: IconName }> = {
  open: { tone: "danger", icon: "shield" },
  asking: { tone: "info", icon: "spinner" },
  frozen: { tone: "good", icon: "snowflake" },
  failed: { tone: "warn", icon: "alert" },
  unknown: { tone: "warn", icon: "alert" },
  dismissed: { tone: "calm", icon: "shieldCheck" },
};

function alertTitle(message: Message, card: AlertCard, speech: Speech): string {
  if (message.kind === "fraud_alert") return card.state === "open" ? card.state_text || speech.say("alert_fraud") : speech.say("alert_suspicious");
  switch (card.alert_type) {
    case "large_payment": return speech.say("alert_large_payment");
    case "low_balance": return speech.say("alert_low_balance");
    case "refund": return speech.say("alert_refund");
    case "salary": return speech.say("alert_salary");
    default: return speech.say(card.alert_type.startsWith("foreign") ? "alert_foreign" : "alert_other");
  }
}

export function Alert({ message, card, press }: { message: Message; card: AlertCard; press: Press | undefined }) {
  const { speech } = useSurroundings();
  const title = useId();
  const fraud = message.kind === "fraud_alert";
  const look = looks[card.state] ?? looks.unknown;
  const settled = card.state !== "open";
  const tone = fraud || settled ? look.tone : "calm";
  return (
    <section class={`card alert tone-${tone}`} role="group" aria-labelledby={title}>
      <p class="alert-head">
        <Icon name={fraud ? "shield" : "bell"} />
        <span id={title} class="alert-title">{alertTitle(message, card, speech)}</span>
      </p>
      {card.transaction ? <Purchase it={card.transaction} signed={!fraud} /> : <Whole message={message} card={card} />}
      {settled && card.state_text && (
        <p class="alert-state" key={card.state}><Icon name={look.icon} /><span>{card.state_text}</span></p>
      )}
      {settled && <CallBank card={card} />}
      <Actions message={message} press={press} />
    </section>
  );
}

/** An alert without a transaction: about an account as a whole, or with its details held back. */
function Whole({ message, card }: { message: Message; card: AlertCard }) {
  const { speech } = useSurroundings();
  if (card.alert_type !== "low_balance" || !card.account_name) return <p class="card-text">{message.text}</p>;
  return (
    <>
      <p class="card-text">{speech.say("low_balance_text", { account: card.account_name })}</p>
      <p class="card-note">{speech.say("low_balance_more")}</p>
    </>
  );
}

const callable = new Set<AlertCard["state"]>(["open", "failed", "unknown"]);

/** The one address on a card: a number from the bank's own record, never from a message's text. */
function CallBank({ card }: { card: AlertCard }) {
  const { speech } = useSurroundings();
  const phone = card.bank_phone;
  if (!phone || !callable.has(card.state)) return null;
  return (
    <a class="button" href={`tel:${phone.replace(/[^+\d]/g, "")}`}>
      <Icon name="phone" /><span>{speech.say("call_bank", { phone })}</span>
    </a>
  );
}

function Purchase({ it, signed }: { it: Transaction; signed: boolean }) {
  const { speech } = useSurroundings();
  const facts = [
    whenText(it, speech, new Date()),
    it.category_text ?? "",
    it.card_last4 ? speech.say("card_ending", { digits: it.card_last4 }) : "",
    it.account_name ?? "",
  ].filter(Boolean);
  return (
    <div class="purchase">
      <div class="purchase-top">
        <p class="purchase-amount money">{amountText(it.amount, it.amount_band, speech.locale, signed && cameIn(it.amount, it.amount_band) ? "always" : "none")}</p>
        {it.status === "pending" && <p class="tag">{speech.say("pending")}</p>}
      </div>
      <p class="purchase-merchant">{merchantOf(it, speech)}</p>
      <Written it={it} />
      <Original it={it} />
      <ul class="facts">
        {facts.map((fact) => <li key={fact}>{fact}</li>)}
      </ul>
    </div>
  );
}

/** What was paid in the shop's own currency, and at which rate. */
function Original({ it }: { it: Transaction }) {
  const { speech } = useSurroundings();
  const original = foreign(it);
  if (!original) return null;
  const amount = moneyText(original, speech.locale, "none");
  const rate = it.exchange_rate;
  return <p class="card-note">{speech.say("original_amount", { amount: rate ? speech.say("at_rate", { amount, rate }) : amount })}</p>;
}

/** The bank's own words, for whoever knows the payment by them. */
const Written = ({ it }: { it: Transaction }) => it.statement_text && <p class="card-note written">{it.statement_text}</p>;

function Actions({ message, press }: { message: Message; press: Press | undefined }) {
  const { chat, speech } = useSurroundings();
  const problem = useId();
  if (message.actions.length === 0) return null;
  if (message.expires_at && Date.parse(message.expires_at) < Date.now())
    return <p class="card-note">{speech.say("expired")}</p>;
  const busy = press !== undefined && press.phase !== "failed";
  const words = press?.problem ?? (press?.phase === "retrying" ? speech.say("action_retry") : "");
  return (
    <>
      <div class="actions">
        {message.actions.map(({ key, label, style }) => {
          const pressed = busy && press.key === key;
          return (
            <button
              key={key} type="button" class={`button ${style}`} aria-disabled={busy} aria-busy={pressed}
              aria-describedby={problem} onClick={() => busy || void chat.press(message, key)}
            >
              {pressed && <Icon name="spinner" />}
              <span>{pressed ? speech.say("one_moment") : label}</span>
            </button>
          );
        })}
      </div>
      <p id={problem} class={press?.phase === "failed" ? "card-problem card-failed" : "card-problem"} role="status">{words}</p>
    </>
  );
}

export function Transactions({ card }: { card: TransactionsCard }) {
  const { speech } = useSurroundings();
  const now = new Date();
  return (
    <section class="card">
      <div class="card-bar">
        <Icon name="list" />
        <p class="card-title">{speech.count("transactions", card.transactions.length)}</p>
      </div>
      <ul class="lines">
        {card.transactions.map((it) => (
          <li key={it.id} class="line">
            <div class="line-words">
              <p class="line-name">{merchantOf(it, speech)}</p>
              <Written it={it} />
              <Original it={it} />
              <p class="card-note">
                {[whenText(it, speech, now), it.category_text, it.status === "pending" ? speech.say("pending") : "", it.card_last4 ? `•• ${it.card_last4}` : ""]
                  .filter(Boolean).join(" · ")}
              </p>
            </div>
            <p class={cameIn(it.amount, it.amount_band) ? "money line-money money-in" : "money line-money"}>
              {amountText(it.amount, it.amount_band, speech.locale, "always")}
            </p>
          </li>
        ))}
      </ul>
    </section>
  );
}

export function LinkAccount({ message }: { message: Message | null }) {
  const { chat, speech } = useSurroundings();
  const busy = chat.state.opening === "link";
  return (
    <section class="card link-card">
      <span class="link-icon"><Icon name="link" /></span>
      <p class="card-text">{message?.text || speech.say("empty_link")}</p>
      <button type="button" class="button primary" aria-disabled={busy} onClick={() => void chat.openWindow("link")}>
        {busy && <Icon name="spinner" />}
        <span>{speech.say(busy ? "opening" : "link_account")}</span>
        <span class="unseen">, {speech.say("opens_window")}</span>
        {!busy && <Icon name="window" />}
      </button>
    </section>
  );
}
