/** @file Who opens the page, as the crowd platform's link says; parameter names in any case. */
import { isTemplate } from '../../contract/participant.ts';

export type Visitor =
  | { kind: 'participant'; participant: string | undefined }
  /** The link names nobody: what is wrong, for a person. */
  | { kind: 'nobody'; problem: string }
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
    if (id === '') return nobody(name, 'is empty');
    if (isTemplate(id)) return nobody(name, `is "${id.slice(0, 60)}", which the platform has not filled in`);
    if (id.length > 200) return nobody(name, 'is longer than 200 characters');
    return { kind: 'participant', participant: id };
  }
  return { kind: 'participant', participant: undefined };
}

function nobody(name: string, what: string): Visitor {
  return {
    kind: 'nobody',
    problem: `The part ${name} of this link ${what}, so your answers could not be told from others'. Please open the study from the platform again, or tell the researchers.`,
  };
}
