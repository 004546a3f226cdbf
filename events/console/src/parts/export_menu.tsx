import { useState } from "react";
import { api, ApiError, Range, request } from "../api";
import { formatCount } from "../format";

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

async function keep(answer: Response, name: string) {
  const address = URL.createObjectURL(await answer.blob());
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

// Up to 10,000 events come at once; more are made into a file by the store first.
async function exportEvents(body: Record<string, unknown>, onProgress: (text: string) => void) {
  const name = `page-events.${["ecs", "ocsf"].includes(String(body.format)) ? "ndjson" : body.format}`;
  const parameters = new URLSearchParams();
  for (const [key, value] of Object.entries(body)) {
    for (const one of Array.isArray(value) ? value : [value])
      if (one !== "" && one !== 0) parameters.append(key, String(one));
  }
  try {
    return await keep(await request(`/api/sluice/v1/events/export?${parameters}`), name);
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== tooMany) throw error;
  }
  let job = await api.startExport(body);
  while (job.state === "waiting" || job.state === "running") {
    onProgress(`${formatCount(job.records)} events …`);
    await new Promise((resolve) => setTimeout(resolve, pollMs));
    job = await api.exportJob(job.id);
  }
  if (job.state === "failed") throw new Error(job.error);
  await keep(await request(`/api/sluice/v1/export-files/${job.id}`), name);
}

export function ExportMenu({ query, range, columns }: { query: string; range: Range; columns: string[] }) {
  const [state, setState] = useState("");
  const run = async (format: string) => {
    setState("Preparing …");
    try {
      const body = { query, ...range, format, columns: format === "csv" ? columns : [] };
      await exportEvents(body, setState);
      setState("Done.");
    } catch (error) {
      setState((error as Error).message);
    }
  };
  return (
    <details className="menu">
      <summary>Export</summary>
      <div className="panel spans">
        {formats.map(([format, label]) => (
          <button key={format} onClick={() => run(format)}>
            {label}
          </button>
        ))}
        <p role="status" className="muted">
          {state}
        </p>
      </div>
    </details>
  );
}
