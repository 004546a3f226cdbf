import { keepPreviousData, useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useMemo, useState } from "react";
import { api, ApiError, isUnreachable, may, PageEvent, Who } from "../api";
import { formatCountOf } from "../format";
import { useLiveTail } from "../live";
import { ColumnChoice } from "../parts/column_choice";
import { CopyButton } from "../parts/copy_button";
import { Drawer } from "../parts/drawer";
import { EventTable, keyOf } from "../parts/event_table";
import { ExportMenu } from "../parts/export_menu";
import { facetFields, Facets } from "../parts/facets";
import { FilterBar } from "../parts/filter_bar";
import { Histogram } from "../parts/histogram";
import { LiveControls, LiveNote } from "../parts/live_controls";
import { Empty, Problem } from "../parts/notes";
import { NothingFound } from "../parts/nothing_found";
import { SavedQueries } from "../parts/saved_queries";
import { TimePicker } from "../parts/time_picker";
import { addressOf, fixedRange, rangeOf, usePlace, zoomedOut } from "../place";
import { toggled, withBase } from "../query";
import { useShownEvent } from "../shown_event";

const facetValues = 6;

export function EventsPage({ who, base, title }: { who: Who; base: string; title: string }) {
  const [place, go] = usePlace();
  const client = useQueryClient();
  const [live, setLive] = useState(false);
  const [unfolded, setUnfolded] = useState(false); // facets, where there is no room for them beside the table
  const [asked, setAsked] = useState(() => Date.now()); // "now" of relative ranges
  const { query, begin } = useMemo(() => withBase(base, place.query), [base, place.query]);
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
  const shown = useShownEvent(place.event, records);
  const { keep } = shown;
  const select = useCallback(
    (record: PageEvent) => {
      keep(record);
      go({ event: keyOf(record) }, true);
    },
    [go, keep],
  );
  const close = useCallback(() => go({ event: "" }, true), [go]);
  const more = useCallback(() => void search.fetchNextPage(), [search]);
  const narrow = (condition: string) => go({ query: toggled(place.query, condition) });
  const refresh = useCallback(() => {
    setAsked(Date.now());
    // Long ranges begin at full hours and so stay the same for a while, but what they hold does not.
    for (const key of ["search", "histogram", "facets"]) void client.invalidateQueries({ queryKey: [key] });
  }, [client]);
  useEffect(() => setAsked(Date.now()), [place.range, place.query]);

  // The query's own fault is shown at the filter; that the store is gone stands above the page.
  const errors = [search.error, histogram.error, facets.error, tail.refusal].filter((error) => error !== null);
  const wrongQuery = errors.find((error) => error instanceof ApiError && error.offset !== undefined);
  const other = wrongQuery ? undefined : errors.find((error) => !isUnreachable(error));
  const outwards = zoomedOut(place.range, asked);
  const total = histogram.data?.series.reduce((sum, series) => series.counts.reduce((a, b) => a + b, sum), 0) ?? 0;

  return (
    <div className={`events ${shown.record ? "with-drawer" : ""}`}>
      <h1 className="hidden">{title}</h1>
      <div className="controls">
        <FilterBar
          query={place.query}
          fields={fields.data ?? []}
          range={range}
          error={(wrongQuery as ApiError | undefined) ?? null}
          errorBegin={begin}
          onQuery={(next) => (next === place.query ? refresh() : go({ query: next }))}
        />
        <div className="buttons">
          <button className="narrow-only" aria-expanded={unfolded} onClick={() => setUnfolded(!unfolded)}>
            Facets
          </button>
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
          <LiveControls tail={tail} live={live} onLive={setLive} />
          <SavedQueries place={place} onPlace={go} />
          <ColumnChoice
            fields={fields.data ?? []}
            columns={place.columns}
            onColumns={(columns) => go({ columns }, true)}
          />
          <ExportMenu
            query={query}
            range={range}
            columns={place.columns}
            total={total}
            allowed={may(who, "export")}
          />
          <CopyButton
            label="Copy link"
            text={() => location.origin + addressOf({ ...place, range: fixedRange(place.range, asked) })}
          />
        </div>
      </div>
      <Problem error={other} onRetry={refresh} />
      {shown.missing && (
        <p className="problem" role="alert">
          The event that this address names is not in the store, or not any more.
        </p>
      )}
      {live && <LiveNote tail={tail} />}
      <div className="work">
        <Facets
          data={facets.data}
          query={place.query}
          loading={facets.isFetching}
          unfolded={unfolded}
          onCondition={narrow}
        />
        <div className="content">
          <Histogram
            data={histogram.data}
            stack={place.stack}
            loading={histogram.isFetching}
            onStack={(stack) => go({ stack }, true)}
            onZoom={(from, to) => go({ range: `${from}-${to}` })}
            onZoomOut={outwards ? () => go({ range: outwards }) : undefined}
          />
          <EventTable
            records={records}
            columns={place.columns}
            selected={place.event}
            more={!live && search.hasNextPage}
            loading={!live && search.isFetching}
            onSelect={select}
            onMore={more}
            empty={
              errors.length > 0 ? null : live ? (
                <Empty title="Waiting for events.">What is committed from now on appears here.</Empty>
              ) : (
                <NothingFound store={who.store} place={place} onPlace={go} onArrival={refresh} />
              )
            }
          />
          {!live && found.length > 0 && (
            <p className="table-note muted" role="status">
              {formatCountOf(found.length, "row")} {search.hasNextPage ? "so far; more come as you scroll" : "in all"}
            </p>
          )}
        </div>
      </div>
      {shown.record && (
        <Drawer key={keyOf(shown.record)} record={shown.record} onClose={close} onCondition={narrow} />
      )}
    </div>
  );
}
