import type { ClientStatus, Pop } from "./api";

// A device as the PoPs know it (those that hold a stream now or lately), as the events do, or both.
export interface Device {
  id: string;
  user: string;
  hostname: string;
  events: number;
  bytes: number;
  seen: number; // epoch ms
  client?: ClientStatus;
  pop?: Pop;
}

// Groups of events by device, user and host name; each has count, newest start and bytes.
export interface DeviceGroup {
  keys: string[];
  values: number[];
}

// The connected first, then those seen last.
export function devicesOf(pops: Pop[], groups: DeviceGroup[]): Device[] {
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
