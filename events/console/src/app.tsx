import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { api, ApiError, hasToken, isUnreachable, setToken } from "./api";
import { EventsPage } from "./pages/events";
import { FleetPage } from "./pages/fleet";
import { LoginPage } from "./pages/login";
import { PolicyPage } from "./pages/policy";
import { SummariesPage } from "./pages/summaries";
import { Header } from "./parts/header";
import { sentence } from "./parts/notes";
import { Outage } from "./parts/outage";
import { usePlace } from "./place";

const titles: Record<string, string> = {
  events: "Page events",
  alerts: "Alerts",
  summaries: "Summaries",
  policy: "Policy",
  fleet: "Fleet",
};
const askAgainMs = 3_000;

// Before anything can be shown: who asks, and whether the store answers.
function Closed({ error, onOther }: { error: Error; onOther: () => void }) {
  if (isUnreachable(error)) {
    return (
      <main className="center" role="alert">
        <h1>The event store does not answer</h1>
        <p>
          Check that sluice-events runs and that this address is its own: <code>{location.origin}</code>
        </p>
        <p className="muted">This page asks again every few seconds and opens by itself.</p>
      </main>
    );
  }
  const refused = error instanceof ApiError && error.status === 403;
  return (
    <main className="center" role="alert">
      <h1>{refused ? "This token may not read events" : "The event store cannot say who you are"}</h1>
      <p>{sentence(error.message)}</p>
      <p className="muted">
        An administrator makes one that may: <code>sluicectl token create NAME --scope read,export</code>
      </p>
      <button className="primary" onClick={onOther}>
        Use another token
      </button>
    </main>
  );
}

export function App() {
  const [place] = usePlace();
  const client = useQueryClient();
  const [refusal, setRefusal] = useState<"" | "missing" | "refused">("");
  const who = useQuery({
    queryKey: ["who", refusal],
    queryFn: api.who,
    retry: false,
    enabled: refusal === "",
    refetchInterval: (query) => (isUnreachable(query.state.error) ? askAgainMs : false),
  });

  useEffect(() => {
    const refuse = () => setRefusal(hasToken() ? "refused" : "missing");
    window.addEventListener("sluice-unauthorized", refuse);
    return () => window.removeEventListener("sluice-unauthorized", refuse);
  }, []);
  useEffect(() => {
    document.title = `${titles[place.page]} · Sluice`;
  }, [place.page]);

  const open = () => {
    client.clear(); // another token may see something else
    setRefusal("");
  };
  if (refusal) return <LoginPage refused={refusal === "refused"} onToken={open} />;
  if (!who.data && who.error) {
    const other = () => {
      setToken("");
      setRefusal("missing");
    };
    return <Closed error={who.error} onOther={other} />;
  }
  if (!who.data) return <main className="center" aria-busy="true" />;
  return (
    <>
      <a className="skip" href="#main">
        Skip to content
      </a>
      <Header who={who.data} />
      <Outage />
      <main id="main" tabIndex={-1}>
        {place.page === "events" && <EventsPage key="events" who={who.data} base="" title={titles.events!} />}
        {place.page === "alerts" && (
          <EventsPage key="alerts" who={who.data} base="action in (block, alert)" title={titles.alerts!} />
        )}
        {place.page === "summaries" && <SummariesPage />}
        {place.page === "policy" && <PolicyPage scopes={who.data.scopes} />}
        {place.page === "fleet" && <FleetPage />}
      </main>
    </>
  );
}
