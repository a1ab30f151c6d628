/** @file The part of a network that its outputs, or some of them, need: a one-file CLIP becomes an image and a text encoder. */
import { ArgumentError } from '../../statistics/argument-error.ts';
import { stat } from 'node:fs/promises';
import { dirname, isAbsolute, join } from 'node:path';
import { BadInput } from '../files/bad-input.ts';
import {
  encodeModel,
  readModel,
  type OnnxGraph,
  type OnnxModel,
  type OnnxNode,
  type OnnxTensor,
} from './model-file.ts';
import type { NetworkSource } from './session.ts';

/**
 * The model with the nodes, weights and inputs that the outputs depend on, and no others. Weights stay views.
 * @throws ArgumentError when the graph has no such output
 */
export function cutModel(model: OnnxModel, outputs: readonly string[]): OnnxModel {
  const { graph } = model;
  const wanted = outputs.map((name) => {
    const output = graph.output.find((other) => other.name === name);
    if (output === undefined) throw new ArgumentError(`The network has no output "${name}".`);
    return output;
  });
  const producers = new Map(graph.node.flatMap((node) => node.output.map((name) => [name, node] as const)));
  const needed = new Set<string>();
  const nodes = new Set<OnnxGraph['node'][number]>();
  const open = [...outputs];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (name === '' || needed.has(name)) continue;
    needed.add(name);
    const node = producers.get(name);
    if (node === undefined || nodes.has(node)) continue;
    nodes.add(node);
    open.push(...node.input);
    // A branch's graph reads outer values by name.
    for (const { g } of node.attribute) if (g !== undefined) for (const inner of g.node) open.push(...inner.input);
  }
  return {
    ...model,
    graph: {
      ...graph,
      node: graph.node.filter((node) => nodes.has(node)),
      initializer: graph.initializer.filter((tensor) => needed.has(tensor.name!)),
      input: graph.input.filter((input) => needed.has(input.name)),
      output: wanted,
      valueInfo: graph.valueInfo.filter((value) => needed.has(value.name)),
    },
  };
}

/** A session's source that computes these outputs of the file alone. */
export async function cutNetwork(file: string, outputs: readonly string[]): Promise<NetworkSource> {
  const model = cutModel(await readModel(file), outputs);
  const files = externalFiles(model);
  for (const name of files) await stat(join(dirname(file), name));
  return { file, patch: { model: encodeModel(model), weights: [], files } };
}

/** The files beside the network that its initializers are in. @throws BadInput for one that is elsewhere */
export function externalFiles(model: OnnxModel): string[] {
  const names = model.graph.initializer
    .filter((tensor) => tensor.dataLocation === 1)
    .map((tensor) => tensor.externalData?.find(({ key }) => key === 'location')?.value ?? '');
  const elsewhere = names.find((name) => isAbsolute(name) || name.split(/[\\/]/).includes('..'));
  if (elsewhere !== undefined)
    throw new BadInput(`The network keeps weights in "${elsewhere}", outside its folder; export it again.`);
  return [...new Set(names)];
}

/** What an exporter puts between a weight and the node that reads it. */
const inFront: ReadonlySet<string> = new Set(['Cast', 'Identity', 'Transpose']);

/** Finds the stored tensor behind a value, and the nodes on the way to it, the reader's side first. */
export function weightFinder(
  nodes: readonly OnnxNode[],
  initializers: readonly OnnxTensor[],
): (value: string) => { tensor: OnnxTensor; through: OnnxNode[] } | undefined {
  const tensors = new Map(initializers.map((tensor) => [tensor.name!, tensor]));
  const producers = new Map(nodes.flatMap((node) => node.output.map((output) => [output, node] as const)));
  return (value) => {
    const through: OnnxNode[] = [];
    for (let name = value; ; name = through.at(-1)!.input[0]!) {
      const tensor = tensors.get(name);
      if (tensor !== undefined) return { tensor, through };
      const node = producers.get(name);
      if (node === undefined || !inFront.has(node.opType)) return undefined;
      through.push(node);
    }
  };
}

/** Removes weights that nothing reads any more, and the Casts, Identities and Transposes in front of them. */
export function dropUnread({ graph }: OnnxModel): void {
  for (let before = -1; before !== graph.node.length;) {
    before = graph.node.length;
    const used = readValues(graph);
    graph.node = graph.node.filter(({ opType, output }) => !inFront.has(opType) || used.has(output[0]!));
  }
  const used = readValues(graph);
  graph.initializer = graph.initializer.filter((tensor) => used.has(tensor.name!));
}

function readValues(graph: OnnxGraph): Set<string> {
  // A branch's graph reads outer values by name.
  const inner = graph.node.flatMap((node) =>
    node.attribute.flatMap(({ g }) => g?.node.flatMap(({ input }) => input) ?? []),
  );
  return new Set([...graph.node.flatMap((node) => node.input), ...inner, ...graph.output.map((output) => output.name)]);
}
