// The difference of two texts by lines: the shortest edit script, after E. W. Myers, "An O(ND) Difference Algorithm".

export interface DiffLine {
  sign: " " | "+" | "-" | "@";
  text: string;
}
const contextLines = 3;
const editsMax = 2_000;

function shortestEdit(a: string[], b: string[]): Map<number, number>[] | null {
  const trace: Map<number, number>[] = [];
  let reach = new Map<number, number>([[1, 0]]);
  for (let d = 0; d <= Math.min(a.length + b.length, editsMax); ++d) {
    trace.push(new Map(reach));
    for (let k = -d; k <= d; k += 2) {
      const down = k === -d || (k !== d && (reach.get(k - 1) ?? -1) < (reach.get(k + 1) ?? -1));
      let x = down ? (reach.get(k + 1) ?? 0) : (reach.get(k - 1) ?? 0) + 1;
      while (x < a.length && x - k < b.length && a[x] === b[x - k]) ++x;
      reach.set(k, x);
      if (x >= a.length && x - k >= b.length) return trace;
    }
  }
  return null;
}

// All lines with their signs.
function fullDiff(a: string[], b: string[]): DiffLine[] {
  const trace = shortestEdit(a, b);
  if (!trace) {
    return [...a.map((text): DiffLine => ({ sign: "-", text })), ...b.map((text): DiffLine => ({ sign: "+", text }))];
  }
  const lines: DiffLine[] = [];
  let x = a.length;
  let y = b.length;
  for (let d = trace.length - 1; d >= 0; --d) {
    const reach = trace[d]!;
    const k = x - y;
    const down = k === -d || (k !== d && (reach.get(k - 1) ?? -1) < (reach.get(k + 1) ?? -1));
    const fromK = down ? k + 1 : k - 1;
    const fromX = d === 0 ? 0 : (reach.get(fromK) ?? 0);
    const fromY = d === 0 ? 0 : fromX - fromK;
    while (x > fromX && y > fromY) {
      lines.push({ sign: " ", text: a[--x]! });
      --y;
    }
    if (d === 0) break;
    if (down) lines.push({ sign: "+", text: b[--y]! });
    else lines.push({ sign: "-", text: a[--x]! });
  }
  return lines.reverse();
}

// Only what changes, with a few lines around it; nothing of texts that are the same.
export function lineDiff(from: string, to: string): DiffLine[] {
  const all = fullDiff(from.replace(/\n$/, "").split("\n"), to.replace(/\n$/, "").split("\n"));
  const near = all.map((_, i) =>
    all.slice(Math.max(0, i - contextLines), i + contextLines + 1).some((line) => line.sign !== " "),
  );
  const lines: DiffLine[] = [];
  all.forEach((line, i) => {
    if (near[i]) lines.push(line);
    else if (near[i - 1] && near.indexOf(true, i) > 0) lines.push({ sign: "@", text: "…" });
  });
  return lines;
}
