import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app";
import { ApiError, takeTokenFromAddress } from "./api";
import { applyTheme, storedTheme } from "./theme";
import "uplot/dist/uPlot.min.css";
import "./style.css";
import "./layout.css";

applyTheme(storedTheme());
takeTokenFromAddress();

const client = new QueryClient({
  defaultOptions: {
    queries: {
      networkMode: "always", // a store on this machine answers without any network
      staleTime: 5_000,
      refetchOnWindowFocus: false,
      // What is wrong with a request stays wrong; a busy store may answer the next time.
      retry: (count, error) => count < 2 && error instanceof ApiError && error.status >= 500,
    },
    mutations: { networkMode: "always" },
  },
});

createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <QueryClientProvider client={client}>
      <App />
    </QueryClientProvider>
  </StrictMode>,
);
