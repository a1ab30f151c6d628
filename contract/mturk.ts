/** @file MTurk shows a study in a frame of its own page and takes the end of the work there (ExternalQuestion). */

/** Pages that may show the annotator's page in a frame. */
export const mturkFrames = [
  'https://www.mturk.com',
  'https://worker.mturk.com',
  'https://workersandbox.mturk.com',
] as const;

/** Where finished work may be sent. */
export const mturkSubmits = ['https://www.mturk.com', 'https://workersandbox.mturk.com'] as const;

/** Pixels of the frame in which a study is shown, unless another number is asked for. */
export const mturkFrameHeight = 900;
