import { useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { api, FieldCounts } from "../api";
import { AmountBar } from "../parts/amount_bar";
import { Loading, Problem } from "../parts/notes";
import { PlaceLink } from "../parts/place_link";
import { TimePicker } from "../parts/time_picker";
import { formatBytes, formatCompact, formatCount, labelOf, wordText } from "../format";
import { rangeOf, usePlace } from "../place";
import { both, comparison } from "../query";

interface Card {
  title: string;
  field: string;
  query: string;
  note: string;
}
const cards: Card[] = [
  { title: "Applications", field: "app", query: "", note: "all traffic" },
  { title: "Sites", field: "domain", query: "", note: "all traffic" },
  { title: "Users", field: "user", query: "", note: "all traffic" },
  {
    title: "Bypassed, by reason",
    field: "bypass_reason_code",
    query: "bypass_traffic eq yes",
    note: "passed untouched",
  },
  { title: "Bypassed, by application", field: "app", query: "bypass_traffic eq yes", note: "passed untouched" },
  { title: "Blocked, by rule", field: "policy", query: "action eq block", note: "refused" },
  { title: "Blocked sites", field: "domain", query: "action eq block", note: "refused" },
  { title: "Categories", field: "category", query: "", note: "all traffic" },
  { title: "How flows ended", field: "close_reason", query: "", note: "all traffic" },
];
const rows = 8;

function Summary({ card, counts, byBytes }: { card: Card; counts: FieldCounts | undefined; byBytes: boolean }) {
  const values = counts?.values ?? [];
  const amount = (value: { count: number; bytes: number }) => (byBytes ? value.bytes : value.count);
  const most = Math.max(1, ...values.map(amount));
  return (
    <section className="card summary" aria-label={card.title}>
      <h2>{card.title}</h2>
      <p className="muted">
        {card.note}
        {counts && counts.values_total > rows ? ` · ${formatCount(counts.values_total)} in all` : ""}
      </p>
      {!counts && <Loading rows={rows} />}
      <ol>
        {values.map((value) => {
          const condition = comparison(card.field, value.value, true);
          return (
            <li key={value.value}>
              <PlaceLink
                to={{ page: "events", query: card.query ? both(card.query, condition) : condition, event: "" }}
              >
                <AmountBar share={amount(value) / most} />
                <span className="name" title={value.value}>
                  {value.value === ""
                    ? `no ${labelOf(card.field).toLowerCase()}`
                    : /code$|reason$/.test(card.field)
                      ? wordText(value.value)
                      : value.value}
                </span>
                <span className="amount">{formatCompact(value.count)}</span>
                <span className="amount muted">{formatBytes(value.bytes)}</span>
              </PlaceLink>
            </li>
          );
        })}
        {counts && values.length === 0 && <li className="muted">Nothing in this time range.</li>}
      </ol>
    </section>
  );
}

export function SummariesPage() {
  const [place, go] = usePlace();
  const [byBytes, setByBytes] = useState(false);
  const range = useMemo(() => rangeOf(place.range, Date.now()), [place.range]);
  const summaries = useQuery({
    queryKey: ["summaries", range],
    queryFn: async ({ signal }) => {
      const found = new Map<Card, FieldCounts>();
      const queries = [...new Set(cards.map((card) => card.query))];
      await Promise.all(
        queries.map(async (query) => {
          const asked = cards.filter((card) => card.query === query);
          const answer = await api.values(
            query,
            range,
            asked.map((card) => card.field),
            rows,
            "",
            signal,
          );
          asked.forEach((card, i) => found.set(card, answer.fields[i]!));
        }),
      );
      return found;
    },
  });
  return (
    <div className="page">
      <div className="bar">
        <h1>Summaries</h1>
        <div className="buttons">
          <button aria-pressed={byBytes} onClick={() => setByBytes(!byBytes)}>
            Bars show {byBytes ? "bytes" : "events"}
          </button>
          <TimePicker range={place.range} onRange={(next) => go({ range: next })} />
        </div>
      </div>
      <Problem error={summaries.error} onRetry={() => void summaries.refetch()} />
      <div className="cards" aria-busy={summaries.isFetching}>
        {cards.map((card) => (
          <Summary key={card.title} card={card} counts={summaries.data?.get(card)} byBytes={byBytes} />
        ))}
      </div>
    </div>
  );
}
