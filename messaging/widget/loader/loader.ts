/**
 * The script that a bank puts on its own site: a button, and an iframe on the portal's chat origin.
 *
 *   <script src="https://chat.../widget/loader.js" data-bank="aurelia" data-token-url="/widget-token" async></script>
 *
 * It holds no credential: it hands the frame the short assertion that the bank's own server signed, on request.
 */
import closeIcon from "icon:chevron-down";
import openIcon from "icon:message-circle";
import type { FrameSays, HostSays } from "../app/host/messages";
import { badgeText, settingsFrom, wordsFor, type Settings } from "./settings";
import { css } from "./style";

interface BankChat {
  open(): void;
  close(): void;
}

declare global {
  interface Window {
    BankChat?: BankChat;
  }
}

const LONGEST_BOX = 262_144;
const PHONE = "(max-width: 30rem), (max-height: 26rem)";

class BankChatElement extends HTMLElement implements BankChat {
  #settings: Settings | null = null;
  #frame: HTMLIFrameElement | null = null;
  #button: HTMLButtonElement | null = null;
  #panel: HTMLElement | null = null;
  #badge: HTMLElement | null = null;
  #isOpen = false;
  #isLoaded = false;
  #returnTo: Element | null = null;
  #overflow = "";

  begin(settings: Settings): void {
    this.#settings = settings;
    const root = this.attachShadow({ mode: "closed" });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    root.adoptedStyleSheets = [sheet];
    this.dataset["mode"] = settings.mode;
    if (settings.theme) this.dataset["theme"] = settings.theme;
    if (settings.accent) this.style.setProperty("--bank-chat-accent", settings.accent);
    this.#panel = document.createElement("div");
    this.#panel.className = "panel";
    root.append(this.#panel);
    if (settings.mode === "bubble") root.append(this.#makeButton(settings));
    addEventListener("message", (event) => this.#heard(event));
    if (settings.mode === "full" || settings.open) this.open();
    else whenIdle(() => this.#load());
  }

  #makeButton({ locale }: Settings): HTMLButtonElement {
    const button = document.createElement("button");
    button.type = "button";
    button.setAttribute("aria-expanded", "false");
    button.setAttribute("aria-label", wordsFor(locale).open);
    button.innerHTML = `${icon("o", openIcon)}${icon("c", closeIcon)}<b aria-hidden="true" hidden></b>`;
    button.addEventListener("click", () => (this.#isOpen ? this.close() : this.open()));
    this.#badge = button.querySelector("b");
    return (this.#button = button);
  }

  /** The frame is fetched when the page has time, so that unread messages can be counted before it is opened. */
  #load(): void {
    const settings = this.#settings;
    if (this.#frame || !settings || !this.#panel) return;
    const frame = document.createElement("iframe");
    frame.title = wordsFor(settings.locale).title;
    frame.referrerPolicy = "strict-origin";
    frame.src = settings.frameUrl;
    frame.addEventListener("load", () => this.#hello());
    this.#panel.append(frame);
    this.#frame = frame;
  }

  #hello(): void {
    if (!this.#settings) return;
    this.#isLoaded = true;
    const { mode, theme, alert } = this.#settings;
    this.#say({ t: "hello", mode, open: this.#isOpen, kept: this.#kept(), ...(theme && { theme }), ...(alert && { alert }) });
  }

  #say(message: HostSays): void {
    if (this.#settings && this.#isLoaded) this.#frame?.contentWindow?.postMessage(message, this.#settings.origin);
  }

  #heard(event: MessageEvent<unknown>): void {
    if (!this.#frame || event.source !== this.#frame.contentWindow || event.origin !== this.#settings?.origin) return;
    const message = event.data as FrameSays | null;
    if (message?.t === "need_token") void this.#handOver(this.#settings.tokenUrl);
    else if (message?.t === "unread") this.#showUnread(Number(message.count) || 0);
    else if (message?.t === "close") this.close();
    else if (message?.t === "keep") this.#kept(String(message.box));
  }

  /** Drafts that only the frame can read, held for it where a browser gives it no storage. */
  #kept(box?: string): string {
    const name = `bank-chat:${this.#settings?.bank}`;
    try {
      if (box === undefined) return sessionStorage.getItem(name) ?? "";
      if (box && box.length < LONGEST_BOX) sessionStorage.setItem(name, box);
      else sessionStorage.removeItem(name);
    } catch {
      // No storage here either: drafts live as long as the page.
    }
    return "";
  }

  async #handOver(tokenUrl: string): Promise<void> {
    this.#say(await askForToken(tokenUrl));
  }

  #showUnread(count: number): void {
    if (!this.#button || !this.#badge || !this.#settings) return;
    const words = wordsFor(this.#settings.locale);
    this.#badge.hidden = count < 1;
    this.#badge.textContent = badgeText(count);
    this.#button.setAttribute("aria-label", count > 0 ? `${words.open} (${words.unread}: ${count})` : words.open);
  }

  open(): void {
    if (this.#isOpen) return;
    this.#isOpen = true;
    this.#load();
    this.toggleAttribute("data-open", true);
    if (this.#settings?.mode === "full") return;
    this.#returnTo = document.activeElement;
    this.#button?.setAttribute("aria-expanded", "true");
    if (matchMedia(PHONE).matches) {
      this.#overflow = document.documentElement.style.overflow;
      document.documentElement.style.overflow = "hidden";
    }
    this.#say({ t: "open" });
    if (!this.#settings?.open) this.#frame?.focus();
    if (this.#settings) this.#settings = { ...this.#settings, open: false };
  }

  close(): void {
    if (!this.#isOpen || this.#settings?.mode === "full") return;
    this.#isOpen = false;
    const within = document.activeElement === this;
    this.toggleAttribute("data-open", false);
    this.#button?.setAttribute("aria-expanded", "false");
    document.documentElement.style.overflow = this.#overflow;
    this.#say({ t: "close" });
    if (within) this.#giveFocusBack();
    this.#returnTo = null;
  }

  #giveFocusBack(): void {
    const back = this.#returnTo;
    if (back instanceof HTMLElement && back !== document.body && back !== this && back.isConnected) back.focus();
    else this.#button?.focus();
  }
}

const icon = (name: string, body: string): string => `<svg class="${name}" viewBox="0 0 24 24" aria-hidden="true">${body}</svg>`;

async function askForToken(url: string): Promise<HostSays> {
  try {
    const answer = await fetch(url, { method: "POST", credentials: "same-origin", headers: { Accept: "application/json" } });
    if (answer.status === 401 || answer.status === 403) return { t: "token_failed", reason: "signed_out" };
    const { token } = (await answer.json()) as { token?: unknown };
    if (answer.ok && typeof token === "string" && token) return { t: "token", token };
  } catch {
    // The page's own server did not answer, or with something else.
  }
  return { t: "token_failed", reason: "unavailable" };
}

function whenIdle(then: () => void): void {
  const soon = () => ("requestIdleCallback" in window ? requestIdleCallback(then, { timeout: 1000 }) : setTimeout(then, 300));
  if (document.readyState === "complete") soon();
  else addEventListener("load", soon, { once: true });
}

function begin(script: HTMLScriptElement): void {
  if (window.BankChat) return; // Included twice: the first one stays.
  const settings = settingsFrom(script.src, script.dataset, location, document.documentElement.lang);
  if (!settings) return console.error("<bank-chat> needs data-bank, and data-token-url on this page's own origin.");
  if (!customElements.get("bank-chat")) customElements.define("bank-chat", BankChatElement);
  const place = () => {
    const element = document.querySelector("bank-chat") ?? document.createElement("bank-chat");
    if (!(element instanceof BankChatElement)) return;
    if (!element.isConnected) put(element, script, settings);
    element.begin(settings);
    window.BankChat = { open: () => element.open(), close: () => element.close() };
  };
  window.BankChat = { open: () => undefined, close: () => undefined };
  if (document.body) place();
  else addEventListener("DOMContentLoaded", place, { once: true });
}

/** Full mode stands where its script stands; the button belongs to the page as a whole. */
function put(element: BankChatElement, script: HTMLScriptElement, { mode }: Settings): void {
  if (mode === "full" && document.body.contains(script)) script.after(element);
  else document.body.append(element);
}

if (document.currentScript instanceof HTMLScriptElement) begin(document.currentScript);
