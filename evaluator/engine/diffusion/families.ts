/** @file What the families of pipelines that are built here have in common and where they differ, as diffusers' classes have it. */

export type PipelineKind = 'sd' | 'sdxl' | 'sd3' | 'flux' | 'pixart';
export type TextEncoderName = 'text_encoder' | 'text_encoder_2' | 'text_encoder_3';

export interface Family {
  /** In messages. */
  title: string;
  /** The folder of the network that is asked at every step. */
  network: 'unet' | 'transformer';
  /** In the order of their tokenizers. */
  textEncoders: readonly TextEncoderName[];
  /** Which of them is T5, and how many tokens it reads: max_sequence_length of the pipeline where nobody says another. */
  t5: { encoder: TextEncoderName; tokens: number } | null;
  /** Trained by flow matching: where its noise levels end (samplers/flow-euler.ts). */
  flow: 'trained' | 'one step' | null;
  /** Where the folder's configs say nothing. */
  usual: { steps: number; guidance: number; vaeScaling: number; latentsOfSide: number };
}

export const families: Record<PipelineKind, Family> = {
  sd: {
    title: 'Stable Diffusion 1 or 2',
    network: 'unet',
    textEncoders: ['text_encoder'],
    t5: null,
    flow: null,
    // Steps and guidance of the papers (METHOD: inference settings), for SDXL too.
    usual: { steps: 50, guidance: 7.5, vaeScaling: 0.18215, latentsOfSide: 64 },
  },
  sdxl: {
    title: 'SDXL',
    network: 'unet',
    textEncoders: ['text_encoder', 'text_encoder_2'],
    t5: null,
    flow: null,
    usual: { steps: 50, guidance: 7.5, vaeScaling: 0.13025, latentsOfSide: 64 },
  },
  sd3: {
    title: 'Stable Diffusion 3',
    network: 'transformer',
    // diffusers runs it without its third too, on zeros in its place.
    textEncoders: ['text_encoder', 'text_encoder_2', 'text_encoder_3'],
    t5: { encoder: 'text_encoder_3', tokens: 256 },
    flow: 'trained',
    usual: { steps: 28, guidance: 7, vaeScaling: 1.5305, latentsOfSide: 128 },
  },
  flux: {
    title: 'FLUX.1',
    network: 'transformer',
    textEncoders: ['text_encoder', 'text_encoder_2'],
    t5: { encoder: 'text_encoder_2', tokens: 512 },
    flow: 'one step',
    usual: { steps: 28, guidance: 3.5, vaeScaling: 0.3611, latentsOfSide: 128 },
  },
  pixart: {
    title: 'PixArt-Σ',
    network: 'transformer',
    textEncoders: ['text_encoder'],
    t5: { encoder: 'text_encoder', tokens: 300 },
    flow: null,
    usual: { steps: 20, guidance: 4.5, vaeScaling: 0.13025, latentsOfSide: 128 },
  },
};

/** FLUX.1 schnell, distilled to a few steps and without a guidance scale (its model card). */
export const usualOfSchnell = { steps: 4, guidance: 0 };

/** By the name of the pipeline's class, and by its parts where that says nothing. */
export function kindOf(className: string, hasSecondEncoder: boolean): PipelineKind {
  if (className.includes('StableDiffusion3')) return 'sd3';
  if (className.includes('Flux')) return 'flux';
  if (className.includes('PixArtSigma')) return 'pixart';
  return hasSecondEncoder ? 'sdxl' : 'sd';
}

export function tokenizerOf(encoder: TextEncoderName): string {
  return encoder.replace('text_encoder', 'tokenizer');
}
