/**
 * @file What stands outside an adapter's weights and decides its strength or its reach: PEFT's adapter_config.json beside the file,
 * or what diffusers writes into the header (lora_adapter_metadata). Source: peft tuners/lora/config.py and layer.py, diffusers
 * loaders/lora_base.py.
 */
import { existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { BadInput } from '../files/bad-input.ts';
import { readJson } from '../files/read-json.ts';

/** One network's settings, as PEFT names them. */
export type LoraConfig = Readonly<Record<string, unknown>>;

/** The weights of a PEFT folder or the file itself, and the configuration beside it where there is one. */
export function adapterFiles(path: string): { weights: string; config: string | undefined } {
  const isFolder = existsSync(path) && statSync(path).isDirectory();
  const weights = isFolder
    ? ['adapter_model.safetensors', 'pytorch_lora_weights.safetensors']
        .map((name) => join(path, name))
        .find((file) => existsSync(file))
    : path;
  if (weights === undefined)
    throw new BadInput(`${path} holds no adapter_model.safetensors and no pytorch_lora_weights.safetensors.`);
  const config = join(dirname(weights), 'adapter_config.json');
  return { weights, config: existsSync(config) ? config : undefined };
}

const defaultKey = '';

export class LoraConfigs {
  /** By network; '' for what names none. */
  readonly #configs: ReadonlyMap<string, LoraConfig>;
  readonly #file: string;

  private constructor(file: string, configs: ReadonlyMap<string, LoraConfig>) {
    this.#file = file;
    this.#configs = configs;
    for (const config of configs.values()) requireKnown(file, config);
  }

  /**
   * The header's word comes before that of the file beside.
   * @throws BadInput for a field that would change the picture and is not built here
   */
  static async read(weights: string, config: string | undefined, header: Record<string, string>): Promise<LoraConfigs> {
    const inside = header['lora_adapter_metadata'];
    if (inside !== undefined) return new LoraConfigs(weights, byNetwork(weights, inside));
    if (config === undefined) return new LoraConfigs(weights, new Map());
    return new LoraConfigs(config, new Map([[defaultKey, (await readJson(config)) as LoraConfig]]));
  }

  /**
   * What B·A is multiplied by: α/r, or α/√r with use_rslora.
   * @param module its path with dots, as the adapter's key has it
   * @param alpha from the weights, which come first; undefined where they have none
   */
  scaling(network: string, module: string, rank: number | null, alpha: number | undefined): number {
    const config = this.#of(network);
    // LyCORIS leaves α out where no factor has a rank.
    if (alpha !== undefined) return rank === null ? 1 : alpha / rank;
    if (config === undefined) return 1;
    // LoHa and LoKr have another word for it.
    const field = config['peft_type'] === 'LOHA' || config['peft_type'] === 'LOKR' ? 'alpha' : 'lora_alpha';
    const named = patternOf(config['alpha_pattern'], module) ?? config[field];
    if (typeof named !== 'number')
      throw new BadInput(`${this.#file} does not say ${field}, on which the adapter's strength depends.`);
    const divisor = rank ?? patternOf(config['rank_pattern'], module) ?? config['r'];
    if (typeof divisor !== 'number')
      throw new BadInput(`${this.#file} does not say r, on which the adapter's strength depends.`);
    return config['use_rslora'] === true ? named / Math.sqrt(divisor) : named / divisor;
  }

  /** @throws BadInput when DoRA was trained and the weights lack its magnitudes */
  requireMagnitude(network: string, key: string, isThere: boolean): void {
    if (this.#of(network)?.['use_dora'] === true && !isThere)
      throw new BadInput(`${this.#file} has use_dora = true, but "${key}" has no lora_magnitude_vector.`);
  }

  #of(network: string): LoraConfig | undefined {
    return this.#configs.get(network) ?? this.#configs.get(defaultKey);
  }
}

/** diffusers packs the networks' settings into one object: `unet.r`, `text_encoder.lora_alpha`. */
function byNetwork(file: string, text: string): Map<string, LoraConfig> {
  let packed: unknown;
  try {
    packed = JSON.parse(text);
  } catch {
    throw new BadInput(`${file}: its lora_adapter_metadata is no JSON.`);
  }
  if (typeof packed !== 'object' || packed === null)
    throw new BadInput(`${file}: its lora_adapter_metadata is no object.`);
  const configs = new Map<string, Record<string, unknown>>();
  for (const [key, value] of Object.entries(packed)) {
    const [, network = defaultKey, field = key] =
      /^(unet|text_encoder|text_encoder_2|text_encoder_3|transformer)\.(.+)$/.exec(key) ?? [];
    const config = configs.get(network) ?? {};
    config[field] = value;
    configs.set(network, config);
  }
  return configs;
}

const isOff = (value: unknown) =>
  value === undefined || value === null || value === false || (Array.isArray(value) && value.length === 0);
/** Initialisations that change the base's weights too: the adapter alone is not what was trained. */
const changesBase = /^(pissa|olora|corda|loftq|lora_ga)/i;
const allowed: Record<string, (value: unknown) => boolean> = {
  peft_type: (value) => value === undefined || value === 'LORA' || value === 'LOHA' || value === 'LOKR',
  use_qalora: isOff,
  bias: (value) => isOff(value) || value === 'none',
  lora_bias: isOff,
  modules_to_save: isOff,
  trainable_token_indices: isOff,
  layer_replication: isOff,
  alora_invocation_tokens: isOff,
  megatron_config: isOff,
  init_lora_weights: (value) => typeof value !== 'string' || !changesBase.test(value),
};

/** Of PEFT 0.21's LoraConfig, LoHaConfig and LoKrConfig: read here, of the training, or said by the weights' names and shapes. */
const passedOver = new Set(
  [
    'task_type auto_mapping peft_version base_model_name_or_path revision inference_mode r lora_alpha alpha rank_pattern',
    'alpha_pattern use_rslora use_dora target_modules exclude_modules lora_dropout rank_dropout module_dropout rank_dropout_scale',
    'fan_in_fan_out layers_to_transform layers_pattern megatron_core loftq_config eva_config corda_config lora_ga_config',
    'qalora_group_size runtime_config ensure_weight_tying init_weights use_effective_conv2d decompose_both decompose_factor',
  ].flatMap((line) => line.split(' ')),
);

function requireKnown(file: string, config: LoraConfig): void {
  for (const [field, value] of Object.entries(config)) {
    if (!passedOver.has(field) && !Object.hasOwn(allowed, field) && !isOff(value))
      throw new BadInput(
        `${file} has ${field} = ${JSON.stringify(value)}, which visavis does not know; whether it changes the picture cannot be told.`,
      );
  }
  for (const [field, isRight] of Object.entries(allowed)) {
    if (!isRight(config[field]))
      throw new BadInput(`${file} has ${field} = ${JSON.stringify(config[field])}, which visavis cannot do.`);
  }
}

/** PEFT's get_pattern_key: the first key that the end of the path matches as a regular expression. */
function patternOf(patterns: unknown, module: string): number | undefined {
  if (typeof patterns !== 'object' || patterns === null) return undefined;
  for (const [pattern, value] of Object.entries(patterns as Record<string, unknown>)) {
    let matches: boolean;
    try {
      matches = new RegExp(`^(?:.*\\.)?(?:${pattern})$`).test(module);
    } catch {
      matches = module === pattern;
    }
    if (matches && typeof value === 'number') return value;
  }
  return undefined;
}
