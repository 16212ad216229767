/** What the REST doors and the socket carry. Money stays the decimal string that the bank gave. */
import type { ReceiptCard, ShipmentCard } from "./papers";

export interface Money {
  readonly amount: string;
  readonly currency: string;
}

/** Where the bank shows amounts in bands: above the one, at most the other, which is null where there is no end. */
export interface Band {
  readonly above: string;
  readonly up_to: string | null;
  readonly currency: string;
}

export type AuthorKind = "customer" | "bank" | "bot" | "agent";

export interface Author {
  readonly kind: AuthorKind;
  readonly name: string;
}

export interface Action {
  readonly key: string;
  readonly label: string;
  readonly style: "primary" | "danger" | "plain";
}

export type Withheld = "not_shared" | null;

export interface Transaction {
  readonly id: string;
  readonly merchant: string | null;
  /** As the bank wrote it, where that is not what `merchant` says. */
  readonly statement_text: string | null;
  readonly category_text: string | null;
  /** Null where there is a band in its place. */
  readonly amount: Money | null;
  readonly amount_band: Band | null;
  readonly original_amount?: Money | null;
  readonly exchange_rate?: string | null;
  readonly booked_on: string | null;
  /** "2026-11", where the bank shows months alone. */
  readonly booked_month: string | null;
  readonly booked_at: string | null;
  readonly status: "pending" | "posted";
  readonly card_last4?: string | null;
  readonly account_name?: string | null;
}

export type AlertState = "open" | "asking" | "frozen" | "failed" | "unknown" | "dismissed";

export interface AlertCard {
  readonly alert_type: string;
  readonly state: AlertState;
  readonly state_at: string | null;
  readonly state_text: string;
  readonly bank_phone: string | null;
  /** Of an alert that is about an account as a whole. */
  readonly account_name: string | null;
  readonly transaction: Transaction | null;
  readonly withheld: Withheld;
}

export interface BalanceLine {
  readonly id: string;
  /** Null where the bank holds it back. */
  readonly name: string | null;
  readonly balance: Money | null;
  readonly balance_band: Band | null;
  readonly available?: Money | null;
  readonly available_band?: Band | null;
  /** Whether a credit line is counted, and how much it is; empty where the bank says nothing of one. */
  readonly credit_line_text: string;
  readonly as_of: string | null;
}

export interface BalanceCard {
  readonly accounts: readonly BalanceLine[];
  readonly withheld: Withheld;
  /** The bank is being asked: so many seconds its answer is waited for yet, from when this was said. 0: it did not answer. */
  readonly checking_seconds: number | null;
}

export interface TransactionsCard {
  readonly transactions: readonly Transaction[];
  readonly withheld: Withheld;
}

interface MessageBase {
  readonly id: string;
  readonly conversation_id: string;
  readonly seq: number;
  readonly rev: number;
  readonly author: Author;
  readonly created_at: string;
  readonly client_msg_id?: string | null;
  /** The plain fallback that every message has. */
  readonly text: string;
  readonly actions: readonly Action[];
  readonly expires_at: string | null;
}

export type Message =
  | (MessageBase & { readonly kind: "fraud_alert" | "alert"; readonly card: AlertCard | null })
  | (MessageBase & { readonly kind: "balance"; readonly card: BalanceCard | null })
  | (MessageBase & { readonly kind: "transactions"; readonly card: TransactionsCard | null })
  | (MessageBase & { readonly kind: "receipt"; readonly card: ReceiptCard | null })
  | (MessageBase & { readonly kind: "shipment"; readonly card: ShipmentCard | null })
  | (MessageBase & { readonly kind: "text"; readonly card: object | null })
  | (MessageBase & { readonly kind: "system"; readonly card: object | null })
  | (MessageBase & { readonly kind: "link_account"; readonly card: object | null });

export interface MessagePage {
  readonly messages: readonly Message[];
  readonly head_seq: number;
  readonly has_more: boolean;
  /** The customer's own read mark, where the server gives it. */
  readonly read_seq?: number;
}

export interface BankFace {
  readonly slug: string;
  readonly name: string;
  readonly locale: string;
  readonly phone: string | null;
  /** The bank's own clock: every time here is told on it. */
  readonly time_zone: string;
  /** False: nothing of this bank is ever shown here. */
  readonly shares: boolean;
}

export interface Session {
  readonly token: string;
  readonly expires_at: string;
  readonly customer: { readonly id: string; readonly display_name: string };
  readonly bank: BankFace;
  readonly conversation_id: string;
  readonly streams: readonly string[];
  readonly linked: boolean;
  /** Seals drafts where the browser gives the frame no storage: base64url of 32 bytes, lasting per customer. */
  readonly draft_key: string;
}

export interface Ticket {
  readonly ticket: string;
  readonly expires_at: string;
}

/** A top-level window that is entered by posting a one-time code. */
export interface WindowPass {
  readonly start_url: string;
  readonly code: string;
}

export interface ProblemBody {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail?: string;
  readonly message?: Message;
}

/** True for something that has the parts of a message that every kind is drawn from. */
export function isMessage(value: unknown): value is Message {
  if (typeof value !== "object" || value === null) return false;
  const it = value as Record<string, unknown>;
  return (
    typeof it["id"] === "string" &&
    Number.isSafeInteger(it["seq"]) &&
    Number.isSafeInteger(it["rev"]) &&
    typeof it["kind"] === "string" &&
    typeof it["text"] === "string" &&
    typeof it["created_at"] === "string" &&
    typeof it["author"] === "object" &&
    it["author"] !== null &&
    Array.isArray(it["actions"])
  );
}
