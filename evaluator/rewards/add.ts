/** @file A reward network's folder, or the address of a program, becomes a reward that renders can be scored with. */
import { createHash, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Database } from '../../db/open.ts';
import { findReward, insertReward, replaceNetwork } from '../../db/queries/rewards.ts';
import { BadInput } from '../engine/files/bad-input.ts';
import { askReward, hashOfReward, type HttpReward } from './http-scorer.ts';
import { readNetworkFolder, type RewardNetwork } from './network-folder.ts';
import { sourceOf } from './reward.ts';
import { RewardScorer } from './reward-scorer.ts';
import { firstChanged, hashFile, type HashedFile } from '../engine/files/hashes.ts';

/** What the reward's row keeps. */
export type RewardSettings = NetworkSettings | HttpReward;

export interface NetworkSettings {
  network: RewardNetwork;
  files: HashedFile[];
  /** exp(logit_scale), 1 for a scorer without one. */
  logitScale: number;
  /** 0 for a scorer without one; absent in rows of earlier versions, which had none. */
  logitBias?: number;
  /** Names of the towers' embedding caches. */
  visionKey: string;
  textKey: string;
}

export const isHttp = (settings: RewardSettings): settings is HttpReward => 'url' in settings;

/**
 * Reads the network and tries that it loads, or asks the program for its version. A name that exists gets the new network: scores of the old one are kept, and
 * never mix with the new one's.
 * @throws BadInput when the folder is no network of this kind, the program does not answer, or the name belongs to a reward of another kind
 */
export async function addReward(
  db: Database,
  { name, kind, network, url }: { name: string; kind: string; network?: string | undefined; url?: string | undefined },
  now = Date.now(),
): Promise<{ settings: RewardSettings; replaced: boolean }> {
  const source = sourceOf({ kind, network, url });
  const settings = 'url' in source ? await askReward(source.url, source) : await readSettings(source.network, kind);
  const sha256 = isHttp(settings) ? hashOfReward(settings) : digest(settings.files);
  const existing = await findReward(db, name);
  if (existing === undefined) {
    const row = { id: randomUUID(), name, kind, settings, networkSha256: sha256 };
    await insertReward(db, { ...row, createdAt: now });
    return { settings, replaced: false };
  }
  if (existing.kind !== kind)
    throw new BadInput(`The reward "${name}" is of kind ${existing.kind}; choose another name for ${kind}.`);
  await replaceNetwork(db, existing.id, { settings, networkSha256: sha256 });
  return { settings, replaced: existing.networkSha256 !== sha256 };
}

async function readSettings(folder: string, kind: string): Promise<NetworkSettings> {
  const network = await readNetworkFolder(folder, kind);
  const files = await Promise.all(network.files.map((file) => hashFile(join(network.folder, file), file)));
  const scorer = new RewardScorer(network, { device: { kind: 'cpu' } });
  try {
    const { scale: logitScale, bias: logitBias } = await scorer.logit();
    const isTokenizer = ({ path }: HashedFile) => /^(tokenizer|vocab|merges|special_tokens|config\.json$)/.test(path);
    const of = (file: string | null) => files.filter(({ path }) => file !== null && path.startsWith(file));
    return {
      network,
      files,
      logitScale,
      logitBias,
      visionKey: digest(of(network.vision), JSON.stringify(network.preprocessing)),
      textKey: digest([...of(network.text), ...files.filter(isTokenizer)], 'text'),
    };
  } finally {
    await scorer.close();
  }
}

/** The hashes without the names: the same tower in two folders is one tower. */
function digest(files: readonly HashedFile[], extra = ''): string {
  const hash = createHash('sha256').update(extra);
  for (const { sha256 } of files) hash.update(sha256);
  return hash.digest('hex');
}

/** @throws BadInput when a file is gone or changed since the reward was added */
export async function checkRewardFiles(name: string, { network, files }: NetworkSettings): Promise<void> {
  const changed = await firstChanged(files.map((file) => ({ ...file, path: join(network.folder, file.path) })));
  if (changed === undefined) return;
  if (changed.isGone) throw new BadInput(`The reward "${name}" needs ${changed.path}, which is gone.`);
  throw new BadInput(
    `${changed.path} has changed since the reward "${name}" was added; add it again (visavis rewards add ${name} --kind ${network.kind} --network ${network.folder}), its new scores are then kept apart from the old.`,
  );
}
