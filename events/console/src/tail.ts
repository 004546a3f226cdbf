// The live tail: server-sent events over fetch, because EventSource cannot send the token's header. Comes back by
// itself, from the place it had reached, so that nothing is missed.
import { ApiError, PageEvent, request } from "./api";

export interface TailHandlers {
  onEvent: (record: PageEvent) => void;
  onSkipped: (count: number) => void;
  onState: (connected: boolean) => void;
  onRefused: (error: ApiError) => void; // it would be refused again: the tail has ended
}

const retryMs = 2_000;
const silenceMs = 35_000; // the store says at least every 10 s where it stands

export function startTail(query: string, handlers: TailHandlers): () => void {
  const stop = new AbortController();
  let lastId = "";
  const take = (block: string) => {
    let kind = "message";
    let data = "";
    for (const line of block.split("\n")) {
      if (line.startsWith("id: ")) lastId = line.slice(4);
      if (line.startsWith("event: ")) kind = line.slice(7);
      if (line.startsWith("data: ")) data += line.slice(6);
    }
    if (kind === "message" && data) handlers.onEvent(JSON.parse(data));
    if (kind === "skipped") handlers.onSkipped(Number(data));
  };
  // Until the stream ends, or has been silent for so long that nobody is there any more.
  const follow = async () => {
    const connection = new AbortController();
    const end = () => connection.abort();
    stop.signal.addEventListener("abort", end);
    let watch = setTimeout(end, silenceMs);
    try {
      const headers = lastId ? { "Last-Event-ID": lastId } : undefined;
      const parameters = new URLSearchParams({ query, include_open: "true" });
      const path = `/api/sluice/v1/events/tail?${parameters}`;
      const answer = await request(path, { headers, signal: connection.signal });
      handlers.onState(true);
      const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
      let rest = "";
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        clearTimeout(watch);
        watch = setTimeout(end, silenceMs);
        const blocks = (rest + value).split("\n\n");
        rest = blocks.pop()!;
        blocks.forEach(take);
      }
    } finally {
      clearTimeout(watch);
      stop.signal.removeEventListener("abort", end);
    }
  };
  const run = async () => {
    while (!stop.signal.aborted) {
      try {
        await follow();
      } catch (error) {
        if (error instanceof ApiError && error.status >= 400 && error.status < 500 && error.status !== 429) {
          return handlers.onRefused(error);
        }
      }
      handlers.onState(false);
      if (!stop.signal.aborted) await new Promise((resolve) => setTimeout(resolve, retryMs));
    }
  };
  void run();
  return () => stop.abort();
}
