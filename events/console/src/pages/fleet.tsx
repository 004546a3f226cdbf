import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { api, ClientStatus, Pop } from "../api";
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

// A device as the PoPs know it (those that hold a stream now or lately), as the events do, or both.
interface Device {
  id: string;
  user: string;
  hostname: string;
  events: number;
  bytes: number;
  seen: number;
  client?: ClientStatus;
  pop?: Pop;
}

function devicesOf(pops: Pop[], groups: { keys: string[]; values: number[] }[]): Device[] {
  const devices = new Map<string, Device>();
  for (const { keys, values } of groups) {
    const [id, user, hostname] = keys as [string, string, string];
    const known = devices.get(id);
    const [events, seen, bytes] = values as [number, number, number];
    devices.set(id, {
      id,
      user: known?.user || user,
      hostname: known?.hostname || hostname,
      events: (known?.events ?? 0) + events,
      bytes: (known?.bytes ?? 0) + bytes,
      seen: Math.max(known?.seen ?? 0, seen),
    });
  }
  for (const pop of pops) {
    for (const client of pop.status?.clients ?? []) {
      const known = devices.get(client.device_id);
      if (known?.client && known.client.last_seen > client.last_seen) continue;
      devices.set(client.device_id, {
        id: client.device_id,
        user: client.user || known?.user || "",
        hostname: client.hostname || known?.hostname || "",
        events: known?.events ?? 0,
        bytes: known?.bytes ?? 0,
        seen: Math.max(known?.seen ?? 0, client.last_seen),
        client,
        pop,
      });
    }
  }
  return [...devices.values()].sort(
    (a, b) => Number(b.client?.connected ?? false) - Number(a.client?.connected ?? false) || b.seen - a.seen,
  );
}

function Tunnel({ device }: { device: Device }) {
  if (!device.client) return <span className="muted">unknown</span>;
  if (device.client.connected) return <span className="badge allow">connected to {device.pop!.name}</span>;
  return <span className="badge">gone</span>;
}

function Applied({ device }: { device: Device }) {
  const { client, pop } = device;
  if (!client) return null;
  if (client.error) return <span className="problem">{client.error}</span>;
  const current = client.applied_version === pop!.status!.policy_version;
  return (
    <>
      <code>{client.applied_version || "none"}</code>{" "}
      {client.connected && !current && <span className="badge alert">behind</span>}
    </>
  );
}

function Pops({ pops }: { pops: Pop[] }) {
  const now = Date.now();
  if (pops.length === 0) return null;
  return (
    <section className="card plain" aria-label="PoPs">
      <table>
        <caption>Points of presence</caption>
        <thead>
          <tr>
            <th scope="col">PoP</th>
            <th scope="col">Policy</th>
            <th scope="col">Started</th>
            <th scope="col" className="right">
              Clients
            </th>
            <th scope="col" className="right">
              Open flows
            </th>
            <th scope="col" className="right">
              Records not yet here
            </th>
          </tr>
        </thead>
        <tbody>
          {pops.map(({ name, error, status }) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              {status ? (
                <>
                  <td>
                    <code>{status.policy_version || "none"}</code>{" "}
                    {status.draining && <span className="badge alert">draining</span>}
                  </td>
                  <td>{formatAgo(status.start_time, now)}</td>
                  <td className="right">{formatCount(status.clients.filter((client) => client.connected).length)}</td>
                  <td className="right">{formatCount(status.open_flows)}</td>
                  <td className="right">{formatCount(status.unacknowledged_records)}</td>
                </>
              ) : (
                <td colSpan={5}>
                  <span className="problem">{error}</span>
                </td>
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

// The PoPs say who holds a stream and obeys which policy; the events show every device whose flows ended, also those
// behind PoPs that this store cannot ask.
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
  const pops = useQuery({ queryKey: ["pops"], queryFn: api.pops, refetchInterval: 5_000 });
  const now = Date.now();
  const rows = useMemo(
    () => devicesOf(pops.data ?? [], devices.data?.groups ?? []),
    [pops.data, devices.data],
  );
  return (
    <div className="page">
      <div className="bar">
        <h1>Fleet</h1>
        <div className="buttons">
          <TimePicker range={place.range} onRange={(next) => go({ range: next })} />
        </div>
      </div>
      <Pops pops={pops.data ?? []} />
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
            {formatCount(rows.length)} devices: connected now, or with events in this time range
            {devices.data?.partial ? ", counted in part" : ""}
          </caption>
          <thead>
            <tr>
              <th scope="col">Device</th>
              <th scope="col">Host name</th>
              <th scope="col">User</th>
              <th scope="col">Tunnel</th>
              <th scope="col">Client</th>
              <th scope="col">Applied policy</th>
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
            {rows.map((device) => (
              <tr key={device.id}>
                <th scope="row">
                  <PlaceLink to={{ page: "events", query: `device_id eq ${quoted(device.id)}` }}>{device.id}</PlaceLink>
                </th>
                <td>{device.hostname}</td>
                <td>{device.user}</td>
                <td>
                  <Tunnel device={device} />
                </td>
                <td>
                  {[device.client?.client_version, device.client?.device_os].filter(Boolean).join(", ")}
                </td>
                <td>
                  <Applied device={device} />
                </td>
                <td>{formatAgo(device.seen, now)}</td>
                <td className="right">{formatCount(device.events)}</td>
                <td className="right">{formatBytes(device.bytes)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </div>
  );
}
