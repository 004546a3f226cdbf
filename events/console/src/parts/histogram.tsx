import { useEffect, useRef, useState } from "react";
import uPlot from "uplot";
import type { Histogram as Data } from "../api";
import { formatCompact, formatCount, formatCountOf, formatTime, wordText } from "../format";
import { isDark } from "../theme";

const stacks: [string, string][] = [
  ["action", "Action"],
  ["bypass_reason_code", "Bypass reason"],
  ["bypass_traffic", "Bypassed"],
  ["close_reason", "How it ended"],
];

const known: Record<string, [string, string]> = {
  // light, dark
  allow: ["#0d9488", "#2dd4bf"],
  bypass: ["#7c6cf0", "#a99bff"],
  block: ["#dc2f4b", "#ff6b81"],
  alert: ["#e08a00", "#ffb547"],
  drop: ["#7a8699", "#98a5ba"],
  no: ["#0d9488", "#2dd4bf"],
  yes: ["#7c6cf0", "#a99bff"],
  "": ["#9aa7b8", "#64748b"],
};
const others = ["#2f7fd1", "#c2549d", "#5c9e31", "#b8722c", "#4a6fa5", "#8a5fbf", "#3a9aa0", "#a34848"];

export function colourOf(key: string, index: number): string {
  const pair = known[key];
  return pair ? pair[isDark() ? 1 : 0] : others[index % others.length]!;
}

const nameOf = (key: string) =>
  key === "" ? "none" : key === "yes" ? "bypassed" : key === "no" ? "not bypassed" : wordText(key);

interface Props {
  data: Data | undefined;
  stack: string;
  loading: boolean;
  onStack: (field: string) => void;
  onZoom: (fromMs: number, toMs: number) => void;
  onZoomOut?: () => void; // where the range is a chosen one
}

// uPlot draws lines on top of each other; sums from the bottom up make them a stack, drawn from the top down.
function plotData(data: Data): uPlot.AlignedData {
  const times = Array.from({ length: data.buckets }, (_, i) => (data.first_bucket + i * data.bucket_ms) / 1_000);
  const sums = new Array<number>(data.buckets).fill(0);
  const stacked = data.series.map((series) => series.counts.map((count, i) => (sums[i]! += count)));
  return [times, ...stacked.reverse()];
}

const hourMs = 3_600_000;

// 24 hours, and the date where a day begins.
function timeTicks(seconds: number[], step: number): string[] {
  return seconds.map((second) => {
    const text = formatTime(second * 1_000);
    const time = step >= 60 ? text.slice(11, 16) : text.slice(11);
    return step * 1_000 >= 24 * hourMs || time === "00:00" ? text.slice(5, 10) : time;
  });
}

function makePlot(target: HTMLElement, data: Data, width: number, height: number, zoom: Props["onZoom"]): uPlot {
  const style = getComputedStyle(document.documentElement);
  const ink = style.getPropertyValue("--muted").trim();
  const grid = style.getPropertyValue("--line").trim();
  const bars = uPlot.paths.bars!({ size: [0.86, 60], align: 1, radius: 0.12 });
  const axis = { stroke: ink, grid: { stroke: grid, width: 1 }, ticks: { show: false }, font: "11px system-ui" };
  const series = data.series.map((one, i) => ({
    label: nameOf(one.key),
    stroke: colourOf(one.key, i),
    fill: colourOf(one.key, i),
    width: 0,
    paths: bars,
    points: { show: false },
  }));
  const end = (data.first_bucket + data.buckets * data.bucket_ms) / 1_000;
  const options: uPlot.Options = {
    width,
    height,
    legend: { show: false },
    padding: [8, 8, 0, 0],
    cursor: { y: false, points: { show: false }, drag: { x: true, y: false, setScale: false } },
    scales: {
      x: { time: true, range: [data.first_bucket / 1_000, end] },
      y: { range: (_, __, max) => [0, Math.max(max, 1) * 1.05] },
    },
    axes: [
      { ...axis, size: 26, values: (_, ticks, __, ___, step) => timeTicks(ticks, step) },
      { ...axis, size: 48, values: (_, ticks) => ticks.map((tick) => (tick % 1 ? "" : formatCompact(tick))) },
    ],
    series: [{}, ...series.reverse()],
    hooks: {
      setSelect: [
        (plot) => {
          if (plot.select.width < 4) return;
          const from = plot.posToVal(plot.select.left, "x") * 1_000;
          const to = plot.posToVal(plot.select.left + plot.select.width, "x") * 1_000;
          plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          const snap = (ms: number) => Math.round(ms / data.bucket_ms) * data.bucket_ms;
          const start = snap(from);
          zoom(start, Math.max(snap(to), start + data.bucket_ms));
        },
      ],
    },
  };
  return new uPlot(options, plotData(data), target);
}

export function Histogram({ data, stack, loading, onStack, onZoom, onZoomOut }: Props) {
  const target = useRef<HTMLDivElement>(null);
  const zoom = useRef(onZoom);
  zoom.current = onZoom;
  const [hover, setHover] = useState<number | null>(null);
  const [theme, setTheme] = useState(0);
  useEffect(() => {
    const change = () => setTheme((count) => count + 1);
    const system = window.matchMedia("(prefers-color-scheme: dark)");
    window.addEventListener("sluice-theme", change);
    system.addEventListener("change", change);
    return () => {
      window.removeEventListener("sluice-theme", change);
      system.removeEventListener("change", change);
    };
  }, []);
  useEffect(() => {
    const element = target.current;
    if (!element || !data) return;
    const plot = makePlot(element, data, element.clientWidth, 150, (from, to) => zoom.current(from, to));
    const move = () => setHover(plot.cursor.idx ?? null);
    plot.over.addEventListener("mousemove", move);
    plot.over.addEventListener("mouseleave", () => setHover(null));
    const resized = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height: 150 }));
    resized.observe(element);
    return () => {
      resized.disconnect();
      plot.destroy();
    };
  }, [data, theme]);

  const total = (counts: number[]) => counts.reduce((sum, count) => sum + count, 0);
  const sum = data?.series.reduce((all, series) => all + total(series.counts), 0) ?? 0;
  const at = hover !== null && data && hover < data.buckets ? hover : null;
  return (
    <section className="card histogram" aria-label="Events over time" aria-busy={loading}>
      <div className="bar">
        <strong className="count">{data ? formatCount(sum) : "…"}</strong>
        <span className="muted">
          {at === null
            ? sum === 1
              ? "final event"
              : "final events"
            : formatTime(data!.first_bucket + at * data!.bucket_ms)}
        </span>
        <ul className="legend" aria-label="Series">
          {data?.series.slice(0, 8).map((series, i) => (
            <li key={series.key}>
              <Swatch colour={colourOf(series.key, i)} />
              {nameOf(series.key)} <b>{formatCompact(at === null ? total(series.counts) : series.counts[at]!)}</b>
            </li>
          ))}
        </ul>
        {onZoomOut && (
          <button className="quiet" onClick={onZoomOut}>
            Zoom out
          </button>
        )}
        <label className="stack">
          <span className="muted">Stack by</span>
          <select value={stack} onChange={(event) => onStack(event.target.value)}>
            {stacks.map(([field, label]) => (
              <option key={field} value={field}>
                {label}
              </option>
            ))}
          </select>
        </label>
      </div>
      <div
        ref={target}
        className="plot"
        role="img"
        aria-label={`Histogram of ${formatCountOf(sum, "event")}. Drag to zoom; the time range menu does the same.`}
      />
      {data?.partial && <p className="muted note">Counted in part only: the range is too large for this filter.</p>}
    </section>
  );
}

function Swatch({ colour }: { colour: string }) {
  return (
    <svg className="swatch" viewBox="0 0 10 10" aria-hidden="true">
      <rect width="10" height="10" rx="2.5" fill={colour} />
    </svg>
  );
}
