import { keepPreviousData, useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useCallback, useEffect, useMemo, useState } from "react";
import { api, ApiError, PageEvent } from "../api";
import { formatCount } from "../format";
import { Drawer } from "../parts/drawer";
import { ColumnChoice, EventTable, keyOf } from "../parts/event_table";
import { ExportMenu } from "../parts/export_menu";
import { facetFields, Facets } from "../parts/facets";
import { FilterBar } from "../parts/filter_bar";
import { Histogram } from "../parts/histogram";
import { SavedQueries } from "../parts/saved_queries";
import { TimePicker } from "../parts/time_picker";
import { rangeOf, usePlace } from "../place";
import { both, toggled } from "../query";
import { useLiveTail } from "../live";

const facetValues = 6;

export function EventsPage({ base, title }: { base: string; title: string }) {
  const [place, go] = usePlace();
  const [live, setLive] = useState(false);
  const [asked, setAsked] = useState(() => Date.now()); // "now" of relative ranges
  const query = base ? (place.query ? both(`(${place.query})`, base) : base) : place.query;
  const range = useMemo(() => rangeOf(place.range, asked), [place.range, asked]);

  const fields = useQuery({ queryKey: ["fields"], queryFn: api.fields, staleTime: Infinity });
  const search = useInfiniteQuery({
    queryKey: ["search", query, range],
    queryFn: ({ pageParam, signal }) => api.search(query, range, pageParam, signal),
    initialPageParam: "",
    getNextPageParam: (page) => page.next_page_token || undefined,
    placeholderData: keepPreviousData,
    enabled: !live,
  });
  const histogram = useQuery({
    queryKey: ["histogram", query, range, place.stack],
    queryFn: ({ signal }) => api.histogram(query, range, place.stack, signal),
    placeholderData: keepPreviousData,
  });
  const facets = useQuery({
    queryKey: ["facets", query, range],
    queryFn: ({ signal }) => api.values(query, range, facetFields, facetValues, "", signal),
    placeholderData: keepPreviousData,
  });
  const tail = useLiveTail(query, live);

  const found = useMemo(
    () => search.data?.pages.flatMap((page) => page.records.map((stored) => stored.record)) ?? [],
    [search.data],
  );
  const records = live ? tail.records : found;
  const [drawn, setDrawn] = useState<PageEvent | null>(null);
  const selected =
    place.event === ""
      ? null
      : (records.find((record) => keyOf(record) === place.event) ??
        (drawn && keyOf(drawn) === place.event ? drawn : null));
  const linked = useQuery({
    // a shared address may name an event that is not on the page
    queryKey: ["event", place.event],
    queryFn: async () => {
      const [id, time] = place.event.split("@");
      const at = Number(time);
      const page = await api.search(
        `event_id eq "${id}"`,
        { start_time: at, end_time: at + 1 },
        "",
        undefined,
        "VIEW_ALL",
      );
      return page.records[0]?.record ?? null;
    },
    enabled: place.event !== "" && selected === null,
  });
  const open = selected ?? (place.event ? (linked.data ?? null) : null);

  const select = useCallback(
    (record: PageEvent) => {
      setDrawn(record);
      go({ event: keyOf(record) }, true);
    },
    [go],
  );
  const close = useCallback(() => go({ event: "" }, true), [go]);
  const more = useCallback(() => void search.fetchNextPage(), [search]);
  const narrow = (condition: string) => go({ query: toggled(place.query, condition) });
  const refresh = () => setAsked(Date.now());
  const error = [search.error, histogram.error, facets.error].find((one) => one instanceof ApiError) as
    ApiError | undefined;
  useEffect(() => setAsked(Date.now()), [place.range, place.query]);

  return (
    <div className={`events ${open ? "with-drawer" : ""}`}>
      <h1 className="hidden">{title}</h1>
      <div className="controls">
        <FilterBar
          query={place.query}
          fields={fields.data ?? []}
          range={range}
          error={error ?? null}
          onQuery={(next) => {
            refresh();
            go({ query: next });
          }}
        />
        <div className="buttons">
          <TimePicker
            range={place.range}
            onRange={(next) => {
              setLive(false);
              go({ range: next });
            }}
          />
          <button onClick={refresh} disabled={live} aria-label="Refresh" title="Refresh">
            ↻
          </button>
          <button className={live ? "live on" : "live"} aria-pressed={live} onClick={() => setLive(!live)}>
            <span className="dot" aria-hidden="true" />
            Live
          </button>
          {live && (
            <button aria-pressed={tail.paused} onClick={() => tail.setPaused(!tail.paused)}>
              {tail.paused ? `Go on (${formatCount(tail.held)} held)` : "Pause"}
            </button>
          )}
          <SavedQueries place={place} onPlace={go} />
          <ColumnChoice
            fields={fields.data ?? []}
            columns={place.columns}
            onColumns={(columns) => go({ columns }, true)}
          />
          <ExportMenu query={query} range={range} columns={place.columns} />
        </div>
      </div>
      {live && (
        <p className="note" role="status">
          {tail.connected ? "Following what is committed now." : "Connecting …"}
          {tail.skipped > 0 && ` ${formatCount(tail.skipped)} events came too fast to be shown.`}
        </p>
      )}
      <div className="work">
        <Facets data={facets.data} query={place.query} loading={facets.isFetching} onCondition={narrow} />
        <div className="content">
          <Histogram
            data={histogram.data}
            stack={place.stack}
            loading={histogram.isFetching}
            onStack={(stack) => go({ stack }, true)}
            onZoom={(from, to) => go({ range: `${from}-${to}` })}
          />
          <EventTable
            records={records}
            columns={place.columns}
            selected={place.event}
            more={!live && search.hasNextPage}
            loading={!live && search.isFetching}
            onSelect={select}
            onMore={more}
            empty={error ? "" : live ? "Waiting for events." : "No event matches in this time range."}
          />
        </div>
      </div>
      {open && <Drawer key={keyOf(open)} record={open} onClose={close} onCondition={narrow} />}
    </div>
  );
}
