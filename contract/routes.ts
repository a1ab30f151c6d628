/** @file The routes of the HTTP API: what each takes and answers. The OpenAPI document and the typed client follow from it. */
import { z } from 'zod';
import {
  accountChangeSchema,
  accountLinkSchema,
  accountListSchema,
  accountRequestSchema,
  accountSchema,
  auditSchema,
  createdTokenSchema,
  doneSchema,
  meSchema,
  passwordChangeSchema,
  tokenListSchema,
  tokenRequestSchema,
} from './access.ts';
import { manyModelsReportSchema, reportSchema } from './report.ts';
import {
  createdStudySchema,
  prescreenListSchema,
  prescreenRequestSchema,
  prescreenSchema,
  studyFromScreenSchema,
} from './prescreen.ts';
import {
  createdPromptsSchema,
  importedRendersSchema,
  materialSchema,
  newPromptsSchema,
  newRendersSchema,
  newStudySchema,
  promptListSchema,
  studyCheckRequestSchema,
  studyCheckSchema,
} from './editor.ts';
import { studyFileShape } from './study-file.ts';
import { exclusionRequestSchema, qualitySchema, reopenedSchema } from './quality.ts';
import {
  approvedSchema,
  approveSchema,
  askReturnSchema,
  bonusPaidSchema,
  bonusSchema,
  placesSchema,
  prolificAccountSchema,
  prolificStateSchema,
  prolificTokenSchema,
  publishSchema,
  quoteSchema,
  recruitmentFormSchema,
  recruitmentSchema,
  settleBonusSchema,
  testStudySchema,
} from './prolific.ts';
import { jobListSchema, jobSchema } from './jobs.ts';
import { trainingRunListSchema } from './training.ts';
import {
  gallerySchema,
  inviteSchema,
  liveSchema,
  pairVotesSchema,
  shareListSchema,
  shareRequestSchema,
  createdShareSchema,
  studyChangeSchema,
  studyListSchema,
  studySummarySchema,
} from './research.ts';

interface Route {
  method: 'delete' | 'get' | 'patch' | 'post' | 'put';
  path: string;
  summary: string;
  body?: z.ZodType;
  answer: z.ZodType;
}

export const routes = [
  { method: 'get', path: '/api/studies', summary: 'All studies, newest first', answer: studyListSchema },
  { method: 'get', path: '/api/studies/{name}', summary: 'One study and its progress', answer: studySummarySchema },
  {
    method: 'patch',
    path: '/api/studies/{name}',
    summary: 'Open, pause or close a study',
    body: studyChangeSchema,
    answer: studySummarySchema,
  },
  {
    method: 'get',
    path: '/api/studies/{name}/invite',
    summary: "The path of the annotators' link",
    answer: inviteSchema,
  },
  {
    method: 'get',
    path: '/api/studies/{name}/shares',
    summary: 'Links to its report for people without an account',
    answer: shareListSchema,
  },
  {
    method: 'post',
    path: '/api/studies/{name}/shares',
    summary: 'Make such a link',
    body: shareRequestSchema,
    answer: createdShareSchema,
  },
  { method: 'delete', path: '/api/studies/{name}/shares/{id}', summary: 'Take such a link back', answer: doneSchema },
  {
    method: 'get',
    path: '/api/studies/{name}/report',
    summary:
      'The report, as report --json prints it; while people may still vote with ?reveal=true alone, which is logged (also /figures/NAME.svg, .png, .pdf, .csv)',
    answer: z.union([reportSchema, manyModelsReportSchema]),
  },
  {
    method: 'get',
    path: '/api/studies/{name}/live',
    summary: 'How it goes at this moment: pace, people, where they drop out; nothing of what was voted',
    answer: liveSchema,
  },
  {
    method: 'get',
    path: '/api/studies/{name}/annotators',
    summary: 'How annotators worked, and whom the rule on exclusions names; nothing of which model wins',
    answer: qualitySchema,
  },
  {
    method: 'post',
    path: '/api/studies/{name}/annotators/{annotator}/exclude',
    summary: 'Leave somebody out of the results; reports show both (also /include, where an empty reason will do)',
    body: exclusionRequestSchema,
    answer: doneSchema,
  },
  {
    method: 'post',
    path: '/api/studies/{name}/annotators/reopen',
    summary: 'Ask others about the pairs of those who are left out; votes stay',
    answer: reopenedSchema,
  },
  {
    method: 'get',
    path: '/api/studies/{name}/pairs',
    summary:
      'Every pair with its votes, as counts; ?reveal=true as for the report. Its images: /pairs/POSITION/a and /b (?at=384)',
    answer: gallerySchema,
  },
  {
    method: 'get',
    path: '/api/studies/{name}/pairs/{position}',
    summary: 'Every vote on one pair',
    answer: pairVotesSchema,
  },
  {
    method: 'get',
    path: '/api/studies/{name}/prolific',
    summary: 'Recruiting on Prolific: what the form begins with, and how it goes',
    answer: recruitmentSchema,
  },
  {
    method: 'post',
    path: '/api/studies/{name}/prolific',
    summary: 'Make a draft on Prolific; nothing is spent',
    body: recruitmentFormSchema,
    answer: recruitmentSchema,
  },
  {
    method: 'post',
    path: '/api/studies/{name}/prolific/quote',
    summary: 'What it would cost, who could take part and how long it would last',
    body: recruitmentFormSchema,
    answer: quoteSchema,
  },
  {
    method: 'post',
    path: '/api/studies/{name}/prolific/test',
    summary: "A test study for the account's test participant",
    answer: testStudySchema,
  },
  {
    method: 'post',
    path: '/api/studies/{name}/prolific/publish',
    summary: "Publish the draft, which spends money; the study's name is typed again (also /pause, /resume, without)",
    body: publishSchema,
    answer: recruitmentSchema,
  },
  {
    method: 'post',
    path: '/api/studies/{name}/prolific/look',
    summary: 'Ask Prolific now how it goes',
    answer: recruitmentSchema,
  },
  {
    method: 'put',
    path: '/api/studies/{name}/prolific/places',
    summary: 'Add places',
    body: placesSchema,
    answer: recruitmentSchema,
  },
  {
    method: 'post',
    path: '/api/studies/{name}/prolific/approve',
    summary: 'Approve submissions, which pays them',
    body: approveSchema,
    answer: approvedSchema,
  },
  {
    method: 'post',
    path: '/api/studies/{name}/prolific/ask-return',
    summary: 'Ask somebody to give their submission back',
    body: askReturnSchema,
    answer: doneSchema,
  },
  {
    method: 'post',
    path: '/api/studies/{name}/prolific/bonus',
    summary: 'Pay beside the reward',
    body: bonusSchema,
    answer: bonusPaidSchema,
  },
  {
    method: 'post',
    path: '/api/studies/{name}/prolific/pay-owed',
    summary: 'Pay the reward as a bonus to all who finished and lost their place',
    answer: bonusPaidSchema,
  },
  {
    method: 'post',
    path: '/api/studies/{name}/prolific/settle-bonus',
    summary: 'Say whether a bonus was paid whose payment got no answer',
    body: settleBonusSchema,
    answer: recruitmentSchema,
  },
  {
    method: 'delete',
    path: '/api/studies/{name}/prolific',
    summary: 'Forget a draft, or recruiting that is over, so that another can be made',
    answer: doneSchema,
  },
  {
    method: 'get',
    path: '/api/prolific',
    summary: 'Whether a token for Prolific is at hand',
    answer: prolificStateSchema,
  },
  {
    method: 'get',
    path: '/api/prolific/account',
    summary: 'Workspaces, projects, balances and filters of the account',
    answer: prolificAccountSchema,
  },
  {
    method: 'put',
    path: '/api/prolific/token',
    summary: 'Keep a token for Prolific, sealed (owners)',
    body: prolificTokenSchema,
    answer: doneSchema,
  },
  { method: 'delete', path: '/api/prolific/token', summary: 'Forget it (owners)', answer: doneSchema },
  { method: 'get', path: '/api/runs', summary: 'Training runs with their curves', answer: trainingRunListSchema },
  { method: 'get', path: '/api/jobs', summary: "Jobs of the team's queue, newest first", answer: jobListSchema },
  { method: 'get', path: '/api/jobs/{id}', summary: 'How far one is', answer: jobSchema },
  {
    method: 'post',
    path: '/api/jobs/{id}/cancel',
    summary: 'End a job; what is finished is kept',
    answer: jobSchema,
  },
  { method: 'get', path: '/api/prescreens', summary: 'All prescreens, newest first', answer: prescreenListSchema },
  {
    method: 'post',
    path: '/api/prescreens',
    summary:
      'Start a prescreen (202; 200 when the Idempotency-Key came before). Images: multipart/form-data with this as JSON in the field "request" and files named 00000.png …',
    body: prescreenRequestSchema,
    answer: prescreenSchema,
  },
  {
    method: 'get',
    path: '/api/prescreens/{id}',
    summary:
      'One prescreen: how far it is, and its result (also /chart.svg, /table.csv and, by reward, /figures/win-rates-1.svg, .png, .pdf, .csv)',
    answer: prescreenSchema,
  },
  {
    method: 'post',
    path: '/api/prescreens/{id}/study',
    summary: 'A study of the two best models ({id} may be "last")',
    body: studyFromScreenSchema,
    answer: createdStudySchema,
  },
  {
    method: 'get',
    path: '/api/material',
    summary: 'Prompt sets, models and what they rendered',
    answer: materialSchema,
  },
  { method: 'get', path: '/api/prompt-sets/{name}', summary: 'The prompts of a set', answer: promptListSchema },
  {
    method: 'post',
    path: '/api/prompt-sets',
    summary: 'A new prompt set, as prompts import takes it',
    body: newPromptsSchema,
    answer: createdPromptsSchema,
  },
  {
    method: 'post',
    path: '/api/models',
    summary:
      'Images of a model: multipart/form-data with this as JSON in the field "request" and files named 00000.png …, by the number of their prompt',
    body: newRendersSchema,
    answer: importedRendersSchema,
  },
  {
    method: 'post',
    path: '/api/studies/check',
    summary: "What a study's file would make; nothing is made",
    body: studyCheckRequestSchema,
    answer: studyCheckSchema,
  },
  {
    method: 'post',
    path: '/api/studies',
    summary: "Make a draft of a study's file",
    body: newStudySchema,
    answer: studySummarySchema,
  },
  {
    method: 'get',
    path: '/api/studies/{name}/file',
    summary: "A study's file, as study show --yaml prints it",
    answer: studyFileShape,
  },
  { method: 'get', path: '/api/me', summary: 'Whose session or token this is', answer: meSchema },
  {
    method: 'put',
    path: '/api/me/password',
    summary: "Set the account's password; its other sessions and tokens end",
    body: passwordChangeSchema,
    answer: doneSchema,
  },
  { method: 'delete', path: '/api/me/session', summary: 'Sign out', answer: doneSchema },
  {
    method: 'delete',
    path: '/api/me/sessions',
    summary: 'End every session and token of the account',
    answer: doneSchema,
  },
  {
    method: 'delete',
    path: '/api/sessions',
    summary: 'End every session and token of everybody (owners)',
    answer: doneSchema,
  },
  { method: 'get', path: '/api/accounts', summary: 'All accounts (owners)', answer: accountListSchema },
  {
    method: 'post',
    path: '/api/accounts',
    summary: 'Make an account, and a link for its first sign-in (owners)',
    body: accountRequestSchema,
    answer: accountLinkSchema,
  },
  {
    method: 'patch',
    path: '/api/accounts/{id}',
    summary: 'Change a role, disable or enable an account (owners)',
    body: accountChangeSchema,
    answer: accountSchema,
  },
  {
    method: 'post',
    path: '/api/accounts/{id}/link',
    summary: 'A new link for an account (owners)',
    answer: accountLinkSchema,
  },
  { method: 'get', path: '/api/tokens', summary: 'All tokens (owners)', answer: tokenListSchema },
  {
    method: 'post',
    path: '/api/tokens',
    summary: 'Make a token (owners)',
    body: tokenRequestSchema,
    answer: createdTokenSchema,
  },
  { method: 'delete', path: '/api/tokens/{id}', summary: 'Revoke a token (owners)', answer: doneSchema },
  { method: 'get', path: '/api/audit', summary: 'What was done (owners)', answer: auditSchema },
] as const satisfies readonly Route[];
