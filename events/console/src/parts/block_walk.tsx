import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useMemo, useState } from "react";
import { api, PolicySource, Pop } from "../api";
import { formatCount } from "../format";
import { lineDiff } from "../line_diff";
import { domainsOf, nameOf, withAppBlocked } from "../policy_edit";
import { rangeOf, usePlace } from "../place";
import { quoted } from "../query";
import { Problem } from "./notes";
import { PlaceLink } from "./place_link";

const appsMax = 200;

// The policy with the application blocked, or why it cannot be made.
function propose(source: PolicySource, app: string, domains: string[]): PolicySource | string {
  const target = source.files.find((file) => /^realtime_policies:/m.test(file.text)) ?? source.files[0];
  try {
    return {
      files: source.files.map((file) => ({
        name: file.name,
        text: withAppBlocked(file.text, app, domains, file === target),
      })),
    };
  } catch (problem) {
    return `The policy cannot be read: ${(problem as Error).message}`;
  }
}

function Diff({ from, to }: { from: PolicySource; to: PolicySource }) {
  return (
    <>
      {to.files.map((file, i) => {
        const lines = lineDiff(from.files[i]!.text, file.text);
        if (lines.length === 0) return null;
        return (
          <pre key={file.name} className="diff" tabIndex={0} role="region" aria-label={`Change of ${file.name}`}>
            <span className="file">{file.name}</span>
            {lines.map((line, at) => (
              <span
                key={at}
                className={
                  line.sign === "+" ? "added" : line.sign === "-" ? "removed" : line.sign === "@" ? "gap" : ""
                }
              >
                {line.sign === "@" ? "" : line.sign} {line.text}
              </span>
            ))}
          </pre>
        );
      })}
    </>
  );
}

// Whether the clients have followed, after a change.
function Followed({ pop }: { pop: Pop }) {
  const clients = (pop.status?.clients ?? []).filter((client) => client.connected);
  const behind = clients.filter((client) => client.applied_version !== pop.status?.policy_version);
  if (clients.length === 0) return <>No steering client is connected.</>;
  return (
    <>
      {behind.length === 0
        ? `${clients.length === 1 ? "The connected client has" : `All ${clients.length} connected clients have`} it.`
        : `${clients.length - behind.length} of ${clients.length} connected clients have it.`}
    </>
  );
}

// Step by step to a block without decryption: what must go, what must come, as the change of the policy's files; the
// PoP checks it before it can be applied.
export function BlockWalk({
  pop,
  source,
  mayApply,
  onProposal,
}: {
  pop: Pop;
  source: PolicySource;
  mayApply: boolean;
  onProposal: (proposal: PolicySource | null) => void;
}) {
  const [place] = usePlace();
  const client = useQueryClient();
  const range = useMemo(() => rangeOf(place.range, Date.now()), [place.range]);
  const [app, setApp] = useState("");
  const [domains, setDomains] = useState("");
  const [reason, setReason] = useState("");
  const apps = useQuery({
    queryKey: ["walk-apps", range],
    queryFn: () => api.values("app exists", range, ["app"], appsMax),
  });
  const known = useQuery({
    queryKey: ["walk-domains", app, range],
    queryFn: () => api.values(`app eq ${quoted(app)}`, range, ["domain", "policy"], 20),
    enabled: app !== "",
  });
  useEffect(() => {
    if (known.data)
      setDomains(
        known.data.fields[0]!.values.map((value) => value.value)
          .filter(Boolean)
          .join("\n"),
      );
  }, [known.data]);
  const names = useMemo(() => domainsOf(domains), [domains]);
  const proposal = useMemo(
    () => (app && names.length > 0 ? propose(source, app, names) : null),
    [source, app, names],
  );
  const proposed = typeof proposal === "string" ? null : proposal;
  const changes = proposed !== null && proposed.files.some((file, i) => file.text !== source.files[i]!.text);
  useEffect(() => onProposal(changes ? proposed : null), [changes, proposed, onProposal]);
  const check = useQuery({
    queryKey: ["policy-check", pop.name, proposed],
    queryFn: () => api.checkPolicy(pop.name, proposed!),
    enabled: changes,
    retry: false,
  });
  const apply = useMutation({
    mutationFn: () => api.applyPolicy(pop.name, proposed!, reason || nameOf(app)),
    onSuccess: () => {
      for (const key of ["policy", "pops", "policy-history"]) void client.invalidateQueries({ queryKey: [key] });
    },
  });
  const deciding = known.data?.fields[1]?.values ?? [];
  return (
    <section className="card walk" aria-label="Block an application">
      <h2>Block an application</h2>
      <p className="muted">
        Also one that pins its certificate: the PoP blocks by name, without decrypting, and closes what is open.
      </p>
      <ol className="steps">
        <li>
          <label htmlFor="walk-app">Application</label>
          <select
            id="walk-app"
            value={app}
            onChange={(event) => {
              setApp(event.target.value);
              apply.reset();
            }}
          >
            <option value="">Choose …</option>
            {apps.data?.fields[0]?.values.map((value) => (
              <option key={value.value} value={value.value}>
                {value.value} ({formatCount(value.count)})
              </option>
            ))}
          </select>
          {app && deciding.length > 0 && (
            <p className="muted">
              Decided until now by{" "}
              {deciding.map((rule) => `“${rule.value || "no rule"}” (${formatCount(rule.count)})`).join(", ")}.
            </p>
          )}
        </li>
        <li>
          <label htmlFor="walk-domains">Its domains, one on each line</label>
          <textarea
            id="walk-domains"
            rows={3}
            value={domains}
            disabled={app === ""}
            spellCheck={false}
            onChange={(event) => setDomains(event.target.value)}
          />
        </li>
        <li>
          <span>The change of the policy</span>
          {proposal === null && <p className="muted">Choose an application first.</p>}
          {typeof proposal === "string" && (
            <p className="problem" role="alert">
              {proposal}
            </p>
          )}
          {proposed && !changes && (
            <p className="muted" role="status">
              {app} is blocked already: nothing would change.
            </p>
          )}
          {changes && <Diff from={source} to={proposed} />}
          {changes && <Problem error={check.error} />}
          {changes && check.data && (
            <p className="muted" role="status">
              {pop.name} has checked it: no problem.
            </p>
          )}
          {changes &&
            check.data?.warnings.map((warning) => (
              <p key={warning} className="warning">
                {warning}
              </p>
            ))}
        </li>
        <li>
          <label htmlFor="walk-reason">Put it in force</label>
          <div className="buttons">
            <input
              id="walk-reason"
              value={reason}
              placeholder={app ? `Why: ${nameOf(app)}` : "Why"}
              maxLength={200}
              onChange={(event) => setReason(event.target.value)}
            />
            <button
              className="primary"
              disabled={!mayApply || !changes || !check.data || apply.isPending}
              onClick={() => apply.mutate()}
            >
              Apply to {pop.name}
            </button>
          </div>
          {!mayApply && <p className="muted">Your token reads; to apply it needs the scope admin.</p>}
          <Problem error={apply.error} />
          {apply.data && (
            <p className="done" role="status">
              Version {apply.data.version.number} is in force on {pop.name}. <Followed pop={pop} /> Watch{" "}
              <PlaceLink to={{ page: "alerts", query: `policy eq ${quoted(nameOf(app))}` }}>its alerts</PlaceLink>.
            </p>
          )}
        </li>
      </ol>
    </section>
  );
}
