/**
 * @file Which device to use. onnxruntime does not fall back by itself, and a CUDA library that is missing or of another
 * version can take the process down: each candidate is tried in a process of its own (probe.ts).
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { BadInput } from '../files/bad-input.ts';
import { deviceName, parseDevice, type Device } from './device.ts';

export interface DeviceChoice {
  devices: Device[];
  /** Sentences: what was chosen and why not the others. */
  notes: string[];
}

/**
 * @param text auto, or device names with commas between
 * @throws BadInput when a device that was asked for by name does not work, with the line that mends it
 */
export async function chooseDevices(text: string): Promise<DeviceChoice> {
  if (text === 'auto') return chooseAutomatically();
  const devices = text.split(',').map((name) => parseDevice(name.trim()));
  if (devices.filter((device) => device.kind === 'webgpu').length > 1) {
    throw new BadInput('WebGPU runs one session at a time; name webgpu once.');
  }
  for (const device of devices) {
    if (device.kind === 'cpu') continue;
    const failure = await probeDevice(device);
    if (failure !== undefined) throw new BadInput(`${deviceName(device)} cannot be used: ${failure} ${remedy(device)}`);
  }
  return { devices, notes: [] };
}

async function chooseAutomatically(): Promise<DeviceChoice> {
  const cuda: Device = { kind: 'cuda', id: 0 };
  const failure = await probeDevice(cuda);
  if (failure === undefined) return { devices: [cuda], notes: ['Using cuda:0.'] };
  // WebGPU under Node is experimental and has crashed on Linux: it is used when it is asked for by name.
  const reason = failure.replace(/^OrtSessionOptionsAppendExecutionProvider_Cuda: /, '');
  return {
    devices: [{ kind: 'cpu' }],
    notes: [
      `Using the CPU. CUDA cannot be used: ${reason} (visavis doctor says what to do); WebGPU is used only by name.`,
    ],
  };
}

/** What to do about a device that does not work. */
export function remedy(device: Device): string {
  if (device.kind === 'cuda') {
    return 'Install CUDA 13 and cuDNN 9, then run: npm run cuda (docs/models.md, CUDA).';
  }
  return device.kind === 'webgpu'
    ? 'Install a Vulkan driver (Debian: apt-get install libvulkan1 mesa-vulkan-drivers).'
    : '';
}

/** Undefined when a small network runs on the device; else the first line of what went wrong. */
export function probeDevice(device: Device): Promise<string | undefined> {
  const fromSource = import.meta.url.endsWith('.ts');
  const script = fileURLToPath(new URL(fromSource ? './probe.ts' : './probe.js', import.meta.url));
  const argv = [...(fromSource ? ['--import', 'tsx'] : []), script, deviceName(device)];
  return new Promise((resolve) => {
    execFile(process.execPath, argv, { timeout: 120_000 }, (error, stdout, stderr) => {
      if (error === null) resolve(undefined);
      else
        resolve(
          stdout.trim() ||
            stderr.trim().split('\n')[0] ||
            `the trial ended with ${error.signal ?? error.code ?? 'an error'}.`,
        );
    });
  });
}
