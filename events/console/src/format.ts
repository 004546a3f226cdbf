import type { PageEvent } from "./api";

const count = new Intl.NumberFormat("en-US");
const compact = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 });

export const formatCount = (value: number) => count.format(value);
export const formatCompact = (value: number) => (value < 10_000 ? count.format(value) : compact.format(value));

export function formatBytes(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`;
  const units = ["kB", "MB", "GB", "TB", "PB"];
  let value = bytes;
  let unit = -1;
  while (value >= 999.5 && unit + 1 < units.length) {
    value /= 1_000;
    unit += 1;
  }
  return `${value < 9.95 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

export function formatDuration(ms: number): string {
  if (ms < 1_000) return `${ms} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  const seconds = Math.floor(ms / 1_000);
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)} h ${Math.floor((seconds / 60) % 60)} min`;
  return `${Math.floor(seconds / 86_400)} d ${Math.floor((seconds / 3_600) % 24)} h`;
}

const two = (value: number) => String(value).padStart(2, "0");

export function formatTime(ms: number): string {
  const t = new Date(ms);
  const date = `${t.getFullYear()}-${two(t.getMonth() + 1)}-${two(t.getDate())}`;
  return `${date} ${two(t.getHours())}:${two(t.getMinutes())}:${two(t.getSeconds())}`;
}
export function formatTimeMs(ms: number): string {
  return `${formatTime(ms)}.${String(ms % 1_000).padStart(3, "0")}`;
}

const timeMsMax = 8.64e15; // what a Date can hold; an event may claim any number

export function isoTime(ms: number): string | undefined {
  return Math.abs(ms) <= timeMsMax ? new Date(ms).toISOString() : undefined;
}
export function formatUtc(ms: number): string {
  return `${isoTime(ms)?.replace("T", " ").replace("Z", "") ?? "no time that exists in"} UTC`;
}

export function formatAgo(ms: number, now: number): string {
  if (ms === 0) return "never";
  const past = now - ms;
  if (past < 1_000) return "just now";
  if (past < 60_000) return `${Math.floor(past / 1_000)} s ago`;
  return past < 3_600_000 ? `${Math.floor(past / 60_000)} min ago` : `${formatDuration(past)} ago`;
}

// "1 client", "2,000 clients"
export function formatCountOf(value: number, one: string, many = `${one}s`): string {
  return `${formatCount(value)} ${value === 1 ? one : many}`;
}

const words: Record<string, string> = {
  _id: "Event id",
  srcip: "Source address",
  srcport: "Source port",
  dstip: "Destination address",
  dstport: "Port",
  dst_country: "Country",
  userip: "User address",
  url: "URL",
  sni: "SNI",
  ja4: "JA4",
  ech: "ECH",
  alpn: "ALPN",
  client_bytes: "Bytes up",
  server_bytes: "Bytes down",
  numbytes: "Bytes",
  duration_ms: "Duration",
  bypass_reason_code: "Bypass reason",
  bypass_traffic: "Bypassed",
  observed_by: "Observed by",
  app: "Application",
  appcategory: "Application category",
  process_name: "Process",
  domain: "Site",
};

const acronyms: Record<string, string> = { pop: "PoP" };
for (const word of ["dns", "ech", "http", "ip", "os", "sni", "ssl", "tls"]) acronyms[word] = word.toUpperCase();

// Words of the interface as people write them.
export function wordText(word: string): string {
  return word
    .split("_")
    .map((part) => acronyms[part] ?? part)
    .join(" ");
}

export function labelOf(field: string): string {
  const known = words[field];
  if (known) return known;
  const text = wordText(field);
  return text.charAt(0).toUpperCase() + text.slice(1);
}

const timeFields = /(^timestamp_ms$|_time$|^cert_not_after$)/;

export const isTimeField = (field: string) => field === "timestamp" || timeFields.test(field);

export function numberOf(record: PageEvent, field: string): number {
  const value = field === "timestamp" ? record.timestamp_ms : record[field];
  return typeof value === "number" ? value : 0;
}

export function textOf(record: PageEvent, field: string): string {
  const value = field === "timestamp" ? record.timestamp_ms : record[field];
  if (value === undefined || value === "") return "";
  if (Array.isArray(value)) return value.join(", ");
  if (typeof value === "string") return value;
  if (isTimeField(field)) return value === 0 ? "" : formatTimeMs(value);
  if (field.endsWith("bytes")) return formatBytes(value);
  if (field === "duration_ms") return formatDuration(value);
  return String(value);
}
