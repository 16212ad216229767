/** Timers by name: setting one replaces it, backing off waits longer each time until it is done. */

const BASE_MS = 1_000;
const CAP_MS = 30_000;

export class Waits {
  #timers = new Map<string, ReturnType<typeof setTimeout>>();
  #attempts = new Map<string, number>();

  set(name: string, ms: number, then: () => void): void {
    this.cancel(name);
    this.#timers.set(name, setTimeout(then, ms));
  }

  /** Half of the time is fixed and half is chance, so that a crowd does not come back together. */
  backOff(name: string, then: () => void): void {
    const attempt = this.#attempts.get(name) ?? 0;
    this.#attempts.set(name, attempt + 1);
    const bound = Math.min(CAP_MS, BASE_MS * 2 ** attempt);
    this.set(name, bound / 2 + (Math.random() * bound) / 2, then);
  }

  cancel(name: string): void {
    clearTimeout(this.#timers.get(name));
    this.#timers.delete(name);
  }

  done(name: string): void {
    this.cancel(name);
    this.#attempts.delete(name);
  }
}
