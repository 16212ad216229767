import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { Chat } from "../chat";
import type { Speech } from "../words/words";

export interface Surroundings {
  readonly chat: Chat;
  readonly speech: Speech;
}

export const SurroundingsContext = createContext<Surroundings | null>(null);

export function useSurroundings(): Surroundings {
  const found = useContext(SurroundingsContext);
  if (!found) throw new Error("A view was drawn outside of the chat.");
  return found;
}
