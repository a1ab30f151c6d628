/** @file Where networks run. */
import { BadInput } from '../files/bad-input.ts';

/** `threads` of the runtime on a CPU; its own choice when absent. */
export type Device = { kind: 'cpu'; threads?: number } | { kind: 'cuda'; id: number } | { kind: 'webgpu' };

/** @param text cpu, cuda, cuda:1, webgpu */
export function parseDevice(text: string): Device {
  if (text === 'cpu' || text === 'webgpu') return { kind: text };
  const match = /^cuda(?::(\d+))?$/.exec(text);
  if (match !== null) return { kind: 'cuda', id: Number(match[1] ?? 0) };
  throw new BadInput(`There is no device "${text}"; it must be auto, cpu, cuda, cuda:ID or webgpu.`);
}

/** The CPU with so many threads of the runtime; its own choice when undefined. */
export function withThreads(devices: readonly Device[], threads: number | undefined): Device[] {
  return devices.map((device) => (device.kind === 'cpu' && threads !== undefined ? { ...device, threads } : device));
}

export function deviceName(device: Device): string {
  return device.kind === 'cuda' ? `cuda:${device.id}` : device.kind;
}
