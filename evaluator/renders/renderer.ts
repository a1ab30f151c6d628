/** @file A pipeline in a worker thread, seen from outside. */
import type { Device } from '../engine/onnx/device.ts';
import { DeviceWorker } from '../engine/onnx/device-worker.ts';
import type { GeneratedImage, GenerationSettings, PipelineSource } from '../engine/diffusion/pipeline.ts';
import type { GenerateCall } from './render-worker.ts';

export interface StepEvent {
  step: number;
  steps: number;
}

export class Renderer {
  readonly device: Device;
  readonly #worker: DeviceWorker;
  #isUsable = true;

  private constructor(worker: DeviceWorker) {
    this.#worker = worker;
    this.device = worker.device;
  }

  /** Starts the thread and makes the sessions. @throws BadInput when the pipeline cannot be loaded on the device */
  static async start(source: PipelineSource, device: Device): Promise<Renderer> {
    const worker = new DeviceWorker(new URL('./render-worker.js', import.meta.url), device);
    try {
      await worker.call('load', source);
    } catch (error) {
      await worker.terminate();
      throw error;
    }
    return new Renderer(worker);
  }

  /** One image a seed. Rejects with an error named Stopped after `stop`. */
  generate(call: GenerateCall, onStep?: (event: StepEvent) => void): Promise<GeneratedImage[]> {
    return this.#worker.call('generate', call, onStep as ((event: unknown) => void) | undefined);
  }

  /** Not after it was stopped, nor when its thread has failed. */
  get isUsable(): boolean {
    return this.#isUsable && !this.#worker.hasEnded;
  }

  stop(): void {
    this.#isUsable = false;
    this.#worker.stop();
  }

  close(): Promise<void> {
    return this.#worker.terminate();
  }
}

export type { GenerationSettings };
