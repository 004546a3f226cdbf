import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { api, PageEvent } from "../api";
import { labelOf, textOf, wordText } from "../format";
import { comparison, quoted } from "../query";
import { Badge } from "./event_table";

const groups: [string, string[]][] = [
  [
    "Verdict",
    [
      "action",
      "policy",
      "policy_kind",
      "policy_layer",
      "bypass_traffic",
      "bypass_layer",
      "bypass_mode",
      "bypass_reason_code",
      "bypass_reason",
      "ssl_decrypt_policy",
      "ssl_policy",
      "notification",
      "matched_rules",
      "close_reason",
      "error_stage",
    ],
  ],
  [
    "Who",
    [
      "user",
      "user_groups",
      "organization_unit",
      "device_id",
      "hostname",
      "device_os",
      "device_classification",
      "process_name",
      "process_path",
      "process_pid",
      "process_identity",
      "srcip",
      "srcport",
      "userip",
      "egress_ip",
      "access_method",
      "client_version",
      "policy_version",
      "tunnel_id",
    ],
  ],
  [
    "Where",
    [
      "host",
      "host_source",
      "domain",
      "dstip",
      "dstport",
      "dst_country",
      "app",
      "appcategory",
      "category",
      "other_categories",
      "site",
      "traffic_type",
    ],
  ],
  [
    "Page",
    [
      "url",
      "page",
      "referer",
      "method",
      "status",
      "http_version",
      "content_type",
      "useragent",
      "browser",
      "os",
      "req_cnt",
      "resp_cnt",
      "page_build",
      "page_id",
    ],
  ],
  [
    "Bytes and time",
    [
      "timestamp",
      "end_time",
      "duration_ms",
      "client_bytes",
      "server_bytes",
      "numbytes",
      "emitted_time",
      "ingested_time",
    ],
  ],
  [
    "TLS",
    [
      "sni",
      "alpn",
      "ech",
      "tls_version",
      "tls_cipher",
      "origin_tls_version",
      "origin_tls_cipher",
      "ja4",
      "cert_subject",
      "cert_issuer",
      "cert_not_after",
      "cert_errors",
      "tls_fail_side",
      "tls_alert",
    ],
  ],
  [
    "Record",
    [
      "_id",
      "state",
      "revision",
      "type",
      "origin",
      "primary",
      "tenant",
      "correlation_id",
      "observed_by",
      "schema_version",
      "count",
      "dropped_before",
    ],
  ],
];
const grouped = new Set(groups.flatMap(([, fields]) => fields));
const repeats = new Set(["timestamp_ms", "event_id", "dsthost", "insertion_epoch_timestamp", "record_type"]);
const wordy = new Set([
  "action",
  "policy_kind",
  "bypass_mode",
  "bypass_reason_code",
  "close_reason",
  "host_source",
  "access_method",
  "traffic_type",
]);
const filterable = new Set([
  "user",
  "host",
  "domain",
  "app",
  "policy",
  "process_name",
  "device_id",
  "category",
  "action",
  "bypass_reason_code",
  "srcip",
  "dstip",
  "observed_by",
  "close_reason",
  "sni",
]);

function Fields({
  record,
  title,
  fields,
  onCondition,
}: {
  record: PageEvent;
  title: string;
  fields: string[];
  onCondition: (condition: string) => void;
}) {
  const known = fields
    .map((field) => [field, textOf(record, field)] as const)
    .filter(([field, text]) => text !== "" && text !== "0" && !(text === "0 B" && field !== "numbytes"));
  if (known.length === 0) return null;
  return (
    <section>
      <h3>{title}</h3>
      <dl>
        {known.map(([field, text]) => (
          <div key={field}>
            <dt>{labelOf(field)}</dt>
            <dd>
              {field === "action" ? <Badge word={text} /> : wordy.has(field) ? wordText(text) : text}
              {filterable.has(field) && (
                <button
                  className="quiet narrow"
                  onClick={() => onCondition(comparison(field, text, true))}
                  aria-label={`Only ${labelOf(field)} ${text}`}
                  title="Filter for this"
                >
                  ＋
                </button>
              )}
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

// A flow that a client tunnelled has two records: the client's and the PoP's.
function BothViews({ record }: { record: PageEvent }) {
  const id = String(record.correlation_id ?? "");
  const day = 86_400_000;
  const views = useQuery({
    queryKey: ["views", id],
    queryFn: ({ signal }) =>
      api.search(
        `correlation_id eq ${quoted(id)}`,
        { start_time: record.timestamp_ms - day, end_time: record.timestamp_ms + day },
        "",
        signal,
        "VIEW_ALL",
      ),
    enabled: id !== "",
  });
  const found = views.data?.records.map((stored) => stored.record) ?? [];
  if (id === "" || (views.data && found.length < 2)) {
    return <p className="muted">Only {record.origin === "client" ? "the client" : "the PoP"} saw this flow.</p>;
  }
  if (found.length === 0)
    return (
      <p className="muted" role="status">
        …
      </p>
    );
  const fields = [
    "origin",
    "observed_by",
    "state",
    "action",
    "policy",
    "bypass_layer",
    "bypass_mode",
    "bypass_reason_code",
    "process_name",
    "client_bytes",
    "server_bytes",
    "duration_ms",
    "close_reason",
  ];
  return (
    <table className="views">
      <caption className="hidden">This flow at client and PoP</caption>
      <thead>
        <tr>
          <th />
          {found.map((view) => (
            <th key={String(view._id)} scope="col">
              {view.origin === "client" ? "Client" : "PoP"}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {fields
          .filter((field) => found.some((view) => textOf(view, field) !== ""))
          .map((field) => {
            const texts = found.map((view) => textOf(view, field));
            return (
              <tr key={field} className={new Set(texts).size > 1 ? "differs" : undefined}>
                <th scope="row">{labelOf(field)}</th>
                {texts.map((text, i) => (
                  <td key={i}>{wordText(text) || "–"}</td>
                ))}
              </tr>
            );
          })}
      </tbody>
    </table>
  );
}

interface Props {
  record: PageEvent;
  onClose: () => void;
  onCondition: (condition: string) => void;
}

export function Drawer({ record, onClose, onCondition }: Props) {
  const [tab, setTab] = useState<"details" | "views" | "json">("details");
  const close = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    const before = document.activeElement as HTMLElement | null;
    close.current?.focus();
    return () => before?.focus();
  }, []);
  useEffect(() => {
    const escape = (event: KeyboardEvent) => event.key === "Escape" && onClose();
    window.addEventListener("keydown", escape);
    return () => window.removeEventListener("keydown", escape);
  }, [onClose]);
  const rest = Object.keys(record).filter((field) => !grouped.has(field) && !repeats.has(field));
  const tabs = [
    ["details", "Details"],
    ["views", "At client and PoP"],
    ["json", "JSON"],
  ] as const;
  return (
    <aside className="drawer" role="dialog" aria-label="Event">
      <header>
        <div>
          <Badge word={textOf(record, "action")} />
          <h2>{textOf(record, "host") || textOf(record, "record_type")}</h2>
          <p className="muted">
            {textOf(record, "timestamp")} · {textOf(record, "user") || textOf(record, "srcip")}
          </p>
        </div>
        <button ref={close} className="quiet" onClick={onClose} aria-label="Close">
          ✕
        </button>
      </header>
      <div className="tabs" role="tablist" aria-label="Event">
        {tabs.map(([name, label]) => (
          <button key={name} role="tab" aria-selected={tab === name} onClick={() => setTab(name)}>
            {label}
          </button>
        ))}
      </div>
      <div className="body" role="tabpanel">
        {tab === "details" &&
          [...groups, ["Other", rest] as [string, string[]]].map(([title, fields]) => (
            <Fields key={title} record={record} title={title} fields={fields} onCondition={onCondition} />
          ))}
        {tab === "views" && <BothViews record={record} />}
        {tab === "json" && <pre tabIndex={0}>{JSON.stringify(record, null, 2)}</pre>}
      </div>
    </aside>
  );
}
