import { useVirtualizer } from "@tanstack/react-virtual";
import { KeyboardEvent, ReactNode, useEffect, useRef } from "react";
import type { PageEvent } from "../api";
import { formatCount, formatTime, formatUtc, isTimeField, labelOf, numberOf, textOf, wordText } from "../format";
import { Badge } from "./badge";
import { Loading } from "./notes";

const rowHeight = 34;
const widths: Record<string, number> = {
  timestamp: 156,
  action: 86,
  user: 190,
  app: 126,
  host: 206,
  process_name: 130,
  numbytes: 84,
  duration_ms: 90,
  policy: 200,
  bypass_reason_code: 166,
  url: 320,
  event_id: 200,
  observed_by: 120,
  record_type: 90,
};
const numbers = /bytes$|_ms$|port$|^count$|^status$|_cnt$/;
const wordy = /_reason(_code)?$|_kind$|_mode$|_method$|_source$|^traffic_type$|^page_build$/;
const widthOf = (field: string) => widths[field] ?? 140;

export const keyOf = (record: PageEvent) => `${record._id ?? record.record_type}@${record.timestamp_ms}`;

// What is cut short in its cell, or rounded, stands here in full.
function titleOf(record: PageEvent, field: string): string {
  const value = numberOf(record, field);
  if (isTimeField(field)) return value === 0 ? "" : formatUtc(value);
  if (field.endsWith("bytes")) return `${formatCount(value)} bytes`;
  return textOf(record, field);
}

function Cell({ record, field }: { record: PageEvent; field: string }) {
  if (field === "action") {
    return record.record_type === "page_event" ? (
      <Badge word={textOf(record, field)} />
    ) : (
      <span className="badge other">{record.record_type}</span>
    );
  }
  if (field === "timestamp") return <time>{formatTime(record.timestamp_ms)}</time>;
  const text = textOf(record, field);
  if (wordy.test(field)) return <>{wordText(text)}</>;
  if (field === "duration_ms" && record.state === "open") return <span className="badge open">open</span>;
  return <>{text}</>;
}

interface Props {
  records: PageEvent[];
  columns: string[];
  selected: string;
  more: boolean;
  loading: boolean;
  empty: ReactNode;
  onSelect: (record: PageEvent) => void;
  onMore: () => void;
}

// Only the rows in sight are in the document. One row takes part in the tab order; arrows move on from there.
export function EventTable({ records, columns, selected, more, loading, empty, onSelect, onMore }: Props) {
  const scroller = useRef<HTMLDivElement>(null);
  const focused = useRef(0);
  const rows = useVirtualizer({
    count: records.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    overscan: 12,
  });
  const items = rows.getVirtualItems();
  const last = items[items.length - 1]?.index ?? 0;
  useEffect(() => {
    if (more && !loading && records.length > 0 && last >= records.length - 30) onMore();
  }, [more, loading, last, records.length, onMore]);

  const width = columns.reduce((sum, field) => sum + widthOf(field), 0);
  const focusRow = (index: number) => {
    const to = Math.max(0, Math.min(records.length - 1, index));
    focused.current = to;
    rows.scrollToIndex(to);
    requestAnimationFrame(() => {
      scroller.current?.querySelector<HTMLElement>(`[data-index="${to}"]`)?.focus();
    });
  };
  const onKeyDown = (event: KeyboardEvent, index: number) => {
    const steps: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, PageDown: 15, PageUp: -15 };
    const step = steps[event.key];
    if (step !== undefined) {
      event.preventDefault();
      focusRow(index + step);
    } else if (event.key === "Home" || event.key === "End") {
      event.preventDefault();
      focusRow(event.key === "Home" ? 0 : records.length - 1);
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      onSelect(records[index]!);
    }
  };
  return (
    <div className="card table">
      <div
        className={records.length > 0 ? "scroller" : "scroller bare"}
        ref={scroller}
        role="grid"
        aria-label="Events"
        aria-rowcount={records.length + 1}
        aria-busy={loading}
      >
        <div role="rowgroup" className="head" style={{ minWidth: width }}>
          <div role="row" aria-rowindex={1}>
            {columns.map((field) => (
              <span
                key={field}
                role="columnheader"
                className={numbers.test(field) ? "right" : undefined}
                style={{ flexBasis: widthOf(field) }}
              >
                {labelOf(field)}
              </span>
            ))}
          </div>
        </div>
        <div role="rowgroup" className="rows" style={{ height: rows.getTotalSize(), minWidth: width }}>
          {items.map((item) => {
            const record = records[item.index]!;
            const key = keyOf(record);
            return (
              <div
                key={record._id ? key : `${key}/${item.index}`}
                role="row"
                className={`row ${record.state === "open" ? "running" : ""}`}
                data-index={item.index}
                aria-rowindex={item.index + 2}
                aria-selected={key === selected}
                tabIndex={item.index === Math.min(focused.current, records.length - 1) ? 0 : -1}
                style={{ transform: `translateY(${item.start}px)`, height: rowHeight }}
                onClick={() => {
                  focused.current = item.index;
                  onSelect(record);
                }}
                onKeyDown={(event) => onKeyDown(event, item.index)}
              >
                {columns.map((field) => (
                  <span
                    key={field}
                    role="gridcell"
                    className={numbers.test(field) ? "right" : undefined}
                    style={{ flexBasis: widthOf(field) }}
                    title={titleOf(record, field)}
                  >
                    <Cell record={record} field={field} />
                  </span>
                ))}
              </div>
            );
          })}
        </div>
      </div>
      {records.length === 0 && (loading ? <Loading rows={12} /> : empty)}
    </div>
  );
}
