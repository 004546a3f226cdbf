import { useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { api } from "../api";
import { formatAgo, formatBytes, formatCount, wordText } from "../format";
import { Badge } from "../parts/event_table";
import { PlaceLink } from "../parts/header";
import { TimePicker } from "../parts/time_picker";
import { blockingDiff, domainsOf, nameOf } from "../policy_text";
import { rangeOf, usePlace } from "../place";
import { comparison, quoted } from "../query";

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

// Step by step to a block without decryption: what must go, what must come, as the change of the policy file.
function BlockWalk() {
  const [place] = usePlace();
  const range = useMemo(() => rangeOf(place.range, Date.now()), [place.range]);
  const [app, setApp] = useState("");
  const [domains, setDomains] = useState("");
  const [copied, setCopied] = useState(false);
  const apps = useQuery({
    queryKey: ["walk-apps", range],
    queryFn: () => api.values("app exists", range, ["app"], 100),
  });
  const known = useQuery({
    queryKey: ["walk-domains", app, range],
    queryFn: async () => {
      const answer = await api.values(`app eq ${quoted(app)}`, range, ["domain", "policy"], 20);
      const found = answer.fields[0]!.values.map((value) => value.value).filter(Boolean);
      setDomains(found.join("\n"));
      return answer;
    },
    enabled: app !== "",
  });
  const names = domainsOf(domains);
  const diff = app && names.length > 0 ? blockingDiff(app, names) : "";
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
              setCopied(false);
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
            rows={4}
            value={domains}
            disabled={app === ""}
            spellCheck={false}
            onChange={(event) => {
              setDomains(event.target.value);
              setCopied(false);
            }}
          />
        </li>
        <li>
          <span>The change of the policy</span>
          {diff === "" ? (
            <p className="muted">Choose an application first.</p>
          ) : (
            <>
              <pre className="diff" tabIndex={0}>
                {diff.split("\n").map((line, i) => (
                  <span
                    key={i}
                    className={line.startsWith("+") ? "added" : line.startsWith("-") ? "removed" : undefined}
                  >
                    {line}
                    {"\n"}
                  </span>
                ))}
              </pre>
              <button
                onClick={async () => {
                  await navigator.clipboard.writeText(diff);
                  setCopied(true);
                }}
              >
                {copied ? "Copied" : "Copy"}
              </button>
              <p className="muted">
                Put it into the policy file, ask <code>sluicectl config check</code>, reload the PoP, and watch{" "}
                <PlaceLink to={{ page: "alerts", query: `policy eq ${quoted(nameOf(app))}` }}>its alerts</PlaceLink>.
              </p>
            </>
          )}
        </li>
      </ol>
    </section>
  );
}

export function PolicyPage() {
  const [place, go] = usePlace();
  return (
    <div className="page">
      <div className="bar">
        <h1>Policy</h1>
        <div className="buttons">
          <TimePicker range={place.range} onRange={(next) => go({ range: next })} />
        </div>
      </div>
      <Rules />
      <BlockWalk />
    </div>
  );
}
