import { useMutation } from "@tanstack/react-query";
import { FormEvent, useState } from "react";
import { api, PolicySource, Pop } from "../api";
import { Problem } from "./notes";

// Asks the PoP what its policy, or the proposed change of it, would do with a flow.
export function PolicyExplain({ pop, proposal }: { pop: Pop; proposal: PolicySource | null }) {
  const [flow, setFlow] = useState({ host: "", port: "443", process: "", user: "", layer: "" });
  const [proposed, setProposed] = useState(false);
  const explain = useMutation({
    mutationFn: () =>
      api.checkPolicy(pop.name, proposed && proposal ? proposal : undefined, {
        ...flow,
        port: Number(flow.port) || 0,
      }),
  });
  const field = (name: keyof typeof flow, label: string, required = false) => (
    <label>
      {label}
      <input
        value={flow[name]}
        required={required}
        spellCheck={false}
        autoComplete="off"
        onChange={(event) => setFlow({ ...flow, [name]: event.target.value })}
      />
    </label>
  );
  const ask = (event: FormEvent) => {
    event.preventDefault();
    explain.mutate();
  };
  return (
    <section className="card walk" aria-label="Explain">
      <h2>Explain</h2>
      <p className="muted">What would be done with a flow, rule by rule.</p>
      <form className="fields" onSubmit={ask}>
        {field("host", "Host", true)}
        {field("port", "Port")}
        {field("process", "Process")}
        {field("user", "User")}
        <label>
          Decided at
          <select value={flow.layer} onChange={(event) => setFlow({ ...flow, layer: event.target.value })}>
            <option value="">client, then PoP</option>
            <option value="client">client</option>
            <option value="pop">PoP</option>
          </select>
        </label>
        <button type="submit" disabled={explain.isPending}>
          Explain
        </button>
        {proposal && (
          <label className="check">
            <input type="checkbox" checked={proposed} onChange={(event) => setProposed(event.target.checked)} />
            with the change on the left
          </label>
        )}
      </form>
      <Problem error={explain.error} />
      {explain.data && (
        <pre className="diff" tabIndex={0} role="region" aria-label="Explanation">
          {explain.data.explanation}
        </pre>
      )}
    </section>
  );
}
