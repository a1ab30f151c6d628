/** @file Which proxies are believed, and which pages are ours: scheme, host and port. */
import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { serverConfig } from '../../../server/config.ts';
import { Origins, trustedProxies } from '../../../server/http/origins.ts';

const asked = (remoteAddress: string, headers: Record<string, string>) =>
  ({ headers, socket: { remoteAddress } }) as unknown as IncomingMessage;
const here = '127.0.0.1';
const elsewhere = '203.0.113.7';
const host = 'study.example:8080';

describe('a page is ours', () => {
  it.each([
    ['without an Origin: a script', elsewhere, { host }, true],
    ['on the same host and port', elsewhere, { host, origin: 'http://study.example:8080' }, true],
    ['on another port', elsewhere, { host, origin: 'http://study.example:8081' }, false],
    ['on another host', elsewhere, { host, origin: 'http://evil.example:8080' }, false],
    ['with another scheme', elsewhere, { host, origin: 'https://study.example:8080' }, false],
    [
      'with TLS that a trusted proxy says',
      here,
      { host, origin: 'https://study.example:8080', 'x-forwarded-proto': 'https' },
      true,
    ],
    [
      'with TLS that nobody trusted says',
      elsewhere,
      { host, origin: 'https://study.example:8080', 'x-forwarded-proto': 'https' },
      false,
    ],
    [
      'without TLS where the proxy has it',
      here,
      { host, origin: 'http://study.example:8080', 'x-forwarded-proto': 'https, http' },
      false,
    ],
    [
      'on the scheme’s own port, said or not',
      elsewhere,
      { host: 'study.example', origin: 'http://study.example:80' },
      true,
    ],
    ['without an address', elsewhere, { host, origin: 'null' }, false],
    ['of a request without a host', elsewhere, { origin: 'http://study.example' }, false],
  ] as const)('%s', (_name, address, headers, expected) => {
    expect(new Origins(trustedProxies('loopback'), undefined).isOwnPage(asked(address, headers))).toBe(expected);
  });
  it('at the public address, with its scheme', () => {
    const origins = new Origins(trustedProxies(''), 'https://public.example');
    expect(origins.isOwnPage(asked(here, { host, origin: 'https://public.example' }))).toBe(true);
    expect(origins.isOwnPage(asked(here, { host, origin: 'http://public.example' }))).toBe(false);
    expect(origins.isOwnPage(asked(here, { host, origin: 'https://public.example.evil.example' }))).toBe(false);
  });
});

describe('an address is', () => {
  const spoofed = { 'x-forwarded-for': '9.9.9.9, 198.51.100.4' };
  it.each([
    ['the connection’s, whatever it says', 'loopback', elsewhere, elsewhere],
    ['what the trusted proxy saw, not what the browser told it', 'loopback', here, '198.51.100.4'],
    ['behind two trusted proxies the one before', '127.0.0.1, 198.51.100.0/24', here, '9.9.9.9'],
    ['the proxy’s when none is trusted', '', here, here],
  ])('%s', (_name, trust, remote, expected) => {
    expect(new Origins(trustedProxies(trust), undefined).addressOf(asked(remote, spoofed))).toBe(expected);
  });
  it('VISAVIS_TRUST_PROXY is read, and refused when it is no list of addresses', () => {
    const trusted = (value: string | undefined) =>
      serverConfig({}, value === undefined ? {} : { VISAVIS_TRUST_PROXY: value }).trustedProxies;
    expect(trusted(undefined)('127.0.0.1', 0)).toBe(true);
    expect(trusted(undefined)('10.1.2.3', 0)).toBe(false);
    expect(trusted('10.0.0.0/8')('10.1.2.3', 0)).toBe(true);
    expect(trusted('')('127.0.0.1', 0)).toBe(false);
    expect(() => trusted('everybody')).toThrow('VISAVIS_TRUST_PROXY is "everybody"; it must be addresses or subnets');
  });
});
