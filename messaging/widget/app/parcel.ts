/** How far along its way a parcel is, as a pure function. */
import type { ParcelStatus, Shipment } from "./rest/papers";

/** The way that a parcel takes when nothing goes wrong. */
export const STEPS = ["ordered", "packed", "in_transit", "out_for_delivery", "delivered"] as const satisfies readonly ParcelStatus[];

export interface Track {
  /** The step at which it is. */
  readonly at: number;
  readonly tone: "calm" | "good" | "warn";
}

const stepOf = (status: ParcelStatus): number => STEPS.findIndex((step) => step === status);

/** A parcel that is held up or goes back stands where it last was on the usual way. */
export function trackOf({ status, events }: Pick<Shipment, "status" | "events">): Track {
  const usual = stepOf(status);
  if (usual >= 0) return { at: usual, tone: status === "delivered" ? "good" : "calm" };
  return { at: Math.max(0, ...events.map((stop) => stepOf(stop.status))), tone: status === "delayed" || status === "returned" ? "warn" : "calm" };
}
