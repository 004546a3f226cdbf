import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, Pop } from "../api";
import { Problem } from "./notes";
import { Ago } from "./times";

const shownMax = 8;

// Who changed the policy, when and why; the way back.
export function PolicyVersions({ pop, mayApply }: { pop: Pop; mayApply: boolean }) {
  const client = useQueryClient();
  const [asking, setAsking] = useState(0);
  const history = useQuery({
    queryKey: ["policy-history", pop.name],
    queryFn: () => api.policyHistory(pop.name),
    retry: false,
  });
  const back = useMutation({
    mutationFn: (number: number) => api.rollbackPolicy(pop.name, number, `Back to version ${number}`),
    onSuccess: () => {
      setAsking(0);
      for (const key of ["policy", "pops", "policy-history"]) void client.invalidateQueries({ queryKey: [key] });
    },
  });
  const now = Date.now();
  return (
    <section className="card walk" aria-label="Versions">
      <h2>Versions</h2>
      <Problem error={history.error ?? back.error} />
      <ol className="versions">
        {history.data?.versions.slice(0, shownMax).map((version) => (
          <li key={version.number}>
            <b>{version.number}</b>
            <span>
              {version.reason || "as configured"}
              <small>
                {version.actor || "the configuration"}, <Ago ms={version.time} now={now} />
              </small>
            </span>
            {version.number === history.data.active ? (
              <span className="badge allow">in force</span>
            ) : asking === version.number ? (
              <button className="primary" disabled={back.isPending} onClick={() => back.mutate(version.number)}>
                Really go back to {version.number}
              </button>
            ) : (
              mayApply && <button onClick={() => setAsking(version.number)}>Go back to {version.number}</button>
            )}
          </li>
        ))}
      </ol>
    </section>
  );
}
