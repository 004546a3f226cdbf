import { useEffect, useState } from "react";

const shownMs = 2_000;

// Puts a text into the clipboard and says so. Browsers allow it over TLS and on this machine; elsewhere it is left out.
export function CopyButton({ label, text, className }: { label: string; text: () => string; className?: string }) {
  const [done, setDone] = useState("");
  useEffect(() => {
    if (!done) return;
    const timer = setTimeout(() => setDone(""), shownMs);
    return () => clearTimeout(timer);
  }, [done]);
  if (!navigator.clipboard) return null;
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text());
      setDone("Copied");
    } catch {
      setDone("The browser refused");
    }
  };
  return (
    <button className={className} onClick={copy} aria-live="polite">
      {done || label}
    </button>
  );
}
