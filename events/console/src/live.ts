import { useEffect, useRef, useState } from "react";
import type { PageEvent } from "./api";
import { startTail } from "./tail";

const rowsMax = 1_000;
const drawMs = 250; // a burst is drawn at once

// Newest first; an event that was open is replaced by its later records. While paused, what comes is held.
export function useLiveTail(query: string, on: boolean) {
  const [records, setRecords] = useState<PageEvent[]>([]);
  const [connected, setConnected] = useState(false);
  const [refusal, setRefusal] = useState<Error | null>(null);
  const [skipped, setSkipped] = useState(0);
  const [paused, setPausedState] = useState(false);
  const [held, setHeld] = useState(0);
  const waiting = useRef<PageEvent[]>([]);
  const isPaused = useRef(false);

  const setPaused = (next: boolean) => {
    isPaused.current = next;
    setPausedState(next);
  };

  useEffect(() => {
    if (!on) return;
    setRecords([]);
    setConnected(false);
    setRefusal(null);
    setSkipped(0);
    waiting.current = [];
    setPaused(false);
    const draw = () => {
      setHeld(waiting.current.length);
      if (isPaused.current || waiting.current.length === 0) return;
      const fresh = waiting.current.reverse();
      waiting.current = [];
      setHeld(0);
      setRecords((before) => {
        const seen = new Set<string>();
        const once = [...fresh, ...before].filter((record) => {
          if (!record._id) return true;
          if (seen.has(record._id)) return false;
          seen.add(record._id);
          return true;
        });
        return once.slice(0, rowsMax);
      });
    };
    const timer = setInterval(draw, drawMs);
    const stop = startTail(query, {
      onEvent: (record) => {
        waiting.current.push(record);
        if (waiting.current.length > rowsMax) {
          waiting.current.shift();
          setSkipped((count) => count + 1);
        }
      },
      onSkipped: (count) => setSkipped((before) => before + count),
      onState: setConnected,
      onRefused: setRefusal,
    });
    return () => {
      clearInterval(timer);
      stop();
    };
  }, [query, on]);

  return { records, connected, refusal, skipped, paused, setPaused, held };
}
