import { memo } from "./memo";
import type { Press } from "../chat";
import type { Message } from "../rest/shapes";
import type { Unsent } from "../thread/outgoing";
import type { Row } from "../thread/rows";
import { timeText } from "../times";
import { Balances } from "./Balances";
import { Alert, LinkAccount, Transactions, Withheld } from "./cards";
import { useSurroundings } from "./context";
import { Icon } from "./icons";
import { Parcel } from "./Parcel";
import { Receipt } from "./Receipt";

interface Props {
  row: Extract<Row, { kind: "message" }>;
  press: Press | undefined;
  status: "sent" | "read" | null;
}

function cardOf(message: Message, press: Press | undefined) {
  if (message.kind === "link_account") return <LinkAccount message={message} />;
  if (message.kind === "text" || message.kind === "system" || !message.card) return null;
  // A card that can be answered is shown even where its details are held back.
  if (message.card.withheld && message.actions.length === 0) return <Withheld alert={message.kind === "fraud_alert" ? message.card : null} />;
  if (message.kind === "balance") return <Balances message={message} card={message.card} press={press} />;
  if (message.kind === "transactions") return <Transactions card={message.card} />;
  if (message.kind === "receipt") return message.card.receipt && <Receipt it={message.card.receipt} />;
  if (message.kind === "shipment") return message.card.shipment && <Parcel it={message.card.shipment} />;
  return <Alert message={message} card={message.card} press={press} />;
}

export const MessageRow = memo(function MessageRow({ row, press, status }: Props) {
  const { chat, speech } = useSurroundings();
  const { message, first, last } = row;
  const time = <time dateTime={message.created_at}>{timeText(message.created_at, speech.locale)}</time>;
  if (message.kind === "system")
    return <li class="system"><span dir="auto">{message.text}</span> {time}</li>;
  const own = message.author.kind === "customer";
  const card = cardOf(message, press);
  const shape = `row ${own ? "row-own" : "row-other"}${first ? " row-first" : ""}${last ? " row-last" : ""}`;
  return (
    <li class={shape} data-id={message.id}>
      {!own && first && message.author.name !== chat.state.session?.bank.name && <p class="author" aria-hidden="true">{message.author.name}</p>}
      <span class="unseen">{own ? speech.say("you") : message.author.name}: </span>
      {card ?? <p class="bubble" dir="auto">{message.text}</p>}
      {(last || status) && (
        <p class="meta">
          {time}
          {status && (
            <span class={`status status-${status}`}>
              <Icon name={status === "read" ? "checks" : "check"} />{speech.say(status)}
            </span>
          )}
        </p>
      )}
    </li>
  );
}, (a, b) =>
  a.row.message === b.row.message && a.row.first === b.row.first && a.row.last === b.row.last &&
  a.press === b.press && a.status === b.status && a.row.message.kind !== "link_account");

export function UnsentRow({ unsent, connected }: { unsent: Unsent; connected: boolean }) {
  const { chat, speech } = useSurroundings();
  return (
    <li class={`row row-own row-first row-last ${unsent.refused ? "row-refused" : "row-unsent"}`}>
      <span class="unseen">{speech.say("you")}: </span>
      <p class="bubble" dir="auto">{unsent.text}</p>
      {unsent.refused ? (
        <p class="meta meta-refused" role="alert">
          <Icon name="alert" />
          <span>{speech.say("not_sent", { why: unsent.refused })}</span>
          <button type="button" class="inline" onClick={() => chat.sendAgain(unsent.client_msg_id)}>{speech.say("try_again")}</button>
          <button type="button" class="inline" onClick={() => chat.discard(unsent.client_msg_id)}>{speech.say("remove")}</button>
        </p>
      ) : (
        <p class="meta"><Icon name="clock" />{speech.say(connected ? "sending" : "waiting")}</p>
      )}
    </li>
  );
}
