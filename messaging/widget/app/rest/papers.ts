/** Receipts and parcels, as their cards carry them. */
import type { Band, Money, Withheld } from "./shapes";

export interface ReceiptLine {
  readonly description: string | null;
  /** A decimal: "2", "0.350". */
  readonly quantity: string;
  readonly unit: string | null;
  readonly unit_price: Money;
  readonly discount: Money | null;
  readonly amount: Money;
}

export interface Receipt {
  readonly id: string;
  readonly revision: number;
  readonly merchant_name: string | null;
  readonly merchant_place: string | null;
  readonly issued_at: string | null;
  /** Null where the bank holds the lines back. */
  readonly lines: readonly ReceiptLine[] | null;
  readonly subtotal: Money | null;
  readonly discount: Money | null;
  readonly tax: Money | null;
  readonly tax_included: boolean;
  readonly total: Money | null;
  /** In place of all amounts, where the bank shows bands. */
  readonly total_band: Band | null;
  readonly account_name: string | null;
}

export interface ReceiptCard {
  readonly receipt: Receipt | null;
  readonly withheld: Withheld;
}

export type ParcelStatus = "ordered" | "packed" | "in_transit" | "out_for_delivery" | "delivered" | "returned" | "delayed";

export interface ParcelStop {
  readonly at: string | null;
  readonly status: ParcelStatus;
  readonly text: string | null;
  readonly place: string | null;
}

export interface Shipment {
  readonly id: string;
  readonly revision: number;
  readonly merchant_name: string | null;
  readonly carrier: string | null;
  readonly tracking_code: string | null;
  readonly status: ParcelStatus;
  /** The server's words for the status, for one that this app does not know. */
  readonly status_text: string;
  /** A calendar date, never moved by a zone. */
  readonly expected_on: string | null;
  readonly updated_at: string | null;
  readonly events: readonly ParcelStop[];
  readonly account_name: string | null;
}

export interface ShipmentCard {
  readonly shipment: Shipment | null;
  readonly withheld: Withheld;
}
