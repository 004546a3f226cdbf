import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { api, ApiError } from "./api";
import { Header } from "./parts/header";
import { EventsPage } from "./pages/events";
import { FleetPage } from "./pages/fleet";
import { LoginPage } from "./pages/login";
import { PolicyPage } from "./pages/policy";
import { SummariesPage } from "./pages/summaries";
import { usePlace } from "./place";

const titles: Record<string, string> = {
  events: "Page events",
  alerts: "Alerts",
  summaries: "Summaries",
  policy: "Policy",
  fleet: "Fleet",
};

export function App() {
  const [place] = usePlace();
  const [refused, setRefused] = useState(false);
  const who = useQuery({ queryKey: ["who", refused], queryFn: api.who, retry: false, enabled: !refused });

  useEffect(() => {
    const refuse = () => setRefused(true);
    window.addEventListener("sluice-unauthorized", refuse);
    return () => window.removeEventListener("sluice-unauthorized", refuse);
  }, []);
  useEffect(() => {
    document.title = `${titles[place.page]} · Sluice`;
  }, [place.page]);

  if (refused) return <LoginPage onToken={() => setRefused(false)} />;
  if (who.error) {
    const status = who.error instanceof ApiError ? who.error.status : 0;
    return (
      <main className="center">
        <h1>{status === 403 ? "Not allowed" : "The event store does not answer"}</h1>
        <p className="muted">{who.error.message}</p>
        <button className="primary" onClick={() => who.refetch()}>
          Try again
        </button>
      </main>
    );
  }
  if (!who.data) return <main className="center" aria-busy="true" />;
  return (
    <>
      <a className="skip" href="#main">
        Skip to content
      </a>
      <Header who={who.data} />
      <main id="main" tabIndex={-1}>
        {place.page === "events" && <EventsPage key="events" base="" title={titles.events!} />}
        {place.page === "alerts" && (
          <EventsPage key="alerts" base="action in (block, alert)" title={titles.alerts!} />
        )}
        {place.page === "summaries" && <SummariesPage />}
        {place.page === "policy" && <PolicyPage scopes={who.data.scopes} />}
        {place.page === "fleet" && <FleetPage />}
      </main>
    </>
  );
}
