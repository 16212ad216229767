import { useEffect, useState } from "preact/hooks";

const MINUTES = 10;

/** The time, looked at again every few minutes: what says "tomorrow" has to say "today" in time. */
export function useNow(): Date {
  const [now, setNow] = useState(() => new Date());
  useEffect(() => {
    const timer = setInterval(() => setNow(new Date()), MINUTES * 60_000);
    return () => clearInterval(timer);
  }, []);
  return now;
}
