// Building queries in the store's language.

export function quoted(value: string): string {
  const escaped = value
    .replace(/[\\"]/g, (c) => `\\${c}`)
    .replace(/\n/g, "\\n")
    .replace(/\r/g, "\\r")
    .replace(/\t/g, "\\t");
  return /^[\w.@-]+$/.test(value) && !/^(and|or|not|from|to|in|like|exists|eq|ne)$/i.test(value)
    ? value
    : `"${escaped}"`;
}

export function comparison(field: string, value: string, include: boolean): string {
  if (value === "") return include ? `not ${field} exists` : `${field} exists`;
  return `${field} ${include ? "eq" : "ne"} ${quoted(value)}`;
}

// The conditions that a query demands all of; null where `or` joins some of them. Words in quotes and inside
// parentheses are left alone.
export function conditionsOf(query: string): string[] | null {
  const parts: string[] = [];
  let depth = 0;
  let from = 0;
  for (const token of query.matchAll(/"(?:[^"\\]|\\.)*"?|[()]|[^\s()"]+/g)) {
    const text = token[0];
    if (text === "(") ++depth;
    else if (text === ")") --depth;
    else if (depth === 0 && /^or$/i.test(text)) return null;
    else if (depth === 0 && /^and$/i.test(text)) {
      parts.push(query.slice(from, token.index).trim());
      from = token.index + text.length;
    }
  }
  return [...parts, query.slice(from).trim()].filter(Boolean);
}

export function demands(query: string, condition: string): boolean {
  return conditionsOf(query)?.includes(condition) ?? false;
}

// Both hold. Mixing `and` with `or` needs parentheses.
export function both(query: string, condition: string): string {
  const text = query.trim();
  if (!text) return condition;
  const parts = conditionsOf(text);
  if (!parts) return `(${text}) and ${condition}`;
  return parts.includes(condition) ? text : `${text} and ${condition}`;
}

// A click on a facet: once narrows, again takes it back.
export function toggled(query: string, condition: string): string {
  const parts = conditionsOf(query);
  if (!parts?.includes(condition)) return both(query, condition);
  return parts.filter((part) => part !== condition).join(" and ");
}

// A query together with a condition that the page adds; where in the sum the query begins, for errors that point.
export function withBase(base: string, query: string): { query: string; begin: number } {
  if (!base) return { query, begin: 0 };
  if (!query) return { query: base, begin: 0 };
  const before = `${base} and (`;
  return { query: `${before}${query})`, begin: before.length };
}
