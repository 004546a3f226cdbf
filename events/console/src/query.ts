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

// Both hold. Mixing `and` with `or` needs parentheses.
export function both(query: string, condition: string): string {
  const text = query.trim();
  if (!text) return condition;
  if (text.includes(condition)) return text;
  return /\bor\b/i.test(text) ? `(${text}) and ${condition}` : `${text} and ${condition}`;
}

// A click on a facet: once narrows, again takes it back.
export function toggled(query: string, condition: string): string {
  const parts = query.split(/\s+and\s+/i);
  if (!/[()]/.test(query) && parts.includes(condition))
    return parts.filter((part) => part !== condition).join(" and ");
  return both(query, condition);
}
