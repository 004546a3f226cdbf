import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import { api, isUnreachable } from "../api";
import { formatTime } from "../format";

// Says that the store is gone, from when on what is shown is old, and asks for everything again when it is back.
export function Outage() {
  const client = useQueryClient();
  const stats = useQuery({ queryKey: ["stats"], queryFn: api.stats, refetchInterval: 5_000, retry: false });
  const gone = isUnreachable(stats.error);
  const before = useRef(false);
  useEffect(() => {
    if (before.current && !gone) void client.invalidateQueries();
    before.current = gone;
  }, [gone, client]);
  if (!gone) return null;
  return (
    <p className="outage" role="alert">
      <b>The event store does not answer.</b> What is shown is from{" "}
      {stats.dataUpdatedAt > 0 ? formatTime(stats.dataUpdatedAt) : "before"}; this page goes on by itself when
      sluice-events is back.
    </p>
  );
}
