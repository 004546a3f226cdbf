import { useState } from "react";
import type { FieldInfo } from "../api";
import { labelOf } from "../format";
import { defaultColumns } from "../place";
import { Menu } from "./menu";

interface Props {
  fields: FieldInfo[];
  columns: string[];
  onColumns: (columns: string[]) => void;
}

// Which fields the table shows, in the order in which they were chosen.
export function ColumnChoice({ fields, columns, onColumns }: Props) {
  const [word, setWord] = useState("");
  const wanted = word.trim().toLowerCase();
  const offered = fields.filter(
    ({ name, page_event }) =>
      (page_event || name === "record_type") && `${name} ${labelOf(name)}`.toLowerCase().includes(wanted),
  );
  const toggle = (name: string, on: boolean) => {
    const next = on ? [...columns, name] : columns.filter((column) => column !== name);
    if (next.length > 0) onColumns(next);
  };
  return (
    <Menu label="Columns" panel="columns">
      <div className="find">
        <input
          type="search"
          aria-label="Find a column"
          placeholder="Find a column"
          value={word}
          onChange={(event) => setWord(event.target.value)}
        />
        <button disabled={columns.join() === defaultColumns.join()} onClick={() => onColumns(defaultColumns)}>
          Reset
        </button>
      </div>
      <div className="choices" role="group" aria-label="Columns" tabIndex={0}>
        {offered.map(({ name }) => (
          <label key={name}>
            <input
              type="checkbox"
              checked={columns.includes(name)}
              onChange={(event) => toggle(name, event.target.checked)}
            />
            {labelOf(name)}
          </label>
        ))}
        {offered.length === 0 && <p className="muted">No field has this name.</p>}
      </div>
    </Menu>
  );
}
