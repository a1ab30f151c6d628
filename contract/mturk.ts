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

/**
 * A HIT's question, as MTurk's API and command line take it: the study's link, to which MTurk adds its own parameters. Source: the
 * ExternalQuestion data structure, schema of 2006-07-14.
 * @param frameHeight pixels
 */
export function externalQuestion(url: string, frameHeight: number): string {
  const schema = 'http://mechanicalturk.amazonaws.com/AWSMechanicalTurkDataSchemas/2006-07-14/ExternalQuestion.xsd';
  const escaped = url.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<ExternalQuestion xmlns="${schema}">`,
    `  <ExternalURL>${escaped}</ExternalURL>`,
    `  <FrameHeight>${frameHeight}</FrameHeight>`,
    '</ExternalQuestion>',
    '',
  ].join('\n');
}
