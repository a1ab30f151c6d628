/** @file Attention in pieces, see ../attention.ts. */
import { ArgumentError } from '../../../statistics/argument-error.ts';
import { attentionBody, backwardBody, scanAttributes } from '../attention.ts';
import type { Rule } from './rule.ts';

export const attention: Record<string, Rule> = {
  Scan({ graph, node, dy }) {
    const body = node.attribute.find(({ name }) => name === 'body')?.g;
    if (body?.name !== attentionBody) throw new ArgumentError('only attention in pieces has a rule');
    const gradients = node.input.map((_, i) => `${node.output[0]!}/d${'qkv'[i]!}`);
    graph.addNode(
      {
        name: `${node.name!}/gradient`,
        opType: 'Scan',
        input: [...node.input, dy],
        output: gradients,
        attribute: scanAttributes(backwardBody(body), node.input.length + 1),
      },
      node.input.map((name) => graph.value(name)),
    );
    return gradients;
  },
};
