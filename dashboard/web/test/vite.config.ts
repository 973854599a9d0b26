import { defineConfig } from 'vite'
import { readdirSync } from 'node:fs'

// The tests as files for Node's own test runner.
export default defineConfig({
  build: {
    ssr: true,
    target: 'node20',
    rolldownOptions: {
      input: readdirSync('test').filter((f) => f.endsWith('.test.ts')).map((f) => `test/${f}`),
      output: { entryFileNames: '[name].mjs' },
    },
  },
})
