/** @file What a sampler is. Latents: Float32Array, [batch, channels, height / 8, width / 8] in memory order. */
export interface Sampler {
  /** As the U-Net is asked, in order; PNDM repeats one. Euler's may be fractional. */
  readonly timesteps: Float64Array;
  /** The first latents are unit noise times this. */
  readonly initNoiseSigma: number;
  /** What the latents are multiplied by before the U-Net sees them at this step. */
  inputScale(index: number): number;
  /**
   * One step: latents are replaced by the next, less noisy ones.
   * @param output the U-Net's prediction after guidance, same shape
   * @param noise draws unit noise of the same shape; only samplers that add noise call it
   */
  step(index: number, output: Float32Array, latents: Float32Array, noise: () => Float32Array): void;
}
