/**
 * @file The names of an adapter's tensors. Four programs write four styles: diffusers (also its older attention processors and
 * text-encoder layers), PEFT, kohya's trainer (also with SDXL's original block names), LyCORIS in kohya's or PEFT's names.
 * Source: diffusers loaders/lora_conversion_utils.py and utils/state_dict_utils.py, convert_unet_state_dict.
 */

import { fromOriginalTransformer, ofOriginalTransformer, ofTransformer } from './adapter-transformer-keys.ts';

export const networkNames = ['unet', 'transformer', 'text_encoder', 'text_encoder_2', 'text_encoder_3'] as const;
export type NetworkName = (typeof networkNames)[number];
/** In messages. */
export const networkTitles: Record<NetworkName, string> = {
  unet: 'U-Net',
  transformer: 'transformer',
  text_encoder: 'text encoder',
  text_encoder_2: 'second text encoder',
  text_encoder_3: 'third text encoder (T5)',
};

/** One of several layers that a key's matrices belong to, in their order. */
export interface SplitModule {
  module: string;
  /** Of the rows: as many as the others, or so many times as many. */
  share: number;
}

/** What a tensor is to its module. */
export type Part =
  | 'down'
  | 'up'
  | 'alpha'
  /** DoRA's: LyCORIS's dora_scale and PEFT's lora_magnitude_vector, whose shapes mean different things. */
  | 'dora_scale'
  | 'magnitude'
  | 'hada_w1_a'
  | 'hada_w1_b'
  | 'hada_w2_a'
  | 'hada_w2_b'
  | 'lokr_w1'
  | 'lokr_w1_a'
  | 'lokr_w1_b'
  | 'lokr_w2'
  | 'lokr_w2_a'
  | 'lokr_w2_b';

export interface ParsedKey {
  network: NetworkName;
  /** With "_" for ".": kohya's keys do not tell them apart. */
  path: string;
  /** With dots, where the key has them. */
  module: string;
  part: Part;
  /** Where the key's matrices are of several layers: theirs. */
  split?: readonly SplitModule[];
  /** Its path as the file spells it, where that is not `module`: what a configuration's patterns mean. */
  spelled?: string;
  /** A modulation whose two halves diffusers has the other way round, where there are two. */
  hasHalves?: true;
}

const parts: [RegExp, Part | undefined][] = [
  [/(?:\.lora\.down|\.lora_down|\.lora_A(?:\.\w+)?|_lora\.down|\.lora_linear_layer\.down)\.weight$/, 'down'],
  [/(?:\.lora\.up|\.lora_up|\.lora_B(?:\.\w+)?|_lora\.up|\.lora_linear_layer\.up)\.weight$/, 'up'],
  [/\.alpha$/, 'alpha'],
  [/\.dora_scale$/, 'dora_scale'],
  [/\.lora_magnitude_vector(?:\.\w+)?$|\.lora_magnitude_vector\.\w+\.weight$/, 'magnitude'],
  // The named part; LyCORIS and PEFT's LoHa and LoKr.
  [/\.((?:hada_w[12]_[ab])|(?:lokr_w[12](?:_[ab])?))(?:\.default)?$/, undefined],
];

const kohyaNetworks: [string, NetworkName][] = [
  ['lora_unet_', 'unet'],
  ['lora_te1_', 'text_encoder'],
  ['lora_te2_', 'text_encoder_2'],
  ['lora_te3_', 'text_encoder_3'],
  ['lora_te_', 'text_encoder'],
  // OneTrainer's and LyCORIS's, with the dots of diffusers' names gone.
  ['lora_transformer_', 'transformer'],
  // LyCORIS on a bare U-Net.
  ['lycoris_', 'unet'],
];

/** @returns undefined for a key of no style that is known here */
export function parseKey(key: string): ParsedKey | undefined {
  for (const [pattern, named] of parts) {
    const found = pattern.exec(key);
    if (found === null) continue;
    const place = moduleOf(key.slice(0, found.index));
    return place === undefined ? undefined : { ...place, part: named ?? (found[1] as Part) };
  }
  return undefined;
}

function moduleOf(bare: string): Omit<ParsedKey, 'part'> | undefined {
  for (const [prefix, network] of kohyaNetworks) {
    if (bare.startsWith(prefix)) {
      const rest = bare.slice(prefix.length);
      if (network === 'unet' && ofOriginalTransformer.test(rest)) return fromOriginalTransformer(rest);
      if (network === 'unet' && ofTransformer.test(rest)) return { network: 'transformer', path: rest, module: rest };
      const path = fromOriginalLayout(rest);
      return { network, path, module: path };
    }
  }
  const original = /^(?:base_model\.model\.|(?:model\.)?diffusion_model\.)(.+)$/.exec(bare);
  const isComfy = original !== null && !bare.startsWith('base_model');
  if (original !== null && (isComfy || ofOriginalTransformer.test(original[1]!.replaceAll('.', '_')))) {
    const found = fromOriginalTransformer(original[1]!.replaceAll('.', '_'));
    return found && { ...found, spelled: original[1]! };
  }
  const comfyText = /^text_encoders\.(clip_l|clip_g|t5xxl)\.transformer\.(.+)$/.exec(bare);
  if (comfyText !== null) {
    const [, which, module] = comfyText as unknown as [string, string, string];
    const network = which === 'clip_l' ? 'text_encoder' : which === 'clip_g' ? 'text_encoder_2' : 'text_encoder_3';
    return { network, path: module.replaceAll('.', '_'), module };
  }
  // Networks of other families.
  if (/^(?:prior|unet_3d)\./.test(bare)) return undefined;
  const match =
    /^(?:base_model\.model\.)?(?:(unet|transformer|text_encoder|text_encoder_2|text_encoder_3)\.)?(.+)$/.exec(bare);
  if (match === null) return undefined;
  // PEFT's own files name no network.
  const isText = /^(?:text_model\.)?encoder\.layers\./.test(match[2]!) || match[2]!.startsWith('text_model.');
  const isTransformer = ofTransformer.test(match[2]!.replaceAll('.', '_'));
  const network = (match[1] ?? (isText ? 'text_encoder' : isTransformer ? 'transformer' : 'unet')) as NetworkName;
  const module =
    network === 'unet' || network === 'transformer'
      ? // Attention processors of older diffusers: attn1.processor.to_q_lora → attn1.to_q, to_out_lora → to_out.0.
        match[2]!.replace(/\.processor\./, '.').replace(/\.to_out$/, '.to_out.0')
      : // Its text encoders' older layers: self_attn.to_q_lora → self_attn.q_proj.
        match[2]!.replace(/\.to_(q|k|v|out)$/, '.$1_proj');
  return { network, path: module.replaceAll('.', '_'), module };
}

const resnetParts: Record<string, string> = {
  in_layers_2: 'conv1',
  emb_layers_1: 'time_emb_proj',
  out_layers_3: 'conv2',
  skip_connection: 'conv_shortcut',
};
const single: Record<string, string> = {
  input_blocks_0_0: 'conv_in',
  time_embed_0: 'time_embedding_linear_1',
  time_embed_2: 'time_embedding_linear_2',
  label_emb_0_0: 'add_embedding_linear_1',
  label_emb_0_2: 'add_embedding_linear_2',
  out_2: 'conv_out',
};

/**
 * The original U-Net's names, as kohya's trainer writes them for SDXL, in diffusers' words. Two layers a block: input block 1 + 3i + j
 * is layer j of down block i, output block 3i + j is layer j of up block i.
 */
function fromOriginalLayout(path: string): string {
  if (Object.hasOwn(single, path)) return single[path]!;
  const middle = /^middle_block_([012])_(.+)$/.exec(path);
  if (middle !== null) {
    const [, place, rest] = middle as unknown as [string, string, string];
    return place === '1'
      ? `mid_block_attentions_0_${rest}`
      : `mid_block_resnets_${place === '0' ? 0 : 1}_${resnetParts[rest] ?? rest}`;
  }
  const match = /^(input_blocks|output_blocks)_(\d+)_(\d+)_(.+)$/.exec(path);
  if (match === null) return path;
  const [, side, first, second, rest] = match as unknown as [string, string, string, string, string];
  const index = Number(first) - (side === 'input_blocks' ? 1 : 0);
  const [block, layer] = [Math.floor(index / 3), index % 3];
  const half = side === 'input_blocks' ? 'down' : 'up';
  if (rest === 'op' || rest === 'conv') return `${half}_blocks_${block}_${half}samplers_0_conv`;
  if (Object.hasOwn(resnetParts, rest)) return `${half}_blocks_${block}_resnets_${layer}_${resnetParts[rest]!}`;
  return second === '0' ? path : `${half}_blocks_${block}_attentions_${layer}_${rest}`;
}

/** The names of modules in the U-Net, in the transformers and in CLIP's text encoders; those with "_" in them first. */
const words = new RegExp(
  `^(?:${[
    'single_transformer_blocks|time_text_embed|timestep_embedder|text_embedder|guidance_embedder|context_embedder|x_embedder',
    'norm1_context|norm_out|ff_context|proj_mlp|to_add_out|pos_embed',
    'down_blocks|up_blocks|mid_block|transformer_blocks|time_emb_proj|time_embedding|add_embedding|linear_[12]',
    'conv_in|conv_out|conv_shortcut|conv_norm_out|proj_in|proj_out|to_[qkv]|to_out|add_[qkv]_proj',
    'text_model|text_projection|final_layer_norm|self_attn|[qkv]_proj|out_proj',
    'attentions|resnets|downsamplers|upsamplers|conv[12]?|attn[12]?|ff|net|proj|norm[123]?|encoder|layers|mlp|fc[12]|linear',
    String.raw`\d+`,
  ].join('|')})(?=_|$)`,
);

/**
 * A path with its dots again.
 * @returns undefined where it has a word that no U-Net and no text encoder has
 */
export function withDots(path: string): string | undefined {
  const found: string[] = [];
  for (let rest = path; rest !== '';) {
    const word = words.exec(rest)?.[0];
    if (word === undefined) return undefined;
    found.push(word);
    rest = rest.slice(word.length + 1);
  }
  return found.join('.');
}
