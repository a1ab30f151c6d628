/** @file From a sampler's id and a folder's scheduler_config.json to a sampler. */
import { BadInput } from '../../files/bad-input.ts';
import type { SchedulerConfig, Spacing } from '../schedule.ts';
import { ddim } from './ddim.ts';
import { ddpm } from './ddpm.ts';
import { dpmpp2m } from './dpmpp-2m.ts';
import { eulerAncestral } from './euler-ancestral.ts';
import { euler } from './euler.ts';
import { flowEuler, type FlowImage } from './flow-euler.ts';
import { heun } from './heun.ts';
import { lcm } from './lcm.ts';
import { pndm } from './pndm.ts';
import { tcd } from './tcd.ts';
import { requireKnownFields } from './scheduler-fields.ts';
import type { Sampler } from './sampler.ts';
import { unipc } from './unipc.ts';

interface Kind {
  make(config: SchedulerConfig, spacing: Spacing, steps: number, flow?: FlowImage): Sampler;
  /** The spacing of diffusers' class when the config names none. */
  spacing: Spacing;
}

/** @param isAlwaysKarras or where the config says so */
function dpm(isStochastic: boolean, isAlwaysKarras: boolean): Kind {
  return {
    make: (config, spacing, steps) =>
      dpmpp2m(config, spacing, steps, { isKarras: isAlwaysKarras || config.useKarrasSigmas, isStochastic }),
    spacing: 'linspace',
  };
}

const kinds: Record<string, Kind> = {
  ddim: { make: ddim, spacing: 'leading' },
  pndm: { make: pndm, spacing: 'leading' },
  euler: { make: euler, spacing: 'linspace' },
  'euler-a': { make: eulerAncestral, spacing: 'linspace' },
  heun: { make: heun, spacing: 'linspace' },
  unipc: { make: unipc, spacing: 'linspace' },
  ddpm: { make: ddpm, spacing: 'leading' },
  lcm: { make: lcm, spacing: 'leading' },
  tcd: { make: tcd, spacing: 'leading' },
  'dpmpp-2m': dpm(false, false),
  'dpmpp-2m-karras': dpm(false, true),
  'dpmpp-2m-sde': dpm(true, false),
  'dpmpp-2m-sde-karras': dpm(true, true),
  'flow-euler': { make: (config, _spacing, steps, flow) => flowEuler(config, steps, flow!), spacing: 'linspace' },
};

const kindOfClass: Record<string, string> = {
  DDIMScheduler: 'ddim',
  PNDMScheduler: 'pndm',
  EulerDiscreteScheduler: 'euler',
  EulerAncestralDiscreteScheduler: 'euler-a',
  DPMSolverMultistepScheduler: 'dpmpp-2m',
  HeunDiscreteScheduler: 'heun',
  UniPCMultistepScheduler: 'unipc',
  DDPMScheduler: 'ddpm',
  LCMScheduler: 'lcm',
  TCDScheduler: 'tcd',
  FlowMatchEulerDiscreteScheduler: 'flow-euler',
};

const spacings: readonly Spacing[] = ['leading', 'trailing', 'linspace'];

const ownTimesteps = ['lcm', 'tcd', 'flow-euler'];

export const samplerIds = Object.keys(kinds);

/** The id of the sampler that the folder names. @throws BadInput when it names one that is not built here */
export function defaultSamplerId(config: SchedulerConfig): string {
  const id = kindOfClass[config.className];
  if (id === 'dpmpp-2m' && config.json['algorithm_type'] === 'sde-dpmsolver++') return 'dpmpp-2m-sde';
  if (id === undefined) {
    throw new BadInput(
      `The folder's scheduler is ${config.className || 'not named'}; choose one with --sampler: ${samplerIds.join(', ')}.`,
    );
  }
  return id;
}

/**
 * @param flow of a pipeline that was trained by flow matching, which flow-euler alone fits; left out for the others
 * @throws BadInput for an id that does not exist or a number of steps that cannot be
 */
export function chooseSampler(id: string, config: SchedulerConfig, steps: number, flow?: FlowImage): Sampler {
  const suffix = spacings.find((spacing) => id.endsWith(`-${spacing}`));
  const bare = suffix === undefined ? id : id.slice(0, -suffix.length - 1);
  const kind = kinds[bare];
  if (kind === undefined) {
    throw new BadInput(
      `There is no sampler "${id}"; it must be one of ${samplerIds.join(', ')}, with -leading, -trailing or -linspace after it to change the spacing.`,
    );
  }
  if (!Number.isInteger(steps) || steps < 1 || steps > config.trainTimesteps) {
    throw new BadInput(
      `The number of steps is ${steps}; it must be a whole number from 1 to ${config.trainTimesteps}.`,
    );
  }
  if ((bare === 'flow-euler') !== (flow !== undefined))
    throw new BadInput(
      flow === undefined
        ? `The sampler ${bare} is for models of flow matching (SD 3, FLUX.1), which this is not.`
        : `The sampler ${bare} does not fit a model of flow matching; flow-euler does.`,
    );
  if (suffix !== undefined && ownTimesteps.includes(bare))
    throw new BadInput(`The sampler ${bare} has timesteps of its own; "${id}" would be the same as ${bare}.`);
  requireKnownFields(bare, config.json, config.file);
  return kind.make(config, suffix ?? config.spacing ?? kind.spacing, steps, flow);
}
