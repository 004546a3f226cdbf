import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api, PageEvent } from "./api";
import { keyOf } from "./parts/event_table";

// The event that an address names: from the list if it is there, else from the store (a shared address). What was
// once shown stays while the list moves on.
export function useShownEvent(key: string, records: PageEvent[]) {
  const [drawn, setDrawn] = useState<PageEvent | null>(null);
  const listed = key === "" ? undefined : records.find((record) => keyOf(record) === key);
  const kept = key !== "" && drawn && keyOf(drawn) === key ? drawn : undefined;
  const linked = useQuery({
    queryKey: ["event", key],
    queryFn: async () => {
      const [id, time] = key.split("@");
      const at = Number(time);
      const range = { start_time: at, end_time: at + 1 };
      const page = await api.search(`event_id eq "${id}"`, range, "", undefined, "VIEW_ALL");
      return page.records[0]?.record ?? null;
    },
    enabled: key !== "" && !listed && !kept,
  });
  const record = listed ?? kept ?? (key ? linked.data : null) ?? null;
  return { record, missing: key !== "" && !record && linked.isFetched, keep: setDrawn };
}
