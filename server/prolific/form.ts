/** @file From the form to what Prolific is asked for: reward, times, codes, address. Arrow: study → recruitment. */
import { randomInt } from 'node:crypto';
import type { RecruitmentForm } from '../../contract/prolific.ts';
import type { EndReason } from '../../contract/visit.ts';

/** Cents for somebody who needs the stated minutes: rounded up, so that nobody is paid less an hour than was said. */
export function rewardOf({ payPerHour, minutes }: Pick<RecruitmentForm, 'payPerHour' | 'minutes'>): number {
  // Half a cent of a hundredth is a float's error, not pay.
  return Math.ceil((payPerHour * 100 * minutes) / 60 - 1e-6);
}

/** Minutes after which a place is taken back: three times what is needed, and a quarter of an hour to begin. */
export function maximumMinutes(minutes: number): number {
  return 3 * minutes + 15;
}

/**
 * So many people that every seat finds somebody: each may have a pair once.
 * @param seats of a pair
 */
export function placesFor(pairs: number, seats: number, pairsPerAnnotator: number | undefined): number {
  const each = Math.min(pairs, pairsPerAnnotator ?? pairs);
  return each === 0 ? seats : Math.ceil((pairs * seats) / each);
}

/** What a completion code says, and what follows from it there. */
const codeKinds: Record<EndReason, { type: string; action: string }> = {
  finished: { type: 'COMPLETED', action: 'MANUALLY_REVIEW' },
  // Whether a check that was missed is fair to hold against somebody, a person decides.
  checks: { type: 'FAILED_ATTENTION_CHECK', action: 'MANUALLY_REVIEW' },
  'no-consent': { type: 'NO_CONSENT', action: 'REQUEST_RETURN' },
  device: { type: 'INCOMPATIBLE_DEVICE', action: 'REQUEST_RETURN' },
  full: { type: 'OTHER', action: 'REQUEST_RETURN' },
};

const letters = 'ABCDEFGHJKLMNPQRSTUVWXYZ23456789';

/** A code for each way in which a visit ends. Nobody can guess one: it is what is paid for. */
export function newCodes(): Record<EndReason, string> {
  const code = () => Array.from({ length: 10 }, () => letters[randomInt(letters.length)]).join('');
  return { finished: code(), checks: code(), 'no-consent': code(), device: code(), full: code() };
}

/** Where somebody comes back to Prolific with a code. */
export function completionUrl(code: string): string {
  return `https://app.prolific.com/submissions/complete?cc=${code}`;
}

/** The address that Prolific fills in for each person. */
export function externalUrl(publicUrl: string, inviteToken: string): string {
  const parameters = ['PROLIFIC_PID', 'STUDY_ID', 'SESSION_ID'].map((name) => `${name}={{%${name}%}}`).join('&');
  return `${publicUrl}/annotate/${inviteToken}?${parameters}`;
}

/** What makes a study on Prolific. @param studyId ours, by which the draft can be known again */
export function remoteStudy(
  form: RecruitmentForm,
  { studyId, url, codes }: { studyId: string; url: string; codes: Record<EndReason, string> },
): object {
  return {
    name: form.title,
    internal_name: `visavis ${studyId}`,
    description: form.description,
    external_study_url: url,
    prolific_id_option: 'url_parameters',
    total_available_places: form.places,
    estimated_completion_time: form.minutes,
    maximum_allowed_time: maximumMinutes(form.minutes),
    reward: rewardOf(form),
    device_compatibility: form.devices,
    filters: form.filters,
    project: form.project,
    submissions_config: { max_submissions_per_participant: 1 },
    content_warnings: form.contentWarnings,
    ...(form.contentWarningDetails === undefined ? {} : { content_warning_details: form.contentWarningDetails }),
    completion_codes: (Object.keys(codeKinds) as EndReason[]).map((reason) => ({
      code: codes[reason],
      code_type: codeKinds[reason].type,
      actor: 'participant',
      actions: [
        {
          action:
            reason === 'finished' && form.approve === 'automatically'
              ? 'AUTOMATICALLY_APPROVE'
              : codeKinds[reason].action,
        },
      ],
    })),
  };
}
