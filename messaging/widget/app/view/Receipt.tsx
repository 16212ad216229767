import { useId, useState } from "preact/hooks";
import { amountText, isNothing, moneyText, quantityText, takenOff } from "../money";
import type { Receipt as Paper, ReceiptLine } from "../rest/papers";
import { momentText } from "../times";
import type { Speech } from "../words/words";
import { useSurroundings } from "./context";
import { Icon } from "./icons";
import { useNow } from "./now";

const FOLDED = 6;

/** What was bought, as the till printed it; a long one is folded. */
export function Receipt({ it }: { it: Paper }) {
  const { speech } = useSurroundings();
  const title = useId();
  const now = useNow();
  const shop = it.merchant_name;
  const facts = [it.issued_at ? momentText(it.issued_at, speech.locale, now) : "", it.merchant_place ?? "", it.account_name].filter(Boolean);
  return (
    <section class="card receipt" role="group" aria-labelledby={title}>
      <div class="card-bar"><Icon name="bag" /><p class="card-title" id={title}>{shop ? speech.say("receipt_from", { shop }) : speech.say("receipt")}</p></div>
      <ul class="facts">{facts.map((fact) => <li key={fact}>{fact}</li>)}</ul>
      {it.lines === null ? <p class="card-note lines-hidden">{speech.say("lines_hidden")}</p> : <Lines lines={it.lines} />}
      <Sums it={it} />
    </section>
  );
}

function Lines({ lines }: { lines: readonly ReceiptLine[] }) {
  const { speech } = useSurroundings();
  const [open, setOpen] = useState(false);
  const list = useId();
  // One line more takes no more room than the button that would hide it.
  const folds = lines.length > FOLDED + 1;
  const shown = folds && !open ? lines.slice(0, FOLDED) : lines;
  return (
    <>
      <ul class="lines" id={list}>
        {shown.map((line, at) => <Line key={at} line={line} />)}
      </ul>
      {folds && (
        <button type="button" class="quiet unfold" aria-expanded={open} aria-controls={list} onClick={() => setOpen(!open)}>
          <Icon name="down" /><span>{open ? speech.say("fewer_lines") : speech.count("all_lines", lines.length)}</span>
        </button>
      )}
    </>
  );
}

function Line({ line }: { line: ReceiptLine }) {
  const { speech } = useSurroundings();
  const count = countText(line, speech);
  return (
    <li class="line">
      <div class="line-words">
        <p class="line-name" dir="auto">{line.description ?? speech.say("unnamed_line")}</p>
        {count && <p class="card-note money">{count}</p>}
      </div>
      <p class="money line-money">{moneyText(line.amount, speech.locale)}</p>
    </li>
  );
}

/** "2 × €1.20 · −€0.20 discount"; nothing for a single thing at its own price. */
function countText(line: ReceiptLine, speech: Speech): string {
  const many = line.quantity !== "1" || line.unit !== null || line.discount !== null;
  const quantity = [quantityText(line.quantity, speech.locale), line.unit ?? ""].filter(Boolean).join(" ");
  const off = line.discount && speech.say("line_discount", { amount: moneyText(takenOff(line.discount), speech.locale) });
  return many ? [`${quantity} × ${moneyText(line.unit_price, speech.locale)}`, off ?? ""].filter(Boolean).join(" · ") : "";
}

/** How the lines come to the total. */
function Sums({ it }: { it: Paper }) {
  const { speech } = useSurroundings();
  const added = it.tax && !it.tax_included ? it.tax : null;
  const within = it.tax && it.tax_included && !isNothing(it.tax) ? it.tax : null;
  const text = (money: Paper["total"]) => amountText(money, it.total_band, speech.locale);
  return (
    <dl class="sums">
      {(it.discount || added) && <Sum name={speech.say("subtotal")} amount={text(it.subtotal)} />}
      {it.discount && <Sum name={speech.say("discount")} amount={text(takenOff(it.discount))} />}
      {added && <Sum name={speech.say("tax")} amount={text(added)} />}
      <Sum name={speech.say("total")} amount={text(it.total)} whole />
      {within && <Sum name={speech.say("tax_included")} amount={text(within)} />}
    </dl>
  );
}

function Sum({ name, amount, whole = false }: { name: string; amount: string; whole?: boolean }) {
  return <div class={whole ? "sum sum-whole" : "sum"}><dt>{name}</dt><dd class="money">{amount}</dd></div>;
}
