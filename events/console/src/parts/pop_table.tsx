import type { Pop, PopStatus } from "../api";
import { formatCount } from "../format";
import { DataTable } from "./data_table";
import { sentence } from "./notes";
import { Ago } from "./times";

const columns = [
  { label: "PoP" },
  { label: "Policy" },
  { label: "Started" },
  { label: "Clients", right: true },
  { label: "Open flows", right: true },
  { label: "Records not yet here", right: true },
];

function Status({ status, now }: { status: PopStatus; now: number }) {
  return (
    <>
      <td>
        <code>{status.policy_version || "none"}</code>{" "}
        {status.draining && <span className="badge alert">draining</span>}
      </td>
      <td>
        <Ago ms={status.start_time} now={now} />
      </td>
      <td className="right">{formatCount(status.clients.filter((client) => client.connected).length)}</td>
      <td className="right">{formatCount(status.open_flows)}</td>
      <td className="right">{formatCount(status.unacknowledged_records)}</td>
    </>
  );
}

export function PopTable({ pops, now }: { pops: Pop[]; now: number }) {
  if (pops.length === 0) return null;
  return (
    <DataTable
      name="PoPs"
      caption="Points of presence"
      columns={columns}
      empty={null}
      rows={pops.map(({ name, error, status }) => (
        <tr key={name}>
          <th scope="row">{name}</th>
          {status ? (
            <Status status={status} now={now} />
          ) : (
            <td colSpan={columns.length - 1}>
              <span className="problem">{sentence(error ?? "no answer")}</span>
            </td>
          )}
        </tr>
      ))}
    />
  );
}
