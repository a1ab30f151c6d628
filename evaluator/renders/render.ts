/**
 * @file Arrow: prompt set → renders. Asks the database which prompts this model has not rendered with this seed, renders
 * them, and writes each as soon as it is done: stop it anywhere and run it again.
 */
import { createHash, randomUUID } from 'node:crypto';
import type { Database } from '../../db/open.ts';
import { findModel, type Model } from '../../db/queries/models.ts';
import { findPromptSet, listPrompts, type Prompt, type PromptSet } from '../../db/queries/prompts.ts';
import { insertRender, promptsWithoutRender, recordRenderFailure } from '../../db/queries/renders.ts';
import { BadInput } from '../engine/files/bad-input.ts';
import type { GeneratedImage } from '../engine/diffusion/pipeline.ts';
import { Renderer } from './renderer.ts';
import type { RendererPool } from './renderer-pool.ts';
import { cutFrom } from '../engine/diffusion/prompt-encoding.ts';
import { encodePng } from '../engine/images/png.ts';
import { thumbnailOf } from '../engine/images/thumbnail.ts';
import type { ImageStore } from '../engine/images/store.ts';
import { deviceName, type Device } from '../engine/onnx/device.ts';
import { libraryVersion } from '../engine/onnx/library.ts';
import { localModel, type Networks } from '../models/networks.ts';
import { checkModelFiles, type ModelSettings } from '../models/settings.ts';

export interface RenderRequest {
  prompts: string;
  model: string;
  seed: number;
  limit?: number | undefined;
  /** Every n-th prompt of the set. Indices may count from 0 or from 1: the n-th shard is the 0-th. */
  shard?: { index: number; count: number } | undefined;
  /** Only the prompts at these places of the set. */
  positions?: ReadonlySet<number> | undefined;
  /** Fetches files of the model that this machine has not; they have to be here when absent. */
  networks?: Networks | undefined;
  /** Keeps pipelines loaded from one call to the next; the caller closes them. */
  renderers?: RendererPool | undefined;
  devices: readonly Device[];
  /** Images in one run of the U-Net. More than one may change the last bits of an image. */
  batch: number;
  signal?: AbortSignal | undefined;
  /** What is worth knowing before it begins. */
  onNote?: (sentence: string) => void;
  onProgress?: ((progress: RenderProgress) => void) | undefined;
}

export interface RenderProgress {
  done: number;
  failed: number;
  total: number;
  /** Denoising steps of the images under way, as a share of one image. */
  partial: number;
}

export interface RenderSummary {
  rendered: number;
  failed: { prompt: string; message: string }[];
  /** Already there before. */
  skipped: number;
  stopped: boolean;
}

/**
 * @throws BadInput when a name is unknown, the model's files changed, or the pipeline cannot be loaded; an error of the
 * disk (ENOSPC) ends the run after the renders before it are safe
 */
export async function renderPromptSet(
  db: Database,
  images: ImageStore,
  request: RenderRequest,
): Promise<RenderSummary> {
  const { promptSet, model } = await requireNames(db, request);
  const { queue, skipped } = await findMissing(db, promptSet, model, request);
  const summary: RenderSummary = { rendered: 0, failed: [], skipped, stopped: false };
  if (queue.length === 0) return summary;
  const named = model.settings as ModelSettings;
  const settings = request.networks === undefined ? named : await localModel(request.networks, named);
  await checkModelFiles(model.name, settings);
  if (request.onNote !== undefined) for (const note of await cutNotes(settings, queue)) request.onNote(note);

  const run = new Run(db, images, model, settings, request, queue, summary);
  await run.finish();
  return summary;
}

/** What the text encoder does not read of the prompts, in sentences: none where it reads all. */
export async function cutNotes(
  { pipeline, negativePrompt }: Pick<ModelSettings, 'pipeline' | 'negativePrompt'>,
  queue: readonly Pick<Prompt, 'text'>[],
): Promise<string[]> {
  const notes: string[] = [];
  const { lost, tokens } = await cutFrom(pipeline, [...queue.map(({ text }) => text), negativePrompt ?? '']);
  const ofNegative = lost.pop()!;
  if (ofNegative !== '')
    notes.push(`The negative prompt is cut at ${tokens} tokens; ${JSON.stringify(ofNegative)} is not read.`);
  const first = lost.findIndex((words) => words !== '');
  if (first === -1) return notes;
  const count = lost.filter((words) => words !== '').length;
  notes.push(
    `${count} of ${queue.length} prompts ${count === 1 ? 'is' : 'are'} longer than the text encoder's ${tokens} tokens and cut; of ${JSON.stringify(queue[first]!.text.slice(0, 60))} it does not read ${JSON.stringify(lost[first]!)}.`,
  );
  return notes;
}

/** @throws BadInput when one is unknown, or the model cannot render */
export async function requireNames(
  db: Database,
  request: Pick<RenderRequest, 'prompts' | 'model'>,
): Promise<{ promptSet: PromptSet; model: Model }> {
  const promptSet = await findPromptSet(db, request.prompts);
  if (promptSet === undefined) throw new BadInput(`There is no prompt set named "${request.prompts}".`);
  const model = await findModel(db, request.model);
  if (model === undefined) throw new BadInput(`There is no model named "${request.model}".`);
  if (model.kind === 'imported') {
    throw new BadInput(
      `The model "${request.model}" consists of imported images; add more with visavis renders import.`,
    );
  }
  return { promptSet, model };
}

/** The prompts that are asked for and not rendered, in the set's order. */
export async function findMissing(
  db: Database,
  promptSet: PromptSet,
  model: Model,
  { seed, shard, limit, positions }: Pick<RenderRequest, 'seed' | 'shard' | 'limit' | 'positions'>,
): Promise<{ queue: Prompt[]; skipped: number }> {
  const all = await listPrompts(db, promptSet.id);
  const chosen = all
    .filter(({ position }) => positions === undefined || positions.has(position))
    .filter((prompt) => shard === undefined || prompt.position % shard.count === shard.index % shard.count)
    .slice(0, limit);
  const missing = await promptsWithoutRender(db, { promptSetId: promptSet.id, modelId: model.id, seed });
  const missingIds = new Set(missing.map((prompt) => prompt.id));
  const queue = chosen.filter((prompt) => missingIds.has(prompt.id));
  return { queue, skipped: chosen.length - queue.length };
}

/** One call's work: every device takes the next prompts from one queue until it is empty or something ends it. */
class Run {
  readonly #db: Database;
  readonly #images: ImageStore;
  readonly #model: Model;
  readonly #settings: ModelSettings;
  readonly #request: RenderRequest;
  readonly #queue: Prompt[];
  readonly #summary: RenderSummary;
  readonly #total: number;
  readonly #partial = new Map<Renderer, number>();
  /** Encoding and writing the last images while the device renders the next. */
  #writes: Promise<void>[] = [];
  #fatal: unknown;

  constructor(
    db: Database,
    images: ImageStore,
    model: Model,
    settings: ModelSettings,
    request: RenderRequest,
    queue: Prompt[],
    summary: RenderSummary,
  ) {
    this.#db = db;
    this.#images = images;
    this.#model = model;
    this.#settings = settings;
    this.#request = request;
    this.#queue = queue;
    this.#summary = summary;
    this.#total = queue.length;
  }

  async finish(): Promise<void> {
    const source = {
      folder: this.#settings.pipeline,
      adapters: this.#settings.adapters.map(({ path, scale }) => ({ file: path, scale })),
    };
    const renderers: Renderer[] = [];
    const stop = () => renderers.forEach((renderer) => renderer.stop());
    this.#request.signal?.addEventListener('abort', stop);
    try {
      for (const device of this.#request.devices)
        renderers.push(await (this.#request.renderers ?? Renderer).start(source, device));
      if (this.#request.signal?.aborted === true) stop();
      await Promise.all(renderers.map((renderer) => this.#drain(renderer)));
      await Promise.all(this.#writes);
    } finally {
      this.#request.signal?.removeEventListener('abort', stop);
      if (this.#request.renderers === undefined) await Promise.all(renderers.map((renderer) => renderer.close()));
    }
    if (this.#fatal !== undefined) throw this.#fatal;
    this.#summary.stopped = this.#request.signal?.aborted === true && this.#queue.length > 0;
  }

  async #drain(renderer: Renderer): Promise<void> {
    while (this.#fatal === undefined && this.#request.signal?.aborted !== true) {
      const batch = this.#queue.slice(0, this.#request.batch);
      if (batch.length === 0) return;
      this.#queue.splice(0, batch.length);
      try {
        const images = await renderer.generate(
          {
            prompts: batch.map((prompt) => prompt.text),
            seeds: batch.map(() => this.#request.seed),
            settings: this.#settings,
          },
          ({ step, steps }) => {
            this.#partial.set(renderer, (batch.length * step) / steps);
            this.#report();
          },
        );
        this.#partial.delete(renderer);
        // At most one batch a device waits to be written, so that memory stays flat.
        await Promise.all(this.#writes);
        this.#writes = batch.map((prompt, i) => this.#write(prompt, images[i]!, renderer.device));
      } catch (error) {
        this.#partial.delete(renderer);
        if ((error as Error).name === 'Stopped') {
          this.#queue.unshift(...batch);
          return;
        }
        if (!(error instanceof BadInput)) throw error;
        for (const prompt of batch) await this.#fail(prompt, error.message);
      }
    }
  }

  async #write(prompt: Prompt, image: GeneratedImage, device: Device): Promise<void> {
    const { sampler, steps, guidance, negativePrompt, width, height, pipelineSha256, adapters } = this.#settings;
    const generation = {
      prompt: prompt.text,
      negativePrompt,
      seed: this.#request.seed,
      sampler,
      steps,
      guidance,
      width,
      height,
      pipelineSha256,
      adapters: adapters.map(({ sha256, scale, config }) => ({
        sha256,
        scale,
        ...(config === undefined ? {} : { configSha256: config.sha256 }),
      })),
    };
    try {
      const sha256 = await this.#images.put(await encodePng(image.pixels, width, height, generation));
      await insertRender(this.#db, {
        id: randomUUID(),
        modelId: this.#model.id,
        promptId: prompt.id,
        seed: this.#request.seed,
        imageSha256: sha256,
        width,
        height,
        provenance: {
          ...generation,
          latentsSha256: createHash('sha256').update(image.latents).digest('hex'),
          library: libraryVersion(),
          device: deviceName(device),
        },
        createdAt: Date.now(),
        thumbnail: await thumbnailOf({ pixels: image.pixels, width, height }),
      });
      this.#summary.rendered += 1;
      this.#report();
    } catch (error) {
      // The disk or the database: nothing after it can be kept either.
      this.#fatal ??= error;
    }
  }

  async #fail(prompt: Prompt, message: string): Promise<void> {
    await recordRenderFailure(this.#db, {
      modelId: this.#model.id,
      promptId: prompt.id,
      seed: this.#request.seed,
      message,
      createdAt: Date.now(),
    });
    this.#summary.failed.push({ prompt: prompt.text, message });
    this.#report();
  }

  #report(): void {
    this.#request.onProgress?.({
      done: this.#summary.rendered,
      failed: this.#summary.failed.length,
      total: this.#total,
      partial: [...this.#partial.values()].reduce((sum, share) => sum + share, 0),
    });
  }
}
