import type { FieldCounts, FieldValues } from "../api";
import { formatCompact, labelOf, wordText } from "../format";
import { comparison } from "../query";
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

interface Props {
  data: FieldValues | undefined;
  query: string;
  loading: boolean;
  onCondition: (condition: string) => void;
}

function Facet({ counts, query, onCondition }: { counts: FieldCounts } & Pick<Props, "query" | "onCondition">) {
  const values = counts.values.filter((value) => value.value !== "" || counts.values_total > 1);
  if (values.length === 0 || (values.length === 1 && values[0]!.value === "")) return null;
  const most = Math.max(...values.map((value) => value.count));
  const field = counts.field;
  return (
    <section className="facet" aria-label={labelOf(field)}>
      <h3>
        {labelOf(field)}
        {counts.values_total > values.length && <small>{formatCompact(counts.values_total)}</small>}
      </h3>
      <ul>
        {values.map(({ value, count }) => {
          const text = value === "" ? "none" : field.endsWith("code") || field === "action" ? wordText(value) : value;
          const include = comparison(field, value, true);
          const chosen = query.includes(include);
          return (
            <li key={value} className={chosen ? "chosen" : undefined}>
              <AmountBar share={count / most} />
              <button
                className="value"
                onClick={() => onCondition(include)}
                title={`${include} (${count})`}
                aria-pressed={chosen}
              >
                <span className={value === "" ? "none" : undefined}>{text}</span>
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

export function Facets({ data, query, loading, onCondition }: Props) {
  return (
    <aside className="facets" aria-label="Facets" aria-busy={loading}>
      {data?.fields.map((counts) => (
        <Facet key={counts.field} counts={counts} query={query} onCondition={onCondition} />
      ))}
    </aside>
  );
}
