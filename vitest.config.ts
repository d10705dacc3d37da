import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: [],
    // processes, not threads: the suite opens real stores, kills real children and hashes with real memory
    pool: 'forks',
    // one more than the cores that it is meant for: many tests wait for clocks, processes and disks
    maxWorkers: 3,
    testTimeout: 20_000,
    hookTimeout: 30_000,
    teardownTimeout: 10_000,
  },
});
