import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// Everything comes from our own files: no inline script or style, no data in addresses, so that the strictest content
// security policy holds. The place of the result is the builder's (events/console/CMakeLists.txt).
export default defineConfig({
  plugins: [react()],
  build: {
    outDir: process.env.SLUICE_CONSOLE_OUT ?? "dist",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: "es2020",
  },
  server: { proxy: { "/api": process.env.SLUICE_API ?? "http://127.0.0.1:8447" } },
});
