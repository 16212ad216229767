import alert from "icon:triangle-alert";
import arrowDown from "icon:arrow-down";
import back from "icon:undo-2";
import bag from "icon:shopping-bag";
import bell from "icon:bell";
import check from "icon:check";
import checks from "icon:check-check";
import clock from "icon:clock";
import close from "icon:x";
import down from "icon:chevron-down";
import eye from "icon:eye";
import eyeOff from "icon:eye-off";
import link from "icon:link";
import list from "icon:receipt-text";
import more from "icon:ellipsis-vertical";
import off from "icon:wifi-off";
import parcel from "icon:package";
import phone from "icon:phone";
import refresh from "icon:refresh-cw";
import send from "icon:arrow-up";
import shield from "icon:shield-alert";
import shieldCheck from "icon:shield-check";
import snowflake from "icon:snowflake";
import spinner from "icon:loader-circle";
import truck from "icon:truck";
import wallet from "icon:wallet";
import window_ from "icon:external-link";

const bodies = {
  alert, arrowDown, back, bag, bell, check, checks, clock, close, down, eye, eyeOff, link, list, more, off, parcel, phone,
  refresh, send, shield, shieldCheck, snowflake, spinner, truck, wallet, window: window_,
};

export type IconName = keyof typeof bodies;

/** A drawing beside words: hidden from screen readers. */
export function Icon({ name }: { name: IconName }) {
  return (
    <svg
      class={`icon icon-${name}`}
      viewBox="0 0 24 24"
      aria-hidden="true"
      dangerouslySetInnerHTML={{ __html: bodies[name] }}
    />
  );
}
