import type { ChatState, Failure } from "../chat";
import { useSurroundings } from "./context";
import { Icon } from "./icons";

/** What stands between the header and the messages when something needs to be said. */
export function Notices({ state }: { state: ChatState }) {
  const { chat, speech } = useSurroundings();
  return (
    <div class="notices" role="status">
      {state.connection === "offline" && (
        <p class="notice"><Icon name="off" /><span>{speech.say("offline")}. {speech.say("offline_more")}</span></p>
      )}
      {state.connection === "waiting" && state.everLive && (
        <p class="notice"><Icon name="spinner" /><span>{speech.say("connecting")}</span></p>
      )}
      {state.connection === "stopped" && (
        <p class="notice notice-warn">
          <Icon name="alert" /><span>{speech.say("stopped")}</span>
          <button type="button" class="inline" onClick={() => chat.reconnect()}>{speech.say("reconnect")}</button>
        </p>
      )}
      {state.blocked && (
        <p class="notice notice-warn">
          <Icon name="window" /><span>{speech.say("window_blocked")}</span>
          <button type="button" class="inline" onClick={() => chat.openBlocked()}>{speech.say("open_window")}</button>
        </p>
      )}
      {state.wanted?.phase === "missing" && (
        <p class="notice notice-warn">
          <Icon name="alert" /><span>{speech.say("alert_missing")}</span>
          <button type="button" class="round small" aria-label={speech.say("remove")} onClick={() => chat.wantedSeen()}>
            <Icon name="close" />
          </button>
        </p>
      )}
      {state.windowFailed && (
        <p class="notice notice-warn">
          <Icon name="alert" /><span>{speech.say("window_failed")}</span>
          <button type="button" class="round small" aria-label={speech.say("remove")} onClick={() => chat.dismissWindow()}>
            <Icon name="close" />
          </button>
        </p>
      )}
    </div>
  );
}

/** The whole chat cannot be shown. */
export function Failed({ failure }: { failure: Failure }) {
  const { chat, speech } = useSurroundings();
  const bank = chat.bankName;
  return (
    <main class="whole" aria-live="assertive">
      <span class="whole-icon"><Icon name={failure === "unavailable" ? "off" : "shield"} /></span>
      <h2>{speech.say(`failed_${failure}`)}</h2>
      <p>{speech.say(`failed_${failure}_text`, { bank })}</p>
      {failure !== "alone" && (
        <button type="button" class="button primary" onClick={() => void chat.start()}>{speech.say("try_again")}</button>
      )}
    </main>
  );
}

/** The shape of what is coming. */
export function Skeleton() {
  const { speech } = useSurroundings();
  return (
    <main class="skeleton" aria-busy="true">
      <p class="unseen" role="status">{speech.say("loading")}</p>
      {[62, 44, 100, 38, 55].map((width, at) => (
        <span key={at} class={at === 3 ? "bone bone-own" : at === 2 ? "bone bone-card" : "bone"} style={{ inlineSize: `${width}%` }} />
      ))}
    </main>
  );
}
