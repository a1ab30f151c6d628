/**
 * @file The noise schedule that every sampler shares, as diffusers builds it from scheduler_config.json.
 * Source: diffusers schedulers/scheduling_*.py, torch.linspace (CPU kernel), Ho, Jain & Abbeel (2020), arXiv:2006.11239.
 *
 * Here            In the papers
 * alphaBar[t]     ᾱ_t = ∏ (1 − β_s), s ≤ t
 * sigma           σ_t = √((1 − ᾱ_t) / ᾱ_t), Karras et al. (2022), arXiv:2206.00364
 */
import { BadInput } from '../files/bad-input.ts';
import { betaQuantile } from '../../statistics/special.ts';

export type Spacing = 'leading' | 'trailing' | 'linspace';
export type PredictionType = 'epsilon' | 'v_prediction';

/** What a scheduler_config.json says, with diffusers' defaults for what it leaves out. */
export interface SchedulerConfig {
  className: string;
  trainTimesteps: number;
  betaStart: number;
  betaEnd: number;
  betaSchedule: 'linear' | 'scaled_linear' | 'squaredcos_cap_v2';
  predictionType: PredictionType;
  spacing: Spacing | undefined;
  stepsOffset: number;
  setAlphaToOne: boolean;
  useKarrasSigmas: boolean;
  useExponentialSigmas: boolean;
  useBetaSigmas: boolean;
  /** Noise without signal at the last training timestep (Lin et al. 2023). */
  zeroTerminalSnr: boolean;
  clipSample: boolean;
  clipSampleRange: number;
  /** The file's own words, for fields that a sampler's class alone has, and its name. */
  json: Readonly<Record<string, unknown>>;
  file: string;
}

/**
 * @param json the parsed scheduler_config.json
 * @param file its name, for the message
 * @throws BadInput for a setting that would change the image and is not built here
 */
export function parseSchedulerConfig(json: Record<string, unknown>, file: string): SchedulerConfig {
  const refuse = (key: string): never => {
    throw new BadInput(`${file} asks for ${key} = ${JSON.stringify(json[key])}, which visavis cannot do.`);
  };
  for (const key of ['thresholding', 'use_lu_lambdas']) {
    if (json[key] === true) refuse(key);
  }
  if (Array.isArray(json['trained_betas'])) refuse('trained_betas');
  const className = string(json['_class_name'], '');
  if (className === 'PNDMScheduler' && json['skip_prk_steps'] === false) refuse('skip_prk_steps');
  if (json['interpolation_type'] === 'log_linear') refuse('interpolation_type');
  const betaSchedule = string(json['beta_schedule'], 'linear');
  if (!['linear', 'scaled_linear', 'squaredcos_cap_v2'].includes(betaSchedule)) refuse('beta_schedule');
  const predictionType = string(json['prediction_type'], 'epsilon');
  if (!['epsilon', 'v_prediction'].includes(predictionType)) refuse('prediction_type');
  const spacing = json['timestep_spacing'];
  if (spacing !== undefined && !['leading', 'trailing', 'linspace'].includes(string(spacing, '')))
    refuse('timestep_spacing');
  return {
    className,
    trainTimesteps: number(json['num_train_timesteps'], 1000),
    betaStart: number(json['beta_start'], 0.0001),
    betaEnd: number(json['beta_end'], 0.02),
    betaSchedule: betaSchedule as SchedulerConfig['betaSchedule'],
    predictionType: predictionType as PredictionType,
    spacing: spacing as Spacing | undefined,
    stepsOffset: number(json['steps_offset'], 0),
    // What a class's own config leaves out has that class's default; another class's config means Stable Diffusion's.
    setAlphaToOne: flag(json['set_alpha_to_one'], className === 'DDIMScheduler'),
    useKarrasSigmas: json['use_karras_sigmas'] === true,
    useExponentialSigmas: json['use_exponential_sigmas'] === true,
    useBetaSigmas: json['use_beta_sigmas'] === true,
    zeroTerminalSnr: json['rescale_betas_zero_snr'] === true,
    clipSample: flag(json['clip_sample'], className === 'DDIMScheduler' || className === 'DDPMScheduler'),
    clipSampleRange: number(json['clip_sample_range'], 1),
    json,
    file,
  };
}

function number(value: unknown, fallback: number): number {
  return typeof value === 'number' ? value : fallback;
}

function flag(value: unknown, fallback: boolean): boolean {
  return typeof value === 'boolean' ? value : fallback;
}

function string(value: unknown, fallback: string): string {
  return typeof value === 'string' ? value : fallback;
}

/** ᾱ_t for t = 0 … trainTimesteps − 1, each rounded to float32; equal to diffusers' `alphas_cumprod` bit for bit. */
export function alphaBars(config: SchedulerConfig): Float32Array {
  return cumulative(betasOf(config));
}

/**
 * ᾱ of samplers whose class may rescale the schedule so that its end has no signal. Lin et al. (2023), arXiv:2305.08891,
 * algorithm 1: √ᾱ is shifted by its last value and stretched to keep its first.
 * @param last ᾱ at the end: 0, or what keeps the first σ finite
 */
export function rescaledAlphaBars(config: SchedulerConfig, last: number): Float32Array {
  const bars = alphaBars(config);
  if (!config.zeroTerminalSnr) return bars;
  const fround = Math.fround;
  const roots = bars.map(Math.sqrt);
  const [first, end] = [roots[0]!, roots.at(-1)!];
  const stretch = fround(first / fround(first - end));
  const squares = roots.map((root) => fround(fround(root - end) * stretch) ** 2);
  const betas = squares.map((square, t) => 1 - (t === 0 ? square : fround(square / squares[t - 1]!)));
  const out = cumulative(betas);
  out[out.length - 1] = last;
  return out;
}

function cumulative(betas: Float32Array): Float32Array {
  const out = new Float32Array(betas.length);
  let product = 1;
  for (let t = 0; t < betas.length; t++) {
    product *= Math.fround(1 - betas[t]!);
    out[t] = product;
  }
  return out;
}

function betasOf({ betaSchedule, betaStart, betaEnd, trainTimesteps }: SchedulerConfig): Float32Array {
  if (betaSchedule === 'linear') return torchLinspace(betaStart, betaEnd, trainTimesteps);
  if (betaSchedule === 'scaled_linear') {
    return torchLinspace(Math.sqrt(betaStart), Math.sqrt(betaEnd), trainTimesteps).map((root) => root * root);
  }
  const alphaBar = (time: number) => Math.cos(((time + 0.008) / 1.008) * (Math.PI / 2)) ** 2;
  return Float32Array.from({ length: trainTimesteps }, (_, i) =>
    Math.min(1 - alphaBar((i + 1) / trainTimesteps) / alphaBar(i / trainTimesteps), 0.999),
  );
}

/**
 * torch.linspace(start, end, count, dtype=float32) on x86 with AVX2: lanes of 8, each lane's base rounded once, counted
 * from the near end.
 */
export function torchLinspace(start: number, end: number, count: number): Float32Array {
  const fround = Math.fround;
  const [first, last] = [fround(start), fround(end)];
  const step = fround(fround(last - first) / (count - 1));
  const half = Math.floor(count / 2);
  const out = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    const block = i - (i % 8);
    // One rounding: the float64 product of two float32 is exact, and the sum is far from a tie.
    const base = block < half ? fround(step * block + first) : fround(-step * (count - 1 - block) + last);
    out[i] = fround(base + fround(step * (i - block)));
  }
  return out;
}

/** numpy's rounding: halves go to the even neighbour. */
export function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

/** Timesteps from high to low, whole numbers, as DDIM, PNDM and Euler space them; linspace is rounded by the caller. */
export function spacedTimesteps(spacing: Spacing, steps: number, config: SchedulerConfig): Float64Array {
  const T = config.trainTimesteps;
  if (spacing === 'leading') {
    const ratio = Math.floor(T / steps);
    return Float64Array.from({ length: steps }, (_, i) => (steps - 1 - i) * ratio + config.stepsOffset);
  }
  if (spacing === 'trailing') {
    return Float64Array.from({ length: steps }, (_, i) => roundHalfEven(T - (i * T) / steps) - 1);
  }
  return Float64Array.from({ length: steps }, (_, i) => (steps === 1 ? 0 : ((T - 1) * (steps - 1 - i)) / (steps - 1)));
}

/** σ_t for every training timestep, rounded after each operation as diffusers' float32 is. */
export function allSigmas(alphaBar: Float32Array): Float32Array {
  return alphaBar.map((a) => Math.sqrt(Math.fround(Math.fround(1 - a) / a)));
}

/** numpy.interp of σ at a fractional timestep. */
export function sigmaAt(timestep: number, sigmas: Float32Array): number {
  const low = Math.min(Math.floor(timestep), sigmas.length - 1);
  const high = Math.min(low + 1, sigmas.length - 1);
  return sigmas[low]! + (sigmas[high]! - sigmas[low]!) * (timestep - low);
}

/** Karras et al. (2022), eq. (5), ρ = 7: from the first to the last of the given σ. */
export function karrasSigmas(sigmaMax: number, sigmaMin: number, steps: number): Float64Array {
  const rho = 7;
  const [high, low] = [sigmaMax ** (1 / rho), sigmaMin ** (1 / rho)];
  return Float64Array.from(
    { length: steps },
    (_, i) => (high + (steps === 1 ? 0 : i / (steps - 1)) * (low - high)) ** rho,
  );
}

/** Equal ratios from the first to the last of the given σ. */
export function exponentialSigmas(sigmaMax: number, sigmaMin: number, steps: number): Float64Array {
  const [high, low] = [Math.log(sigmaMax), Math.log(sigmaMin)];
  return Float64Array.from({ length: steps }, (_, i) =>
    Math.exp(high + (steps === 1 ? 0 : i / (steps - 1)) * (low - high)),
  );
}

/** Along the quantiles of Beta(0.6, 0.6), dense at both ends. Lee et al. (2024), arXiv:2407.12173. */
export function betaSigmas(sigmaMax: number, sigmaMin: number, steps: number): Float64Array {
  return Float64Array.from({ length: steps }, (_, i) => {
    const p = steps === 1 ? 1 : 1 - i / (steps - 1);
    return sigmaMin + betaQuantile(p, 0.6, 0.6) * (sigmaMax - sigmaMin);
  });
}

/** The σ after the last step: 0, or that of the first training timestep where the config says so. */
export function lastSigma(config: SchedulerConfig): number {
  return config.json['final_sigmas_type'] === 'sigma_min' ? allSigmas(alphaBars(config))[0]! : 0;
}

/** The fractional timestep whose log σ is this one's, between the two training timesteps around it. */
export function timestepOfSigma(sigma: number, sigmas: Float32Array): number {
  const logSigma = Math.log(Math.max(sigma, 1e-10));
  let low = 0;
  // numpy's logarithm of a float32 is one: a σ at the end may come out below the last timestep.
  const logOf = (t: number) => Math.fround(Math.log(sigmas[t]!));
  while (low < sigmas.length - 2 && logOf(low + 1) <= logSigma) low++;
  const [logLow, logHigh] = [logOf(low), logOf(low + 1)];
  const weight = Math.min(1, Math.max(0, (logLow - logSigma) / (logLow - logHigh)));
  return (1 - weight) * low + weight * (low + 1);
}
