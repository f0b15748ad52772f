// Builds the page into the observer's package. Nothing here is needed to run the observer.
import { defineConfig } from 'vite'

export default defineConfig({
  base: './', // all paths are relative, so that a proxy may serve the page under any prefix
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: '../src/observer/web/dist',
    emptyOutDir: true,
    target: 'es2023',
    assetsInlineLimit: 0, // the content security policy allows no data: URLs
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: { proxy: { '/api': 'http://127.0.0.1:8686' } },
})
