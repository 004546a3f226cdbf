import { KeyboardEvent, useEffect, useId, useRef, useState } from "react";
import type { PageEvent } from "../api";
import { textOf } from "../format";
import { Badge } from "./badge";
import { BothViews } from "./both_views";
import { CopyButton } from "./copy_button";
import { EventDetails } from "./event_details";
import { Time } from "./times";

const tabs = [
  ["details", "Details"],
  ["views", "At client and PoP"],
  ["json", "JSON"],
] as const;
type Tab = (typeof tabs)[number][0];

interface Props {
  record: PageEvent;
  onClose: () => void;
  onCondition: (condition: string) => void;
}

// One event. It stands beside the list, which goes on to work; the focus comes in when it opens and returns after.
export function Drawer({ record, onClose, onCondition }: Props) {
  const [tab, setTab] = useState<Tab>("details");
  const close = useRef<HTMLButtonElement>(null);
  const id = useId();
  useEffect(() => {
    const before = document.activeElement as HTMLElement | null;
    close.current?.focus();
    return () => before?.focus();
  }, []);
  useEffect(() => {
    const escape = (event: globalThis.KeyboardEvent) => event.key === "Escape" && onClose();
    window.addEventListener("keydown", escape);
    return () => window.removeEventListener("keydown", escape);
  }, [onClose]);
  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step === undefined) return;
    const at = tabs.findIndex(([name]) => name === tab);
    const [next] = tabs[(at + step + tabs.length) % tabs.length]!;
    setTab(next);
    document.getElementById(`${id}-${next}`)?.focus();
  };
  const json = JSON.stringify(record, null, 2);
  const heading = textOf(record, "host") || textOf(record, "record_type");
  return (
    <div className="drawer" role="dialog" aria-label="Event">
      <header>
        <div>
          <Badge word={textOf(record, "action")} />
          <h2>{heading}</h2>
          <p className="muted">
            <Time ms={record.timestamp_ms} exact /> · {textOf(record, "user") || textOf(record, "srcip")}
          </p>
        </div>
        <button ref={close} className="quiet" onClick={onClose} aria-label="Close" title="Close (Esc)">
          ✕
        </button>
      </header>
      <div className="tabs" role="tablist" aria-label="Event" onKeyDown={onKeyDown}>
        {tabs.map(([name, label]) => (
          <button
            key={name}
            id={`${id}-${name}`}
            role="tab"
            aria-selected={tab === name}
            aria-controls={`${id}-panel`}
            tabIndex={tab === name ? 0 : -1}
            onClick={() => setTab(name)}
          >
            {label}
          </button>
        ))}
      </div>
      <div className="body" role="tabpanel" id={`${id}-panel`} aria-labelledby={`${id}-${tab}`} tabIndex={0}>
        {tab === "details" && <EventDetails record={record} onCondition={onCondition} />}
        {tab === "views" && <BothViews record={record} />}
        {tab === "json" && (
          <>
            <CopyButton label="Copy" text={() => json} className="copy" />
            <pre>{json}</pre>
          </>
        )}
      </div>
    </div>
  );
}
