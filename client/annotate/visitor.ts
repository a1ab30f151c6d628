/** @file Who opens the page, as the crowd platform's link says; parameter names in any case. */
import { mturkSubmits } from '../../contract/mturk.ts';
import { isTemplate } from '../../contract/participant.ts';

export type Visitor =
  | {
      kind: 'participant';
      participant: string | undefined;
      /** Prolific's id of their taking part. */
      submission?: string;
      /** MTurk's assignment, and where its end is told. */
      turk?: { assignmentId: string; action: string };
    }
  /** The link names nobody: which part of it is wrong, how, and what stands there. */
  | { kind: 'nobody'; problem: 'isEmpty' | 'isTemplate' | 'isLong'; name: string; value: string }
  /** A platform shows the work to somebody who has not taken it on. */
  | { kind: 'preview' };

/** Prolific, MTurk, or a name that the researcher gave; the first that is there. */
const parameters = ['PROLIFIC_PID', 'workerId', 'participant'];

export function visitorOf(search: string): Visitor {
  const query = new Map([...new URLSearchParams(search)].map(([name, value]) => [name.toLowerCase(), value.trim()]));
  if (query.get('assignmentid') === 'ASSIGNMENT_ID_NOT_AVAILABLE') return { kind: 'preview' };
  for (const name of parameters) {
    const id = query.get(name.toLowerCase());
    if (id === undefined) continue;
    const value = id.slice(0, 60);
    if (id === '') return { kind: 'nobody', problem: 'isEmpty', name, value };
    if (isTemplate(id)) return { kind: 'nobody', problem: 'isTemplate', name, value };
    if (id.length > 200) return { kind: 'nobody', problem: 'isLong', name, value };
    return { kind: 'participant', participant: id, ...submissionOf(query), ...turkOf(query) };
  }
  return { kind: 'participant', participant: undefined };
}

/** Work is sent to MTurk alone, whatever a link says. */
function turkOf(query: ReadonlyMap<string, string>): { turk?: { assignmentId: string; action: string } } {
  const [assignmentId, submitTo] = [query.get('assignmentid') ?? '', query.get('turksubmitto') ?? ''];
  const origin = mturkSubmits.find((each) => each === submitTo.replace(/\/$/, ''));
  if (assignmentId === '' || origin === undefined) return {};
  return { turk: { assignmentId, action: `${origin}/mturk/externalSubmit` } };
}

function submissionOf(query: ReadonlyMap<string, string>): { submission?: string } {
  const id = query.get('session_id') ?? '';
  return query.has('prolific_pid') && /^[A-Za-z0-9-]{1,100}$/.test(id) ? { submission: id } : {};
}
