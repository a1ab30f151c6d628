/** @file Images and prompts scored by one reward, without a database. */
import { chooseDevices } from '../engine/onnx/choose-device.ts';
import { BadInput } from '../engine/files/bad-input.ts';
import { askReward, checkRewardUrl, HttpScorer } from './http-scorer.ts';
import { scoreAll } from './image-scorer.ts';
import { readNetworkFolder } from './network-folder.ts';
import { RewardScorer } from './reward-scorer.ts';
import { scorerOf } from './scorers/choose.ts';

export interface ScoreRequest {
  /** pickscore, hps-v2, hps-v2.1, clip-score, siglip-score, aesthetic, aesthetic-v2.5, image-reward, http. */
  kind: string;
  /** The folder of the network's ONNX export. */
  network?: string | undefined;
  /** The address of an http reward, instead of a network. */
  url?: string | undefined;
  /** Image files. */
  images: readonly string[];
  prompts: readonly string[];
  /** cpu, cuda[:ID], webgpu; cpu by default. */
  device?: string;
}

/**
 * @returns [image][prompt]
 * @throws BadInput when the folder is no network of this kind, the address no reward, or an image cannot be used
 */
export async function scoreImages(request: ScoreRequest): Promise<number[][]> {
  const { images, prompts, device = 'cpu' } = request;
  const source = sourceOf(request);
  const scorer =
    'url' in source
      ? new HttpScorer(await askReward(source.url, source), source)
      : new RewardScorer(await readNetworkFolder(source.network, request.kind), {
          device: (await chooseDevices(device)).devices[0]!,
        });
  try {
    return await scoreAll(scorer, images, prompts);
  } finally {
    await scorer.close();
  }
}

/**
 * Where a reward's scores come from: a folder for most kinds, an address for `http`.
 * @throws BadInput when the one is given that the kind does not take
 */
export function sourceOf(
  { kind, network, url }: { kind: string; network?: string | undefined; url?: string | undefined },
  env: NodeJS.ProcessEnv = process.env,
): { network: string } | { url: string; token: string | undefined } {
  if (kind !== 'http') {
    scorerOf(kind);
    if (url !== undefined) throw new BadInput(`--url is for rewards of kind http; ${kind} takes --network.`);
    if (network === undefined) throw new BadInput(`A reward of kind ${kind} needs --network, its export's folder.`);
    return { network };
  }
  if (network !== undefined) throw new BadInput('A reward of kind http takes --url, and no --network.');
  if (url === undefined) throw new BadInput('A reward of kind http needs --url, the address of the program.');
  return { url: checkRewardUrl(url), token: rewardToken(env) };
}

/** What is sent to a reward's program, so that it knows us. */
export function rewardToken(env: NodeJS.ProcessEnv = process.env): string | undefined {
  return env['VISAVIS_REWARD_TOKEN'] || undefined;
}
