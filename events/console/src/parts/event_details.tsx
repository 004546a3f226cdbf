import type { PageEvent } from "../api";
import { formatCount, isTimeField, labelOf, numberOf, textOf, wordText } from "../format";
import { comparison } from "../query";
import { Badge } from "./badge";
import { Time } from "./times";

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
      "client_verdict",
      "client_policy",
      "client_policy_version",
      "policy_disagreement",
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
  "policy_kind",
  "policy_layer",
  "bypass_layer",
  "origin",
  "error_stage",
  "page_build",
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

function Value({ record, field, text }: { record: PageEvent; field: string; text: string }) {
  if (field === "action") return <Badge word={text} />;
  if (isTimeField(field)) return <Time ms={numberOf(record, field)} exact />;
  if (field.endsWith("bytes")) return <span title={`${formatCount(numberOf(record, field))} bytes`}>{text}</span>;
  return <>{wordy.has(field) ? wordText(text) : text}</>;
}

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
              <Value record={record} field={field} text={text} />
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

// All that is known of an event, in groups; what belongs to none stands last.
export function EventDetails({
  record,
  onCondition,
}: {
  record: PageEvent;
  onCondition: (condition: string) => void;
}) {
  const rest = Object.keys(record).filter((field) => !grouped.has(field) && !repeats.has(field));
  const all: [string, string[]][] = [...groups, ["Other", rest]];
  return (
    <>
      {all.map(([title, fields]) => (
        <Fields key={title} record={record} title={title} fields={fields} onCondition={onCondition} />
      ))}
    </>
  );
}
