import { useQuery } from "@tanstack/react-query";
import { api, PageEvent } from "../api";
import { labelOf, textOf, wordText } from "../format";
import { quoted } from "../query";
import { Loading, Problem } from "./notes";

const dayMs = 86_400_000;
const fields = [
  "origin",
  "observed_by",
  "state",
  "action",
  "policy",
  "bypass_layer",
  "bypass_mode",
  "bypass_reason_code",
  "process_name",
  "client_bytes",
  "server_bytes",
  "duration_ms",
  "close_reason",
];

const wordy = new Set(["origin", "bypass_layer", "bypass_mode", "bypass_reason_code", "close_reason"]);

// A flow that a client tunnelled has two records: the client's and the PoP's.
export function BothViews({ record }: { record: PageEvent }) {
  const id = String(record.correlation_id ?? "");
  const views = useQuery({
    queryKey: ["views", id],
    queryFn: ({ signal }) =>
      api.search(
        `correlation_id eq ${quoted(id)}`,
        { start_time: record.timestamp_ms - dayMs, end_time: record.timestamp_ms + dayMs },
        "",
        signal,
        "VIEW_ALL",
      ),
    enabled: id !== "",
  });
  if (views.error) return <Problem error={views.error} onRetry={() => void views.refetch()} />;
  const found = views.data?.records.map((stored) => stored.record) ?? [];
  found.sort((a, b) => String(a.origin).localeCompare(String(b.origin))); // the client first
  if (id === "" || (views.data && found.length < 2)) {
    return <p className="muted">Only {record.origin === "client" ? "the client" : "the PoP"} saw this flow.</p>;
  }
  if (!views.data) return <Loading rows={6} />;
  return (
    <table className="views">
      <caption className="hidden">This flow at client and PoP</caption>
      <thead>
        <tr>
          <td />
          {found.map((view) => (
            <th key={String(view._id)} scope="col">
              {view.origin === "client" ? "Client" : "PoP"}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {fields
          .filter((field) => found.some((view) => textOf(view, field) !== ""))
          .map((field) => {
            const texts = found.map((view) => textOf(view, field));
            return (
              <tr key={field} className={new Set(texts).size > 1 ? "differs" : undefined}>
                <th scope="row">{labelOf(field)}</th>
                {texts.map((text, i) => (
                  <td key={i}>{(wordy.has(field) ? wordText(text) : text) || "–"}</td>
                ))}
              </tr>
            );
          })}
      </tbody>
    </table>
  );
}
