import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import { api } from "../api";
import { Place, spans } from "../place";
import { Empty } from "./notes";
import { sourcesOf } from "./store_status";
import { Time } from "./times";

// The next longer time range; nothing behind the longest, and for chosen times.
function longer(range: string) {
  const at = spans.findIndex(([span]) => span === range);
  return at < 0 ? undefined : spans[at + 1];
}

interface Props {
  store: string;
  place: Place;
  onPlace: (change: Partial<Place>) => void;
  onArrival: () => void; // the first event is there
}

// Why the table is empty: nothing has ever arrived, nothing in this time, or nothing that fits the filter.
export function NothingFound({ store, place, onPlace, onArrival }: Props) {
  const stats = useQuery({ queryKey: ["stats"], queryFn: api.stats });
  const s = stats.data;
  const next = longer(place.range);
  const untouched = s !== undefined && sourcesOf(s, store).length === 0;
  const waited = useRef(false);
  useEffect(() => {
    if (waited.current && !untouched) onArrival();
    waited.current = untouched;
  }, [untouched, onArrival]);
  if (untouched) {
    return (
      <Empty title="No event has arrived yet.">
        <p>
          Name this store in a PoP’s configuration (<code>events: {"{address: HOST:PORT}"}</code>), then open a page
          through the PoP. It appears here by itself.
        </p>
      </Empty>
    );
  }
  const kind = place.page === "alerts" ? "Nothing was blocked or raised an alert" : "No event";
  return (
    <Empty title={`${kind}${place.query ? " with this filter" : ""} in this time range.`}>
      {s && s.newest_timestamp > 0 && (
        <p>
          The store’s newest record is from <Time ms={s.newest_timestamp} />.
        </p>
      )}
      <p className="actions">
        {place.query && <button onClick={() => onPlace({ query: "" })}>Clear the filter</button>}
        {next && <button onClick={() => onPlace({ range: next[0] })}>Show the last {next[1]}</button>}
        {place.range.includes("-") && (
          <button onClick={() => onPlace({ range: "24h" })}>Show the last 24 hours</button>
        )}
      </p>
    </Empty>
  );
}
