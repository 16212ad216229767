/** What the host page's loader and the frame say to each other, each with the other's exact origin. */

export type FrameSays =
  | { t: "need_token" }
  | { t: "unread"; count: number }
  | { t: "close" }
  /** Sealed drafts to be held for the next visit; "" for none. */
  | { t: "keep"; box: string };

export type HostSays =
  | { t: "hello"; mode: "bubble" | "full"; open: boolean; theme?: "light" | "dark"; kept?: string; alert?: string }
  | { t: "token"; token: string }
  | { t: "token_failed"; reason: "signed_out" | "unavailable" }
  | { t: "open" }
  | { t: "close" };
