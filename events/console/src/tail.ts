// The live tail: server-sent events over fetch, because EventSource cannot send the token's header. Comes back by
// itself, from the event it saw last, so that nothing is missed.
import { PageEvent, request } from "./api";

export interface TailHandlers {
  onEvent: (record: PageEvent) => void;
  onSkipped: (count: number) => void;
  onState: (connected: boolean) => void;
}

const retryMs = 2_000;

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
  const run = async () => {
    while (!stop.signal.aborted) {
      try {
        const headers = lastId ? { "Last-Event-ID": lastId } : undefined;
        const parameters = new URLSearchParams({ query, include_open: "true" });
        const answer = await request(`/api/sluice/v1/events/tail?${parameters}`, { headers, signal: stop.signal });
        handlers.onState(true);
        const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
        let rest = "";
        for (;;) {
          const { done, value } = await reader.read();
          if (done) break;
          const blocks = (rest + value).split("\n\n");
          rest = blocks.pop()!;
          blocks.forEach(take);
        }
      } catch {
        // Told by the state; the next try follows.
      }
      handlers.onState(false);
      if (!stop.signal.aborted) await new Promise((resolve) => setTimeout(resolve, retryMs));
    }
  };
  void run();
  return () => stop.abort();
}
