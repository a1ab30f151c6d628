/**
 * @file The original names of FLUX.1's and SD 3's transformers, as kohya's trainer and ComfyUI have them, in diffusers' words. Source:
 * diffusers loaders/lora_conversion_utils.py, scripts/convert_sd3_to_diffusers.py.
 */
import type { ParsedKey } from './adapter-keys.ts';

/** With "_" for ".": of diffusers' transformers, which no U-Net has on its outside. */
export const ofTransformer =
  /^(?:(?:single_)?transformer_blocks_\d|(?:context_embedder|x_embedder|pos_embed|time_text_embed|norm_out|proj_out|adaln_single|caption_projection)(?:_|$))/;
/** Of FLUX.1's and SD 3's in their original names. */
export const ofOriginalTransformer =
  /^(?:double_blocks_|single_blocks_|joint_blocks_|final_layer_|(?:img|txt|time|vector|guidance)_in(?:_|$)|(?:t|y)_embedder_mlp_|x_embedder_proj$)/;

/** Where one layer of the original transformers is one or several of diffusers'. */
const streams: Record<string, { qkv: string[]; out: string; ff: string; norm: string }> = {
  img: { qkv: ['attn.to_q', 'attn.to_k', 'attn.to_v'], out: 'attn.to_out.0', ff: 'ff', norm: 'norm1' },
  txt: {
    qkv: ['attn.add_q_proj', 'attn.add_k_proj', 'attn.add_v_proj'],
    out: 'attn.to_add_out',
    ff: 'ff_context',
    norm: 'norm1_context',
  },
};
const outsideBlocks: Record<string, string> = {
  img_in: 'x_embedder',
  txt_in: 'context_embedder',
  time_in_in_layer: 'time_text_embed.timestep_embedder.linear_1',
  time_in_out_layer: 'time_text_embed.timestep_embedder.linear_2',
  vector_in_in_layer: 'time_text_embed.text_embedder.linear_1',
  vector_in_out_layer: 'time_text_embed.text_embedder.linear_2',
  guidance_in_in_layer: 'time_text_embed.guidance_embedder.linear_1',
  guidance_in_out_layer: 'time_text_embed.guidance_embedder.linear_2',
  final_layer_linear: 'proj_out',
  x_embedder_proj: 'pos_embed.proj',
  context_embedder: 'context_embedder',
  t_embedder_mlp_0: 'time_text_embed.timestep_embedder.linear_1',
  t_embedder_mlp_2: 'time_text_embed.timestep_embedder.linear_2',
  y_embedder_mlp_0: 'time_text_embed.text_embedder.linear_1',
  y_embedder_mlp_2: 'time_text_embed.text_embedder.linear_2',
};

/**
 * @param path with "_" for "."
 * @returns undefined for a layer that is not known
 */
export function fromOriginalTransformer(path: string): Omit<ParsedKey, 'part'> | undefined {
  const one = (module: string) => ({ network: 'transformer' as const, path, module });
  const several = (modules: readonly string[], shares = modules.map(() => 1)) => ({
    ...one(path),
    split: modules.map((module, i) => ({ module, share: shares[i]! })),
  });
  const named = (module: string | undefined) =>
    module === undefined ? undefined : { ...one(module), path: module.replaceAll('.', '_') };
  const halves = (module: string) => ({ ...named(module)!, hasHalves: true as const });
  if (Object.hasOwn(outsideBlocks, path)) return named(outsideBlocks[path]);
  if (path === 'final_layer_adaLN_modulation_1') return halves('norm_out.linear');

  const double = /^double_blocks_(\d+)_(img|txt)_(attn_qkv|attn_proj|mlp_0|mlp_2|mod_lin)$/.exec(path);
  const joint =
    /^joint_blocks_(\d+)_(x|context)_block_(attn2?_qkv|attn2?_proj|mlp_fc1|mlp_fc2|adaLN_modulation_1)$/.exec(path);
  const found = double ?? joint;
  if (found !== null) {
    const [, index, side, layer] = found as unknown as [string, string, string, string];
    const block = `transformer_blocks.${index}.`;
    const { qkv, out, ff, norm } = streams[side === 'img' || side === 'x' ? 'img' : 'txt']!;
    const second = (module: string) => block + (layer.startsWith('attn2') ? module.replace('attn.', 'attn2.') : module);
    if (layer.endsWith('_qkv')) return several(qkv.map(second));
    if (layer.endsWith('_proj')) return named(second(out));
    if (layer === 'mlp_0' || layer === 'mlp_fc1') return named(`${block}${ff}.net.0.proj`);
    if (layer === 'mlp_2' || layer === 'mlp_fc2') return named(`${block}${ff}.net.2`);
    // Of SD 3's context, the last block has two parts instead of six.
    return side === 'context' ? halves(`${block}${norm}.linear`) : named(`${block}${norm}.linear`);
  }
  const single = /^single_blocks_(\d+)_(linear1|linear2|modulation_lin)$/.exec(path);
  if (single === null) return undefined;
  const block = `single_transformer_blocks.${single[1]!}.`;
  // q, k, v and an MLP of four times their width.
  if (single[2] === 'linear1')
    return several(
      ['attn.to_q', 'attn.to_k', 'attn.to_v', 'proj_mlp'].map((name) => block + name),
      [1, 1, 1, 4],
    );
  return named(block + (single[2] === 'linear2' ? 'proj_out' : 'norm.linear'));
}
