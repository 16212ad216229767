/** Money for the eye. The decimal string goes to Intl as it is: no number is made of it on the way. */
import type { Money } from "./rest/shapes";

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

export const isNothing = (money: Money): boolean => !/[1-9]/.test(money.amount);
export const isCredit = (money: Money): boolean => !money.amount.startsWith("-") && !isNothing(money);

/** The same amount taken off: "−€1.00". */
export const takenOff = (money: Money): Money => ({ ...money, amount: money.amount.startsWith("-") ? money.amount.slice(1) : `-${money.amount}` });

/** "0,35" of the decimal "0.350", in the reader's language. */
export function quantityText(quantity: string, locale: string): string {
  if (!DECIMAL.test(quantity)) return quantity;
  return new Intl.NumberFormat(locale, { maximumFractionDigits: 3 }).format(quantity as Intl.StringNumericLiteral);
}
