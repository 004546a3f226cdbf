import { FormEvent, useId, useRef } from "react";
import { formatTime } from "../format";
import { rangeOf, spans } from "../place";

const local = (ms: number) => formatTime(ms).replace(" ", "T");

export function TimePicker({ range, onRange }: { range: string; onRange: (range: string) => void }) {
  const details = useRef<HTMLDetailsElement>(null);
  const id = useId();
  const known = spans.find(([span]) => span === range);
  const placed = rangeOf(range, Date.now());
  const label = known ? `Last ${known[1]}` : `${formatTime(placed.start_time)} – ${formatTime(placed.end_time)}`;
  const choose = (next: string) => {
    if (details.current) details.current.open = false;
    onRange(next);
  };
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const from = new Date(String(form.get("from"))).getTime();
    const to = new Date(String(form.get("to"))).getTime();
    if (from < to) choose(`${from}-${to}`);
  };
  return (
    <details className="menu" ref={details}>
      <summary aria-label={`Time range: ${label}`}>{label}</summary>
      <div className="panel">
        <div className="spans" role="group" aria-label="Last">
          {spans.map(([span, text]) => (
            <button key={span} aria-pressed={span === range} onClick={() => choose(span)}>
              {text}
            </button>
          ))}
        </div>
        <form onSubmit={submit} key={range}>
          <label htmlFor={`${id}-from`}>From</label>
          <input
            id={`${id}-from`}
            name="from"
            type="datetime-local"
            step="1"
            defaultValue={local(placed.start_time)}
          />
          <label htmlFor={`${id}-to`}>To</label>
          <input
            id={`${id}-to`}
            name="to"
            type="datetime-local"
            step="1"
            defaultValue={local(placed.end_time || Date.now())}
          />
          <button className="primary" type="submit">
            Show
          </button>
        </form>
      </div>
    </details>
  );
}
