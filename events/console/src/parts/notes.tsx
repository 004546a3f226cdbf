// Short sentences about how it stands: what is wrong and what to do next, what is on its way, what is missing.
import type { ReactNode } from "react";

export function Problem({ error, onRetry }: { error: Error | null | undefined; onRetry?: () => void }) {
  if (!error) return null;
  return (
    <p className="problem" role="alert">
      <span>{sentence(error.message)}</span>
      {onRetry && (
        <button className="quiet" onClick={onRetry}>
          Try again
        </button>
      )}
    </p>
  );
}

// The interface writes its sentences for logs; people read them with a capital and a full stop.
export function sentence(text: string): string {
  const trimmed = text.trim();
  const begun = trimmed.charAt(0).toUpperCase() + trimmed.slice(1);
  return /[.!?…]$/.test(begun) ? begun : `${begun}.`;
}

// Stands where rows will be.
export function Loading({ rows }: { rows: number }) {
  return (
    <div className="loading" role="status">
      <span className="hidden">Loading</span>
      {Array.from({ length: rows }, (_, i) => (
        <i key={i} aria-hidden="true" />
      ))}
    </div>
  );
}

// Why there is nothing, and what can be done about it.
export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="empty" role="status">
      <b>{title}</b>
      {children}
    </div>
  );
}
