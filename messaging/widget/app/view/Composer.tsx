import { useEffect, useId, useLayoutEffect, useRef } from "preact/hooks";
import type { ChatState } from "../chat";
import { LONGEST_TEXT } from "../thread/outgoing";
import { useSurroundings } from "./context";
import { Icon } from "./icons";

const canHover = () => matchMedia("(hover: hover) and (pointer: fine)").matches;

export function Composer({ state, onSend }: { state: ChatState; onSend: () => void }) {
  const { chat, speech } = useSurroundings();
  const field = useRef<HTMLTextAreaElement>(null);
  const problem = useId();
  const text = state.draft.trim();
  const tooLong = text.length - LONGEST_TEXT;

  useLayoutEffect(() => {
    if (field.current && !CSS.supports("field-sizing", "content")) {
      field.current.style.blockSize = "auto";
      field.current.style.blockSize = `${field.current.scrollHeight}px`;
    }
  }, [state.draft]);

  // Focus follows the customer's own tap on the launcher, and only where no keyboard covers half of the screen.
  useEffect(() => {
    if (state.openings > 0 && state.mode === "bubble" && canHover()) field.current?.focus();
  }, [state.openings]);

  const send = () => {
    if (!text || tooLong > 0) return;
    chat.send(text);
    onSend();
    field.current?.focus();
  };

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || !canHover()) return;
    event.preventDefault();
    send();
  };

  return (
    <form class="composer" aria-label={speech.say("write")} onSubmit={(event) => (event.preventDefault(), send())}>
      <div class="field">
        <textarea
          ref={field} rows={1} value={state.draft} placeholder={speech.say("write")} aria-label={speech.say("write")}
          aria-invalid={tooLong > 0} aria-describedby={problem} autocomplete="off" enterkeyhint="send" dir="auto"
          onInput={(event) => chat.write(event.currentTarget.value)} onKeyDown={onKeyDown}
        />
        <button type="submit" class="send" aria-label={speech.say("send")} aria-disabled={!text || tooLong > 0}>
          <Icon name="send" />
        </button>
      </div>
      <p id={problem} class="composer-problem" role="status">
        {tooLong > 0 && speech.count("too_long", tooLong)}
      </p>
    </form>
  );
}
