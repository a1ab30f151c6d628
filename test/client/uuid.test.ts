/** @file Random UUIDs with and without the browser's own. */
import { afterEach, expect, it, vi } from 'vitest';
import { freshUuid } from '../../client/uuid.ts';

const version4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
afterEach(() => vi.unstubAllGlobals());

it('are of version 4 and differ, also on a page that came over plain HTTP', () => {
  const whole = globalThis.crypto;
  expect(freshUuid()).toMatch(version4);
  vi.stubGlobal('crypto', { getRandomValues: (bytes: Uint8Array<ArrayBuffer>) => whole.getRandomValues(bytes) });
  const made = Array.from({ length: 200 }, freshUuid);
  for (const uuid of made) expect(uuid).toMatch(version4);
  expect(new Set(made).size).toBe(200);
});
