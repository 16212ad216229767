import { useEffect, useState } from "preact/hooks";
import type { Chat, ChatState } from "../chat";
import type { Speech } from "../words/words";
import { Composer } from "./Composer";
import { SurroundingsContext } from "./context";
import { Header } from "./Header";
import { Log } from "./Log";
import { Failed, Notices, Skeleton } from "./Notices";

export function App({ chat, speech }: { chat: Chat; speech: Speech }) {
  const [state, setState] = useState<ChatState>(chat.state);
  const [sends, setSends] = useState(0);

  useEffect(() => {
    setState(chat.state);
    return chat.subscribe(() => setState(chat.state));
  }, [chat]);

  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      if (event.key === "Escape" && !event.defaultPrevented && chat.state.mode === "bubble") chat.close();
    };
    document.addEventListener("keydown", onKeyDown);
    return () => document.removeEventListener("keydown", onKeyDown);
  }, [chat]);

  return (
    <SurroundingsContext.Provider value={{ chat, speech }}>
      <div class={`chat chat-${state.mode}`}>
        <Header state={state} />
        {state.phase === "failed" && state.failure ? (
          <Failed failure={state.failure} />
        ) : state.phase === "starting" ? (
          <Skeleton />
        ) : (
          <>
            <Notices state={state} />
            <Log state={state} sends={sends} />
            <Composer state={state} onSend={() => setSends(sends + 1)} />
          </>
        )}
      </div>
    </SurroundingsContext.Provider>
  );
}
