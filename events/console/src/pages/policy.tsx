import { useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { api, PolicySource, Pop } from "../api";
import { formatAgo, formatBytes, formatCount, wordText } from "../format";
import { BlockWalk } from "../parts/block_walk";
import { Badge } from "../parts/event_table";
import { PlaceLink } from "../parts/header";
import { PolicyExplain } from "../parts/policy_explain";
import { PolicyVersions } from "../parts/policy_versions";
import { TimePicker } from "../parts/time_picker";
import { rangeOf, usePlace } from "../place";
import { comparison } from "../query";

const metrics = [
  { kind: "KIND_COUNT" },
  { kind: "KIND_SUM", field: "numbytes" },
  { kind: "KIND_MAX", field: "timestamp" },
];
const rulesMax = 200;

// Which rules decided, and how often: from the events, each of which names its rule.
function Rules() {
  const [place] = usePlace();
  const range = useMemo(() => rangeOf(place.range, Date.now()), [place.range]);
  const rules = useQuery({
    queryKey: ["rules", range],
    queryFn: ({ signal }) => api.aggregate("", range, ["policy", "policy_kind", "action"], metrics, rulesMax, signal),
  });
  const now = Date.now();
  return (
    <section className="card plain" aria-label="Rules" aria-busy={rules.isFetching}>
      <table>
        <caption>Rules that decided in this time range{rules.data?.partial ? ", counted in part" : ""}</caption>
        <thead>
          <tr>
            <th scope="col">Rule</th>
            <th scope="col">Kind</th>
            <th scope="col">Action</th>
            <th scope="col" className="right">
              Hits
            </th>
            <th scope="col" className="right">
              Bytes
            </th>
            <th scope="col">Last hit</th>
          </tr>
        </thead>
        <tbody>
          {rules.data?.groups.map(({ keys: [policy, kind, action], values }) => (
            <tr key={`${policy}\n${kind}\n${action}`}>
              <th scope="row">
                <PlaceLink
                  to={{
                    page: "events",
                    query: `${comparison("policy", policy!, true)}${action ? ` and action eq ${action}` : ""}`,
                  }}
                >
                  {policy || "no rule"}
                </PlaceLink>
              </th>
              <td>{wordText(kind!)}</td>
              <td>
                <Badge word={action!} />
              </td>
              <td className="right">{formatCount(values[0]!)}</td>
              <td className="right">{formatBytes(values[1]!)}</td>
              <td>{formatAgo(values[2]!, now)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {rules.error && (
        <p className="problem" role="alert">
          {rules.error.message}
        </p>
      )}
    </section>
  );
}

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
          <pre tabIndex={0} aria-label={file.name}>
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
  if (source.error)
    return (
      <p className="problem" role="alert">
        {source.error.message}
      </p>
    );
  if (!source.data) return <p aria-busy="true" />;
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
      <Rules />
      {pop?.error && (
        <p className="problem" role="alert">
          {pop.error}
        </p>
      )}
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
