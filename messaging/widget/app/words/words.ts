/** The words of one language, filled in; plurals by the language's own rules. */
import type { Plural, Words } from "./en";

const RIGHT_TO_LEFT = new Set(["ar", "dv", "fa", "he", "ku", "ps", "sd", "ug", "ur", "yi"]);

type Fill = Readonly<Record<string, string | number>>;
type Single = { [K in keyof Words]: Words[K] extends string ? K : never }[keyof Words];
type Counted = Exclude<keyof Words, Single>;

export interface Speech {
  /** For Intl: the whole tag, region and all. */
  readonly locale: string;
  /** The language of our own words, for `lang`. */
  readonly language: string;
  readonly direction: "ltr" | "rtl";
  say(name: Single, fill?: Fill): string;
  count(name: Counted, count: number, fill?: Fill): string;
}

const fillIn = (text: string, fill: Fill): string =>
  text.replace(/\{(\w+)\}/g, (whole, name: string) => (name in fill ? String(fill[name]) : whole));

function knownLocale(wanted: string): string {
  try {
    return Intl.getCanonicalLocales(wanted.replaceAll("_", "-"))[0] ?? "en";
  } catch {
    return "en";
  }
}

/** "en" alone says nothing of how dates are written: take the region of the reader's own languages. */
export function withRegion(wanted: string, readers: readonly string[]): string {
  return readers.find((it) => it.startsWith(`${wanted}-`)) ?? wanted;
}

/** The words of a language, from the file that the page names; asked for once more before the chat does without. */
export async function learn(url: string): Promise<Words> {
  const found = (await import(url).catch(() => import(`${url}?again`))) as { default: Words };
  return found.default;
}

/** Speak `wanted` with the words of `language`; numbers and dates follow it even where our words are English. */
export function speak(wanted: string, words: Words, language: string): Speech {
  const locale = knownLocale(wanted);
  const base = locale.split("-")[0] ?? "en";
  const rules = new Intl.PluralRules(language);
  const numbers = new Intl.NumberFormat(locale);
  return {
    locale,
    language,
    direction: RIGHT_TO_LEFT.has(base) ? "rtl" : "ltr",
    say: (name, fill = {}) => fillIn(words[name], fill),
    count: (name, count, fill = {}) => {
      const forms: Plural = words[name];
      const form = forms[rules.select(count) as keyof Plural] ?? forms.other;
      return fillIn(form, { ...fill, count: numbers.format(count) });
    },
  };
}
