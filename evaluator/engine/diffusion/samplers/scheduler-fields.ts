/**
 * @file Every field of the diffusers schedulers that are built here, and what becomes of it: honoured, without effect, or refused
 * by name. A field that decides the picture is never passed over. Source: the classes' __init__ in diffusers
 * schedulers/scheduling_*.py.
 */
import { BadInput } from '../../files/bad-input.ts';
import { is, none, off, type Allowed } from '../field-rules.ts';

/** A field is honoured, changes no picture, or may only have values that change none. */
type Rule = 'honoured' | 'no effect' | Allowed;

const not =
  (...values: unknown[]) =>
  (value: unknown) =>
    !values.includes(value);

const shared: Record<string, Rule> = {
  num_train_timesteps: 'honoured',
  beta_start: 'honoured',
  beta_end: 'honoured',
  beta_schedule: 'honoured',
  trained_betas: none,
  prediction_type: 'honoured',
  timestep_spacing: 'honoured',
  steps_offset: 'honoured',
};
const zeroSnr: Record<string, Rule> = { rescale_betas_zero_snr: 'honoured' };
/** Of thresholding alone, which is refused. */
const thresholds: Record<string, Rule> = {
  thresholding: off,
  dynamic_thresholding_ratio: 'no effect',
  sample_max_value: 'no effect',
};

/** DPM-Solver++ of both kinds. */
const multistep: Record<string, Rule> = {
  ...shared,
  ...zeroSnr,
  ...thresholds,
  solver_order: is(1, 2, 3),
  // Other solvers' words mean midpoint to this class.
  solver_type: is('midpoint', 'logrho', 'bh1', 'bh2'),
  lower_order_final: 'honoured',
  euler_at_final: 'honoured',
  use_karras_sigmas: 'honoured',
  // The first timestep is cut from 999 or 998.9999…, by the rounding of the machine: it cannot be told which.
  use_exponential_sigmas: off,
  use_beta_sigmas: off,
  use_lu_lambdas: off,
  use_flow_sigmas: off,
  // Of flow sigmas and dynamic shifting alone, which are refused.
  flow_shift: 'no effect',
  use_dynamic_shifting: off,
  time_shift_type: 'no effect',
  final_sigmas_type: is('zero', 'sigma_min'),
  lambda_min_clipped: (value) => none(value) || value === -Infinity,
  // Of networks with a learned variance: their U-Net has twice the channels and is refused by its shape.
  variance_type: not('learned', 'learned_range'),
};

/** By the sampler's id without its suffix. */
const tables: Record<string, { className: string; fields: Record<string, Rule> }> = {
  ddim: {
    className: 'DDIMScheduler',
    fields: {
      ...shared,
      ...zeroSnr,
      ...thresholds,
      clip_sample: 'honoured',
      clip_sample_range: 'honoured',
      set_alpha_to_one: 'honoured',
    },
  },
  pndm: {
    className: 'PNDMScheduler',
    fields: { ...shared, skip_prk_steps: is(true), set_alpha_to_one: 'honoured' },
  },
  euler: {
    className: 'EulerDiscreteScheduler',
    fields: {
      ...shared,
      ...zeroSnr,
      interpolation_type: is('linear'),
      use_karras_sigmas: 'honoured',
      use_exponential_sigmas: 'honoured',
      use_beta_sigmas: 'honoured',
      sigma_min: none,
      sigma_max: none,
      timestep_type: is('discrete'),
      final_sigmas_type: is('zero', 'sigma_min'),
    },
  },
  'euler-a': { className: 'EulerAncestralDiscreteScheduler', fields: { ...shared, ...zeroSnr } },
  'dpmpp-2m': { className: 'DPMSolverMultistepScheduler', fields: { ...multistep, algorithm_type: is('dpmsolver++') } },
  // Chosen by name on any folder; by a folder where it says sde-dpmsolver++.
  'dpmpp-2m-sde': {
    className: 'DPMSolverMultistepScheduler',
    fields: {
      ...multistep,
      algorithm_type: is('dpmsolver++', 'sde-dpmsolver++'),
      // diffusers' stochastic third order has a term of the wrong sign, which does not go to 0 with the step.
      solver_order: is(1, 2),
    },
  },
  heun: {
    className: 'HeunDiscreteScheduler',
    fields: {
      ...shared,
      use_karras_sigmas: 'honoured',
      use_exponential_sigmas: 'honoured',
      use_beta_sigmas: 'honoured',
      clip_sample: 'honoured',
      clip_sample_range: 'honoured',
    },
  },
  unipc: {
    className: 'UniPCMultistepScheduler',
    fields: {
      ...shared,
      ...zeroSnr,
      ...thresholds,
      solver_order: is(1, 2),
      predict_x0: is(true),
      // bh1 ends in NaN with a last σ of 0, in diffusers too.
      // Other solvers' words mean bh2 to this class.
      solver_type: is('bh2', 'midpoint', 'heun', 'logrho'),
      lower_order_final: is(true),
      disable_corrector: 'honoured',
      solver_p: none,
      use_karras_sigmas: 'honoured',
      use_exponential_sigmas: off,
      use_beta_sigmas: off,
      use_flow_sigmas: off,
      flow_shift: 'no effect',
      final_sigmas_type: is('zero'),
      use_dynamic_shifting: off,
      time_shift_type: 'no effect',
      // Of flow sigmas and of karras, exponential and beta ones, whose ends they would be.
      sigma_min: none,
      sigma_max: none,
      shift_terminal: none,
    },
  },
  ddpm: {
    className: 'DDPMScheduler',
    fields: {
      ...shared,
      ...thresholds,
      variance_type: is('fixed_small'),
      clip_sample: 'honoured',
      clip_sample_range: 'honoured',
      rescale_betas_zero_snr: off,
    },
  },
  lcm: {
    className: 'LCMScheduler',
    fields: {
      ...shared,
      ...thresholds,
      original_inference_steps: 'honoured',
      timestep_scaling: 'honoured',
      clip_sample: 'honoured',
      clip_sample_range: 'honoured',
      // Of the timestep below the first, which no step of this class reaches.
      set_alpha_to_one: 'no effect',
      rescale_betas_zero_snr: off,
    },
  },
  tcd: {
    className: 'TCDScheduler',
    fields: {
      ...shared,
      ...thresholds,
      original_inference_steps: 'honoured',
      // Its step reads none of these.
      timestep_scaling: 'no effect',
      clip_sample: 'no effect',
      clip_sample_range: 'no effect',
      set_alpha_to_one: 'no effect',
      rescale_betas_zero_snr: off,
    },
  },
  'flow-euler': {
    className: 'FlowMatchEulerDiscreteScheduler',
    fields: {
      num_train_timesteps: 'honoured',
      shift: 'honoured',
      use_dynamic_shifting: 'honoured',
      base_shift: 'honoured',
      max_shift: 'honoured',
      base_image_seq_len: 'honoured',
      max_image_seq_len: 'honoured',
      shift_terminal: 'honoured',
      time_shift_type: is('exponential', 'linear'),
      use_karras_sigmas: 'honoured',
      use_exponential_sigmas: 'honoured',
      use_beta_sigmas: 'honoured',
      // From data to noise; Mochi alone has it.
      invert_sigmas: off,
      // Its noise comes from no generator that could be seeded.
      stochastic_sampling: off,
    },
  },
};
tables['dpmpp-2m-karras'] = tables['dpmpp-2m']!;
tables['dpmpp-2m-sde-karras'] = tables['dpmpp-2m-sde']!;

const everyField = new Set(Object.values(tables).flatMap(({ fields }) => Object.keys(fields)));

/**
 * @param id of the sampler that is used, which need not be the one that the config names: then fields of that one's class count,
 * as in diffusers' from_config
 * @throws BadInput for a field of the sampler's class that would change the picture and is not built here
 */
export function requireKnownFields(id: string, json: Readonly<Record<string, unknown>>, file: string): void {
  const table = tables[id];
  if (table === undefined) return;
  const className = String(json['_class_name'] ?? '');
  const isFlow = /^FlowMatch(?:Euler|Heun)Discrete/.test(className);
  if (id === 'flow-euler' ? !isFlow : /^EDM|Flow/.test(className) || !none(json['sigma_data']) || !none(json['shift']))
    throw new BadInput(
      `${file} is ${className === '' ? 'of a model' : `${className}'s`} whose noise is described in another way (EDM or flow matching, or neither); the sampler ${id} does not fit it.`,
    );
  // FLUX's pipeline then takes the class's levels instead of its own.
  if (id === 'flow-euler' && !off(json['use_flow_sigmas']))
    throw new BadInput(`${file} asks for use_flow_sigmas = true, which visavis cannot do.`);
  // The network was trained on it, whatever the class that is asked makes of it.
  if (json['rescale_betas_zero_snr'] === true && table.fields['rescale_betas_zero_snr'] !== 'honoured')
    throw new BadInput(`${file} asks for rescale_betas_zero_snr = true, which the sampler ${id} cannot do.`);
  if (json['rescale_betas_zero_snr'] === true && id === 'ddim' && json['prediction_type'] !== 'v_prediction')
    throw new BadInput(
      `${file}: with rescale_betas_zero_snr the sampler ddim needs a network that predicts v_prediction.`,
    );
  for (const [field, value] of Object.entries(json)) {
    const rule = table.fields[field];
    if (typeof rule === 'function' && !rule(value))
      throw new BadInput(`${file} asks for ${field} = ${shown(value)}, which visavis cannot do.`);
    // diffusers keeps what another class had, as SDXL's EulerDiscrete has PNDM's skip_prk_steps; its own class passes it over. A newer
    // diffusers may have fields that nobody has looked at yet.
    if (
      rule === undefined &&
      !everyField.has(field) &&
      !field.startsWith('_') &&
      json['_class_name'] === table.className &&
      !off(value)
    )
      throw new BadInput(
        `${file} has the field ${field} = ${shown(value)}, which visavis does not know; whether it changes the picture cannot be told.`,
      );
  }
}

function shown(value: unknown): string {
  return typeof value === 'number' ? String(value) : JSON.stringify(value);
}

/** For tests: what is known of each class. */
export function knownFields(): Record<string, string[]> {
  return Object.fromEntries(Object.values(tables).map(({ className, fields }) => [className, Object.keys(fields)]));
}
