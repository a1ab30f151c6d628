/**
 * @file A network that computes in half precision, computed in float32: weights stay as they are stored and are widened where they
 * are read, so that what is trained beside them, and the small step of a perceptual error, keep their digits.
 */
import { BadInput } from '../files/bad-input.ts';
import { bfloat16ToFloat32, float16ToFloat32 } from '../onnx/float16.ts';
import { attributeType, dataType, type OnnxModel, type OnnxNode, type OnnxTensor } from '../onnx/model-file.ts';
import { count, largestConstant } from './graph.ts';

const isHalfType = (type: number | undefined) => type === dataType.float16 || type === dataType.bfloat16;

/** Whether anything but a weight that is read through a Cast is in half precision. */
export function computesInHalf({ graph }: OnnxModel): boolean {
  const weights = new Set(graph.initializer.filter(({ dataType: type }) => isHalfType(type)).map(({ name }) => name));
  return (
    graph.input.some(({ type }) => isHalfType(type?.tensorType?.elemType)) ||
    graph.node.some(
      (node) =>
        (node.opType === 'Cast' && isHalfType(targetOf(node))) ||
        (node.opType !== 'Cast' && node.input.some((name) => weights.has(name))),
    )
  );
}

const targetOf = (cast: OnnxNode) => cast.attribute.find(({ name }) => name === 'to')?.i;

/**
 * In place: inputs, outputs, constants and casts become float32, and nodes read weight/NAME for each large weight.
 * @returns the Casts that give these, which the graph does not hold yet
 * @throws BadInput for a constant whose bytes are not in the file
 */
export function widen({ graph }: OnnxModel, file: string): OnnxNode[] {
  for (const { type } of [...graph.input, ...graph.output])
    if (isHalfType(type?.tensorType?.elemType)) type!.tensorType!.elemType = dataType.float32;
  graph.valueInfo = [];
  const casts: OnnxNode[] = [];
  const widened = new Map<string, string>();
  for (const tensor of graph.initializer) {
    if (!isHalfType(tensor.dataType)) continue;
    const name = tensor.name!;
    if (count(tensor.dims) <= largestConstant && tensor.dataLocation !== 1) {
      widenTensor(tensor, `${file}: "${name}"`);
      continue;
    }
    widened.set(name, `weight/${name}`);
    const attribute = [{ name: 'to', type: attributeType.int, i: dataType.float32 }];
    casts.push({ name: `weight/${name}/Cast`, opType: 'Cast', input: [name], output: [`weight/${name}`], attribute });
  }
  for (const node of graph.node) {
    node.input = node.input.map((name) => widened.get(name) ?? name);
    for (const attribute of node.attribute) {
      if (attribute.name === 'to' && node.opType === 'Cast' && isHalfType(attribute.i)) attribute.i = dataType.float32;
      if (attribute.t !== undefined && isHalfType(attribute.t.dataType))
        widenTensor(attribute.t, `${file}: a constant of ${node.name ?? node.opType}`);
    }
  }
  return casts;
}

function widenTensor(tensor: OnnxTensor, place: string): void {
  // Without rawData the bits of both types are in int32_data, one number each.
  const bits =
    tensor.rawData === undefined || tensor.rawData.length === 0
      ? Uint16Array.from(tensor.int32Data ?? [])
      : new Uint16Array(new Uint8Array(tensor.rawData).buffer);
  if (bits.length !== count(tensor.dims)) throw new BadInput(`${place} does not hold its numbers; export it again.`);
  const values = (tensor.dataType === dataType.float16 ? float16ToFloat32 : bfloat16ToFloat32)(bits);
  tensor.dataType = dataType.float32;
  tensor.rawData = new Uint8Array(values.buffer);
  delete tensor.int32Data;
}

/**
 * In place: a node that reads a widened weight, as it is or turned, gets all of that for itself, and only once its other input is
 * there. One Cast for all would be held from the forward pass to the gradient; one that waits for nothing is run before everything
 * else by onnxruntime: both hold the whole network in float32. What waits is the Reshape of the stored weight to its own shape, which
 * copies nothing: shape + (n − n), n the other input's count.
 */
export function widenWhereRead({ graph }: OnnxModel): void {
  const initializers = new Map(graph.initializer.map((tensor) => [tensor.name!, tensor]));
  const isHalf = (name: string) => isHalfType(initializers.get(name)?.dataType);
  /** Nodes that depend on weights alone, one in half precision among them, by what they compute. */
  const ofWeights = new Map<string, OnnxNode>();
  for (const node of graph.node)
    if (
      node.input.every((name) => name === '' || initializers.has(name) || ofWeights.has(name)) &&
      node.input.some((name) => isHalf(name) || ofWeights.has(name))
    )
      for (const name of node.output) ofWeights.set(name, node);
  let next = 0;
  graph.node = graph.node.flatMap((node) => {
    if (ofWeights.get(node.output[0]!) === node) return [];
    const other = node.input.find((name) => name !== '' && !initializers.has(name) && !ofWeights.has(name));
    if (other === undefined || !node.input.some((name) => ofWeights.has(name))) return [node];
    const own: OnnxNode[] = [];
    const place = `widened/${next++}`;
    const add = (opType: string, input: string[], attribute: OnnxNode['attribute'] = []) => {
      const output = `${place}/${own.length}`;
      own.push({ name: `${output}/${opType}`, opType, input, output: [output], attribute });
      return output;
    };
    const count = add('Size', [other]);
    const none = add('Sub', [count, count]);
    const copy = (name: string): string => {
      const maker = ofWeights.get(name);
      if (maker !== undefined) return add(maker.opType, maker.input.map(copy), maker.attribute);
      if (!isHalf(name)) return name;
      const shape = `shape/${name}`;
      if (!initializers.has(shape)) {
        const { dims } = initializers.get(name)!;
        const tensor = { name: shape, dims: [dims.length], dataType: dataType.int64, int64Data: dims };
        initializers.set(shape, tensor);
        graph.initializer.push(tensor);
      }
      return add('Reshape', [name, add('Add', [shape, none])]);
    };
    const input = node.input.map((name) => (ofWeights.has(name) ? copy(name) : name));
    return [...own, { ...node, input }];
  });
}
