// The event store's HTTP interface. The token stands in the tab's session only, and goes out in a header only.

export interface PageEvent {
  _id?: string;
  record_type: string;
  timestamp: number;
  timestamp_ms: number;
  [field: string]: string | number | string[] | undefined;
}
export interface Stored {
  offset: number;
  record: PageEvent;
}
export interface SearchPage {
  records: Stored[];
  next_page_token: string;
  partial: boolean;
}
export interface Series {
  key: string;
  counts: number[];
  bytes: number[];
}
export interface Histogram {
  first_bucket: number;
  bucket_ms: number;
  buckets: number;
  series: Series[];
  partial: boolean;
}
export interface FieldValue {
  value: string;
  count: number;
  bytes: number;
}
export interface FieldCounts {
  field: string;
  values: FieldValue[];
  values_total: number;
}
export interface FieldValues {
  fields: FieldCounts[];
  partial: boolean;
}
export interface Groups {
  groups: { keys: string[]; values: number[] }[];
  groups_total: number;
  partial: boolean;
}
export interface FieldInfo {
  name: string;
  type: "text" | "text_list" | "number" | "bool" | "enum" | "address" | "time";
  page_event: boolean;
  words?: string[];
}
export interface Producer {
  producer_id: string;
  observed_by: string;
  last_seen: number;
  open_events: number;
}
export interface Stats {
  final_events: number;
  open_events: number;
  gaps: number;
  dead_letters: number;
  disk_bytes: number;
  last_offset: number;
  oldest_timestamp: number;
  newest_timestamp: number;
  producers: Producer[];
}
export interface SavedQuery {
  id: string;
  name: string;
  query: string;
  range: string;
  columns: string[];
}
export interface ExportJob {
  id: string;
  state: "waiting" | "running" | "done" | "failed";
  records: number;
  bytes: number;
  error?: string;
}

export interface ClientStatus {
  device_id: string;
  user: string;
  hostname: string;
  device_os: string;
  client_version: string;
  steering_configuration: string;
  sent_version: string;
  applied_version: string;
  error: string;
  connected: boolean;
  last_seen: number;
}
export interface PopStatus {
  name: string;
  program_version: string;
  start_time: number;
  draining: boolean;
  open_flows: number;
  policy_version: string;
  policy_number: number;
  timed_bypasses: number;
  unacknowledged_records: number;
  spool_bytes: number;
  spool_bytes_max: number;
  clients: ClientStatus[];
}
export interface Pop {
  name: string;
  error?: string;
  status?: PopStatus;
}
export interface PolicySource {
  files: { name: string; text: string }[];
}
export interface PolicyVersion {
  number: number;
  time: number;
  actor: string;
  reason: string;
  sha256: string;
}
export interface FlowQuestion {
  host: string;
  port: number;
  user: string;
  process: string;
  layer: string;
}

export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly offset?: number,
    readonly length?: number,
  ) {
    super(message);
  }
}

// Whether nobody answered, or only somebody in front of the store.
export function isUnreachable(error: unknown): boolean {
  return error instanceof ApiError && (error.status === 0 || (error.status >= 502 && error.status <= 504));
}

const tokenKey = "sluice.token";

// `#token=...` is how quickstart hands a token over: a fragment never reaches a server or its log.
export function takeTokenFromAddress() {
  const match = /^#token=([\w.-]+)$/.exec(location.hash);
  if (!match) return;
  setToken(match[1]!);
  history.replaceState(null, "", location.pathname + location.search);
}
export function setToken(token: string) {
  if (token) sessionStorage.setItem(tokenKey, token);
  else sessionStorage.removeItem(tokenKey);
}
export function hasToken() {
  return sessionStorage.getItem(tokenKey) !== null;
}

export async function request(path: string, options: RequestInit = {}): Promise<Response> {
  const headers = new Headers(options.headers);
  const token = sessionStorage.getItem(tokenKey);
  if (token) headers.set("Authorization", `Bearer ${token}`);
  let answer: Response;
  try {
    answer = await fetch(path, { ...options, headers });
  } catch (problem) {
    if (options.signal?.aborted) throw problem;
    throw new ApiError(0, "The event store does not answer.");
  }
  if (answer.ok) return answer;
  const body = await answer.json().catch(() => null);
  const error = body?.error;
  if (answer.status === 401) window.dispatchEvent(new Event("sluice-unauthorized"));
  throw new ApiError(
    answer.status,
    error?.message ?? `The store answered ${answer.status}.`,
    error?.offset,
    error?.length,
  );
}

async function post<T>(path: string, body: object, signal?: AbortSignal): Promise<T> {
  const answer = await request(`/api/sluice/v1${path}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
    signal,
  });
  return answer.json();
}
async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await request(`/api/sluice/v1${path}`, { signal })).json();
}

export interface Range {
  start_time: number;
  end_time: number; // 0: now
}
export type View = "VIEW_PRIMARY" | "VIEW_ALL";

export interface Who {
  name: string;
  scopes: string[];
  store: string;
}
// The scope admin has all others in it.
export const may = (who: Who, scope: string) => who.scopes.includes(scope) || who.scopes.includes("admin");

export const api = {
  who: () => get<Who>("/who"),
  stats: () => get<Stats>("/stats"),
  fields: async () => (await get<{ fields: FieldInfo[] }>("/fields")).fields,
  search: (query: string, range: Range, pageToken: string, signal?: AbortSignal, view: View = "VIEW_PRIMARY") =>
    post<SearchPage>("/events/search", { query, ...range, page_size: 200, page_token: pageToken, view }, signal),
  histogram: (query: string, range: Range, stackBy: string, signal?: AbortSignal) =>
    post<Histogram>("/events/histogram", { query, ...range, stack_by: stackBy }, signal),
  values: (query: string, range: Range, fields: string[], limit: number, prefix = "", signal?: AbortSignal) =>
    post<FieldValues>("/events/values", { query, ...range, fields, limit, prefix }, signal),
  aggregate: (
    query: string,
    range: Range,
    groupBy: string[],
    metrics: object[],
    limit: number,
    signal?: AbortSignal,
  ) => post<Groups>("/events/aggregate", { query, ...range, group_by: groupBy, metrics, limit }, signal),
  savedQueries: async () => (await get<{ queries: SavedQuery[] }>("/queries")).queries,
  saveQuery: (saved: Omit<SavedQuery, "id">) => post<SavedQuery>("/queries", saved),
  eraseQuery: (id: string) => request(`/api/sluice/v1/queries/${id}`, { method: "DELETE" }),
  pops: async () => (await get<{ pops: Pop[] }>("/pops")).pops,
  policy: (pop: string) => get<PolicySource>(`/policy?pop=${encodeURIComponent(pop)}`),
  policyHistory: (pop: string) =>
    get<{ versions: PolicyVersion[]; active: number }>(`/policy/history?pop=${encodeURIComponent(pop)}`),
  checkPolicy: (pop: string, source?: PolicySource, flow?: FlowQuestion) =>
    post<{ warnings: string[]; explanation: string }>(`/policy/check?pop=${encodeURIComponent(pop)}`, {
      source,
      flow,
    }),
  applyPolicy: (pop: string, source: PolicySource, reason: string) =>
    post<{ version: PolicyVersion; warnings: string[] }>(`/policy?pop=${encodeURIComponent(pop)}`, {
      source,
      reason,
    }),
  rollbackPolicy: (pop: string, number: number, reason: string) =>
    post<{ version: PolicyVersion }>(`/policy/rollback?pop=${encodeURIComponent(pop)}`, { number, reason }),
  startExport: (body: object) => post<ExportJob>("/exports", body),
  exportJob: (id: string) => get<ExportJob>(`/exports/${id}`),
};
