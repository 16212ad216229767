/** Money for the eye. The decimal string goes to Intl as it is: no number is made of it on the way. */
import type { Band, Money } from "./rest/shapes";

export type Sign = "as-is" | "none" | "always";

const DECIMAL = /^-?\d+(\.\d+)?$/;
const formats = new Map<string, Intl.NumberFormat>();

function formatOf(locale: string, currency: string, digits: number, sign: Sign): Intl.NumberFormat {
  const key = `${locale}|${currency}|${digits}|${sign}`;
  let format = formats.get(key);
  if (!format) {
    const fixed = { minimumFractionDigits: digits, maximumFractionDigits: digits };
    const signDisplay = sign === "always" ? "exceptZero" : "auto";
    format = new Intl.NumberFormat(locale, { style: "currency", currency, signDisplay, useGrouping: "always", ...fixed });
    formats.set(key, format);
  }
  return format;
}

/** "€12.30" in the reader's language, with exactly the digits that the amount came with. */
export function moneyText(money: Money, locale: string, sign: Sign = "as-is"): string {
  if (!DECIMAL.test(money.amount)) return `${money.amount} ${money.currency}`;
  const amount = sign === "none" ? money.amount.replace(/^-/, "") : money.amount;
  const digits = amount.split(".")[1]?.length ?? 0;
  try {
    const text = formatOf(locale, money.currency, digits, sign).format(amount as Intl.StringNumericLiteral);
    return text.replace("-", "−"); // As wide as the plus, as on every page of ours.
  } catch {
    return `${amount} ${money.currency}`;
  }
}

/** "€20–€50", "over €10,000": the band that an amount lies in. */
export function bandText(band: Band, locale: string, sign: Sign = "as-is"): string {
  const text = (edge: string) => moneyText({ amount: edge.replace(/^-/, "").replace(/\.0+$/, ""), currency: band.currency }, locale);
  const out = band.above.startsWith("-") || band.up_to?.startsWith("-");
  const before = sign === "none" ? "" : out ? "−" : sign === "always" && band.up_to !== band.above ? "+" : "";
  if (band.up_to === null) return `${before}> ${text(band.above)}`;
  return band.up_to === band.above ? text(band.above) : `${before}${text(band.above)}–${text(band.up_to)}`;
}

/** An amount, or the band that stands for it; empty where neither is shown. */
export const amountText = (money: Money | null, band: Band | null | undefined, locale: string, sign: Sign = "as-is"): string =>
  money ? moneyText(money, locale, sign) : band ? bandText(band, locale, sign) : "";

export const isNothing = (money: Money): boolean => !/[1-9]/.test(money.amount);
export const isCredit = (money: Money): boolean => !money.amount.startsWith("-") && !isNothing(money);
export const cameIn = (money: Money | null, band: Band | null): boolean =>
  money ? isCredit(money) : band !== null && !band.above.startsWith("-") && !band.up_to?.startsWith("-") && band.up_to !== band.above;

/** The same amount taken off: "−€1.00". */
export const takenOff = (money: Money): Money => ({ ...money, amount: money.amount.startsWith("-") ? money.amount.slice(1) : `-${money.amount}` });

/** "0,35" of the decimal "0.350", in the reader's language. */
export function quantityText(quantity: string, locale: string): string {
  if (!DECIMAL.test(quantity)) return quantity;
  return new Intl.NumberFormat(locale, { maximumFractionDigits: 3 }).format(quantity as Intl.StringNumericLiteral);
}
