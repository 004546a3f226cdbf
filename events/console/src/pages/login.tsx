import { FormEvent, useState } from "react";
import { api, setToken } from "../api";

export function LoginPage({ onToken }: { onToken: () => void }) {
  const [problem, setProblem] = useState("");
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    setToken(String(new FormData(event.currentTarget).get("token") ?? "").trim());
    try {
      await api.who();
      onToken();
    } catch (error) {
      setToken("");
      setProblem((error as Error).message);
    }
  };
  return (
    <main className="center">
      <img src="/icon.svg" alt="" width="48" height="48" />
      <h1>Sluice</h1>
      <form className="login card" onSubmit={submit}>
        <label htmlFor="token">Token</label>
        <input
          id="token"
          name="token"
          type="password"
          autoComplete="off"
          autoFocus
          required
          aria-describedby="token-help"
        />
        <p id="token-help" className="muted">
          An administrator makes one with <code>sluicectl token create NAME --scope read,export</code>. It stays in
          this tab only.
        </p>
        {problem && (
          <p className="problem" role="alert">
            {problem}
          </p>
        )}
        <button className="primary" type="submit">
          Open
        </button>
      </form>
    </main>
  );
}
