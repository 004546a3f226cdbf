// Changes of a policy file as text: everything that a change does not touch, comments too, stays as it was written.
import { isMap, isScalar, isSeq, Pair, parseDocument, YAMLMap, YAMLSeq } from "yaml";

interface Edit {
  at: number;
  end: number;
  text: string;
}
type Item = { range?: [number, number, number] | null };

export const nameOf = (app: string) => `Block ${app}`;

export function domainsOf(text: string): string[] {
  const names = text.split(/[\s,]+/).map((name) => name.trim().toLowerCase());
  return [...new Set(names.filter(Boolean))];
}

const scalar = (text: string) =>
  /^[A-Za-z][\w .-]*$/.test(text) && !/^(yes|no|on|off|true|false|null)$/i.test(text) && !/[ .]$/.test(text)
    ? text
    : JSON.stringify(text);
const start = (item: unknown) => (item as Item).range![0];
const end = (item: unknown) => (item as Item).range![1];
const lineStart = (text: string, at: number) => text.lastIndexOf("\n", at - 1) + 1;
const lineEnd = (text: string, at: number) => {
  const found = text.indexOf("\n", at);
  return found < 0 ? text.length : found + 1;
};
// Behind the last character of a node, which for a block ends only where the next begins.
const trimmedEnd = (text: string, item: unknown) => start(item) + text.slice(start(item), end(item)).trimEnd().length;

const pairOf = (map: unknown, key: string): Pair | undefined =>
  isMap(map) ? (map as YAMLMap).items.find((pair) => isScalar(pair.key) && pair.key.value === key) : undefined;
const valueOf = (map: unknown, key: string) => pairOf(map, key)?.value;
const wordOf = (map: unknown, key: string) => {
  const value = valueOf(map, key);
  return isScalar(value) ? String(value.value) : "";
};
const itemsOf = (seq: unknown): unknown[] => (isSeq(seq) ? (seq as YAMLSeq).items : []);

// Takes one item out of a list; the last one takes its list along.
function without(text: string, pair: Pair, item: unknown): Edit {
  const items = itemsOf(pair.value);
  if ((pair.value as YAMLSeq).flow) {
    const index = items.indexOf(item);
    if (index + 1 < items.length) return { at: start(item), end: start(items[index + 1]), text: "" };
    return { at: index > 0 ? end(items[index - 1]) : start(item), end: end(item), text: "" };
  }
  const from = items.length === 1 ? start(pair.key) : start(item);
  return { at: lineStart(text, from), end: lineEnd(text, trimmedEnd(text, item)), text: "" };
}

// Puts an entry first into the list `key` of the file, since the first rule that matches wins.
function first(text: string, root: unknown, key: string, entry: string): Edit {
  const pair = pairOf(root, key);
  const items = itemsOf(pair?.value);
  if (pair && isSeq(pair.value) && (pair.value as YAMLSeq).flow) {
    const at = start(pair.value) + 1;
    return { at, end: at, text: items.length > 0 ? `${entry}, ` : entry };
  }
  if (pair && items.length > 0) {
    const line = lineStart(text, start(items[0]));
    const indent = /^[ ]*/.exec(text.slice(line))![0];
    return { at: line, end: line, text: `${indent}- ${entry}\n` };
  }
  if (pair) {
    const at = text.indexOf(":", end(pair.key)) + 1;
    return { at, end: at, text: ` [${entry}]` };
  }
  const newline = text === "" || text.endsWith("\n") ? "" : "\n";
  return { at: text.length, end: text.length, text: `${newline}${key}:\n- ${entry}\n` };
}

// The file with an application blocked: no exception lets it pass, it is not decrypted, and a rule blocks its names.
// Throws what is wrong with the file.
export function withAppBlocked(text: string, app: string, domains: string[], alsoAdd: boolean): string {
  const document = parseDocument(text);
  if (document.errors.length > 0) throw document.errors[0]!;
  const root = document.contents;
  const edits: Edit[] = [];
  for (const configuration of itemsOf(valueOf(root, "steering_configurations"))) {
    const pair = pairOf(configuration, "exceptions");
    for (const exception of itemsOf(pair?.value)) {
      const pinned = wordOf(valueOf(exception, "certificate_pinned_app"), "app");
      if (pinned.toLowerCase() === app.toLowerCase()) edits.push(without(text, pair!, exception));
    }
  }
  if (alsoAdd) {
    const list = `${app
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, "-")
      .replace(/^-|-$/g, "")}-urls`;
    const names = `[${domains.map(scalar).join(", ")}]`;
    const category = `${app} traffic`;
    const entries: [string, string, string][] = [
      ["ssl_decryption_policies", `Do not decrypt ${app}`, `match: {domains: ${names}}, action: do_not_decrypt`],
      ["url_lists", list, `urls: ${names}`],
      ["custom_categories", category, `include_url_lists: [${scalar(list)}]`],
      ["realtime_policies", nameOf(app), `match: {categories: [${scalar(category)}]}, action: block`],
    ];
    for (const [key, name, rest] of entries) {
      const before = itemsOf(valueOf(root, key)).find((item) => wordOf(item, "name") === name);
      const entry = `{name: ${scalar(name)}, ${rest}}`;
      if (before) edits.push({ at: start(before), end: trimmedEnd(text, before), text: entry });
      else edits.push(first(text, root, key, entry));
    }
  }
  // From the end, so that places stay true; what is appended stays in its order.
  return edits
    .map((edit, index) => ({ ...edit, index }))
    .sort((a, b) => b.at - a.at || b.index - a.index)
    .reduce((all, edit) => all.slice(0, edit.at) + edit.text + all.slice(edit.end), text);
}
