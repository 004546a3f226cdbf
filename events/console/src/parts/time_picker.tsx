import { FormEvent, useId, useRef, useState } from "react";
import { formatTime } from "../format";
import { rangeOf, spans } from "../place";
import { Menu } from "./menu";

const local = (ms: number) => formatTime(ms).replace(" ", "T");

// "Last 24 hours", or two times; the date stands once where both have the same.
function labelOf(range: string): string {
  const known = spans.find(([span]) => span === range);
  if (known) return `Last ${known[1]}`;
  const placed = rangeOf(range, Date.now());
  if (placed.end_time === 0) return `Last ${range}`;
  const from = formatTime(placed.start_time);
  const to = formatTime(placed.end_time);
  return `${from} – ${from.slice(0, 10) === to.slice(0, 10) ? to.slice(11) : to}`;
}

export function TimePicker({ range, onRange }: { range: string; onRange: (range: string) => void }) {
  const details = useRef<HTMLDetailsElement>(null);
  const [problem, setProblem] = useState("");
  const id = useId();
  const placed = rangeOf(range, Date.now());
  const label = labelOf(range);
  const choose = (next: string) => {
    setProblem("");
    if (details.current) details.current.open = false;
    onRange(next);
  };
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const from = new Date(String(form.get("from"))).getTime();
    const to = new Date(String(form.get("to"))).getTime();
    if (from < to) choose(`${from}-${to}`);
    else setProblem("“From” has to be before “To”.");
  };
  const time = (name: string, text: string, ms: number) => (
    <>
      <label htmlFor={`${id}-${name}`}>{text}</label>
      <input id={`${id}-${name}`} name={name} type="datetime-local" step="1" required defaultValue={local(ms)} />
    </>
  );
  return (
    <Menu label={label} name={`Time range: ${label}`} menu={details} panel="times">
      <div className="spans" role="group" aria-label="Last">
        {spans.map(([span, text]) => (
          <button key={span} aria-pressed={span === range} onClick={() => choose(span)}>
            {text}
          </button>
        ))}
      </div>
      <form onSubmit={submit} key={range}>
        {time("from", "From", placed.start_time)}
        {time("to", "To", placed.end_time || Date.now())}
        {problem && (
          <p className="problem" role="alert">
            {problem}
          </p>
        )}
        <button className="primary" type="submit">
          Show
        </button>
      </form>
    </Menu>
  );
}
