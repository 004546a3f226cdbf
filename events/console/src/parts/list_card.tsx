import type { ReactNode } from "react";

// A short list of names with an amount each.
export function ListCard({
  title,
  note,
  items,
}: {
  title: string;
  note: string;
  items: { key: string; name: string; amount: ReactNode }[] | undefined;
}) {
  return (
    <section className="card summary" aria-label={title}>
      <h2>{title}</h2>
      <p className="muted">{note}</p>
      <ol>
        {items?.map(({ key, name, amount }) => (
          <li key={key}>
            <span className="name" title={name}>
              {name}
            </span>
            <span className="amount">{amount}</span>
          </li>
        ))}
        {items?.length === 0 && <li className="muted">Nothing yet.</li>}
      </ol>
    </section>
  );
}
