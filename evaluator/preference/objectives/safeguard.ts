/**
 * @file The safeguard of Diffusion-SDPO (Fu et al. 2025, arXiv:2511.03317): a pairwise loss may raise both errors as long as the
 * loser's grows faster, so the loser's gradient is scaled until the step no longer raises the winner's error, to first order:
 *
 *   λ = min(1, (1 − μ) ‖g_w‖² / ⟨g_w, g_l⟩) where ⟨g_w, g_l⟩ > 0, else 1
 *
 * g_w and g_l are the gradients of both sides' errors in what the model gives (the paper's stand-in for those in its
 * parameters), over the whole batch; λ itself is held constant. Of perceptual errors they are taken in the features that are
 * compared: our extension.
 */
import { count, type Graph } from '../../engine/autodiff/graph.ts';
import { dataType } from '../../engine/onnx/model-file.ts';

/** What an error is the squared mean of, [samples, C, H, W], winners first, times its weight. */
export interface Difference {
  value: string;
  weight: number;
}

/** λ, a number. @param mu 0 … 1: which share of the winner's own descent the loser leaves */
export function loserScale(graph: Graph, differences: readonly Difference[], pairs: number, mu: number): string {
  const sums = differences.map(({ value, weight }) => {
    const held = graph.hold(value);
    const [winner, loser] = [graph.slice(held, 0, 0, pairs), graph.slice(held, 0, pairs, 2 * pairs)];
    // d(w · mean d²)/dd = 2w/n · d, and the 2 goes out
    const slope = (weight / count(graph.dims(winner))) ** 2;
    const inner = (a: string, b: string) =>
      graph.times(graph.reduce('ReduceSum', graph.times(a, b), [0, 1, 2, 3], false), slope);
    return { own: inner(winner, winner), shared: inner(winner, loser) };
  });
  const total = (part: 'own' | 'shared') => sums.map((sum) => sum[part]).reduce((a, b) => graph.plus(a, b));
  const [own, shared, one] = [total('own'), total('shared'), graph.scalar(1)];
  const bounded = graph.add('Min', [graph.over(graph.times(own, 1 - mu), shared), one], []);
  const agree = graph.add('Greater', [shared, graph.scalar(0)], [], {}, dataType.bool);
  return graph.hold(graph.add('Where', [agree, bounded, one], [], {}, dataType.float32));
}

/** The same errors, their gradient times `scale`. */
export function scaledGradient(graph: Graph, errors: string, scale: string): string {
  const held = graph.hold(errors);
  return graph.plus(held, graph.times(graph.minus(errors, held), scale));
}
