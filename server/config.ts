/** @file What the server is started with. Flags win over the environment. */
import { ArgumentError } from '../evaluator/statistics/argument-error.ts';
import { resolve } from 'node:path';
import { trustedProxies, type TrustedProxies } from './http/origins.ts';
import type { ProlificConfig } from './prolific/account.ts';
import type { OpenIdConfig } from './http/openid.ts';
import type { UploadLimits } from './http/upload.ts';
import type { LeaseTimes } from './study/assignments.ts';

export interface ServerConfig {
  dataFolder: string;
  host: string;
  port: number;
  leases: LeaseTimes;
  /** The address in links; differs from host and port behind a proxy. VISAVIS_PUBLIC_URL. */
  publicUrl: string | undefined;
  /** Whose X-Forwarded-… headers are believed. VISAVIS_TRUST_PROXY; a proxy on this machine. */
  trustedProxies: TrustedProxies;
  logLevel: string;
  /** The only folder whose files a request over HTTP may name. VISAVIS_INBOX; inbox/ in the data directory. */
  inbox: string;
  upload: UploadLimits;
  /** False with VISAVIS_WORKER=off: prescreens wait for a visavis worker that somebody else starts. */
  startsWorkers: boolean;
  /** People whom a study does not know yet that may join it from one address within an hour. VISAVIS_NEW_ANNOTATORS_PER_HOUR. */
  newAnnotatorsPerHour: number;
  /** VISAVIS_OPENID_ISSUER, _CLIENT_ID, _CLIENT_SECRET, _LABEL, _ROLE; undefined without the first. */
  openid: OpenIdConfig | undefined;
  /** VISAVIS_PROLIFIC_TOKEN, VISAVIS_PROLIFIC_URL. */
  prolific: ProlificConfig;
  /** Where the key is with which secrets of others' services are sealed. VISAVIS_KEY_FILE; secrets.key in the data directory. */
  keyFile: string;
  /** The key itself, for servers that share no folder. VISAVIS_KEY. */
  key: Buffer | undefined;
  /** Whether the database and the images are looked after while it runs. */
  checksFiles: boolean;
}

export const defaultPort = 8080;
export const defaultHost = '127.0.0.1';

export function dataFolderOf(flag: string | undefined, env: NodeJS.ProcessEnv = process.env): string {
  // An empty variable, as .env files leave them, is no variable.
  return resolve(flag ?? (env['VISAVIS_DATA'] || 'visavis-data'));
}

/** The database's location: DATABASE_URL, or the SQLite file in the data directory. */
export function databaseLocation(dataFolder: string, env: NodeJS.ProcessEnv = process.env): string {
  const url = env['DATABASE_URL'] || undefined;
  if (url !== undefined && !/^postgres(ql)?:\/\//.test(url)) {
    throw new ArgumentError('DATABASE_URL must begin with postgres://; leave it out for SQLite in the data directory.');
  }
  return url ?? resolve(dataFolder, 'visavis.db');
}

export function serverConfig(
  flags: { data?: string | undefined; host?: string | undefined; port?: number | undefined },
  env: NodeJS.ProcessEnv = process.env,
): ServerConfig {
  return {
    dataFolder: dataFolderOf(flags.data, env),
    host: flags.host ?? defaultHost,
    port: flags.port ?? defaultPort,
    leases: {
      leaseMs: seconds(env, 'VISAVIS_LEASE_SECONDS', 15 * 60),
      graceMs: seconds(env, 'VISAVIS_GRACE_SECONDS', 60),
      newcomerMs: 60_000,
    },
    publicUrl: env['VISAVIS_PUBLIC_URL']?.replace(/\/$/, '') || undefined,
    trustedProxies: proxies(env['VISAVIS_TRUST_PROXY'] ?? 'loopback'),
    logLevel: env['VISAVIS_LOG'] ?? 'warn',
    inbox: resolve(env['VISAVIS_INBOX'] || resolve(dataFolderOf(flags.data, env), 'inbox')),
    upload: {
      files: 10_000,
      fileBytes: megabytes(env, 'VISAVIS_UPLOAD_FILE_MB', 32),
      totalBytes: megabytes(env, 'VISAVIS_UPLOAD_MB', 4096),
    },
    startsWorkers: env['VISAVIS_WORKER'] !== 'off',
    newAnnotatorsPerHour: count(env, 'VISAVIS_NEW_ANNOTATORS_PER_HOUR', 1000),
    openid: openIdConfig(env),
    prolific: prolificConfig(env),
    keyFile: resolve(env['VISAVIS_KEY_FILE'] || resolve(dataFolderOf(flags.data, env), 'secrets.key')),
    key: sealingKey(env['VISAVIS_KEY'] || undefined),
    checksFiles: true,
  };
}

/** Where browsers find the server; an IPv6 address stands in brackets. */
export function addressOf({ publicUrl, host, port }: Pick<ServerConfig, 'publicUrl' | 'host' | 'port'>): string {
  return publicUrl ?? `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

function openIdConfig(env: NodeJS.ProcessEnv): OpenIdConfig | undefined {
  const issuer = env['VISAVIS_OPENID_ISSUER'] || undefined;
  const [clientId, clientSecret] = [env['VISAVIS_OPENID_CLIENT_ID'], env['VISAVIS_OPENID_CLIENT_SECRET']];
  const newcomers = env['VISAVIS_OPENID_ROLE'] || undefined;
  if (issuer === undefined) return undefined;
  if (!URL.canParse(issuer))
    throw new ArgumentError(`VISAVIS_OPENID_ISSUER is "${issuer}"; it must be the address of an OpenID provider.`);
  if (!clientId || !clientSecret)
    throw new ArgumentError(
      'VISAVIS_OPENID_ISSUER needs VISAVIS_OPENID_CLIENT_ID and VISAVIS_OPENID_CLIENT_SECRET, which the provider gives.',
    );
  if (newcomers !== undefined && newcomers !== 'viewer' && newcomers !== 'researcher')
    throw new ArgumentError(
      `VISAVIS_OPENID_ROLE is "${newcomers}"; it must be viewer or researcher. Without it people need an account first.`,
    );
  const label = env['VISAVIS_OPENID_LABEL'] || new URL(issuer).hostname;
  return { issuer, clientId, clientSecret, label, newcomers };
}

function prolificConfig(env: NodeJS.ProcessEnv): ProlificConfig {
  const url = env['VISAVIS_PROLIFIC_URL'] || 'https://api.prolific.com';
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw new ArgumentError(`VISAVIS_PROLIFIC_URL is "${url}"; it must be the address of Prolific's API.`);
  return { url, token: env['VISAVIS_PROLIFIC_TOKEN'] || undefined };
}

function sealingKey(text: string | undefined): Buffer | undefined {
  if (text === undefined) return undefined;
  if (!/^[0-9a-f]{64}$/i.test(text)) throw new ArgumentError('VISAVIS_KEY must be 64 hexadecimal digits.');
  return Buffer.from(text, 'hex');
}

function proxies(list: string): TrustedProxies {
  try {
    return trustedProxies(list);
  } catch {
    throw new ArgumentError(
      `VISAVIS_TRUST_PROXY is "${list}"; it must be addresses or subnets with commas between them, loopback, linklocal or uniquelocal.`,
    );
  }
}

function megabytes(env: NodeJS.ProcessEnv, name: string, fallback: number): number {
  const value = Number(env[name] || fallback);
  if (!(value > 0)) throw new ArgumentError(`${name} is "${env[name] ?? ''}"; it must be a number of MiB above 0.`);
  return value * 2 ** 20;
}

function count(env: NodeJS.ProcessEnv, name: string, fallback: number): number {
  const value = Number(env[name] || fallback);
  if (!Number.isInteger(value) || value < 1)
    throw new ArgumentError(`${name} is "${env[name] ?? ''}"; it must be a whole number above 0.`);
  return value;
}

function seconds(env: NodeJS.ProcessEnv, name: string, fallback: number): number {
  const text = env[name];
  if (text === undefined) return fallback * 1000;
  const value = Number(text);
  if (!(value > 0)) throw new ArgumentError(`${name} is "${text}"; it must be a number of seconds above 0.`);
  return value * 1000;
}
