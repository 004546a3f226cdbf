import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { api, FieldCounts } from "../api";
import { devicesOf } from "../devices";
import { formatCompact } from "../format";
import { DeviceTable } from "../parts/device_table";
import { ListCard } from "../parts/list_card";
import { Problem } from "../parts/notes";
import { PopTable } from "../parts/pop_table";
import { TimePicker } from "../parts/time_picker";
import { Ago } from "../parts/times";
import { rangeOf, usePlace } from "../place";

const devicesMax = 500;
const sourcesMax = 8;
const metrics = [
  { kind: "KIND_COUNT" },
  { kind: "KIND_MAX", field: "timestamp" },
  { kind: "KIND_SUM", field: "numbytes" },
];
const sums: [string, string][] = [
  ["client_version", "Client versions"],
  ["policy_version", "Policies of events"],
  ["device_os", "Systems"],
];

function itemsOf(counts: FieldCounts | undefined) {
  return counts?.values.map(({ value, count }) => ({
    key: value,
    name: value || "not told",
    amount: formatCompact(count),
  }));
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
      api.values(
        "device_id exists",
        range,
        sums.map(([field]) => field),
        10,
        "",
        signal,
      ),
  });
  const stats = useQuery({ queryKey: ["stats"], queryFn: api.stats });
  const pops = useQuery({ queryKey: ["pops"], queryFn: api.pops, refetchInterval: 5_000 });
  const now = Date.now();
  const rows = useMemo(
    () => (devices.data || pops.data ? devicesOf(pops.data ?? [], devices.data?.groups ?? []) : undefined),
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
      <Problem error={devices.error ?? pops.error ?? versions.error} />
      <PopTable pops={pops.data ?? []} now={now} />
      <DeviceTable
        devices={rows}
        partial={devices.data?.partial ?? false}
        busy={devices.isFetching && !devices.data}
        now={now}
      />
      <div className="cards four">
        <ListCard
          title="Who delivers"
          note="last seen first"
          items={stats.data?.producers.slice(0, sourcesMax).map((producer) => ({
            key: producer.producer_id,
            name: producer.observed_by || producer.producer_id,
            amount: <Ago ms={producer.last_seen} now={now} />,
          }))}
        />
        {sums.map(([field, title]) => (
          <ListCard
            key={field}
            title={title}
            note="by events"
            items={itemsOf(versions.data?.fields.find((counts) => counts.field === field))}
          />
        ))}
      </div>
    </div>
  );
}
