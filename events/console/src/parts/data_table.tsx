import type { ReactNode } from "react";
import { Loading } from "./notes";

export interface TableColumn {
  label: string;
  right?: boolean;
}

// A table of a few hundred rows at the most, in a card. `rows` are <tr>; nothing while they are asked for.
export function DataTable({
  name,
  caption,
  columns,
  rows,
  busy = false,
  empty,
  footer,
}: {
  name: string;
  caption: ReactNode;
  columns: TableColumn[];
  rows: ReactNode[] | undefined;
  busy?: boolean;
  empty: ReactNode;
  footer?: ReactNode;
}) {
  return (
    <section className="card plain" aria-label={name} aria-busy={busy} tabIndex={0}>
      <table>
        <caption>{caption}</caption>
        <thead>
          <tr>
            {columns.map(({ label, right }) => (
              <th key={label} scope="col" className={right ? "right" : undefined}>
                {label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{rows}</tbody>
      </table>
      {!rows && busy && <Loading rows={4} />}
      {rows?.length === 0 && empty}
      {footer && <div className="table-footer">{footer}</div>}
    </section>
  );
}
