import { defineConfig } from 'vitest/config';

/** For npm run mutate: tests in process alone. What runs the built program cannot notice a change of the sources. */
export default defineConfig({
  test: {
    include: JSON.parse(process.env['VISAVIS_MUTATION_TESTS'] ?? '["test/evaluator/**/*.test.ts"]') as string[],
    globalSetup: ['test/support/global-setup.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
