import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { api, isUnreachable, Stats } from "../api";
import { formatBytes, formatCompact, formatCountOf } from "../format";
import { PlaceLink } from "./place_link";
import { Ago } from "./times";

// An open event is told again every minute: who has some and says nothing for longer is behind, or gone.
const silentMs = 150_000;

// Who delivers from elsewhere; the store itself delivers what it writes down about its readers.
export function sourcesOf(stats: Stats, store: string) {
  return stats.producers.filter((producer) => producer.observed_by !== store);
}

function useNow() {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, []);
  return now;
}

// Lag and gaps, always in sight: whoever reads events must know what is missing.
export function StoreStatus({ store }: { store: string }) {
  const now = useNow();
  const stats = useQuery({ queryKey: ["stats"], queryFn: api.stats, refetchInterval: 5_000, retry: false });
  if (stats.error) {
    return (
      <span className="status bad" role="group" aria-label="Store">
        <span className="dot" aria-hidden="true" />
        {isUnreachable(stats.error) ? "Store unreachable" : "Store status unknown"}
      </span>
    );
  }
  if (!stats.data) return <span className="status" role="group" aria-label="Store" aria-busy="true" />;
  const s = stats.data;
  const sources = sourcesOf(s, store);
  const heard = Math.max(0, ...sources.map((producer) => producer.last_seen));
  const silent = sources.filter((producer) => producer.open_events > 0 && now - producer.last_seen > silentMs);
  const bad = s.gaps > 0 || s.dead_letters > 0 || silent.length > 0;
  return (
    <span className={`status ${bad ? "warn" : "good"}`} role="group" aria-label="Store">
      <span className="dot" aria-hidden="true" />
      <span>
        {heard === 0 ? "Nothing delivered yet" : "Delivered "}
        {heard > 0 && <Ago ms={heard} now={now} />}
      </span>
      {silent.length > 0 && (
        <PlaceLink
          to={{ page: "fleet", query: "", event: "" }}
          title={`With open events and silent: ${silent.map((producer) => producer.observed_by).join(", ")}`}
        >
          {formatCountOf(silent.length, "source")} silent
        </PlaceLink>
      )}
      {s.gaps === 0 ? (
        <span>no gaps</span>
      ) : (
        <PlaceLink
          to={{ page: "events", query: "record_type eq gap", range: "30d" }}
          title="Records lost on their way"
        >
          {formatCountOf(s.gaps, "gap")}
        </PlaceLink>
      )}
      {s.dead_letters > 0 && <span>{formatCountOf(s.dead_letters, "dead letter")}</span>}
      <span className="wide-only">{formatCompact(s.open_events)} open</span>
      <span className="wide-only" title={`${formatBytes(s.disk_bytes)} on disk`}>
        {formatCompact(s.final_events)} {s.final_events === 1 ? "record" : "records"}
      </span>
    </span>
  );
}
