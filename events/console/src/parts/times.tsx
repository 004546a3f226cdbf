// Times as people read them: local, or how long ago; UTC for whoever points at them.
import { formatAgo, formatTime, formatTimeMs, formatUtc, isoTime } from "../format";

export function Time({ ms, exact = false }: { ms: number; exact?: boolean }) {
  if (ms === 0) return null;
  return (
    <time dateTime={isoTime(ms)} title={formatUtc(ms)}>
      {exact ? formatTimeMs(ms) : formatTime(ms)}
    </time>
  );
}

export function Ago({ ms, now }: { ms: number; now: number }) {
  if (ms === 0) return <>never</>;
  return (
    <time dateTime={isoTime(ms)} title={`${formatTime(ms)} here, ${formatUtc(ms)}`}>
      {formatAgo(ms, now)}
    </time>
  );
}
