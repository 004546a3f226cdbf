import type { FieldCounts, FieldValues } from "../api";
import { formatCompact, formatCount, labelOf, wordText } from "../format";
import { comparison, demands } from "../query";
import { AmountBar } from "./amount_bar";

export const facetFields = [
  "action",
  "bypass_reason_code",
  "app",
  "user",
  "host",
  "category",
  "process_name",
  "policy",
  "dst_country",
  "observed_by",
];

const nothing: Record<string, string> = { bypass_reason_code: "not bypassed" };

interface Props {
  data: FieldValues | undefined;
  query: string;
  loading: boolean;
  unfolded: boolean;
  onCondition: (condition: string) => void;
}

function Facet({ counts, query, onCondition }: { counts: FieldCounts } & Pick<Props, "query" | "onCondition">) {
  const values = counts.values.filter((value) => value.value !== "" || counts.values_total > 1);
  if (values.length === 0 || (values.length === 1 && values[0]!.value === "")) return null;
  values.sort((a, b) => Number(a.value === "") - Number(b.value === "")); // what has none says least
  const most = Math.max(...values.filter((value) => value.value !== "").map((value) => value.count));
  const field = counts.field;
  return (
    <section className="facet" aria-label={labelOf(field)}>
      <h2>
        {labelOf(field)}
        {counts.values_total > values.length && <small>{formatCompact(counts.values_total)}</small>}
      </h2>
      <ul>
        {values.map(({ value, count }) => {
          const text =
            value === ""
              ? (nothing[field] ?? "none")
              : field.endsWith("code") || field === "action"
                ? wordText(value)
                : value;
          const include = comparison(field, value, true);
          const chosen = demands(query, include);
          return (
            <li key={value} className={chosen ? "chosen" : undefined}>
              {value !== "" && <AmountBar share={count / most} />}
              <button
                className="value"
                onClick={() => onCondition(include)}
                title={`${include} (${formatCount(count)})`}
                aria-pressed={chosen}
              >
                <span className={value === "" ? (nothing[field] ?? "none") : undefined}>{text}</span>
              </button>
              <span className="number">{formatCompact(count)}</span>
              <button
                className="exclude"
                onClick={() => onCondition(comparison(field, value, false))}
                aria-label={`Exclude ${labelOf(field)} ${text}`}
                title="Exclude"
              >
                −
              </button>
            </li>
          );
        })}
      </ul>
    </section>
  );
}

export function Facets({ data, query, loading, unfolded, onCondition }: Props) {
  return (
    <aside className={unfolded ? "facets unfolded" : "facets"} aria-label="Facets" aria-busy={loading}>
      {data?.fields.map((counts) => (
        <Facet key={counts.field} counts={counts} query={query} onCondition={onCondition} />
      ))}
    </aside>
  );
}
