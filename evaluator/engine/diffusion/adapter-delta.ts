/**
 * @file What an adapter's tensors add to a weight, ΔW as [out, in] (a convolution's in is in·h·w).
 *
 * LoRA   ΔW = B·A                       Hu et al. (2021), arXiv:2106.09685
 * LoHa   ΔW = (w1a·w1b) ⊙ (w2a·w2b)     Hyeon-Woo et al. (2022), arXiv:2108.06098, as LyCORIS and PEFT have it
 * LoKr   ΔW = w1 ⊗ w2                   Yeh et al. (2024), arXiv:2309.14859; each w whole or a product w_a·w_b
 * DoRA   W' = m·(W + sΔW)/‖W + sΔW‖     Liu et al. (2024), arXiv:2402.09353
 */
import { BadInput } from '../files/bad-input.ts';
import type { SafeTensor } from '../onnx/safetensors.ts';
import type { Part } from './adapter-keys.ts';

/** As `magnitudeOf` leaves them: DoRA's magnitudes under one name. */
export type AdapterParts = Partial<Record<Exclude<Part, 'dora_scale'>, SafeTensor>>;
export type AdapterKind = 'LoRA' | 'LoHa' | 'LoKr';

export interface Matrix {
  rows: number;
  columns: number;
  data: Float32Array;
}

const needed: Record<AdapterKind, readonly (keyof AdapterParts)[]> = {
  LoRA: ['down', 'up'],
  LoHa: ['hada_w1_a', 'hada_w1_b', 'hada_w2_a', 'hada_w2_b'],
  LoKr: [],
};

/**
 * DoRA's magnitudes in one form: [out, 1, …] of each output, [1, in, …] of each input (LyCORIS's older dora_scale, OneTrainer's). PEFT's
 * are of outputs always, [out] or [1, out, 1, 1].
 */
export function withMagnitude({ dora_scale: scale, ...parts }: Partial<Record<Part, SafeTensor>>): AdapterParts {
  if (scale !== undefined) return { ...parts, magnitude: scale };
  const { magnitude } = parts;
  if (magnitude === undefined) return parts;
  const ones = magnitude.shape.length === 4 ? [1, 1, 1] : [1];
  return { ...parts, magnitude: { ...magnitude, shape: [magnitude.data.length, ...ones] } };
}

/** Whether a DoRA magnitude is one of each input. */
export function isOfInputs({ shape, data }: SafeTensor): boolean {
  return shape.length > 1 && shape[0] === 1 && data.length > 1;
}

/**
 * Which kind the tensors are, and their rank; null where none of them has one (LoKr of whole factors).
 * @throws BadInput when they are not one kind's whole set, or their ranks differ
 */
export function kindOf(parts: AdapterParts, file: string, key: string): { kind: AdapterKind; rank: number | null } {
  const names = Object.keys(parts);
  const kind = names.some((name) => name.startsWith('hada')) ? 'LoHa' : names.some(isLokr) ? 'LoKr' : 'LoRA';
  const others = names.filter((name) => name !== 'alpha' && name !== 'magnitude' && kindOfPart(name) !== kind);
  if (others.length > 0) throw new BadInput(`${file}: "${key}" mixes two kinds of adapters: ${names.join(', ')}.`);
  if (kind === 'LoKr') {
    for (const w of ['lokr_w1', 'lokr_w2'] as const) {
      const whole = parts[w] !== undefined;
      const halves = [parts[`${w}_a`], parts[`${w}_b`]].filter((half) => half !== undefined).length;
      if ((whole ? 1 : 0) + halves / 2 !== 1)
        throw new BadInput(`${file}: "${key}" needs ${w}, or ${w}_a and ${w}_b, and not both.`);
    }
    const rank = parts.lokr_w2_b?.shape[0] ?? parts.lokr_w1_b?.shape[0] ?? null;
    return { kind, rank };
  }
  const missing = needed[kind].filter((part) => parts[part] === undefined);
  if (missing.length > 0)
    throw new BadInput(
      kind === 'LoRA'
        ? `${file}: "${key}" has only one of its two matrices.`
        : `${file}: "${key}" lacks ${missing.join(', ')}.`,
    );
  if (kind === 'LoHa') return { kind, rank: parts.hada_w1_b!.shape[0]! };
  const [down, up] = [parts.down!, parts.up!];
  const rank = down.shape[0]!;
  if (up.shape[1] !== rank)
    throw new BadInput(`${file}: "${key}" has rank ${rank} below and ${up.shape[1] ?? 0} above.`);
  return { kind, rank };
}

function isLokr(name: string): boolean {
  return name.startsWith('lokr');
}
function kindOfPart(name: string): AdapterKind {
  return name.startsWith('hada') ? 'LoHa' : isLokr(name) ? 'LoKr' : 'LoRA';
}

/** ΔW before its scaling. */
export function deltaOf(kind: AdapterKind, parts: AdapterParts, file: string, key: string): Matrix {
  const times = (a: SafeTensor, b: SafeTensor) => product(matrix(a), matrix(b), file, key);
  if (kind === 'LoRA') return times(parts.up!, parts.down!);
  if (kind === 'LoHa') {
    const [one, two] = [times(parts.hada_w1_a!, parts.hada_w1_b!), times(parts.hada_w2_a!, parts.hada_w2_b!)];
    if (one.rows !== two.rows || one.columns !== two.columns)
      throw new BadInput(`${file}: "${key}" multiplies two matrices of different shapes.`);
    return { ...one, data: one.data.map((value, i) => value * two.data[i]!) };
  }
  const w1 = parts.lokr_w1 === undefined ? times(parts.lokr_w1_a!, parts.lokr_w1_b!) : matrix(parts.lokr_w1);
  const w2 = parts.lokr_w2 === undefined ? times(parts.lokr_w2_a!, parts.lokr_w2_b!) : matrix(parts.lokr_w2);
  return kronecker(w1, w2);
}

/** A tensor's first dimension against all others. */
function matrix({ shape, data }: SafeTensor): Matrix {
  const rows = shape[0] ?? 1;
  return { rows, columns: data.length / rows, data };
}

function product(a: Matrix, b: Matrix, file: string, key: string): Matrix {
  if (a.columns !== b.rows)
    throw new BadInput(
      `${file}: "${key}" multiplies [${a.rows}, ${a.columns}] by [${b.rows}, ${b.columns}], which do not fit.`,
    );
  const data = new Float32Array(a.rows * b.columns);
  for (let o = 0; o < a.rows; o++) {
    const row = data.subarray(o * b.columns, (o + 1) * b.columns);
    for (let r = 0; r < a.columns; r++) {
      const factor = a.data[o * a.columns + r]!;
      const below = r * b.columns;
      for (let i = 0; i < row.length; i++) row[i] = row[i]! + factor * b.data[below + i]!;
    }
  }
  return { rows: a.rows, columns: b.columns, data };
}

/** [(l·K + k), (m·N + n)] = w1[l, m]·w2[k, n]; a convolution's kernel lies within n. */
function kronecker(w1: Matrix, w2: Matrix): Matrix {
  const columns = w1.columns * w2.columns;
  const data = new Float32Array(w1.rows * w2.rows * columns);
  for (let l = 0; l < w1.rows; l++)
    for (let m = 0; m < w1.columns; m++)
      for (let k = 0; k < w2.rows; k++)
        for (let n = 0; n < w2.columns; n++)
          data[(l * w2.rows + k) * columns + m * w2.columns + n] =
            w1.data[l * w1.columns + m]! * w2.data[k * w2.columns + n]!;
  return { rows: w1.rows * w2.rows, columns, data };
}

/**
 * What DoRA adds: m·(W + sΔW)/‖W + sΔW‖ − W.
 * @param weight [out, in]
 * @param magnitude of each output, or of each input: the norm is over the others
 */
export function doraChange(
  weight: Matrix,
  change: Matrix,
  scaling: number,
  magnitude: SafeTensor,
  { file, key }: { file: string; key: string },
): Matrix {
  const { rows, columns } = weight;
  const isOfOutputs = !isOfInputs(magnitude);
  const kernel = columns / magnitude.data.length;
  if (isOfOutputs ? magnitude.data.length !== rows : !Number.isInteger(kernel))
    throw new BadInput(
      `${file}: the magnitude of "${key}" is [${magnitude.shape.join(', ')}], the weight [${rows}, ${columns}].`,
    );
  const groupOf = isOfOutputs ? (row: number) => row : (_: number, column: number) => Math.floor(column / kernel);
  const changed = weight.data.map((value, i) => value + scaling * change.data[i]!);
  const squares = new Float64Array(magnitude.data.length);
  const each = (visit: (i: number, group: number) => void) => {
    for (let row = 0; row < rows; row++)
      for (let column = 0; column < columns; column++) visit(row * columns + column, groupOf(row, column));
  };
  each((i, group) => (squares[group]! += changed[i]! ** 2));
  const data = new Float32Array(changed.length);
  each((i, group) => {
    const norm = Math.sqrt(squares[group]!);
    data[i] = (norm === 0 ? changed[i]! : (magnitude.data[group]! / norm) * changed[i]!) - weight.data[i]!;
  });
  return { rows, columns, data };
}
