/** @file Which store VISAVIS_STORE means. */
import { resolve } from 'node:path';
import { FolderStore } from './folder-store.ts';
import { StoreError, type ObjectStore } from './object-store.ts';
import { S3Store } from './s3-store.ts';

/**
 * @param location a folder, or s3://BUCKET[/PREFIX][?region=…&endpoint=…]; keys come from the environment, as Amazon's own
 * tools take them
 * @throws StoreError when it is neither, or a key is missing
 */
export function openStore(location: string, env: NodeJS.ProcessEnv = process.env): ObjectStore {
  if (!/^[a-z0-9+.-]+:\/\//i.test(location)) return new FolderStore(resolve(location));
  if (!/^s3:\/\/[a-z0-9]/.test(location) || !URL.canParse(location))
    throw new StoreError(`"${location}" is no store; it must be a folder or s3://BUCKET/PREFIX.`);
  const url = new URL(location);
  for (const name of url.searchParams.keys())
    if (name !== 'region' && name !== 'endpoint')
      throw new StoreError(`A store's address has region and endpoint, not "${name}".`);
  const endpoint =
    url.searchParams.get('endpoint') || env['AWS_ENDPOINT_URL_S3'] || env['AWS_ENDPOINT_URL'] || undefined;
  if (endpoint !== undefined && !/^https?:\/\//.test(endpoint))
    throw new StoreError(`The endpoint of ${location} must begin with https:// or http://.`);
  const [accessKeyId, secretAccessKey] = [env['AWS_ACCESS_KEY_ID'], env['AWS_SECRET_ACCESS_KEY']];
  if (!accessKeyId || !secretAccessKey)
    throw new StoreError(`s3://${url.host} needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment.`);
  return new S3Store({
    bucket: url.host,
    prefix: decodeURIComponent(url.pathname).replace(/^\/+|\/+$/g, ''),
    endpoint,
    region: url.searchParams.get('region') || env['AWS_REGION'] || env['AWS_DEFAULT_REGION'] || 'us-east-1',
    accessKeyId,
    secretAccessKey,
    sessionToken: env['AWS_SESSION_TOKEN'] || undefined,
  });
}

/** What machines that share a store call alike: a folder may be mounted anywhere. */
export function storeName(store: ObjectStore | undefined): string {
  if (store === undefined) return 'the data directory';
  return store instanceof FolderStore ? 'a shared folder' : store.location;
}

/** The store that images, networks and adapters are shared through; undefined when the data directory holds them alone. */
export function sharedStore(env: NodeJS.ProcessEnv = process.env): ObjectStore | undefined {
  const location = env['VISAVIS_STORE'] || undefined;
  return location === undefined ? undefined : openStore(location, env);
}
