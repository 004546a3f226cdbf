// What is shown is what the address says, so an address can be shared. One place for the whole program.
import { useCallback, useSyncExternalStore } from "react";
import type { Range } from "./api";

export interface Place {
  page: string;
  query: string;
  range: string; // "1h", or "FROM-TO" in epoch ms
  columns: string[];
  stack: string;
  event: string; // of the drawer: "ID@TIMESTAMP"
}

export const defaultColumns = [
  "timestamp",
  "action",
  "user",
  "app",
  "host",
  "bypass_reason_code",
  "numbytes",
  "duration_ms",
  "policy",
  "process_name",
];
export const pages = ["events", "alerts", "summaries", "policy", "fleet"];

function read(): Place {
  const parameters = new URLSearchParams(location.search);
  const page = location.pathname.replace(/^\//, "");
  return {
    page: pages.includes(page) ? page : "events",
    query: parameters.get("q") ?? "",
    range: parameters.get("r") ?? "24h",
    columns: parameters.get("cols")?.split(",").filter(Boolean) ?? defaultColumns,
    stack: parameters.get("by") ?? "action",
    event: parameters.get("event") ?? "",
  };
}

export function addressOf(place: Place): string {
  const parameters = new URLSearchParams();
  if (place.query) parameters.set("q", place.query);
  if (place.range !== "24h") parameters.set("r", place.range);
  if (place.columns.join() !== defaultColumns.join()) parameters.set("cols", place.columns.join());
  if (place.stack !== "action") parameters.set("by", place.stack);
  if (place.event) parameters.set("event", place.event);
  const search = parameters.toString();
  return `/${place.page === "events" ? "" : place.page}${search ? `?${search}` : ""}`;
}

let current = read();
const listeners = new Set<() => void>();

function changed() {
  current = read();
  listeners.forEach((listener) => listener());
}
window.addEventListener("popstate", changed);

export function usePlace(): [Place, (change: Partial<Place>, replace?: boolean) => void] {
  const place = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => current,
  );
  const go = useCallback((change: Partial<Place>, replace = false) => {
    const address = addressOf({ ...current, ...change });
    if (replace) history.replaceState(null, "", address);
    else history.pushState(null, "", address);
    changed();
  }, []);
  return [place, go];
}

const unitMs: Record<string, number> = { m: 60_000, h: 3_600_000, d: 86_400_000 };
export const spans: [string, string][] = [
  ["15m", "15 minutes"],
  ["1h", "1 hour"],
  ["6h", "6 hours"],
  ["24h", "24 hours"],
  ["7d", "7 days"],
  ["30d", "30 days"],
];

// Twice as long around the same middle, but not beyond now; "" for ranges that end now.
export function zoomedOut(text: string, now: number): string {
  const { start_time, end_time } = rangeOf(text, now);
  if (end_time === 0) return "";
  const half = Math.ceil((end_time - start_time) / 2);
  return `${Math.max(1, start_time - half)}-${Math.min(end_time + half, Math.max(now, end_time))}`;
}

// The same range for whoever opens the address later.
export function fixedRange(text: string, now: number): string {
  const { start_time, end_time } = rangeOf(text, now);
  return `${start_time}-${end_time || now}`;
}

// Long spans begin at full hours: the store has their sums ready.
export function rangeOf(text: string, now: number): Range {
  const span = /^(\d+)([mhd])$/.exec(text);
  if (span) {
    const ms = Number(span[1]) * unitMs[span[2]!]!;
    const start = Math.max(1, now - ms);
    const step = ms >= 6 * unitMs.h! ? unitMs.h! : unitMs.m!;
    return { start_time: start - (start % step), end_time: 0 };
  }
  const fixed = /^(\d+)-(\d+)$/.exec(text);
  if (fixed) return { start_time: Number(fixed[1]), end_time: Number(fixed[2]) };
  return rangeOf("24h", now);
}
