/** What the script's own attributes say. */

export interface Settings {
  readonly bank: string;
  readonly origin: string;
  readonly frameUrl: string;
  readonly tokenUrl: string;
  readonly locale: string;
  readonly mode: "bubble" | "full";
  readonly open: boolean;
  readonly theme: "light" | "dark" | undefined;
  readonly accent: string | null;
  /** The alert that the page's address asks for: the chat opens at it. */
  readonly alert: string | null;
}

type Attributes = Readonly<Record<string, string | undefined>>;

/** Null where the bank is not named, or the token would be asked for anywhere but on the host page's own origin. */
export function settingsFrom(src: string, attributes: Attributes, page: Location | URL, pageLocale: string): Settings | null {
  const { bank, tokenUrl, locale = pageLocale, mode, open, theme, accent } = attributes;
  if (!bank || !tokenUrl) return null;
  const { origin } = new URL(src);
  const token = URL.parse ? URL.parse(tokenUrl, page.origin) : new URL(tokenUrl, page.origin);
  if (token?.origin !== page.origin) return null;
  const alert = /[?&]chat_alert=([\da-f-]{36})(&|$)/.exec(page.search)?.[1] ?? null;
  const frame = new URL("/widget/frame", origin);
  frame.searchParams.set("bank", bank);
  if (locale) frame.searchParams.set("locale", locale);
  return {
    bank,
    origin,
    frameUrl: frame.href,
    tokenUrl: token.href,
    locale,
    mode: mode === "full" ? "full" : "bubble",
    open: alert !== null || (open !== undefined && open !== "false"),
    theme: theme === "light" || theme === "dark" ? theme : undefined,
    accent: accent && /^#[0-9a-f]{6}$/i.test(accent) ? accent : null,
    alert,
  };
}

interface LoaderWords {
  readonly open: string;
  readonly title: string;
  readonly unread: string;
}

const words: Readonly<Record<string, LoaderWords>> = {
  en: { open: "Open chat", title: "Chat with your bank", unread: "unread" },
  it: { open: "Apri la chat", title: "Chat con la tua banca", unread: "non letti" },
  es: { open: "Abrir el chat", title: "Chat con tu banco", unread: "sin leer" },
};

export const wordsFor = (locale: string): LoaderWords =>
  words[locale.slice(0, 2).toLowerCase()] ?? (words["en"] as LoaderWords);

export const badgeText = (count: number): string => (count > 99 ? "99+" : String(count));
