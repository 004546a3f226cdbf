import { FormEvent, useState } from "react";
import { api, ApiError, setToken } from "../api";
import { sentence } from "../parts/notes";

const notAccepted = "This token is not accepted: it is unknown, revoked or expired. Ask for a new one.";

// Where a token is missing, or no longer accepted; what the address names is shown afterwards.
export function LoginPage({ refused, onToken }: { refused: boolean; onToken: () => void }) {
  const [problem, setProblem] = useState(refused ? notAccepted : "");
  const [busy, setBusy] = useState(false);
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    setToken(String(new FormData(event.currentTarget).get("token") ?? "").trim());
    setBusy(true);
    try {
      await api.who();
      onToken();
    } catch (error) {
      setToken("");
      const status = error instanceof ApiError ? error.status : 0;
      if (status === 401) setProblem(notAccepted);
      else if (status === 403) setProblem(`${sentence((error as Error).message)} Ask for one with the scope read.`);
      else setProblem(`${sentence((error as Error).message)} Check that sluice-events runs, then try again.`);
      setBusy(false);
    }
  };
  return (
    <main className="center">
      <img src="/icon.svg" alt="" width="48" height="48" />
      <h1>Sluice</h1>
      <form className="login card" onSubmit={submit}>
        <label htmlFor="token">A token opens this console</label>
        <input
          id="token"
          name="token"
          type="password"
          autoComplete="off"
          placeholder="sluice_…"
          autoFocus
          required
          aria-invalid={problem !== ""}
          aria-describedby="token-help"
        />
        {problem && (
          <p className="problem" role="alert">
            {problem}
          </p>
        )}
        <p id="token-help" className="muted">
          It stays in this tab only. An administrator makes one:{" "}
          <code>sluicectl token create NAME --scope read,export</code>
        </p>
        <button className="primary" type="submit" disabled={busy}>
          Open
        </button>
      </form>
    </main>
  );
}
