/** @file What a gradient rule is. */
import type { OnnxNode } from '../../onnx/model-file.ts';
import type { Graph } from '../graph.ts';

export interface RuleContext {
  graph: Graph;
  node: OnnxNode;
  /** The gradient of the node's first output; the others' are absent where nothing depends on them. */
  dy: string;
  dys: readonly (string | undefined)[];
  /** Whether the i-th input needs a gradient. */
  needs(input: number): boolean;
}

/**
 * A vector–Jacobian product: from the outputs' gradients to each input's, undefined where none is needed.
 * @throws ArgumentError when the node's form has no rule, without naming the node: the caller does
 */
export type Rule = (context: RuleContext) => (string | undefined)[];
