/** @file Who may show a page in a frame: nobody, but for MTurk, whose workers meet a study there, and our editor for a preview. */
import type { Request, Response } from 'express';
import { mturkFrames, mturkSubmits } from '../../contract/mturk.ts';

/** Whether a link is of MTurk's making: it names the assignment, in a preview too. */
export function isTurkLink(request: Request): boolean {
  return Object.keys(request.query).some((name) => name.toLowerCase() === 'assignmentid');
}

/** Lets MTurk frame this one response, and the page send its work there. */
export function allowTurkFrame(response: Response): void {
  const policy = String(response.getHeader('Content-Security-Policy'));
  response.set(
    'Content-Security-Policy',
    policy
      .replace("frame-ancestors 'none'", `frame-ancestors ${mturkFrames.join(' ')}`)
      .replace("form-action 'self'", `form-action 'self' ${mturkSubmits.join(' ')}`),
  );
  // Older than the policy, and unable to name an origin.
  response.removeHeader('X-Frame-Options');
}

/** Lets our own pages frame this one response. */
export function allowOwnFrame(response: Response): void {
  const policy = String(response.getHeader('Content-Security-Policy'));
  response.set('Content-Security-Policy', policy.replace("frame-ancestors 'none'", "frame-ancestors 'self'"));
  response.set('X-Frame-Options', 'SAMEORIGIN');
}
