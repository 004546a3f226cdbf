import { useEffect, useRef, useState } from "react";
import { api, ApiError, Range, request } from "../api";
import { formatCount, formatCountOf } from "../format";
import { Menu } from "./menu";
import { Problem } from "./notes";

const formats: [string, string][] = [
  ["csv", "CSV"],
  ["ndjson", "NDJSON"],
  ["json", "JSON"],
  ["ecs", "ECS"],
  ["ocsf", "OCSF"],
  ["cef", "CEF"],
];
const pollMs = 700;
const tooMany = 413;
const atOnceMax = 10_000; // the store refuses more

type Work =
  | { state: "idle" }
  | { state: "busy"; records: number; total: number }
  | { state: "done" }
  | { state: "failed"; error: Error };

async function keep(answer: Response, name: string) {
  const address = URL.createObjectURL(await answer.blob());
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

// The export as one answer; nothing if there is too much for that.
async function fetchAtOnce(body: Record<string, unknown>, signal: AbortSignal): Promise<Response | null> {
  const parameters = new URLSearchParams();
  for (const [key, value] of Object.entries(body)) {
    for (const one of Array.isArray(value) ? value : [value])
      if (one !== "" && one !== 0) parameters.append(key, String(one));
  }
  try {
    return await request(`/api/sluice/v1/events/export?${parameters}`, { signal });
  } catch (error) {
    if (error instanceof ApiError && error.status === tooMany) return null;
    throw error;
  }
}

// Up to 10,000 events come at once; more are made into a file by the store first.
async function exportEvents(
  body: Record<string, unknown>,
  total: number,
  signal: AbortSignal,
  onProgress: (records: number) => void,
) {
  const name = `page-events.${["ecs", "ocsf"].includes(String(body.format)) ? "ndjson" : body.format}`;
  const answer = total > atOnceMax ? null : await fetchAtOnce(body, signal);
  if (answer) return keep(answer, name);
  let job = await api.startExport(body);
  while (job.state === "waiting" || job.state === "running") {
    onProgress(job.records);
    await new Promise((resolve) => setTimeout(resolve, pollMs));
    signal.throwIfAborted();
    job = await api.exportJob(job.id);
  }
  if (job.state === "failed") throw new Error(job.error);
  await keep(await request(`/api/sluice/v1/export-files/${job.id}`, { signal }), name);
}

interface Props {
  query: string;
  range: Range;
  columns: string[];
  total: number; // events that match; 0 while that is not known
  allowed: boolean;
}

export function ExportMenu({ query, range, columns, total, allowed }: Props) {
  const [work, setWork] = useState<Work>({ state: "idle" });
  const running = useRef<AbortController | null>(null);
  useEffect(() => () => running.current?.abort(), []);
  const run = async (format: string) => {
    const stop = new AbortController();
    running.current = stop;
    setWork({ state: "busy", records: 0, total });
    try {
      const body = { query, ...range, format, columns: format === "csv" ? columns : [] };
      await exportEvents(body, total, stop.signal, (records) => setWork({ state: "busy", records, total }));
      setWork({ state: "done" });
    } catch (error) {
      setWork(stop.signal.aborted ? { state: "idle" } : { state: "failed", error: error as Error });
    }
  };
  const busy = work.state === "busy";
  return (
    <Menu label="Export" panel="export">
      <p className="muted">
        {total > 0 ? `${formatCountOf(total, "final event")} of this filter and time` : "What this filter finds"}; CSV
        has the columns of the table, the others have every field.
      </p>
      <div className="spans" role="group" aria-label="Format">
        {formats.map(([format, label]) => (
          <button key={format} disabled={busy || !allowed} onClick={() => run(format)}>
            {label}
          </button>
        ))}
      </div>
      {!allowed && <p className="warning">Your token reads; to export it needs the scope export.</p>}
      {busy && (
        <div className="export-progress">
          <progress
            aria-label="Progress of the export"
            value={work.total > 0 ? Math.min(work.records, work.total) : undefined}
            max={work.total || undefined}
          />
          <button className="quiet" onClick={() => running.current?.abort()}>
            Stop
          </button>
        </div>
      )}
      <p role="status" className="muted">
        {busy && (work.records > 0 ? `${formatCount(work.records)} events are in the file …` : "Preparing …")}
        {work.state === "done" && "Done: the file is among your downloads."}
      </p>
      {work.state === "failed" && <Problem error={work.error} />}
    </Menu>
  );
}
