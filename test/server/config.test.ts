/** @file Where browsers find the server. */
import { expect, it } from 'vitest';
import { addressOf } from '../../server/config.ts';

it.each([
  [{ publicUrl: undefined, host: '127.0.0.1', port: 8080 }, 'http://127.0.0.1:8080'],
  // RFC 3986, 3.2.2: an IPv6 address stands in brackets.
  [{ publicUrl: undefined, host: '::1', port: 80 }, 'http://[::1]:80'],
  [{ publicUrl: 'https://study.example.org', host: '::1', port: 80 }, 'https://study.example.org'],
])('%j is at %s', (config, address) => {
  expect(addressOf(config)).toBe(address);
});
