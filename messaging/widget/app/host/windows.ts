/** Top-level windows: entered by posting a one-time code, so that no code stands in an address. */
import type { WindowPass } from "../rest/shapes";

export type Opened = "opened" | "blocked" | "failed";

/**
 * Open a window within the customer's own tap, then fetch its pass and post the code into it.
 * A browser that holds the window back gives "blocked": `pass` is kept by the caller for a second tap.
 */
export async function openWithPass(
  pass: Promise<WindowPass>,
  portal: string,
  waitingTitle: string,
): Promise<{ outcome: Opened; pass: WindowPass | null }> {
  const name = `portal-${crypto.randomUUID()}`;
  const opened = window.open("", name);
  if (opened) showWaiting(opened, waitingTitle);
  let got: WindowPass;
  try {
    got = await pass;
    if (new URL(got.start_url).origin !== portal) throw new Error("The window is not the portal's.");
  } catch {
    opened?.close();
    return { outcome: "failed", pass: null };
  }
  if (!opened || opened.closed) return { outcome: "blocked", pass: got };
  postCode(got, name);
  opened.opener = null;
  return { outcome: "opened", pass: null };
}

/** Post the code from a tap of its own. */
export function postCode(pass: WindowPass, target = "_blank"): void {
  const form = document.createElement("form");
  form.method = "post";
  form.action = pass.start_url;
  form.target = target;
  form.hidden = true;
  const code = document.createElement("input");
  code.name = "code";
  code.value = pass.code;
  form.append(code);
  document.body.append(form);
  form.submit();
  form.remove();
}

function showWaiting(opened: Window, title: string): void {
  try {
    opened.document.title = title;
  } catch {
    // It is another page already: nothing to say on it.
  }
}
