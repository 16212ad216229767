import { useId, useState } from "preact/hooks";
import { STEPS, trackOf, type Track } from "../parcel";
import type { ParcelStatus, ParcelStop, Shipment } from "../rest/papers";
import { calendarText, dayKey, momentText } from "../times";
import type { Speech } from "../words/words";
import { useSurroundings } from "./context";
import { Icon, type IconName } from "./icons";
import { useNow } from "./now";

const drawings: Record<ParcelStatus, IconName> = {
  ordered: "bag", packed: "parcel", in_transit: "truck", out_for_delivery: "truck", delivered: "check", returned: "back", delayed: "clock",
};

/** Where a parcel is, and when it comes; the same card from the order to the door. */
export function Parcel({ it }: { it: Shipment }) {
  const { speech } = useSurroundings();
  const title = useId();
  const now = useNow();
  const track = trackOf(it);
  const shop = it.merchant_name;
  return (
    <section class={`card parcel tone-${track.tone}`} role="group" aria-labelledby={title}>
      <div class="card-bar"><Icon name="parcel" /><p class="card-title" id={title}>{shop ? speech.say("parcel_from", { shop }) : speech.say("parcel")}</p></div>
      <p class="parcel-status" key={it.status}>{wordOf(it.status, speech, it.status_text)}</p>
      <Steps track={track} status={it.status} />
      <dl class="parcel-facts">
        {factsOf(it, speech, now).map(([name, value, kind]) => (
          <div key={name}><dt>{name}</dt><dd class={kind} dir="auto">{value}</dd></div>
        ))}
      </dl>
      {it.events.length > 1 && <Way events={it.events} now={now} />}
    </section>
  );
}

/** The way as a row of dots: how many are filled is said in words beside it. */
function Steps({ track, status }: { track: Track; status: ParcelStatus }) {
  const { speech } = useSurroundings();
  return (
    <ol class="track">
      {STEPS.map((step, at) => {
        const here = at === track.at;
        const state = here ? "here" : at < track.at ? "done" : "ahead";
        return (
          <li key={step} class={`step step-${state}`} aria-current={here ? "step" : undefined}>
            <span class="step-mark">{here && <Icon name={drawings[status] ?? "truck"} />}</span>
            <span class="unseen">{wordOf(step, speech, step)}{state === "done" && `, ${speech.say("step_done")}`}</span>
          </li>
        );
      })}
    </ol>
  );
}

type Fact = readonly [name: string, value: string, kind: string];

function factsOf(it: Shipment, speech: Speech, now: Date): readonly Fact[] {
  const facts: (Fact | null)[] = [
    whenOf(it, speech, now),
    it.carrier ? [speech.say("carrier"), it.carrier, ""] : null,
    it.tracking_code ? [speech.say("tracking_code"), it.tracking_code, "code"] : null,
  ];
  return facts.filter((fact) => fact !== null);
}

function whenOf(it: Shipment, speech: Speech, now: Date): Fact | null {
  const moved = it.updated_at ? momentText(it.updated_at, speech.locale, now) : "";
  if (it.status === "delivered") return [speech.say("parcel_came"), moved, ""];
  if (it.status === "returned" || !it.expected_on) return moved ? [speech.say("parcel_moved"), moved, ""] : null;
  const late = it.expected_on < dayKey(now);
  return [speech.say(late ? "parcel_was_expected" : "parcel_expected"), calendarText(it.expected_on, speech.locale, now), ""];
}

const names = {
  ordered: "parcel_ordered", packed: "parcel_packed", in_transit: "parcel_in_transit", out_for_delivery: "parcel_out_for_delivery",
  delivered: "parcel_delivered", returned: "parcel_returned", delayed: "parcel_delayed",
} as const;

/** A status in the reader's language; `otherwise` for one that is newer than this app. */
function wordOf(status: ParcelStatus, speech: Speech, otherwise: string): string {
  return status in names ? speech.say(names[status]) : otherwise;
}

function Way({ events, now }: { events: readonly ParcelStop[]; now: Date }) {
  const { speech } = useSurroundings();
  const [open, setOpen] = useState(false);
  const list = useId();
  return (
    <>
      <button type="button" class="quiet unfold" aria-expanded={open} aria-controls={list} onClick={() => setOpen(!open)}>
        <Icon name="down" /><span>{speech.say("parcel_way")}</span>
      </button>
      <ul class="way" id={list} hidden={!open}>
        {events.toReversed().map((stop) => (
          <li key={`${stop.at} ${stop.status}`}>
            <p dir="auto">{stop.text ?? wordOf(stop.status, speech, stop.status)}</p>
            <p class="card-note">{[stop.at ? momentText(stop.at, speech.locale, now) : "", stop.place ?? ""].filter(Boolean).join(" · ")}</p>
          </li>
        ))}
      </ul>
    </>
  );
}
