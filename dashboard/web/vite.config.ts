import { defineConfig } from 'vite'

// What is built here is committed, so it must come out the same everywhere:
// hashed names, no source maps, nothing inlined.
export default defineConfig({
  html: { cspNonce: '__NONCE__' },
  build: {
    target: 'es2022',
    sourcemap: false,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 900,
    reportCompressedSize: false,
    // Radix marks its modules for React's servers, of which there is none here.
    rolldownOptions: { onwarn: (w, warn) => (w.code === 'MODULE_LEVEL_DIRECTIVE' ? undefined : warn(w)) },
  },
  server: {
    // `npm run dev` beside a gateway whose dashboard listens here.
    proxy: { '/api': 'http://localhost:8484' },
  },
})
