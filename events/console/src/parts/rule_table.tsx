import { useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { api } from "../api";
import { formatBytes, formatCount, wordText } from "../format";
import { rangeOf, usePlace } from "../place";
import { comparison } from "../query";
import { Badge } from "./badge";
import { DataTable } from "./data_table";
import { Empty, Problem } from "./notes";
import { PlaceLink } from "./place_link";
import { Ago } from "./times";

const metrics = [
  { kind: "KIND_COUNT" },
  { kind: "KIND_SUM", field: "numbytes" },
  { kind: "KIND_MAX", field: "timestamp" },
];
const rulesMax = 200;
const shownFirst = 8;
const columns = [
  { label: "Rule" },
  { label: "Kind" },
  { label: "Action" },
  { label: "Hits", right: true },
  { label: "Bytes", right: true },
  { label: "Last hit" },
];

// Which rules decided, and how often: from the events, each of which names its rule.
export function RuleTable() {
  const [place] = usePlace();
  const range = useMemo(() => rangeOf(place.range, Date.now()), [place.range]);
  const rules = useQuery({
    queryKey: ["rules", range],
    queryFn: ({ signal }) => api.aggregate("", range, ["policy", "policy_kind", "action"], metrics, rulesMax, signal),
  });
  const now = Date.now();
  const [all, setAll] = useState(false);
  const groups = rules.data?.groups ?? [];
  if (rules.error) return <Problem error={rules.error} onRetry={() => void rules.refetch()} />;
  return (
    <DataTable
      name="Rules"
      footer={
        groups.length > shownFirst && (
          <button className="quiet" aria-expanded={all} onClick={() => setAll(!all)}>
            {all ? "Show fewer" : `Show all ${groups.length} rules`}
          </button>
        )
      }
      caption={`Rules that decided in this time range${rules.data?.partial ? ", counted in part" : ""}`}
      columns={columns}
      busy={rules.isFetching}
      empty={<Empty title="No rule decided anything in this time range.">Choose a longer one above.</Empty>}
      rows={
        rules.data &&
        groups.slice(0, all ? rulesMax : shownFirst).map(({ keys, values }) => {
          const [policy, kind, action] = keys as [string, string, string];
          const query = `${comparison("policy", policy, true)}${action ? ` and action eq ${action}` : ""}`;
          return (
            <tr key={keys.join("\n")}>
              <th scope="row">
                <PlaceLink to={{ page: "events", query }}>{policy || "no rule"}</PlaceLink>
              </th>
              <td>{wordText(kind)}</td>
              <td>
                <Badge word={action} />
              </td>
              <td className="right">{formatCount(values[0]!)}</td>
              <td className="right">{formatBytes(values[1]!)}</td>
              <td>
                <Ago ms={values[2]!} now={now} />
              </td>
            </tr>
          );
        })
      }
    />
  );
}
