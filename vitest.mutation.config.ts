import { defineConfig } from 'vitest/config';

/** For npm run mutate: tests in process alone. What runs the built program cannot notice a change of the sources. */
export default defineConfig({
  test: {
    include: ['test/{contract,db,evaluator,server}/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    env: { VISAVIS_NO_BUILD: '1' },
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
