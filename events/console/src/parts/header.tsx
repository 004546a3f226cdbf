import { useQuery } from "@tanstack/react-query";
import { MouseEvent, useEffect, useState } from "react";
import { api, hasToken, setToken } from "../api";
import { formatAgo, formatBytes, formatCompact } from "../format";
import { addressOf, pages, Place, usePlace } from "../place";
import { applyTheme, storedTheme, Theme } from "../theme";

const labels: Record<string, string> = {
  events: "Page events",
  alerts: "Alerts",
  summaries: "Summaries",
  policy: "Policy",
  fleet: "Fleet",
};

// A link that changes what is shown without loading the program anew.
export function PlaceLink({
  to,
  className,
  current,
  children,
}: {
  to: Partial<Place>;
  className?: string;
  current?: boolean;
  children: React.ReactNode;
}) {
  const [place, go] = usePlace();
  const follow = (event: MouseEvent) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    go(to);
  };
  return (
    <a
      href={addressOf({ ...place, ...to })}
      onClick={follow}
      className={className}
      aria-current={current ? "page" : undefined}
    >
      {children}
    </a>
  );
}

// Lag and gaps, always in sight: whoever reads events must know what is missing.
function StoreStatus() {
  const [now, setNow] = useState(Date.now());
  const stats = useQuery({ queryKey: ["stats"], queryFn: api.stats, refetchInterval: 5_000 });
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, []);
  if (stats.error)
    return (
      <span className="status bad" role="status">
        Store unreachable
      </span>
    );
  if (!stats.data)
    return (
      <span className="status" role="status">
        …
      </span>
    );
  const s = stats.data;
  const heard = Math.max(0, ...s.producers.map((producer) => producer.last_seen));
  const bad = s.gaps > 0 || s.dead_letters > 0;
  return (
    <span className={`status ${bad ? "warn" : "good"}`} role="status">
      <span className="dot" aria-hidden="true" />
      <span title="When a producer delivered last">Delivered {formatAgo(heard, now)}</span>
      <PlaceLink to={{ page: "events", query: "record_type eq gap", range: "30d" }}>
        {formatCompact(s.gaps)} {s.gaps === 1 ? "gap" : "gaps"}
      </PlaceLink>
      {s.dead_letters > 0 && <span>{formatCompact(s.dead_letters)} dead letters</span>}
      <span className="wide-only">{formatCompact(s.open_events)} open</span>
      <span className="wide-only" title={formatBytes(s.disk_bytes)}>
        {formatCompact(s.final_events)} events
      </span>
    </span>
  );
}

export function Header({ who }: { who: { name: string; store: string } }) {
  const [place] = usePlace();
  const [theme, setTheme] = useState<Theme>(storedTheme());
  const choose = (next: Theme) => {
    applyTheme(next);
    setTheme(next);
  };
  return (
    <header className="top">
      <PlaceLink to={{ page: "events", query: "", event: "" }} className="brand">
        <img src="/icon.svg" alt="" width="26" height="26" />
        <span>Sluice</span>
      </PlaceLink>
      <nav aria-label="Pages">
        {pages.map((page) => (
          <PlaceLink key={page} to={{ page, query: "", event: "" }} current={place.page === page}>
            {labels[page]}
          </PlaceLink>
        ))}
      </nav>
      <StoreStatus />
      <label className="theme">
        <span className="hidden">Colours</span>
        <select value={theme} onChange={(event) => choose(event.target.value as Theme)}>
          <option value="system">System</option>
          <option value="light">Light</option>
          <option value="dark">Dark</option>
        </select>
      </label>
      <span className="who" title={`Store ${who.store}`}>
        {who.name}
      </span>
      {hasToken() && (
        <button
          className="quiet"
          onClick={() => {
            setToken("");
            location.assign("/");
          }}
        >
          Sign out
        </button>
      )}
    </header>
  );
}
