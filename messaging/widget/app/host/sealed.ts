/**
 * Drafts sealed for the host page to hold where the browser gives a frame no storage of its own. The key comes with
 * the session and is never kept, so the page holds something that it cannot read.
 */

const NONCE_BYTES = 12;

const toText = (bytes: Uint8Array): string => btoa(String.fromCharCode(...bytes));
const toBytes = (text: string): Uint8Array<ArrayBuffer> => Uint8Array.from(atob(text), (it) => it.charCodeAt(0));

function keyOf(secret: string, use: "encrypt" | "decrypt"): Promise<CryptoKey> {
  const raw = toBytes(secret.replaceAll("-", "+").replaceAll("_", "/"));
  return crypto.subtle.importKey("raw", raw, "AES-GCM", false, [use]);
}

/** AES-GCM under `secret` (base64url, 16 or 32 bytes), bound to `place`. */
export async function seal(secret: string, place: string, value: unknown): Promise<string> {
  const iv = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
  const algorithm = { name: "AES-GCM", iv, additionalData: new TextEncoder().encode(place) };
  const text = new TextEncoder().encode(JSON.stringify(value));
  const box = new Uint8Array(await crypto.subtle.encrypt(algorithm, await keyOf(secret, "encrypt"), text));
  return `${toText(iv)}.${toText(box)}`;
}

/** What was sealed; null for a box of another key or place, or one that somebody has changed. */
export async function unseal(secret: string, place: string, sealed: string): Promise<unknown> {
  try {
    const [iv = "", box = ""] = sealed.split(".");
    const algorithm = { name: "AES-GCM", iv: toBytes(iv), additionalData: new TextEncoder().encode(place) };
    const text = await crypto.subtle.decrypt(algorithm, await keyOf(secret, "decrypt"), toBytes(box));
    return JSON.parse(new TextDecoder().decode(text)) as unknown;
  } catch {
    return null;
  }
}
