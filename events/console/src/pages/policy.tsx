import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api, PolicySource, Pop } from "../api";
import { BlockWalk } from "../parts/block_walk";
import { Loading, Problem } from "../parts/notes";
import { PolicyExplain } from "../parts/policy_explain";
import { PolicyVersions } from "../parts/policy_versions";
import { RuleTable } from "../parts/rule_table";
import { TimePicker } from "../parts/time_picker";
import { usePlace } from "../place";

// What the PoP obeys now, as its files stand there.
function ActivePolicy({ source, pop }: { source: PolicySource; pop: Pop }) {
  return (
    <details className="card disclosure">
      <summary>
        Active policy of {pop.name}
        <span className="muted">
          {pop.status?.policy_number ? `version ${pop.status.policy_number}, ` : ""}
          {pop.status?.policy_version}
        </span>
      </summary>
      {source.files.map((file) => (
        <div key={file.name}>
          <h3>{file.name}</h3>
          <pre tabIndex={0} role="region" aria-label={file.name}>
            {file.text}
          </pre>
        </div>
      ))}
    </details>
  );
}

// Everything about one PoP's policy.
function PopPolicy({ pop, mayApply }: { pop: Pop; mayApply: boolean }) {
  const source = useQuery({ queryKey: ["policy", pop.name], queryFn: () => api.policy(pop.name) });
  const [proposal, setProposal] = useState<PolicySource | null>(null);
  if (source.error) return <Problem error={source.error} onRetry={() => void source.refetch()} />;
  if (!source.data) return <Loading rows={8} />;
  return (
    <>
      <div className="halves">
        <BlockWalk pop={pop} source={source.data} mayApply={mayApply} onProposal={setProposal} />
        <div className="stack-of-cards">
          <PolicyExplain pop={pop} proposal={proposal} />
          <PolicyVersions pop={pop} mayApply={mayApply} />
        </div>
      </div>
      <ActivePolicy source={source.data} pop={pop} />
    </>
  );
}

export function PolicyPage({ scopes }: { scopes: string[] }) {
  const [place, go] = usePlace();
  const pops = useQuery({ queryKey: ["pops"], queryFn: api.pops, refetchInterval: 5_000 });
  const [chosen, setChosen] = useState("");
  const pop = pops.data?.find((one) => one.name === chosen) ?? pops.data?.[0];
  return (
    <div className="page">
      <div className="bar">
        <h1>Policy</h1>
        <div className="buttons">
          {pops.data && pops.data.length > 1 && (
            <label>
              PoP{" "}
              <select value={pop?.name} onChange={(event) => setChosen(event.target.value)}>
                {pops.data.map((one) => (
                  <option key={one.name}>{one.name}</option>
                ))}
              </select>
            </label>
          )}
          <TimePicker range={place.range} onRange={(next) => go({ range: next })} />
        </div>
      </div>
      <RuleTable />
      <Problem error={pops.error ?? (pop?.error ? new Error(pop.error) : null)} />
      {pop && !pop.error && <PopPolicy key={pop.name} pop={pop} mayApply={scopes.includes("admin")} />}
      {pops.data?.length === 0 && (
        <p className="muted">
          No PoP can be changed from here: name its administration socket under <code>pops</code> in the configuration
          of sluice-events.
        </p>
      )}
    </div>
  );
}
