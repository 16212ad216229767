/** What the frame's page says about itself, in the data attributes of its one element. */

export interface Config {
  readonly bank: string;
  /** ".../api/v1", without a slash at the end. */
  readonly api: string;
  /** Origin of the portal's pages: the only one that windows are opened on. */
  readonly portal: string;
  readonly socket: string;
  readonly locale: string;
  /** Where the words are, and in which language: English where we have none of the locale's own. */
  readonly words: string;
  readonly language: string;
  readonly parentOrigins: readonly string[];
  readonly accent: string | null;
  /** The bank's name, for as long as no session has told it. */
  readonly bankName: string | null;
}

function originsOf(text: string | undefined): readonly string[] {
  try {
    const list: unknown = JSON.parse(text ?? "[]");
    return Array.isArray(list) ? list.filter((it): it is string => typeof it === "string") : [];
  } catch {
    return [];
  }
}

export function readConfig(element: HTMLElement): Config {
  const { bank, api, socket, locale, words, language, parentOrigins, accent, bankName } = element.dataset;
  if (!bank || !api || !socket || !words) throw new Error("The frame's page names no bank, api, socket or words.");
  const base = new URL(api, location.href);
  return {
    bank,
    api: base.href.replace(/\/$/, ""),
    portal: base.origin,
    socket,
    locale: locale || navigator.language,
    words,
    language: language || "en",
    parentOrigins: originsOf(parentOrigins),
    accent: accent && /^#[0-9a-f]{6}$/i.test(accent) ? accent : null,
    bankName: bankName || null,
  };
}
