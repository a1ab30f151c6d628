/**
 * @file Prolific's API, version 1: the calls that are made of it, each answer checked. Source: its OpenAPI document as published
 * (November 2026). A refusal becomes one sentence; a slow-down is waited for.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { ServiceError } from '../errors.ts';

/** As the global fetch. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

const patienceMs = 20_000;
/** Waits after being told to slow down, before the caller is told so. */
const slowDowns = [500, 2000, 5000];
const longestWaitMs = 10_000;
const pageSize = 100;
/** A list longer than this is refused rather than read for ever. */
const mostPages = 1000;

const named = z.object({ id: z.string(), title: z.string().nullish() });
const link = z.object({ next: z.object({ href: z.string().nullish() }).nullish() }).nullish();
const listSchema = z.object({ results: z.array(z.unknown()), _links: link });

const studySchema = z.object({
  id: z.string(),
  status: z.string(),
  total_available_places: z.number(),
  places_taken: z.number().nullish(),
});
export type RemoteStudy = z.infer<typeof studySchema>;

const submissionSchema = z.object({
  id: z.string(),
  participant_id: z.string(),
  status: z.string(),
  study_code: z.string().nullish(),
  started_at: z.string().nullish(),
  bonus_payments: z.array(z.unknown()).nullish(),
});
export type RemoteSubmission = z.infer<typeof submissionSchema>;

const filterSchema = z.object({
  filter_id: z.string(),
  title: z.string().nullish(),
  choices: z.record(z.string(), z.string()).nullish(),
  min: z.number().nullish(),
  max: z.number().nullish(),
});
const balanceSchema = z.object({ available_balance: z.number(), currency_code: z.string() });

/** Whether the platform did what was asked is not known: no answer came, or none that says. */
export class Unanswered extends ServiceError {
  constructor(message: string) {
    super('unavailable', message);
  }
}

export interface ClientParts {
  /** Without the path, as https://api.prolific.com. */
  url: string;
  token: string;
  fetch: Fetch;
  /** Milliseconds to wait each time that it asks to slow down. */
  waits?: readonly number[];
  /** Is told of each row of a list that cannot be read, which is left out. */
  onOdd: (path: string) => void;
}

export class ProlificClient {
  readonly #url: string;
  readonly #token: string;
  readonly #fetch: Fetch;
  readonly #waits: readonly number[];
  readonly #onOdd: (path: string) => void;

  constructor({ url, token, fetch, waits = slowDowns, onOdd }: ClientParts) {
    this.#onOdd = onOdd;
    this.#url = url.replace(/\/$/, '');
    this.#token = token;
    this.#fetch = fetch;
    this.#waits = waits;
  }

  me() {
    return this.#get('users/me/', z.object({ id: z.string() }));
  }

  workspaces() {
    return this.#list('workspaces/', named);
  }

  projects(workspace: string) {
    return this.#list(`workspaces/${encodeURIComponent(workspace)}/projects/`, named);
  }

  balance(workspace: string) {
    return this.#get(`workspaces/${encodeURIComponent(workspace)}/balance/`, balanceSchema);
  }

  filters() {
    return this.#list('filters/', filterSchema);
  }

  /** Cents, with fee and tax. */
  async cost(asked: { reward: number; total_available_places: number; estimated_completion_time: number }) {
    return (await this.#send('POST', 'study-cost-calculator/', asked, z.object({ total_cost: z.number() }))).total_cost;
  }

  async eligible(asked: { workspace_id: string; filters: readonly object[] }) {
    return (await this.#send('POST', 'eligibility-count/', asked, z.object({ count: z.number() }))).count;
  }

  async recruitmentHours(asked: object) {
    const answer = z.object({ precise_recruitment_time_hours: z.number().nullish() });
    return (await this.#send('POST', 'studies/predicted-recruitment-time/', asked, answer))
      .precise_recruitment_time_hours;
  }

  createStudy(study: object) {
    return this.#send('POST', 'studies/', study, studySchema);
  }

  study(id: string) {
    return this.#get(`studies/${id}/`, studySchema);
  }

  changeStudy(id: string, change: { total_available_places: number }) {
    return this.#send('PATCH', `studies/${id}/`, change, studySchema);
  }

  transition(id: string, action: 'PUBLISH' | 'PAUSE' | 'START' | 'STOP') {
    return this.#send('POST', `studies/${id}/transition/`, { action }, studySchema.partial());
  }

  async testStudy(id: string) {
    const answer = z.object({ study_url: z.string() });
    return (await this.#send('POST', `studies/${id}/test-study`, {}, answer)).study_url;
  }

  submissions(study: string) {
    return this.#list(`studies/${study}/submissions/`, submissionSchema);
  }

  async approve(submissions: readonly string[]): Promise<void> {
    await this.#send('POST', 'submissions/bulk-approve/', { submission_ids: submissions }, z.unknown());
  }

  async askReturn(submission: string, reason: string): Promise<void> {
    const body = { request_return_reasons: [reason] };
    await this.#send('POST', `submissions/${encodeURIComponent(submission)}/request-return/`, body, z.unknown());
  }

  /** Prepares payments; nothing is spent until payBonuses. @param bonuses cents by submission */
  createBonuses(study: string, bonuses: readonly { submission: string; cents: number }[]) {
    const csv = bonuses.map(({ submission, cents }) => `${submission},${(cents / 100).toFixed(2)}`).join('\n');
    const answer = z.object({ id: z.string(), total_amount: z.number() });
    return this.#send('POST', 'submissions/bonus-payments/', { study_id: study, csv_bonuses: csv }, answer);
  }

  async payBonuses(id: string): Promise<void> {
    await this.#send('POST', `bulk-bonus-payments/${id}/pay/`, {}, z.unknown());
  }

  async createHookSecret(workspace: string) {
    const answer = z.object({ value: z.string().min(1) });
    return (await this.#send('POST', 'hooks/secrets/', { workspace_id: workspace }, answer)).value;
  }

  /** Subscribes and confirms. */
  async subscribe(asked: { workspace_id: string; event_type: string; target_url: string }): Promise<void> {
    const response = await this.#answered('POST', 'hooks/subscriptions/', asked);
    const { id } = z.object({ id: z.string() }).parse(await response.json());
    const secret = response.headers.get('x-hook-secret');
    if (secret === null)
      throw new ServiceError('unavailable', 'Prolific gave no secret to confirm a subscription with.');
    await this.#send('POST', `hooks/subscriptions/${id}/`, { secret }, z.unknown());
  }

  #get<T extends z.ZodType>(path: string, answer: T) {
    return this.#send('GET', path, undefined, answer);
  }

  async #list<T extends z.ZodType>(path: string, item: T): Promise<z.output<T>[]> {
    const found: z.output<T>[] = [];
    let read = 0;
    for (let page = 0; page < mostPages; page++) {
      const answer = await this.#get(`${path}?limit=${pageSize}&offset=${read}`, listSchema);
      read += answer.results.length;
      for (const each of answer.results) {
        const parsed = item.safeParse(each);
        // One odd row must not hide the others.
        if (parsed.success) found.push(parsed.data);
        else this.#onOdd(path);
      }
      const next = answer._links?.next?.href;
      if (answer.results.length === 0 || next === null || next === undefined) return found;
    }
    throw new ServiceError('unavailable', `Prolific's list at ${path} has no end.`);
  }

  async #send<T extends z.ZodType>(
    method: string,
    path: string,
    body: object | undefined,
    answer: T,
  ): Promise<z.output<T>> {
    const response = await this.#answered(method, path, body);
    const text = await response.text().catch(() => '');
    const parsed = answer.safeParse(text === '' ? {} : asJson(text));
    if (parsed.success) return parsed.data;
    throw new Unanswered(`Prolific answered ${method} ${path} with something else than its documentation says.`);
  }

  /** @throws ServiceError for a refusal; Unanswered where it is not known whether it was done */
  async #answered(method: string, path: string, body: object | undefined): Promise<Response> {
    for (const wait of [...this.#waits, null]) {
      let response: Response;
      try {
        response = await this.#fetch(`${this.#url}/api/v1/${path}`, {
          method,
          headers: { Authorization: `Token ${this.#token}`, 'Content-Type': 'application/json' },
          signal: AbortSignal.timeout(patienceMs),
          redirect: 'error',
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        });
      } catch {
        throw new Unanswered('Prolific does not answer; try again in a moment.');
      }
      if (response.ok) return response;
      const said = detailOf(await response.text().catch(() => ''));
      if (response.status === 429 && wait !== null) {
        const seconds = Number(response.headers.get('retry-after') ?? NaN);
        await sleep(Math.min(longestWaitMs, seconds > 0 ? seconds * 1000 : wait));
        continue;
      }
      throw refusalOf(response.status, said);
    }
    throw new Error('unreachable');
  }
}

function refusalOf(status: number, said: string): ServiceError {
  if (status === 429) return new ServiceError('unavailable', 'Prolific asks to be asked less; try again in a minute.');
  if (status === 401 || status === 403)
    return new ServiceError(
      'conflict',
      `Prolific does not accept the token for this${said === '' ? '.' : `: ${said}`}`,
    );
  if (status >= 500) return new Unanswered(`Prolific has a problem of its own (${status}); try again later.`);
  if (status === 404) return new ServiceError('not-found', 'Prolific does not know this any more.');
  return new ServiceError('bad-request', `Prolific refuses this: ${said === '' ? `status ${status}` : said}`);
}

/** What a refusal says, in one line. */
function detailOf(text: string): string {
  const body = asJson(text) as { error?: { detail?: unknown; title?: unknown }; detail?: unknown; message?: unknown };
  const detail = body?.error?.detail ?? body?.error?.title ?? body?.detail ?? body?.message;
  const line = typeof detail === 'string' ? detail : detail === undefined ? '' : JSON.stringify(detail);
  return line.replace(/\s+/g, ' ').trim().slice(0, 500);
}

function asJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
