/** Local storage where the browser allows it, memory where it does not (blocked third-party storage, full disk). */

export interface Keep {
  read(key: string): unknown;
  write(key: string, value: unknown): void;
  /** False where what is written does not outlive the page. */
  readonly lasting: boolean;
  /** Forget every key that begins with `prefix` and does not begin with `except`. */
  forget(prefix: string, except: string): void;
}

function openStorage(): Storage | null {
  try {
    const probe = "bank-chat:probe";
    localStorage.setItem(probe, "1");
    localStorage.removeItem(probe);
    return localStorage;
  } catch {
    return null;
  }
}

export function openKeep(storage: Storage | null = openStorage()): Keep {
  const memory = new Map<string, string>();

  const read = (key: string): unknown => {
    try {
      const text = memory.get(key) ?? storage?.getItem(key) ?? null;
      return text === null ? null : (JSON.parse(text) as unknown);
    } catch {
      return null;
    }
  };

  const write = (key: string, value: unknown): void => {
    const text = value === null ? null : JSON.stringify(value);
    memory.delete(key);
    try {
      if (text === null) storage?.removeItem(key);
      else if (storage) return storage.setItem(key, text);
    } catch {
      // Full or taken away meanwhile: memory holds it for as long as the page lives.
    }
    if (text !== null) memory.set(key, text);
  };

  const forget = (prefix: string, except: string): void => {
    try {
      const keys = [...memory.keys(), ...(storage ? Object.keys(storage) : [])];
      for (const key of keys) if (key.startsWith(prefix) && !key.startsWith(except)) write(key, null);
    } catch {
      // Nothing that we could forget.
    }
  };

  return { read, write, forget, lasting: storage !== null };
}
