/** @file Images and prompts scored by one reward network, without a database. */
import { chooseDevices } from '../engine/onnx/choose-device.ts';
import { readNetworkFolder } from './network-folder.ts';
import { RewardScorer } from './reward-scorer.ts';

export interface ScoreRequest {
  /** pickscore, hps-v2, hps-v2.1, clip-score, aesthetic, image-reward. */
  kind: string;
  /** The folder of the network's ONNX export. */
  network: string;
  /** Image files. */
  images: readonly string[];
  prompts: readonly string[];
  /** cpu, cuda[:ID], webgpu; cpu by default. */
  device?: string;
}

/** @returns [image][prompt] @throws BadInput when the folder is no network of this kind or an image cannot be used */
export async function scoreImages(request: ScoreRequest): Promise<number[][]> {
  const { kind, network, images, prompts, device = 'cpu' } = request;
  const described = await readNetworkFolder(network, kind);
  const { devices } = await chooseDevices(device);
  const scorer = new RewardScorer(described, { device: devices[0]! });
  try {
    return await scorer.scoreAll(images, prompts);
  } finally {
    await scorer.close();
  }
}
