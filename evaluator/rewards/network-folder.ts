/**
 * @file A reward network's folder: which of its files is which encoder, how images are prepared, which tokenizer.
 *
 * Known layouts: `model.onnx` (the usual one-file CLIP export, or ImageReward's network); `vision_model.onnx` and
 * `text_model.onnx`; each also in a folder onnx/. A head is `head.onnx`. `reward.json` beside them may name the kind, the
 * version, other files and the logit scale:
 * { "kind": "pickscore", "version": "v1", "files": { "vision": "…", "text": "…", "head": "…" }, "logitScale": 100 }
 */
import { existsSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { BadInput } from '../engine/files/bad-input.ts';
import { readJson } from '../engine/files/read-json.ts';
import { readModel, type OnnxModel } from '../engine/onnx/model-file.ts';
import { externalFiles } from '../engine/onnx/subgraph.ts';
import { clipMean, clipStd, type Preprocessing } from './preprocessing.ts';
import { scorerOf } from './scorers/choose.ts';
import { rewardKinds, type RewardKind } from './scorers/scorer.ts';

export interface RewardNetwork {
  kind: RewardKind;
  version: string | null;
  folder: string;
  /** Files with the image and the text encoder, often the same; for a joint network both are that network. */
  vision: string;
  text: string | null;
  head: string | null;
  preprocessing: Preprocessing;
  /** From the manifest; the network's own is read from its graph. */
  logitScale: number | null;
  /** Everything that decides a score: networks, their data, tokenizer and configuration, relative to the folder. */
  files: string[];
}

const manifestSchema = z.strictObject({
  kind: z.enum(rewardKinds),
  version: z.string().optional(),
  logitScale: z.number().positive().optional(),
  files: z
    .strictObject({ vision: z.string().optional(), text: z.string().optional(), head: z.string().optional() })
    .optional(),
});
type Manifest = z.infer<typeof manifestSchema>;

/** What CLIP's steps are with; null is as good as nothing. */
const always = z.literal(true).nullish();
const preprocessorSchema = z.object({
  image_processor_type: z.string().nullish(),
  do_resize: always,
  do_center_crop: always,
  do_rescale: always,
  do_normalize: always,
  do_pad: z.literal(false).nullish(),
  rescale_factor: z
    .number()
    .refine((factor) => Math.abs(factor * 255 - 1) < 1e-6)
    .nullish(),
  crop_size: z.union([z.number(), z.object({ height: z.number(), width: z.number() })]).optional(),
  size: z.union([z.number(), z.strictObject({ shortest_edge: z.number() })]).optional(),
  resample: z.number().optional(),
  image_mean: z.array(z.number()).length(3).optional(),
  image_std: z.array(z.number()).length(3).optional(),
});

/** @throws BadInput when the folder is no network of this kind, with what is missing */
export async function readNetworkFolder(path: string, kind: string): Promise<RewardNetwork> {
  const scorer = scorerOf(kind);
  const folder = resolve(path);
  const info = await stat(folder).catch(() => undefined);
  if (info === undefined || !info.isDirectory()) throw new BadInput(`There is no folder ${folder}.`);
  const manifest = await readManifest(folder);
  if (manifest !== undefined && manifest.kind !== scorer.kind)
    throw new BadInput(`${join(folder, 'reward.json')} says that this network is ${manifest.kind}, not ${kind}.`);
  const named = manifest?.files ?? {};
  const one = find(folder, ['model.onnx', 'onnx/model.onnx']);
  const vision = named.vision ?? find(folder, ['vision_model.onnx', 'onnx/vision_model.onnx']) ?? one;
  if (vision === undefined)
    throw new BadInput(`${folder} holds no model.onnx and no vision_model.onnx; export the network to ONNX first.`);
  const split = vision !== one;
  const text =
    scorer.network === 'head'
      ? null
      : (named.text ?? (split ? find(folder, ['text_model.onnx', 'onnx/text_model.onnx']) : vision) ?? null);
  if (scorer.network !== 'head' && text === null)
    throw new BadInput(`${folder} has ${vision} but no text_model.onnx; ${kind} needs both encoders.`);
  const head = scorer.network === 'head' ? (named.head ?? find(folder, ['head.onnx']) ?? null) : null;
  if (scorer.network === 'head' && head === null)
    throw new BadInput(`${folder} has no head.onnx; ${kind} is a head on CLIP's image embedding.`);
  if (scorer.network !== 'joint') await requireClip(folder, kind);
  const files = await filesOf(folder, [vision, text, head], manifest !== undefined);
  const image = await readModel(join(folder, vision));
  checkPorts(image, join(folder, vision), scorer.network === 'joint');
  return {
    kind: scorer.kind,
    version: manifest?.version ?? null,
    folder,
    vision,
    text,
    head,
    preprocessing: await preprocessingOf(folder, scorer.preprocessing, image, join(folder, vision)),
    logitScale: manifest?.logitScale ?? null,
    files,
  };
}

/**
 * Other families have the same ports and another score: SigLIP's logit has a bias, its text another tokenizer.
 * @throws BadInput where the configs or the graph say that it is none of CLIP's
 */
async function requireClip(folder: string, kind: string): Promise<void> {
  for (const [name, field, isClip] of [
    ['config.json', 'model_type', /^(?:clip|clip_vision_model|clip_text_model)$/],
    ['preprocessor_config.json', 'image_processor_type', /^CLIPImageProcessor|^CLIPFeatureExtractor/],
    ['tokenizer_config.json', 'tokenizer_class', /^CLIPTokenizer|^PreTrainedTokenizerFast$/],
  ] as const) {
    const file = join(folder, name);
    if (!existsSync(file)) continue;
    const value = ((await readJson(file)) as Record<string, unknown>)[field];
    if (typeof value === 'string' && !isClip.test(value))
      throw new BadInput(
        `${file} says ${field} = ${JSON.stringify(value)}; ${kind} is computed by a CLIP network alone.`,
      );
  }
}

async function readManifest(folder: string): Promise<Manifest | undefined> {
  const file = join(folder, 'reward.json');
  if (!existsSync(file)) return undefined;
  const parsed = manifestSchema.safeParse(await readJson(file));
  if (parsed.success) return parsed.data;
  const { path, message } = parsed.error.issues[0]!;
  throw new BadInput(`${file}: ${path.join('.') || 'the manifest'}: ${message}.`);
}

function find(folder: string, names: readonly string[]): string | undefined {
  return names.find((name) => existsSync(join(folder, name)));
}

function checkPorts({ graph }: OnnxModel, file: string, joint: boolean): void {
  const inputs = graph.input.map(({ name }) => name);
  if (!inputs.includes('pixel_values')) {
    throw new BadInput(`${file} has no input pixel_values (it has ${inputs.join(', ')}); it is no reward network.`);
  }
  const outputs = graph.output.map(({ name }) => name);
  if (!joint && graph.initializer.some(({ name }) => name?.includes('logit_bias') === true))
    throw new BadInput(
      `${file} adds a bias to its logits, as SigLIP does; the scorers here are of CLIP networks alone.`,
    );
  if (!joint && !outputs.includes('image_embeds')) {
    throw new BadInput(
      `${file} has no output image_embeds (it has ${outputs.join(', ')}); export CLIP with its projection.`,
    );
  }
  if (joint && (!inputs.includes('input_ids') || outputs.includes('image_embeds'))) {
    throw new BadInput(`${file} is no network that reads image and prompt together, as image-reward's does.`);
  }
}

async function preprocessingOf(
  folder: string,
  kind: Preprocessing['kind'],
  { graph }: OnnxModel,
  network: string,
): Promise<Preprocessing> {
  const dims = graph.input.find(({ name }) => name === 'pixel_values')!.type?.tensorType?.shape?.dim ?? [];
  const fixed = dims[3]?.dimValue;
  const file = join(folder, 'preprocessor_config.json');
  if (!existsSync(file)) {
    if (fixed === undefined)
      throw new BadInput(`${folder} has no preprocessor_config.json that says the image's size.`);
    return { kind, size: fixed, mean: clipMean, std: clipStd };
  }
  const config = (await readJson(file)) as Record<string, unknown>;
  const parsed = preprocessorSchema.safeParse(config);
  if (!parsed.success) {
    const field = String(parsed.error.issues[0]!.path[0] ?? '');
    throw new BadInput(
      `${file} has ${field} = ${JSON.stringify(config[field])}; visavis prepares images as CLIP's processor does, and cannot do that.`,
    );
  }
  const { crop_size: crop, size, resample = 3, image_mean: mean = clipMean, image_std: std = clipStd } = parsed.data;
  if (resample !== 3)
    throw new BadInput(`${file} asks for resampling ${resample}; every scorer here uses bicubic (3).`);
  const said = typeof crop === 'object' ? crop.width : (crop ?? (typeof size === 'object' ? size.shortest_edge : size));
  const edge = typeof size === 'object' ? size.shortest_edge : size;
  if (kind === 'clip' && edge !== undefined && said !== undefined && edge !== said)
    throw new BadInput(
      `${file} resizes to ${edge} pixels and cuts ${said} out of them; visavis resizes to what is cut.`,
    );
  const chosen = said ?? fixed;
  if (chosen === undefined) throw new BadInput(`${file} does not say the image's size.`);
  if (fixed !== undefined && fixed !== chosen)
    throw new BadInput(`${file} says ${chosen} pixels, ${network} takes ${fixed}.`);
  return { kind, size: chosen, mean, std };
}

/** The tokenizer's and preprocessor's files that are there, and each network with its external data. */
async function filesOf(folder: string, networks: (string | null)[], manifest: boolean): Promise<string[]> {
  const files = new Set<string>(manifest ? ['reward.json'] : []);
  const names = await readdir(folder);
  for (const name of names)
    if (/^(tokenizer|vocab|merges|special_tokens|preprocessor_config)/.test(name)) files.add(name);
  for (const network of networks) {
    if (network === null) continue;
    if (!existsSync(join(folder, network))) throw new BadInput(`There is no file ${join(folder, network)}.`);
    files.add(network);
    for (const data of externalFiles(await readModel(join(folder, network)))) files.add(join(network, '..', data));
  }
  return [...files].sort();
}
