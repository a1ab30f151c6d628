/** @file The version of ONNX Runtime, without loading it. */
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

export function libraryVersion(): string {
  const { version } = require('onnxruntime-node/package.json') as { version: string };
  return `onnxruntime-node ${version}`;
}
