import { useQuery, useQueryClient } from "@tanstack/react-query";
import { FormEvent, useState } from "react";
import { api } from "../api";
import type { Place } from "../place";
import { Menu } from "./menu";
import { Problem } from "./notes";

export function SavedQueries({ place, onPlace }: { place: Place; onPlace: (change: Partial<Place>) => void }) {
  const client = useQueryClient();
  const saved = useQuery({ queryKey: ["saved"], queryFn: api.savedQueries });
  const [problem, setProblem] = useState<Error | null>(null);
  const change = async (work: Promise<unknown>) => {
    setProblem(null);
    try {
      await work;
      await client.invalidateQueries({ queryKey: ["saved"] });
    } catch (error) {
      setProblem(error as Error);
    }
  };
  const save = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = event.currentTarget;
    const name = String(new FormData(form).get("name") ?? "").trim();
    if (!name) return;
    form.reset();
    void change(api.saveQuery({ name, query: place.query, range: place.range, columns: place.columns }));
  };
  return (
    <Menu label="Saved" panel="saved">
      <ul>
        {saved.data?.map((one) => (
          <li key={one.id}>
            <button
              onClick={() =>
                onPlace({
                  query: one.query,
                  range: one.range || place.range,
                  columns: one.columns.length > 0 ? one.columns : place.columns,
                })
              }
            >
              <b>{one.name}</b>
              <code>{one.query || "everything"}</code>
            </button>
            <button
              className="quiet"
              aria-label={`Delete ${one.name}`}
              onClick={() => change(api.eraseQuery(one.id))}
            >
              ✕
            </button>
          </li>
        ))}
        {saved.data?.length === 0 && <li className="muted">Nothing is saved yet.</li>}
      </ul>
      <form onSubmit={save}>
        <input name="name" aria-label="Name of this query" placeholder="Name of this query" maxLength={100} />
        <button type="submit">Save</button>
      </form>
      <Problem error={problem ?? saved.error} />
    </Menu>
  );
}
