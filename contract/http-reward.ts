/**
 * @file How visavis asks a reward that is a program of its own: a large language model, say. `GET URL` tells the version, `POST URL`
 * scores a batch. docs/prescreening.md has a server of forty lines.
 */
import { z } from 'zod';

const versionSchema = z
  .string()
  .min(1)
  .max(200)
  .describe('Which weights and which code give the scores; scores of two versions never mix.');

export const rewardInfoSchema = z.object({
  version: versionSchema,
  batch: z.int().min(1).max(256).default(8).describe('The most images in one request.'),
});

export const rewardQuestionSchema = z.object({
  items: z
    .array(
      z.object({
        prompt: z.string().describe('What the image was made for.'),
        image: z.base64().describe('A PNG of its pixels, without what else the file holds.'),
        type: z.literal('image/png').describe('What the image is.'),
        sha256: z.string().describe("Of the PNG, in hex: a key for the server's own cache."),
      }),
    )
    .describe('At most as many as the batch.'),
});
export type RewardQuestion = z.infer<typeof rewardQuestionSchema>;

export const rewardAnswerSchema = z.object({
  version: versionSchema,
  scores: z.array(z.number().nullable()).describe('One an item, in their order; null where there is none.'),
});
