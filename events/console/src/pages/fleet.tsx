import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { api } from "../api";
import { formatAgo, formatBytes, formatCompact, formatCount } from "../format";
import { PlaceLink } from "../parts/header";
import { TimePicker } from "../parts/time_picker";
import { rangeOf, usePlace } from "../place";
import { quoted } from "../query";

const devicesMax = 500;
const metrics = [
  { kind: "KIND_COUNT" },
  { kind: "KIND_MAX", field: "timestamp" },
  { kind: "KIND_SUM", field: "numbytes" },
];

// What the events say about the devices: it needs no other source, and shows a device as soon as one of its flows ends.
export function FleetPage() {
  const [place, go] = usePlace();
  const range = useMemo(() => rangeOf(place.range, Date.now()), [place.range]);
  const devices = useQuery({
    queryKey: ["fleet", range],
    queryFn: ({ signal }) =>
      api.aggregate("device_id exists", range, ["device_id", "user", "hostname"], metrics, devicesMax, signal),
  });
  const versions = useQuery({
    queryKey: ["versions", range],
    queryFn: ({ signal }) =>
      api.values("device_id exists", range, ["client_version", "policy_version", "device_os"], 10, "", signal),
  });
  const stats = useQuery({ queryKey: ["stats"], queryFn: api.stats });
  const now = Date.now();
  const rows = [...(devices.data?.groups ?? [])].sort((a, b) => (b.values[1] ?? 0) - (a.values[1] ?? 0));
  return (
    <div className="page">
      <div className="bar">
        <h1>Fleet</h1>
        <div className="buttons">
          <TimePicker range={place.range} onRange={(next) => go({ range: next })} />
        </div>
      </div>
      <div className="cards">
        <section className="card summary" aria-label="Producers">
          <h2>Who delivers</h2>
          <p className="muted">PoPs and this store's own audit, last seen first</p>
          <ol>
            {stats.data?.producers.slice(0, 8).map((producer) => (
              <li key={producer.producer_id}>
                <span className="name">{producer.observed_by || producer.producer_id}</span>
                <span className="amount">{formatAgo(producer.last_seen, now)}</span>
              </li>
            ))}
          </ol>
        </section>
        {versions.data?.fields.map((counts) => (
          <section key={counts.field} className="card summary" aria-label={counts.field}>
            <h2>
              {
                { client_version: "Client versions", policy_version: "Applied policy", device_os: "Systems" }[
                  counts.field
                ]
              }
            </h2>
            <p className="muted">by events</p>
            <ol>
              {counts.values.map((value) => (
                <li key={value.value}>
                  <span className="name">{value.value || "not told"}</span>
                  <span className="amount">{formatCompact(value.count)}</span>
                </li>
              ))}
            </ol>
          </section>
        ))}
      </div>
      {devices.error && (
        <p className="problem" role="alert">
          {devices.error.message}
        </p>
      )}
      <section className="card plain" aria-label="Devices" aria-busy={devices.isFetching}>
        <table>
          <caption>
            {formatCount(devices.data?.groups_total ?? 0)} devices in this time range
            {devices.data?.partial ? ", counted in part" : ""}
          </caption>
          <thead>
            <tr>
              <th scope="col">Device</th>
              <th scope="col">Host name</th>
              <th scope="col">User</th>
              <th scope="col">Last seen</th>
              <th scope="col" className="right">
                Events
              </th>
              <th scope="col" className="right">
                Bytes
              </th>
            </tr>
          </thead>
          <tbody>
            {rows.map(({ keys, values }) => (
              <tr key={keys.join("\n")}>
                <th scope="row">
                  <PlaceLink to={{ page: "events", query: `device_id eq ${quoted(keys[0]!)}` }}>{keys[0]}</PlaceLink>
                </th>
                <td>{keys[2]}</td>
                <td>{keys[1]}</td>
                <td>{formatAgo(values[1]!, now)}</td>
                <td className="right">{formatCount(values[0]!)}</td>
                <td className="right">{formatBytes(values[2]!)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </div>
  );
}
