/** @file One loaded pipeline a device, kept between calls: the next slice of a job needs the same as the last. */
import type { PipelineSource } from '../engine/diffusion/pipeline.ts';
import { deviceName, type Device } from '../engine/onnx/device.ts';
import { Renderer } from './renderer.ts';

export class RendererPool {
  readonly #kept = new Map<string, { source: string; renderer: Renderer }>();

  /** @throws BadInput when the pipeline cannot be loaded on the device */
  async start(source: PipelineSource, device: Device): Promise<Renderer> {
    const [name, key] = [deviceName(device), JSON.stringify(source)];
    const kept = this.#kept.get(name);
    if (kept !== undefined && kept.source === key && kept.renderer.isUsable) return kept.renderer;
    this.#kept.delete(name);
    await kept?.renderer.close();
    const renderer = await Renderer.start(source, device);
    this.#kept.set(name, { source: key, renderer });
    return renderer;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#kept.values()].map(({ renderer }) => renderer.close()));
    this.#kept.clear();
  }
}
