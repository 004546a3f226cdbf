import type { Device } from "../devices";
import { formatBytes, formatCount, formatCountOf } from "../format";
import { quoted } from "../query";
import { DataTable } from "./data_table";
import { PlaceLink } from "./place_link";
import { Empty } from "./notes";
import { Ago } from "./times";

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

const columns = [
  { label: "Device" },
  { label: "Host name" },
  { label: "User" },
  { label: "Tunnel" },
  { label: "Client" },
  { label: "Applied policy" },
  { label: "Last seen" },
  { label: "Events", right: true },
  { label: "Bytes", right: true },
];

export function DeviceTable({
  devices,
  partial,
  busy,
  now,
}: {
  devices: Device[] | undefined;
  partial: boolean;
  busy: boolean;
  now: number;
}) {
  return (
    <DataTable
      name="Devices"
      caption={
        devices
          ? `${formatCountOf(devices.length, "device")}: connected now, or with events in this time range${
              partial ? ", counted in part" : ""
            }`
          : "Devices"
      }
      columns={columns}
      busy={busy}
      empty={
        <Empty title="No steering client is known.">
          Install sluice-client on a device and name this PoP in its configuration; it appears here at once.
        </Empty>
      }
      rows={devices?.map((device) => (
        <tr key={device.id}>
          <th scope="row">
            <PlaceLink to={{ page: "events", query: `device_id eq ${quoted(device.id)}` }}>{device.id}</PlaceLink>
          </th>
          <td>{device.hostname}</td>
          <td>{device.user}</td>
          <td>
            <Tunnel device={device} />
          </td>
          <td>{[device.client?.client_version, device.client?.device_os].filter(Boolean).join(", ")}</td>
          <td>
            <Applied device={device} />
          </td>
          <td>
            <Ago ms={device.seen} now={now} />
          </td>
          <td className="right">{formatCount(device.events)}</td>
          <td className="right">{formatBytes(device.bytes)}</td>
        </tr>
      ))}
    />
  );
}
