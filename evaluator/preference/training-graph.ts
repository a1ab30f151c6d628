/**
 * @file One optimisation step's losses and gradients as an ONNX graph: the base network once, what the adapters change a
 * second time, the frozen encoder on both and on the target (Gambashidze et al. 2025, eq. 12–17), then the gradients.
 */
import { ArgumentError } from '../statistics/argument-error.ts';
import { BadInput } from '../engine/files/bad-input.ts';
import { backward, type BackwardStep } from '../engine/autodiff/backward.ts';
import { instantiate, type CanonicalNetwork } from '../engine/autodiff/canonical.ts';
import { Graph, sameDims } from '../engine/autodiff/graph.ts';
import { recompute } from '../engine/autodiff/recompute.ts';
import type { OnnxNode } from '../engine/onnx/model-file.ts';
import { adaptedModules, attentionModules, withAdapter } from './adapted-modules.ts';
import type { Parameter } from './network-parameters.ts';
import { lossGraph, lossOf, type FeatureName, type Objective } from './objectives/objectives.ts';
import { loserScale, type Difference } from './objectives/safeguard.ts';

export interface TrainingSpec {
  objective: Objective;
  features: FeatureName;
  rank: number;
  alpha: number;
  /** Layers with an adapter (adapted-modules.ts); null: attention's projections. */
  targetModules?: readonly string[] | null;
  beta: number;
  lambda: number;
  /** μ of the safeguard (objectives/safeguard.ts); null: none. */
  safeguard?: number | null;
  /** Of each block only what goes in is kept for the gradient; the rest is computed again (autodiff/recompute.ts). */
  gradientCheckpointing?: boolean;
  /** Pairs of a batch; winners come first in every input, then losers. */
  pairs: number;
  /** Both sides and the reference, whatever the objective reads: to compare every error with its golden. */
  everyError?: boolean;
}

export interface TrainingGraph {
  graph: Graph;
  /** Samples in the batch: pairs, or twice as many with losers. */
  samples: number;
  /** Of an adapter each module's A, then its B, with AdaptedModule's shapes; of a whole network as `parametersOf` has them. */
  parameters: { name: string; dims: number[] }[];
  /** The outputs' names. */
  names: { loss: string; modelErrors: string; referenceErrors: string | undefined; gradients: string[] };
}

/**
 * @param whole the network's own parameters, which are trained instead of an adapter
 * @throws BadInput when the network has no such layer to adapt, or no block that the feature is read from
 */
export function trainingGraph(
  network: CanonicalNetwork,
  spec: TrainingSpec,
  whole?: readonly Parameter[],
): TrainingGraph {
  const { objective, pairs, everyError = false } = spec;
  const samples = objective.usesLoser || everyError ? 2 * pairs : pairs;
  const withReference = objective.usesReference || everyError;
  const graph = new Graph();
  const feed = new Map(
    network.inputs.map((name) => [
      name,
      graph.input(name, network.values.get(name)!.dims, network.values.get(name)!.type),
    ]),
  );
  const latents = network.values.get('sample')!.dims;
  const noise = graph.input('noise', latents);
  const { parameters, isChanged, change } =
    whole === undefined ? adapter(graph, network, spec) : ownWeights(network, whole);
  for (const { name, dims } of parameters) graph.input(name, dims);

  const output = network.outputs[0]!;
  const policyOf = (shared?: string) =>
    instantiate(graph, network, {
      prefix: 'policy/',
      feed,
      wanted: [output],
      replace: change,
      ...(shared === undefined
        ? {}
        : {
            shared: {
              prefix: shared,
              changed: network.nodes.flatMap((node) => (isChanged(node) ? node.output : [])),
            },
          }),
    })[0]!;
  const reference = withReference
    ? instantiate(graph, network, { prefix: 'base/', feed, wanted: [output] })[0]!
    : undefined;
  const policy = policyOf(reference === undefined ? undefined : 'base/');

  const residual = (prediction: string) => graph.minus(noise, prediction);
  // (3): ε − ε_θ, or what the encoder makes of it
  const differencesOf = objective.perceptual
    ? perceptualDifferences(graph, network, spec.features, feed)
    : (difference: string): Difference[] => [{ value: difference, weight: 1 }];
  const differences = differencesOf(residual(policy), 'policy');
  const modelErrors = errorsOf(graph, differences);
  const references = reference === undefined ? undefined : differencesOf(residual(reference), 'reference');
  const referenceErrors = references && errorsOf(graph, references);
  const shift =
    lossOf(objective).usesShift === true
      ? errorsOf(
          graph,
          differences.map(({ value, weight }, i) => ({ value: graph.minus(value, references![i]!.value), weight })),
        )
      : undefined;
  const guarded = objective.usesLoser && spec.safeguard != null;
  const errors = {
    model: modelErrors,
    reference: referenceErrors,
    shift,
    loserScale: guarded ? loserScale(graph, differences, pairs, spec.safeguard!) : undefined,
  };
  const loss = lossGraph(graph, objective, errors, { ...spec, pairs });
  const steps: BackwardStep[] = [];
  const gradients = backward(
    graph,
    loss,
    parameters.map(({ name }) => name),
    steps,
  );
  if (spec.gradientCheckpointing === true) {
    const made = (node: OnnxNode) => /^(?!policy|base|target|reference)/.test(node.name ?? '');
    const known = gradients.filter((name) => name !== undefined);
    const blocks = recompute(graph, steps, { segmentOf: blockOfPolicy, inherits: made, gradients: known });
    if (blocks === 0)
      throw new BadInput(`${network.file} has no blocks to compute again; its nodes' names say nothing of them.`);
  }
  graph.output(loss, 'loss');
  graph.output(modelErrors, 'model_errors');
  if (referenceErrors !== undefined) graph.output(referenceErrors, 'reference_errors');
  const names = gradients.map((gradient, i) => {
    const name = `d ${parameters[i]!.name}`;
    if (gradient === undefined) throw new ArgumentError(`The loss does not depend on ${parameters[i]!.name}.`);
    graph.output(gradient, name);
    return name;
  });
  return {
    graph,
    samples,
    parameters,
    names: {
      loss: 'loss',
      modelErrors: 'model_errors',
      referenceErrors: referenceErrors === undefined ? undefined : 'reference_errors',
      gradients: names,
    },
  };
}

/** Of the trained pass and its encoder, the block that is computed again as a whole: a resnet, a transformer block, what is around it. */
function blockOfPolicy({ name }: OnnxNode): string | undefined {
  const found =
    /^(policy(?: encoder)?\/)(?:.*\/)?((?:(?:down|up)_blocks\.\d+|mid_block)\/(?:attentions|resnets)\.\d+(?:\/transformer_blocks\.\d+)?)\//.exec(
      name ?? '',
    );
  return found === null ? undefined : found[1]! + found[2]!;
}

/** What is trained, and what it makes of the network's nodes. */
interface Trained {
  parameters: TrainingGraph['parameters'];
  isChanged(node: OnnxNode): boolean;
  change: NonNullable<Parameters<typeof instantiate>[2]['replace']>;
}

function adapter(graph: Graph, network: CanonicalNetwork, { targetModules, rank, alpha }: TrainingSpec): Trained {
  const modules = adaptedModules(network, targetModules ?? attentionModules, rank);
  const moduleOf = new Map(modules.map((module) => [module.node, module]));
  return {
    parameters: modules.flatMap(({ path, a, b }) => [
      { name: `${path}.A`, dims: a },
      { name: `${path}.B`, dims: b },
    ]),
    isChanged: (node) => moduleOf.has(node),
    change(node, inputs, copy) {
      const module = moduleOf.get(node);
      return module && withAdapter(graph, module, inputs, copy, alpha / rank);
    },
  };
}

/** Each node reads its parameters from the graph's inputs; the reference goes on reading the file's. */
function ownWeights({ file, nodes, values }: CanonicalNetwork, whole: readonly Parameter[]): Trained {
  const nameOf = ({ name }: Parameter) => `trained/${name}`;
  const known = new Map(nodes.map((node) => [node.name, node]));
  /** By the node's name, what it reads by which input. */
  const own = new Map<string, Map<number, string>>();
  for (const parameter of whole) {
    const { name, node, input, dims } = parameter;
    const read = known.get(node)?.input[input];
    if (read === undefined || !sameDims(values.get(read)!.dims, dims))
      throw new BadInput(`${file}: onnxruntime rewrites the layer of ${name}, which is then not trained whole.`);
    own.set(node, (own.get(node) ?? new Map<number, string>()).set(input, nameOf(parameter)));
  }
  return {
    parameters: whole.map((parameter) => ({ name: nameOf(parameter), dims: parameter.dims })),
    isChanged: (node) => own.has(node.name ?? ''),
    change(node, inputs, copy) {
      const named = own.get(node.name ?? '');
      return named && copy(inputs.map((name, i) => named.get(i) ?? name));
    },
  };
}

/** ‖d‖² of each sample as a mean over (C, H, W), of several differences their weighted sum. */
function errorsOf(graph: Graph, differences: readonly Difference[]): string {
  return differences
    .map(({ value, weight }) => {
      const error = graph.reduce('ReduceMean', graph.square(value), [1, 2, 3], false);
      return weight === 1 ? error : graph.times(error, weight);
    })
    .reduce((sum, error) => graph.plus(sum, error));
}

/**
 * (12), (13): x_{θ,t'} = x_{t'} + κ_t (ε − ε_θ) goes through the frozen encoder beside the target x_{t'}; the gradient flows
 * through the encoder's input alone. New inputs: target_sample, target_timestep, kappa [samples, 1, 1, 1].
 */
function perceptualDifferences(
  graph: Graph,
  network: CanonicalNetwork,
  features: FeatureName,
  feed: ReadonlyMap<string, string>,
): (residual: string, prefix: string) => Difference[] {
  const levels = featureValues(network, features);
  const latents = network.values.get('sample')!.dims;
  const target = graph.input('target_sample', latents);
  const timestep = graph.input(
    'target_timestep',
    network.values.get('timestep')!.dims,
    network.values.get('timestep')!.type,
  );
  const kappa = graph.input('kappa', [latents[0]!, 1, 1, 1]);
  const inputs = new Map([...feed, ['sample', target], ['timestep', timestep]]);
  const wanted = levels.map(({ value }) => value);
  const targets = instantiate(graph, network, { prefix: 'target/', feed: inputs, wanted });
  return (residual, prefix) => {
    const sample = graph.plus(target, graph.times(residual, kappa));
    const seen = instantiate(graph, network, {
      prefix: `${prefix} encoder/`,
      feed: new Map([...inputs, ['sample', sample]]),
      wanted,
      shared: { prefix: 'target/', changed: ['sample'] },
    });
    return levels.map(({ weight }, i) => ({ value: graph.minus(seen[i]!, targets[i]!), weight }));
  };
}

/**
 * Where the features are read: the last down block's output, the mid block's, or every down block's with its squared error
 * weighted by (C_last / C_i)². Blocks are found by the paths in their nodes' names.
 */
export function featureValues(network: CanonicalNetwork, features: FeatureName): { value: string; weight: number }[] {
  const blockOf = (node: OnnxNode): string | undefined =>
    /(?:^|\/)((?:down_blocks|up_blocks)\.\d+|mid_block)\//.exec(node.name ?? '')?.[1];
  const producers = new Map(network.nodes.flatMap((node) => node.output.map((name) => [name, blockOf(node)] as const)));
  const downBlocks = [...new Set(producers.values())]
    .filter((block) => block?.startsWith('down_blocks.'))
    .sort() as string[];
  const last = downBlocks.length - 1;
  /** What the next block's image path takes from a block: a value with height and width. */
  const handedOn = (from: string, to: string): string => {
    const found = network.nodes.flatMap((node) =>
      blockOf(node) === to
        ? node.input.filter((name) => producers.get(name) === from && network.values.get(name)!.dims.length === 4)
        : [],
    );
    const value = found[0];
    if (value === undefined)
      throw new BadInput(`${network.file} has no ${from} whose output ${to} takes; its nodes' names say nothing.`);
    return value;
  };
  if (downBlocks.length === 0)
    throw new BadInput(`${network.file} has no nodes of down_blocks; export it with optimum.`);
  if (features === 'mid') return [{ value: handedOn('mid_block', 'up_blocks.0'), weight: 1 }];
  const outputs = downBlocks.map((block, i) => handedOn(block, i === last ? 'mid_block' : `down_blocks.${i + 1}`));
  if (features === 'down') return [{ value: outputs[last]!, weight: 1 }];
  const channels = (value: string) => network.values.get(value)!.dims[1]!;
  return outputs.map((value) => ({ value, weight: (channels(outputs[last]!) / channels(value)) ** 2 }));
}
