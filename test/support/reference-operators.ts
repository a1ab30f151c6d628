/**
 * @file The operators that gradient rules know, forward, in float64 and as plainly as their specification reads: the other side
 * of a comparison with onnxruntime's float32.
 */
import { normalCdf } from '../../evaluator/statistics/special.ts';

export interface Tensor {
  dims: readonly number[];
  data: Float64Array;
}
export interface OperatorCall {
  op: string;
  inputs: readonly Tensor[];
  /** The constants after the inputs. */
  ints: readonly (readonly number[])[];
  attributes: Readonly<Record<string, number | number[] | string>>;
  outputs: readonly (readonly number[])[];
}

const size = (dims: readonly number[]) => dims.reduce((product, n) => product * n, 1);
const erf = (x: number) => 2 * normalCdf(x * Math.SQRT2) - 1;

/** Every index of a shape, in memory order. */
function* indices(dims: readonly number[]): Generator<number[]> {
  const index = dims.map(() => 0);
  for (let i = size(dims); i > 0; i--) {
    yield [...index];
    for (let axis = dims.length - 1; axis >= 0; axis--) {
      if (++index[axis]! < dims[axis]!) break;
      index[axis] = 0;
    }
  }
}

/** The number at an index. @throws RangeError outside */
function at({ dims, data }: Tensor, index: readonly number[]): number {
  const offset = index.reduce((sum, i, axis) => {
    if (i < 0 || i >= dims[axis]!) throw new RangeError(`[${index.join()}] is outside [${dims.join()}].`);
    return sum * dims[axis]! + i;
  }, 0);
  return data[offset]!;
}

/** numpy's broadcasting: axes of length 1 repeat, leading axes may be missing. */
function repeated(x: Tensor, index: readonly number[]): number {
  const own = index.slice(index.length - x.dims.length);
  return at(
    x,
    own.map((i, axis) => (x.dims[axis] === 1 ? 0 : i)),
  );
}

function orZero(x: Tensor, index: readonly number[]): number {
  return index.every((i, axis) => i >= 0 && i < x.dims[axis]!) ? at(x, index) : 0;
}

function build(dims: readonly number[], value: (index: number[]) => number): Tensor {
  const data = new Float64Array(size(dims));
  let i = 0;
  for (const index of indices(dims)) data[i++] = value(index);
  return { dims, data };
}

const binary: Record<string, (a: number, b: number) => number> = {
  Add: (a, b) => a + b,
  Sub: (a, b) => a - b,
  Mul: (a, b) => a * b,
  Div: (a, b) => a / b,
  Pow: (a, b) => a ** b,
};
const unary: Record<string, (x: number) => number> = {
  Sqrt: Math.sqrt,
  Exp: Math.exp,
  Log: Math.log,
  Neg: (x) => -x,
  Abs: Math.abs,
  Relu: (x) => Math.max(0, x),
  Reciprocal: (x) => 1 / x,
  Erf: erf,
  Sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  Tanh: Math.tanh,
  Softplus: (x) => Math.log1p(Math.exp(x)),
  Identity: (x) => x,
  Cast: (x) => x,
};
/** The same numbers in another shape. */
const reshaping = ['Reshape', 'Flatten', 'Squeeze', 'Unsqueeze'];

/** Numbers along the given axes become 0 on average and 1 in spread, whole groups at a time. */
function normalise(x: Tensor, groupOf: (index: readonly number[]) => string): Tensor {
  const groups = new Map<string, number[]>();
  for (const index of indices(x.dims)) {
    const key = groupOf(index);
    groups.set(key, [...(groups.get(key) ?? []), at(x, index)]);
  }
  const statistics = new Map(
    [...groups].map(([key, values]) => {
      const mean = values.reduce((a, b) => a + b, 0) / values.length;
      const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
      return [key, { mean, spread: Math.sqrt(variance + 1e-5) }];
    }),
  );
  return build(x.dims, (index) => {
    const { mean, spread } = statistics.get(groupOf(index))!;
    return (at(x, index) - mean) / spread;
  });
}

/** @returns the operator's outputs; throws for one that is not here */
export function evaluate({ op, inputs, ints, attributes, outputs }: OperatorCall): Tensor[] {
  const [x, second, third] = inputs as [Tensor, Tensor, Tensor];
  const [dims, ...others] = outputs as [readonly number[], ...(readonly number[])[]];
  const list = (name: string, fallback: number[]) => (attributes[name] as number[] | undefined) ?? fallback;
  const number = (name: string, fallback: number) => (attributes[name] as number | undefined) ?? fallback;
  const axisOf = (fallback: number) => {
    const axis = number('axis', fallback);
    return axis < 0 ? axis + x.dims.length : axis;
  };
  const affine = (normal: Tensor, channel: (index: readonly number[]) => number) =>
    build(dims, (i) => at(normal, i) * second.data[channel(i)]! + third.data[channel(i)]!);
  if (op in binary) return [build(dims, (i) => binary[op]!(repeated(x, i), repeated(second, i)))];
  if (op in unary) return [build(dims, (i) => unary[op]!(at(x, i)))];
  if (reshaping.includes(op)) return [{ dims, data: x.data }];
  switch (op) {
    case 'Gelu': {
      const tanh = (v: number) => 0.5 * v * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v ** 3)));
      const exact = (v: number) => v * normalCdf(v);
      return [build(dims, (i) => (attributes['approximate'] === 'tanh' ? tanh : exact)(at(x, i)))];
    }
    case 'Softmax': {
      const axis = axisOf(-1);
      const e = build(dims, (i) => Math.exp(at(x, i)));
      const sums = (i: readonly number[]) =>
        Array.from({ length: dims[axis]! }, (_, k) => at(e, i.with(axis, k))).reduce((a, b) => a + b, 0);
      return [build(dims, (i) => at(e, i) / sums(i))];
    }
    case 'MatMul':
      return [
        build(dims, (i) => {
          let sum = 0;
          for (let k = 0; k < x.dims.at(-1)!; k++) sum += repeated(x, i.with(-1, k)) * repeated(second, i.with(-2, k));
          return sum;
        }),
      ];
    case 'Gemm': {
      const [ta, tb] = [number('transA', 0) === 1, number('transB', 0) === 1];
      const inner = x.dims[ta ? 0 : 1]!;
      const [alpha, beta] = [number('alpha', 1), number('beta', 1)];
      return [
        build(dims, ([row, column]) => {
          let sum = third === undefined ? 0 : (beta * repeated(third, [row!, column!])) / alpha;
          for (let k = 0; k < inner; k++)
            sum += at(x, ta ? [k, row!] : [row!, k]) * at(second, tb ? [column!, k] : [k, column!]);
          return alpha * sum;
        }),
      ];
    }
    case 'Conv':
    case 'ConvTranspose': {
      const [strides, dilations] = [list('strides', [1, 1]), list('dilations', [1, 1])];
      const [pads, group] = [list('pads', [0, 0, 0, 0]), number('group', 1)];
      const [kh, kw] = second.dims.slice(2) as [number, number];
      const out = build(dims, ([, c]) => (third === undefined ? 0 : third.data[c!]!));
      const forward = op === 'Conv';
      // Every product of the convolution once: the image's place, the kernel's, the result's.
      const [image, result] = forward ? [x.dims, dims] : [dims, x.dims];
      const [perImage, perResult] = [image[1]! / group, result[1]! / group];
      for (const [n, o, row, column] of indices(result) as Generator<[number, number, number, number]>) {
        const first = Math.floor(o / perResult) * perImage;
        for (let c = 0; c < perImage; c++)
          for (let i = 0; i < kh; i++)
            for (let j = 0; j < kw; j++) {
              const y = row * strides[0]! + i * dilations[0]! - pads[0]!;
              const z = column * strides[1]! + j * dilations[1]! - pads[1]!;
              if (y < 0 || z < 0 || y >= image[2]! || z >= image[3]!) continue;
              const [inImage, inResult] = [
                [n, first + c, y, z],
                [n, o, row, column],
              ];
              const [from, to] = forward ? [inImage, inResult] : [inResult, inImage];
              const offset = to.reduce((sum, k, axis) => sum * dims[axis]! + k, 0);
              out.data[offset]! += at(x, from) * at(second, [o, c, i, j]);
            }
      }
      return [out];
    }
    case 'InstanceNormalization':
      return [
        affine(
          normalise(x, ([n, c]) => `${n} ${c}`),
          (i) => i[1]!,
        ),
      ];
    case 'LayerNormalization': {
      const axis = axisOf(-1);
      const normal = normalise(x, (i) => i.slice(0, axis).join());
      return [build(dims, (i) => at(normal, i) * at(second, i.slice(axis)) + at(third, i.slice(axis)))];
    }
    case 'GroupNormalization': {
      const per = dims[1]! / number('num_groups', 1);
      const group = (i: readonly number[]) => Math.floor(i[1]! / per);
      return [
        affine(
          normalise(x, (i) => `${i[0]!} ${group(i)}`),
          group,
        ),
      ];
    }
    case 'ReduceMean':
    case 'ReduceSum': {
      const axes = ints[0]!.map((axis) => (axis < 0 ? axis + x.dims.length : axis));
      const kept = x.dims.map((n, axis) => (axes.includes(axis) ? 1 : n));
      const sums = new Float64Array(size(kept));
      for (const index of indices(x.dims)) {
        const offset = index.reduce((sum, k, axis) => sum * kept[axis]! + (axes.includes(axis) ? 0 : k), 0);
        sums[offset]! += at(x, index);
      }
      const divisor = op === 'ReduceMean' ? size(x.dims) / size(kept) : 1;
      return [{ dims, data: sums.map((sum) => sum / divisor) }];
    }
    case 'Transpose': {
      const perm = list('perm', []);
      return [
        build(dims, (i) =>
          at(
            x,
            perm.map((_, axis) => i[perm.indexOf(axis)]!),
          ),
        ),
      ];
    }
    case 'Concat': {
      const axis = axisOf(0);
      return [
        build(dims, (i) => {
          let place = i[axis]!;
          const part = inputs.find(({ dims: own }) => place < own[axis]! || ((place -= own[axis]!), false))!;
          return at(part, i.with(axis, place));
        }),
      ];
    }
    case 'Split': {
      const axis = axisOf(0);
      let start = 0;
      return [dims, ...others].map((own) => {
        const from = start;
        start += own[axis]!;
        return build(own, (i) => at(x, i.with(axis, i[axis]! + from)));
      });
    }
    case 'Slice': {
      const [starts, , axes, steps] = ints as [number[], number[], number[], number[]];
      return [
        build(dims, (i) =>
          at(
            x,
            i.map((k, axis) => {
              const s = axes.indexOf(axis);
              if (s < 0) return k;
              return (starts[s]! < 0 ? starts[s]! + x.dims[axis]! : starts[s]!) + k * steps[s]!;
            }),
          ),
        ),
      ];
    }
    case 'Gather': {
      const axis = axisOf(0);
      return [build(dims, (i) => at(x, i.with(axis, ints[0]![i[axis]!]!)))];
    }
    case 'Expand':
      return [build(dims, (i) => repeated(x, i))];
    case 'Pad':
      return [
        build(dims, (i) =>
          orZero(
            x,
            i.map((k, axis) => k - ints[0]![axis]!),
          ),
        ),
      ];
    case 'Resize':
      return [
        build(dims, (i) =>
          at(
            x,
            i.map((k, axis) => Math.floor((k * x.dims[axis]!) / dims[axis]!)),
          ),
        ),
      ];
    case 'Where':
      return [build(dims, (i) => repeated(inputs[ints[0]![i.at(-1)!]! !== 0 ? 0 : 1]!, i))];
    default:
      throw new RangeError(`There is no reference of ${op}.`);
  }
}
