/**
 * @file A reward network's folder: which of its files is which encoder, how images are prepared, which tokenizer.
 *
 * Known layouts: `model.onnx` (the usual one-file CLIP export, or ImageReward's network); `vision_model.onnx` and
 * `text_model.onnx`; each also in a folder onnx/. A head is `head.onnx`. `reward.json` beside them may name the kind, the
 * version, other files, the logit scale and SigLIP's bias:
 * { "kind": "pickscore", "version": "v1", "files": { "vision": "…", "text": "…", "head": "…" }, "logitScale": 100, "logitBias": 0 }
 */
import { existsSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { BadInput } from '../engine/files/bad-input.ts';
import { readJson } from '../engine/files/read-json.ts';
import { readModel, type OnnxModel } from '../engine/onnx/model-file.ts';
import { externalFiles } from '../engine/onnx/subgraph.ts';
import { clipMean, clipStd, siglipHalf, type Preprocessing } from './preprocessing.ts';
import { scorerOf } from './scorers/choose.ts';
import { networkKinds, type NetworkKind, type Scorer } from './scorers/scorer.ts';

export interface RewardNetwork {
  kind: NetworkKind;
  version: string | null;
  folder: string;
  /** Files with the image and the text encoder, often the same; for a joint network both are that network. */
  vision: string;
  text: string | null;
  head: string | null;
  preprocessing: Preprocessing;
  /** From the manifest; the network's own is read from its graph. */
  logitScale: number | null;
  /** Likewise; absent for networks that were added before there was one. */
  logitBias?: number | null;
  /** Everything that decides a score: networks, their data, tokenizer and configuration, relative to the folder. */
  files: string[];
}

const manifestSchema = z.strictObject({
  kind: z.enum(networkKinds),
  version: z.string().optional(),
  logitScale: z.number().positive().optional(),
  logitBias: z.number().optional(),
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
  size: z
    .union([
      z.number(),
      z.strictObject({ shortest_edge: z.number() }),
      z.strictObject({ height: z.number(), width: z.number() }),
    ])
    .optional(),
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
    throw new BadInput(`${folder} has no head.onnx; ${kind} is a head on an image embedding.`);
  await requireFamily(folder, scorer);
  const files = await filesOf(folder, [vision, text, head], manifest !== undefined);
  // It says how long SigLIP's texts are.
  if (scorer.family === 'siglip' && existsSync(join(folder, 'config.json'))) files.push('config.json');
  const image = await readModel(join(folder, vision));
  checkPorts(image, join(folder, vision), scorer);
  return {
    kind: scorer.kind,
    version: manifest?.version ?? null,
    folder,
    vision,
    text,
    head,
    preprocessing: await preprocessingOf(folder, scorer.preprocessing, image, join(folder, vision)),
    logitScale: manifest?.logitScale ?? null,
    logitBias: manifest?.logitBias ?? null,
    files,
  };
}

/** What the configs of each family's exports say; BLIP's exports come without. */
const signs: Record<Scorer['family'], readonly (readonly [string, string, RegExp])[]> = {
  clip: [
    ['config.json', 'model_type', /^(?:clip|clip_vision_model|clip_text_model)$/],
    ['preprocessor_config.json', 'image_processor_type', /^CLIPImageProcessor|^CLIPFeatureExtractor/],
    ['tokenizer_config.json', 'tokenizer_class', /^CLIPTokenizer|^PreTrainedTokenizerFast$/],
  ],
  // SigLIP 2's networks of one resolution are SigLIP's; those of any resolution (Siglip2ImageProcessor) take patches.
  siglip: [
    ['config.json', 'model_type', /^siglip(?:_vision_model|_text_model)?$/],
    ['preprocessor_config.json', 'image_processor_type', /^SiglipImageProcessor/],
    ['tokenizer_config.json', 'tokenizer_class', /^(?:Siglip|Siglip2|Gemma)Tokenizer(?:Fast)?$/],
  ],
  blip: [],
};
export const familyNames: Record<Scorer['family'], string> = { clip: 'CLIP', siglip: 'SigLIP', blip: 'BLIP' };

/**
 * Other families have the same ports and another score: SigLIP's logit has a bias, its text another tokenizer.
 * @throws BadInput where the configs say that it is another family's
 */
async function requireFamily(folder: string, { kind, family }: Scorer): Promise<void> {
  for (const [name, field, isOne] of signs[family]) {
    const file = join(folder, name);
    if (!existsSync(file)) continue;
    const value = ((await readJson(file)) as Record<string, unknown>)[field];
    if (typeof value === 'string' && !isOne.test(value))
      throw new BadInput(
        `${file} says ${field} = ${JSON.stringify(value)}; ${kind} is computed by a ${familyNames[family]} network alone.`,
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

function checkPorts({ graph }: OnnxModel, file: string, { kind, family, network }: Scorer): void {
  const joint = network === 'joint';
  const inputs = graph.input.map(({ name }) => name);
  if (!inputs.includes('pixel_values')) {
    throw new BadInput(`${file} has no input pixel_values (it has ${inputs.join(', ')}); it is no reward network.`);
  }
  const outputs = graph.output.map(({ name }) => name);
  if (family === 'clip' && graph.initializer.some(({ name }) => name?.includes('logit_bias') === true))
    throw new BadInput(
      `${file} adds a bias to its logits, as SigLIP does; ${kind} is computed by a CLIP network alone (siglip-score takes SigLIP's).`,
    );
  // CLIP's pooled output is before the projection: another vector.
  if (!joint && !(family === 'siglip' ? imageOutput(outputs) : outputs.includes('image_embeds'))) {
    throw new BadInput(
      `${file} has no output image_embeds (it has ${outputs.join(', ')}); export ${family === 'siglip' ? 'SigLIP with its pooled output' : 'CLIP with its projection'}.`,
    );
  }
  const more = inputs.find((name) => name === 'spatial_shapes' || name === 'pixel_attention_mask');
  if (more !== undefined)
    throw new BadInput(`${file} takes ${more}: SigLIP 2 of any resolution; ${kind} takes those of one resolution.`);
  if (joint && (!inputs.includes('input_ids') || outputs.includes('image_embeds'))) {
    throw new BadInput(`${file} is no network that reads image and prompt together, as image-reward's does.`);
  }
}

/** The output with the image's embedding: a whole model's, or that of SigLIP's image encoder alone. */
export function imageOutput(outputs: readonly string[]): 'image_embeds' | 'pooler_output' | undefined {
  return (['image_embeds', 'pooler_output'] as const).find((name) => outputs.includes(name));
}

async function preprocessingOf(
  folder: string,
  kind: Preprocessing['kind'],
  { graph }: OnnxModel,
  network: string,
): Promise<Preprocessing> {
  const dims = graph.input.find(({ name }) => name === 'pixel_values')!.type?.tensorType?.shape?.dim ?? [];
  const fixed = dims[3]?.dimValue;
  const [usualMean, usualStd] = kind === 'siglip' ? [siglipHalf, siglipHalf] : [clipMean, clipStd];
  const file = join(folder, 'preprocessor_config.json');
  if (!existsSync(file)) {
    if (fixed === undefined)
      throw new BadInput(`${folder} has no preprocessor_config.json that says the image's size.`);
    return { kind, size: fixed, mean: usualMean, std: usualStd };
  }
  const config = (await readJson(file)) as Record<string, unknown>;
  const parsed = preprocessorSchema.safeParse(config);
  const cannot = (field: string) =>
    new BadInput(
      `${file} has ${field} = ${JSON.stringify(config[field])}; visavis prepares images as ${kind === 'siglip' ? 'SigLIP' : 'CLIP'}'s processor does, and cannot do that.`,
    );
  if (!parsed.success) throw cannot(String(parsed.error.issues[0]!.path[0] ?? ''));
  const { resample = 3, image_mean: mean = usualMean, image_std: std = usualStd } = parsed.data;
  const chosen = (kind === 'siglip' ? squareOf(parsed.data, cannot) : croppedOf(parsed.data, kind, cannot)) ?? fixed;
  // SigLIP 2's configs ask for bilinear (2).
  if (resample !== 3 && !(kind === 'siglip' && resample === 2))
    throw new BadInput(`${file} asks for resampling ${resample}; this scorer resamples bicubic (3).`);
  if (chosen === undefined) throw new BadInput(`${file} does not say the image's size.`);
  if (fixed !== undefined && fixed !== chosen)
    throw new BadInput(`${file} says ${chosen} pixels, ${network} takes ${fixed}.`);
  return { kind, size: chosen, mean, std, ...(resample === 2 ? { resampling: 'bilinear' } : {}) };
}

type Processor = z.infer<typeof preprocessorSchema>;

/** SigLIP's: both sides to one size, whatever the image's shape; nothing is cut off. */
function squareOf({ size, crop_size: crop }: Processor, cannot: (field: string) => BadInput): number | undefined {
  if (crop !== undefined) throw cannot('crop_size');
  if (typeof size !== 'object') return size;
  if (!('height' in size) || size.height !== size.width) throw cannot('size');
  return size.height;
}

/** CLIP's: the short side to the size that is then cut out of the middle. */
function croppedOf(
  { size, crop_size: crop }: Processor,
  kind: string,
  cannot: (field: string) => BadInput,
): number | undefined {
  if (typeof size === 'object' && 'height' in size) throw cannot('size');
  if (typeof crop === 'object' && crop.height !== crop.width) throw cannot('crop_size');
  const edge = typeof size === 'object' ? size.shortest_edge : size;
  const cut = typeof crop === 'object' ? crop.width : crop;
  // HPS's own preprocessing cuts nothing.
  if (kind === 'clip' && edge !== undefined && cut !== undefined && edge !== cut) throw cannot('crop_size');
  return cut ?? edge;
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
