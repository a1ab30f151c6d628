/**
 * @file MTurk: a HIT's question that shows a study, and its file of results with whom to approve: whose visit ended here by finishing.
 * Rows and columns stay as they are; whoever did not finish is left for a person to decide.
 */
import { parse } from 'csv-parse/sync';
import { stringify } from 'csv-stringify/sync';
import type { Database } from '../../db/open.ts';
import { escapeMarkup } from '../../evaluator/engine/files/markup.ts';
import { peopleWithEnds } from '../../db/queries/people.ts';
import { ServiceError } from '../errors.ts';
import { requireStudy } from './lifecycle.ts';

export interface Review {
  /** The file again, its column Approve filled in. */
  csv: string;
  approved: number;
  /** Decided before: the file has a word in Approve or Reject, or another status than Submitted. */
  decided: number;
  /** Workers whom the study does not know, or whose visit has not ended by finishing. */
  left: { worker: string; why: string }[];
}

const needed = ['WorkerId', 'AssignmentId', 'Approve', 'Reject'] as const;
/** MTurk's word for an assignment that nobody has decided on. */
const open = 'Submitted';

/** @throws ServiceError not-found; bad-request when it is no such file */
export async function reviewMturk(db: Database, studyName: string, text: string): Promise<Review> {
  const study = await requireStudy(db, studyName);
  let rows: string[][];
  try {
    rows = parse(text, { bom: true, relax_column_count: false });
  } catch (error) {
    throw new ServiceError('bad-request', `This is no CSV file: ${(error as Error).message}.`);
  }
  const [header = [], ...body] = rows;
  const missing = needed.filter((name) => !header.includes(name));
  if (missing.length > 0)
    throw new ServiceError(
      'bad-request',
      `MTurk's file of results has the columns ${missing.join(', ')}; this has not.`,
    );
  const at = (name: string) => header.indexOf(name);
  const ends = await peopleWithEnds(db, study.id);
  const review: Review = { csv: '', approved: 0, decided: 0, left: [] };
  const statusOf = (row: string[]) => (header.includes('AssignmentStatus') ? row[at('AssignmentStatus')]! : open);
  // Who did the study once is paid once, however many of its assignments they took.
  const approved = new Set(
    body.filter((row) => statusOf(row) === 'Approved' || row[at('Approve')] !== '').map((row) => row[at('WorkerId')]!),
  );
  for (const row of body) {
    const worker = row[at('WorkerId')]!;
    if (row[at('Approve')] !== '' || row[at('Reject')] !== '' || statusOf(row) !== open) {
      review.decided += 1;
      continue;
    }
    const end = ends.get(worker);
    if (end?.endReason === 'finished' && !end.isExcluded && !approved.has(worker)) {
      approved.add(worker);
      row[at('Approve')] = 'x';
      review.approved += 1;
    } else {
      review.left.push({ worker, why: whyLeft(end, approved.has(worker)) });
    }
  }
  review.csv = stringify([header, ...body], { quoted: true, quoted_empty: true });
  return review;
}

function whyLeft(end: { endReason: string | null; isExcluded: boolean } | undefined, isApproved: boolean): string {
  if (end === undefined) return 'is not known here';
  if (isApproved) return 'has another assignment in this file';
  if (end.isExcluded) return 'is left out of the results';
  return end.endReason === null ? 'has not finished' : `ended by "${end.endReason}"`;
}

/**
 * A HIT's question, as MTurk's API and command line take it: the study's link, to which MTurk adds its own parameters. Source: the
 * ExternalQuestion data structure, schema of 2006-07-14.
 * @param frameHeight pixels
 */
export function externalQuestion(url: string, frameHeight: number): string {
  const schema = 'http://mechanicalturk.amazonaws.com/AWSMechanicalTurkDataSchemas/2006-07-14/ExternalQuestion.xsd';
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<ExternalQuestion xmlns="${schema}">`,
    `  <ExternalURL>${escapeMarkup(url)}</ExternalURL>`,
    `  <FrameHeight>${frameHeight}</FrameHeight>`,
    '</ExternalQuestion>',
    '',
  ].join('\n');
}
