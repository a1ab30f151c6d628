/**
 * @file How a simulated annotator behaves: honest ones vote as they think (latent-preference.ts), the others are what studies meet
 * on crowd platforms. Everything follows from the seed, the annotator and the place.
 */
import { ArgumentError } from '../../evaluator/statistics/argument-error.ts';
import { uniform } from './latent-preference.ts';

export const behaviours = ['honest', 'left', 'random', 'reward', 'colluder', 'burst'] as const;
/**
 * `left`: always the left image. `random`: either, whatever is shown. `reward`: the image that a reward model prefers, as a program
 * would. `colluder`: what all colluders agreed on for the pair, without a look. `burst`: honest for the first six tenths, then
 * anything, in a fraction of the time.
 */
export type Behaviour = (typeof behaviours)[number];

export type Mix = readonly { behaviour: Behaviour; share: number }[];

export const everybodyHonest: Mix = [{ behaviour: 'honest', share: 1 }];

/** `honest:0.8,left:0.1,random:0.1`. @throws ArgumentError in one sentence */
export function parseMix(text: string): Mix {
  const mix = text.split(',').map((part) => {
    const [name = '', share = '', ...more] = part.trim().split(':');
    const behaviour = behaviours.find((known) => known === name.trim());
    if (behaviour === undefined)
      throw new ArgumentError(`"${name}" is no way to behave; there are ${behaviours.join(', ')}.`);
    const value = Number(share);
    if (more.length > 0 || share.trim() === '' || !(value > 0 && value <= 1))
      throw new ArgumentError(`"${part.trim()}" must be a behaviour and its share above 0, as honest:0.8.`);
    return { behaviour, share: value };
  });
  if (new Set(mix.map(({ behaviour }) => behaviour)).size < mix.length)
    throw new ArgumentError(`"${text}" names a behaviour twice.`);
  const sum = mix.reduce((total, { share }) => total + share, 0);
  if (Math.abs(sum - 1) > 1e-6)
    throw new ArgumentError(`The shares of "${text}" add up to ${sum}; they must add up to 1.`);
  return mix;
}

/** Who is what: the shares as whole annotators (largest remainders), in an order that the seed decides. */
export function castRoles(mix: Mix, annotators: number, seed: number): Behaviour[] {
  const counts = mix.map(({ behaviour, share }) => ({ behaviour, exact: share * annotators }));
  const roles = counts.flatMap(({ behaviour, exact }) => Array<Behaviour>(Math.floor(exact + 1e-9)).fill(behaviour));
  const byRemainder = counts
    .map(({ behaviour, exact }) => ({ behaviour, rest: exact + 1e-9 - Math.floor(exact + 1e-9) }))
    .sort((x, y) => y.rest - x.rest);
  for (let i = 0; roles.length < annotators; i++) roles.push(byRemainder[i % byRemainder.length]!.behaviour);
  return roles
    .map((role, i) => ({ role, order: uniform(seed, 'role', i) }))
    .sort((x, y) => x.order - y.order)
    .map(({ role }) => role);
}

export interface Situation {
  seed: number;
  annotator: string;
  pair: number;
  criterion: string;
  /** 0 the first time that somebody sees a pair, 1 when it comes again. */
  time: number;
  sideA: 'left' | 'right';
  /** What they think: a pair's latent preference, or what they take for the answer of a gold pair. */
  thinks: 'a' | 'b' | 'tie';
  /** The side that an instructed check asks for. */
  instructed?: 'left' | 'right' | undefined;
  /** What a reward model prefers; undefined where none has scored both. */
  reward: 'a' | 'b' | undefined;
  /** How much of their work is done, from 0 to 1. */
  progress: number;
}

export function behave(behaviour: Behaviour, situation: Situation): { choice: 'left' | 'right' | 'tie'; ms: number } {
  const { seed, annotator, pair, criterion, time, sideA, instructed } = situation;
  const draw = (what: string) => uniform(seed, what, annotator, pair, criterion, time);
  const sideOf = (image: 'a' | 'b' | 'tie') =>
    image === 'tie' ? 'tie' : (image === 'a') === (sideA === 'left') ? 'left' : 'right';
  const careful = Math.round(800 + 6000 * draw('time'));
  const hasty = Math.round(300 + 900 * draw('time'));
  const either = draw('either') < 0.5 ? 'left' : 'right';
  switch (behaviour) {
    case 'honest': {
      // Some read over the sentence that says what to choose.
      const follows = draw('reads') < 0.97;
      return { choice: instructed !== undefined && follows ? instructed : sideOf(situation.thinks), ms: careful };
    }
    case 'left':
      return { choice: 'left', ms: hasty };
    case 'random':
      return { choice: either, ms: hasty };
    case 'reward':
      return { choice: situation.reward === undefined ? either : sideOf(situation.reward), ms: careful };
    case 'colluder':
      return { choice: sideOf(uniform(seed, 'agreed', pair, criterion) < 0.5 ? 'a' : 'b'), ms: hasty };
    case 'burst':
      if (situation.progress < 0.6) return behave('honest', situation);
      return { choice: either, ms: Math.round(120 + 200 * draw('time')) };
  }
}
