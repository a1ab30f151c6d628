/**
 * @file The fields of a pipeline's configs that diffusers' pipelines and transformers' tokenizers read at run time, outside the
 * exported networks, and what becomes of each: honoured, or refused by name where it would change the picture. What describes the
 * inside of a network is in its ONNX graph already. Source: diffusers pipelines/stable_diffusion(_xl)/pipeline_*.py and
 * models/unets/unet_2d_condition.py, transformers tokenization_utils_base.py.
 */
import { BadInput } from '../files/bad-input.ts';
import { is, none, off, type Allowed } from './field-rules.ts';

type Config = Readonly<Record<string, unknown>>;
const matches =
  (pattern: RegExp): Allowed =>
  (value) =>
    none(value) || (typeof value === 'string' && pattern.test(value));

const not =
  (pattern: RegExp): Allowed =>
  (value) =>
    none(value) || (typeof value === 'string' && !pattern.test(value));

/** Either kind's model_index.json. */
const index: Record<string, Allowed> = {
  // The refiner and pipelines that start from an image.
  requires_aesthetics_score: off,
};

/** Inputs beside the prompt, as classes, images and hints, are refused. */
const unet: Record<string, Allowed> = {
  _class_name: not(/Transformer|ControlNet|Motion|UNet3D|Prior/),
  class_embed_type: none,
  num_class_embeds: none,
  encoder_hid_dim_type: is('text_proj'),
  attention_type: is('default'),
};

/** Other autoencoders of diffusers are used in another way; a class of somebody's own says nothing. */
const vae: Record<string, Allowed> = {
  _class_name: not(/^(?:Autoencoder(?!KL$|Tiny$)|AsymmetricAutoencoder|VQModel|ConsistencyDecoder)/),
  out_channels: is(3),
};

const tables = {
  vae: {
    ...vae,
    // Of models whose pipelines add it after dividing by scaling_factor; SD's and SDXL's do not.
    shift_factor: is(0),
  },
  // SD 3's and FLUX's pipelines take its shift_factor.
  'flow vae': vae,
  'sd3 network': { _class_name: matches(/^SD3Transformer2DModel$/) },
  'flux network': { _class_name: matches(/^FluxTransformer2DModel$/), patch_size: is(1) },
  // PixArt-α's takes its resolution as inputs.
  'pixart network': {
    // Its name in older folders, which diffusers reads the same way.
    _class_name: matches(/^(?:PixArt)?Transformer2DModel$/),
    norm_type: is('ada_norm_single'),
    use_additional_conditions: off,
  },
  'sd network': { ...unet, addition_embed_type: none },
  'sdxl network': { ...unet, addition_embed_type: is('text_time') },
  text: {
    model_type: is('clip_text_model', 'clip'),
    use_attention_mask: off,
  },
  t5: { model_type: is('t5') },
  't5 tokenizer': {
    tokenizer_class: matches(/^(?:T5Tokenizer(?:Fast)?|PreTrainedTokenizerFast|TokenizersBackend)$/),
    padding_side: is('right'),
    truncation_side: is('right'),
    split_special_tokens: off,
  },
  tokenizer: {
    tokenizer_class: matches(/^CLIPTokenizer(Fast)?$/),
    padding_side: is('right'),
    truncation_side: is('right'),
    split_special_tokens: off,
  },
} satisfies Record<string, Record<string, Allowed>>;

export type ConfigPart = keyof typeof tables;

/** @throws BadInput for a field that would change the picture and is not built here */
export function requireConfig(part: ConfigPart, config: Config, file: string): void {
  check(tables[part], config, file);
}

const built = /^(?:ORT|Onnx)?(?:StableDiffusion(?:XL|3)?|LatentConsistencyModel|Flux|PixArtSigma)Pipeline$/;

/** @throws BadInput for a pipeline of another class */
export function requireIndex(config: Config, file: string): void {
  const name = config['_class_name'];
  if (typeof name === 'string' && !built.test(name))
    throw new BadInput(
      `${file} is a ${name}, which visavis cannot render; make its images with its own program and import them (visavis renders import).`,
    );
  check(index, config, file);
}

function check(rules: Record<string, Allowed>, config: Config, file: string): void {
  for (const [field, isRight] of Object.entries(rules)) {
    const value = config[field];
    if (!isRight(value))
      throw new BadInput(`${file} has ${field} = ${JSON.stringify(value)}, which visavis cannot do.`);
  }
}
