import { formatCount, formatCountOf } from "../format";
import type { useLiveTail } from "../live";

type Tail = ReturnType<typeof useLiveTail>;

export function LiveControls({ tail, live, onLive }: { tail: Tail; live: boolean; onLive: (live: boolean) => void }) {
  return (
    <>
      <button className={live ? "live on" : "live"} aria-pressed={live} onClick={() => onLive(!live)}>
        <span className="dot" aria-hidden="true" />
        Live
      </button>
      {live && (
        <button aria-pressed={tail.paused} onClick={() => tail.setPaused(!tail.paused)}>
          {tail.paused ? `Go on (${formatCount(tail.held)} held)` : "Pause"}
        </button>
      )}
    </>
  );
}

// How the tail stands.
export function LiveNote({ tail }: { tail: Tail }) {
  if (tail.refusal) return null;
  return (
    <p className="note" role="status">
      {tail.connected
        ? "Following what is committed now."
        : "Connecting … what is committed meanwhile comes afterwards."}
      {tail.skipped > 0 && ` ${formatCountOf(tail.skipped, "event")} came too fast to be shown.`}
    </p>
  );
}
