import { useState } from "react";
import { hasToken, setToken, Who } from "../api";
import { pages, usePlace } from "../place";
import { applyTheme, storedTheme, Theme } from "../theme";
import { PlaceLink } from "./place_link";
import { StoreStatus } from "./store_status";

const labels: Record<string, string> = {
  events: "Page events",
  alerts: "Alerts",
  summaries: "Summaries",
  policy: "Policy",
  fleet: "Fleet",
};

function signOut() {
  setToken("");
  location.assign("/");
}

export function Header({ who }: { who: Who }) {
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
      <StoreStatus store={who.store} />
      <div className="session">
        <label className="theme">
          <span className="hidden">Colours</span>
          <select value={theme} onChange={(event) => choose(event.target.value as Theme)}>
            <option value="system">System</option>
            <option value="light">Light</option>
            <option value="dark">Dark</option>
          </select>
        </label>
        <span className="who" title={`Token ${who.name}, store ${who.store}`}>
          {who.name}
        </span>
        {hasToken() && (
          <button className="quiet" onClick={signOut}>
            Sign out
          </button>
        )}
      </div>
    </header>
  );
}
