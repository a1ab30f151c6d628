/**
 * @file An adapter in the words of other programs: diffusers' (PEFT's keys under the network's name, strength in the header), kohya's
 * and LyCORIS's (ComfyUI and A1111 read it), PEFT's folder. Numbers stay as they are, and
 * float16 and bfloat16 do, so that the way back gives them again; float64 and float8 become float32. An α of α/√r is rounded by kohya's
 * float32.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { BadInput } from '../files/bad-input.ts';
import { writeWhole } from '../files/write-whole.ts';
import { encodeSafeTensors, type SafeTensor } from '../onnx/safetensors.ts';
import { isOfInputs } from './adapter-delta.ts';
import { networkNames as networks, withDots, type NetworkName, type Part } from './adapter-keys.ts';
import { readAdapter, type Adapter, type AdapterModule } from './lora.ts';

export const adapterStyles = ['diffusers', 'kohya', 'peft'] as const;
export type AdapterStyle = (typeof adapterStyles)[number];

/** What is known of an adapter without its base. */
export interface AdapterSummary {
  file: string;
  /** LoRA, LoHa or LoKr, with " with DoRA" where it has magnitudes; several where layers differ. */
  kinds: string[];
  /** Smallest and largest; null where no factor has one. */
  rank: { low: number; high: number } | null;
  /** What ΔW is multiplied by at scale 1 (α/r): smallest and largest. */
  strength: { low: number; high: number };
  /** Layers it changes, by network. */
  layers: Partial<Record<NetworkName, number>>;
  /** The last parts of their paths, as to_q, with how many. */
  targets: Record<string, number>;
  /** A guess by the width of the text that cross-attention reads; null where no such layer is changed. */
  base: string | null;
  /** The weights' types. */
  types: string[];
}

function modulesOf({ modules }: Adapter): { network: NetworkName; path: string; module: AdapterModule }[] {
  return networks.flatMap((network) => [...modules[network]].map(([path, module]) => ({ network, path, module })));
}

function kindWords({ kind, parts }: AdapterModule): string {
  return parts.magnitude === undefined ? kind : `${kind} with DoRA`;
}

/** All but α, which each style says in its own place. */
function tensorsOf({ parts }: AdapterModule): [Part, SafeTensor][] {
  return (Object.entries(parts) as [Part, SafeTensor][]).filter(([part]) => part !== 'alpha');
}

/** @throws BadInput as readAdapter */
export async function inspectAdapter(path: string): Promise<AdapterSummary> {
  const adapter = await readAdapter(path);
  const all = modulesOf(adapter);
  const ranks = all.flatMap(({ module }) => module.rank ?? []);
  const strengths = all.map(({ module }) => module.scaling);
  const span = (values: readonly number[]) => ({ low: Math.min(...values), high: Math.max(...values) });
  const targets: Record<string, number> = {};
  for (const { path: name } of all) {
    const last = (withDots(name) ?? name)
      .replace(/\.\d+$/, '')
      .split('.')
      .at(-1)!;
    targets[last] = (targets[last] ?? 0) + 1;
  }
  return {
    file: adapter.file,
    kinds: [...new Set(all.map(({ module }) => kindWords(module)))],
    rank: ranks.length === 0 ? null : span(ranks),
    strength: span(strengths),
    layers: Object.fromEntries(
      networks.flatMap((network) => {
        const { size } = adapter.modules[network];
        return size === 0 ? [] : [[network, size]];
      }),
    ),
    targets,
    base: baseOf(adapter),
    types: [...new Set(all.flatMap(({ module }) => tensorsOf(module).map(([, { dtype }]) => dtype ?? 'F32')))].sort(),
  };
}

const bases: Record<number, string> = { 768: 'Stable Diffusion 1.x', 1024: 'Stable Diffusion 2.x', 2048: 'SDXL' };

function baseOf({ modules }: Adapter): string | null {
  const layers = [...modules.transformer.keys()];
  if (layers.some((path) => path.startsWith('single_transformer_blocks'))) return 'FLUX.1';
  if (layers.some((path) => /_attn1_/.test(path))) return 'PixArt';
  if (layers.length > 0) return 'Stable Diffusion 3 or FLUX.1';
  for (const [path, { kind, parts }] of modules.unet) {
    if (!/_attn2_to_[kv]$/.test(path)) continue;
    const below = kind === 'LoRA' ? parts.down : kind === 'LoHa' ? parts.hada_w1_b : undefined;
    const width = below?.shape[1];
    if (width !== undefined) return bases[width] ?? `a base whose text states are ${width} wide`;
  }
  return modules.text_encoder_2.size > 0 ? 'SDXL' : null;
}

/**
 * Writes the adapter in another style.
 * @param out a file, a folder for PEFT
 * @throws BadInput when the style cannot say what the adapter is
 */
export async function convertAdapter(path: string, out: string, style: AdapterStyle): Promise<void> {
  const adapter = await readAdapter(path);
  const named = modulesOf(adapter).map((entry) => ({ ...entry, dotted: dottedOf(entry, adapter.file) }));
  if (style === 'kohya') {
    await writeWhole(out, encodeSafeTensors(kohyaTensors(adapter, named)));
    return;
  }
  const { file } = adapter;
  const settings = (network: NetworkName) =>
    peftSettings(
      named.filter((entry) => entry.network === network),
      file,
    );
  const present = networks.filter((network) => adapter.modules[network].size > 0);
  const tensorsWith = (prefixOf: (network: NetworkName) => string) =>
    new Map(
      named.flatMap(({ network, dotted, module }) =>
        tensorsOf(module).map(([part, tensor]): [string, SafeTensor] => [
          `${prefixOf(network)}${dotted}.${peftParts[part] ?? part}`,
          part === 'magnitude' ? peftMagnitude(tensor, module, file) : tensor,
        ]),
      ),
    );
  if (style === 'diffusers') {
    const other = named.find(({ module }) => module.kind !== 'LoRA');
    if (other !== undefined)
      throw new BadInput(
        `${file} is ${other.module.kind}, which diffusers' own format has no keys for; kohya and peft do.`,
      );
    const packed = Object.fromEntries(
      present.flatMap((network) =>
        Object.entries(settings(network)).map(([field, value]) => [`${network}.${field}`, value]),
      ),
    );
    const metadata = { format: 'pt', lora_adapter_metadata: JSON.stringify(packed) };
    await writeWhole(
      out,
      encodeSafeTensors(
        tensorsWith((network) => `${network}.`),
        metadata,
      ),
    );
    return;
  }
  if (present.length > 1)
    throw new BadInput(`${file} changes ${present.join(' and ')}; a PEFT folder holds one network's adapter.`);
  await mkdir(out, { recursive: true });
  const weights = encodeSafeTensors(
    tensorsWith(() => 'base_model.model.'),
    { format: 'pt' },
  );
  await writeWhole(join(out, 'adapter_model.safetensors'), weights);
  await writeWhole(
    join(out, 'adapter_config.json'),
    Buffer.from(`${JSON.stringify(settings(present[0]!), null, 2)}\n`),
  );
}

type Named = ReturnType<typeof modulesOf>[number] & { dotted: string };

function dottedOf({ network, path, module }: ReturnType<typeof modulesOf>[number], file: string): string {
  const dotted = module.module.includes('.') ? module.module : withDots(path);
  if (dotted === undefined)
    throw new BadInput(`${file}: "${module.key}" is of a layer whose dots cannot be told from its underscores.`);
  // Transformers' older versions and every adapter format of today name CLIP's inner module.
  return network.startsWith('text_encoder') && dotted.startsWith('encoder.layers.') ? `text_model.${dotted}` : dotted;
}

const peftParts: Partial<Record<Part, string>> = {
  down: 'lora_A.weight',
  up: 'lora_B.weight',
  magnitude: 'lora_magnitude_vector',
};
const kohyaParts: Partial<Record<Part, string>> = {
  down: 'lora_down.weight',
  up: 'lora_up.weight',
  magnitude: 'dora_scale',
};

/** What scaling · rank was before it was divided; a float32 where it was one, not one of α/√r. */
function alphaOf({ scaling, rank }: AdapterModule): number {
  const alpha = scaling * (rank ?? 1);
  const single = Math.fround(alpha);
  return Math.abs(alpha - single) < 1e-12 * Math.abs(alpha) ? single : alpha;
}

function kohyaTensors(adapter: Adapter, named: readonly Named[]): Map<string, SafeTensor> {
  const isXl = adapter.modules.text_encoder_2.size > 0 || baseOf(adapter) === 'SDXL';
  const prefixes = {
    unet: 'lora_unet_',
    // OneTrainer's, which ComfyUI reads: kohya's own keeps q, k and v as one.
    transformer: 'lora_transformer_',
    text_encoder: isXl || adapter.modules.transformer.size > 0 ? 'lora_te1_' : 'lora_te_',
    text_encoder_2: 'lora_te2_',
    text_encoder_3: 'lora_te3_',
  };
  return new Map(
    named.flatMap(({ network, dotted, module }) => {
      const { rank, scaling } = module;
      if (rank === null && scaling !== 1)
        throw new BadInput(
          `${adapter.file}: "${module.key}" has the strength ${scaling} and no rank, which LyCORIS's LoKr of whole factors cannot say.`,
        );
      const place = `${prefixes[network]}${dotted.replaceAll('.', '_')}`;
      const rest = tensorsOf(module).map(([part, tensor]): [string, SafeTensor] => [
        `${place}.${kohyaParts[part] ?? part}`,
        tensor,
      ]);
      const alpha: [string, SafeTensor] = [`${place}.alpha`, { shape: [], data: Float32Array.of(alphaOf(module)) }];
      return rank === null ? rest : [...rest, alpha];
    }),
  );
}

/** [out] of a layer, [1, out, 1, 1] of a convolution. */
function peftMagnitude(tensor: SafeTensor, { key, kind }: AdapterModule, file: string): SafeTensor {
  if (kind !== 'LoRA') throw new BadInput(`${file}: "${key}" is ${kind} with DoRA, which PEFT does not have.`);
  if (isOfInputs(tensor))
    throw new BadInput(`${file}: "${key}" has a magnitude of each input, which PEFT and diffusers do not have.`);
  const { length } = tensor.data;
  return { ...tensor, shape: tensor.shape.length === 4 ? [1, length, 1, 1] : [length] };
}

/** adapter_config.json: what most layers have, and the others by pattern. */
function peftSettings(named: readonly Named[], file: string): Record<string, unknown> {
  const kinds = [...new Set(named.map(({ module }) => kindWords(module)))];
  if (kinds.length > 1) throw new BadInput(`${file} mixes ${kinds.join(' and ')}, which one configuration cannot say.`);
  const { kind, parts } = named[0]!.module;
  const ranks = named.map(({ module }) => module.rank ?? 1);
  const alphas = named.map(({ module }) => alphaOf(module));
  const usual = (values: readonly number[]) => {
    const counts = new Map<number, number>();
    for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
    return [...counts].reduce((best, entry) => (entry[1] > best[1] ? entry : best))[0];
  };
  const [r, alpha] = [usual(ranks), usual(alphas)];
  const others = (values: readonly number[], value: number) =>
    Object.fromEntries(named.flatMap(({ dotted }, i) => (values[i] === value ? [] : [[dotted, values[i]!]])));
  return {
    peft_type: kind.toUpperCase(),
    r,
    ...(kind === 'LoRA'
      ? { lora_alpha: alpha, use_dora: parts.magnitude !== undefined, use_rslora: false }
      : { alpha }),
    rank_pattern: others(ranks, r),
    alpha_pattern: others(alphas, alpha),
    target_modules: named.map(({ dotted }) => dotted),
    ...(kind === 'LoRA' ? { bias: 'none', init_lora_weights: true } : { init_weights: true }),
    task_type: null,
    base_model_name_or_path: null,
    inference_mode: true,
  };
}
