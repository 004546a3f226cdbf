import { useQuery } from "@tanstack/react-query";
import { KeyboardEvent, useEffect, useId, useMemo, useRef, useState } from "react";
import { api, ApiError, FieldInfo, Range } from "../api";
import { quoted } from "../query";
import { sentence } from "./notes";

interface Props {
  query: string;
  fields: FieldInfo[];
  range: Range;
  error: ApiError | null; // what is wrong with the query
  errorBegin: number; // where in what was asked the query begins, in bytes
  onQuery: (query: string) => void;
}

interface Context {
  kind: "field" | "operator" | "value" | "joint";
  field?: FieldInfo;
  start: number; // of the word at the caret
  word: string;
}

const operators: Record<FieldInfo["type"], string[]> = {
  text: ["eq", "ne", "like", "in", "~", "exists"],
  text_list: ["eq", "ne", "like", "exists"],
  number: ["eq", "ne", "gt", "gte", "lt", "lte", "from"],
  time: ["gt", "gte", "lt", "lte", "from"],
  bool: ["eq", "ne"],
  enum: ["eq", "ne", "in", "like", "exists"],
  address: ["eq", "ne", "in", "exists"],
};
const operatorWord = /^(eq|ne|neq|gt|gte|ge|lt|lte|le|like|in|~|=|==|!=|<|<=|>|>=)$/i;
const joints = ["and", "or"];
const suggestionsMax = 12;

// What the word at the caret is, from the words before it.
export function contextAt(text: string, caret: number, fields: Map<string, FieldInfo>): Context {
  const before = text.slice(0, caret);
  const words = before.match(/"(?:[^"\\]|\\.)*"?|[()]|,|[=!<>~]+|[^\s()=!<>~",]+/g) ?? [];
  const open = before.length > 0 && !/[\s(),]$/.test(before) && words.length > 0;
  const word = open ? words.pop()! : "";
  const start = before.length - word.length;
  const last = words[words.length - 1] ?? "";
  const fieldBefore = (index: number) => fields.get((words[index] ?? "").toLowerCase());
  if (operatorWord.test(last)) return { kind: "value", field: fieldBefore(words.length - 2), start, word };
  if (last === "," || last === "(") {
    const list = words.map((w) => w.toLowerCase()).lastIndexOf("in");
    if (list > 0 && !words.slice(list).includes(")"))
      return { kind: "value", field: fieldBefore(list - 1), start, word };
  }
  const field = fields.get(last.toLowerCase());
  if (field && !operatorWord.test(words[words.length - 2] ?? "")) return { kind: "operator", field, start, word };
  if (words.length === 0 || /^(and|or|not|\()$/i.test(last)) return { kind: "field", start, word };
  return { kind: "joint", start, word };
}

function useSuggestions(context: Context | null, fields: FieldInfo[], range: Range): string[] {
  const askValues =
    context?.kind === "value" &&
    context.field !== undefined &&
    !["enum", "bool", "number", "time"].includes(context.field.type);
  const prefix = context?.word.replace(/^"/, "").replace(/"$/, "") ?? "";
  const values = useQuery({
    queryKey: ["completion", context?.field?.name, prefix, range],
    queryFn: ({ signal }) => api.values("", range, [context!.field!.name], suggestionsMax, prefix, signal),
    enabled: askValues,
  });
  return useMemo(() => {
    if (!context) return [];
    const starting = (all: string[]) => {
      const word = prefix.toLowerCase();
      const first = all.filter((text) => text.toLowerCase().startsWith(word));
      const inside = all.filter((text) => word && !first.includes(text) && text.toLowerCase().includes(word));
      return [...first, ...inside].filter((text) => text !== context.word).slice(0, suggestionsMax);
    };
    if (context.kind === "field") return starting(fields.map((field) => field.name));
    if (context.kind === "operator") return starting(operators[context.field!.type]);
    if (context.kind === "joint") return starting(joints);
    if (!context.field) return [];
    if (context.field.type === "bool") return starting(["yes", "no"]);
    if (context.field.words) return starting(context.field.words);
    const found = values.data?.fields[0]?.values ?? [];
    return found.map((value) => quoted(value.value)).filter((text) => text !== '""');
  }, [context, fields, prefix, values.data]);
}

export function FilterBar({ query, fields, range, error, errorBegin, onQuery }: Props) {
  const [text, setText] = useState(query);
  const [caret, setCaret] = useState(0);
  const [open, setOpen] = useState(false);
  const [active, setActive] = useState(-1);
  const input = useRef<HTMLInputElement>(null);
  const list = useId();
  const byName = useMemo(() => new Map(fields.map((field) => [field.name, field])), [fields]);
  const context = useMemo(() => (open ? contextAt(text, caret, byName) : null), [open, text, caret, byName]);
  const suggestions = useSuggestions(context, fields, range);

  useEffect(() => setText(query), [query]);
  useEffect(() => {
    const focus = (event: globalThis.KeyboardEvent) => {
      const target = event.target as HTMLElement;
      if (event.key !== "/" || target.matches("input, textarea, select")) return;
      event.preventDefault();
      input.current?.focus();
    };
    window.addEventListener("keydown", focus);
    return () => window.removeEventListener("keydown", focus);
  }, []);

  const take = (suggestion: string) => {
    if (!context) return;
    const next = `${text.slice(0, context.start)}${suggestion} ${text.slice(caret).trimStart()}`;
    const place = context.start + suggestion.length + 1;
    setText(next);
    setActive(-1);
    requestAnimationFrame(() => {
      input.current?.setSelectionRange(place, place);
      setCaret(place);
    });
  };
  const run = () => {
    setOpen(false);
    onQuery(text.trim());
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const count = suggestions.length;
    if (event.key === "Enter") {
      event.preventDefault();
      if (open && active >= 0 && active < count) take(suggestions[active]!);
      else run();
    } else if (event.key === "Escape") {
      setOpen(false);
    } else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && count > 0) {
      event.preventDefault();
      setOpen(true);
      setActive((active + (event.key === "ArrowDown" ? 1 : active < 0 ? 0 : count - 1)) % count);
    } else if (event.key === "Tab" && open && active >= 0 && active < count) {
      event.preventDefault();
      take(suggestions[active]!);
    }
  };
  const shown = open && suggestions.length > 0;
  return (
    <div className="filter">
      <input
        ref={input}
        value={text}
        role="combobox"
        aria-label="Filter"
        aria-expanded={shown}
        aria-controls={list}
        aria-autocomplete="list"
        aria-activedescendant={shown && active >= 0 ? `${list}-${active}` : undefined}
        aria-invalid={error !== null}
        aria-describedby={error ? `${list}-error` : undefined}
        spellCheck={false}
        autoComplete="off"
        placeholder="Filter, e.g. app eq Dropbox and bypass_traffic eq yes   ( / )"
        onChange={(event) => {
          setText(event.target.value);
          setCaret(event.target.selectionStart ?? 0);
          setOpen(true);
          setActive(-1);
        }}
        onSelect={(event) => setCaret(event.currentTarget.selectionStart ?? 0)}
        onFocus={() => setOpen(true)}
        onBlur={() => setOpen(false)}
        onKeyDown={onKeyDown}
      />
      {text !== "" && (
        <button
          className="quiet clear"
          aria-label="Clear the filter"
          onClick={() => {
            setText("");
            onQuery("");
          }}
        >
          ✕
        </button>
      )}
      <ul id={list} role="listbox" className="suggestions" hidden={!shown} aria-label="Suggestions">
        {suggestions.map((suggestion, index) => (
          <li
            key={suggestion}
            id={`${list}-${index}`}
            role="option"
            aria-selected={index === active}
            onMouseDown={(event) => {
              event.preventDefault();
              take(suggestion);
            }}
          >
            <span>{suggestion}</span>
            <small>
              {context?.kind === "field" ? byName.get(suggestion)?.type.replace("_", " ") : context?.kind}
            </small>
          </li>
        ))}
      </ul>
      {error && <QueryProblem id={`${list}-error`} query={query} error={error} begin={errorBegin} />}
    </div>
  );
}

// The query again, with the place that is wrong marked. Offsets count bytes of UTF-8.
function QueryProblem({ id, query, error, begin }: { id: string; query: string; error: ApiError; begin: number }) {
  const bytes = new TextEncoder().encode(query);
  const decode = (from: number, to?: number) => new TextDecoder().decode(bytes.slice(from, to));
  const offset = error.offset === undefined ? undefined : Math.min(Math.max(error.offset - begin, 0), bytes.length);
  const end = (offset ?? 0) + Math.max(error.length ?? 0, 1);
  return (
    <div id={id} className="problem" role="alert">
      {offset !== undefined && (
        <code className="where">
          {decode(0, offset)}
          <mark>{decode(offset, end) || "␣"}</mark>
          {decode(end)}
        </code>
      )}
      <span>{sentence(error.message)}</span>
    </div>
  );
}
