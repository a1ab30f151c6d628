/**
 * @file A Prolific of a test: the documented API, people who take part, and messages that it loses, doubles, delays and puts out of
 * order. Nothing of it knows visavis.
 */
import { createHmac, randomBytes, randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export interface FakeSubmission {
  id: string;
  participant: string;
  study: string;
  status: string;
  code: string | null;
  startedAt: number;
  bonuses: number[];
  /** Cents that reached the person. */
  paid: number;
  returnAsked: string[] | null;
}

interface CompletionCode {
  code: string;
  code_type: string;
  actions: { action: string }[];
}

export interface FakeStudy {
  id: string;
  status: string;
  body: Record<string, unknown> & {
    reward: number;
    total_available_places: number;
    completion_codes: CompletionCode[];
    external_study_url: string;
    project: string;
  };
}

/** A message to the researcher's server, as it would be POSTed. */
export interface Message {
  target: string;
  headers: Record<string, string>;
  body: string;
}

interface Answer {
  status: number;
  json?: unknown;
  headers?: Record<string, string>;
}

const fee = 1 / 3;
/** Of whatever was made last, by any of them: two never have the same id. */
let serial = 1;
const leaving = ['RETURNED', 'TIMED-OUT', 'REJECTED'];

export class FakeProlific {
  readonly token = 'a-token-of-the-account';
  readonly workspace = '60000000000000000000000a';
  readonly project = '60000000000000000000000b';
  balance = 1_000_000;
  readonly studies = new Map<string, FakeStudy>();
  readonly submissions = new Map<string, FakeSubmission>();
  /** Not delivered yet, oldest first. */
  readonly messages: Message[] = [];
  readonly calls: string[] = [];
  /** So many of the next requests are told to slow down. */
  slowDowns = 0;
  /** So many of the next requests break off after they were done. */
  silences = 0;
  /** So many of the next requests break off before anything was done. */
  cuts = 0;
  /** It gives no longer pages than this, whatever is asked for. */
  largestPage = 1000;
  hookSecret: string | undefined;
  readonly #subscriptions = new Map<string, { event: string; target: string; secret: string; confirmed: boolean }>();
  readonly #bonuses = new Map<string, { entries: [string, number][]; isPaid: boolean }>();
  #clock = Date.parse('2026-01-01T00:00:00Z');
  #server: Server | undefined;

  /** As the global fetch. */
  readonly fetch = async (url: string, init: RequestInit): Promise<Response> => {
    if (this.cuts > 0) {
      this.cuts -= 1;
      throw new TypeError('fetch failed');
    }
    const { pathname, searchParams } = new URL(url);
    const headers = new Headers(init.headers);
    const body = typeof init.body === 'string' ? (JSON.parse(init.body) as Record<string, unknown>) : {};
    const answer = this.handle(init.method ?? 'GET', pathname, searchParams, headers.get('authorization'), body);
    if (this.silences > 0) {
      this.silences -= 1;
      throw new TypeError('fetch failed');
    }
    return new Response(answer.json === undefined ? null : JSON.stringify(answer.json), answer);
  };

  /** Starts it as a server of its own. @returns its address */
  async listen(): Promise<string> {
    this.#server = createServer((request, response) => {
      const url = new URL(request.url!, 'http://fake');
      void text(request).then((body) => {
        const parsed = body === '' ? {} : (JSON.parse(body) as Record<string, unknown>);
        const { authorization } = request.headers;
        const answer = this.handle(request.method!, url.pathname, url.searchParams, authorization ?? null, parsed);
        response.writeHead(answer.status, { 'content-type': 'application/json', ...answer.headers });
        response.end(answer.json === undefined ? undefined : JSON.stringify(answer.json));
      });
    });
    await new Promise<void>((resolve) => this.#server!.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server?.closeAllConnections();
    await new Promise((resolve) => this.#server?.close(resolve));
  }

  handle(
    method: string,
    path: string,
    query: URLSearchParams,
    authorization: string | null,
    body: Record<string, unknown>,
  ): Answer {
    const route = `${method} ${path.replace('/api/v1/', '')}`;
    this.calls.push(route);
    if (authorization !== `Token ${this.token}`) return refusal(401, 'Invalid token.');
    if (this.slowDowns > 0) {
      this.slowDowns -= 1;
      return { ...refusal(429, 'Request was throttled.'), headers: { 'retry-after': '0.001' } };
    }
    for (const [pattern, answer] of this.#routes) {
      const match = new RegExp(`^${pattern.replace(/:\w+/g, '([^/]+)')}$`).exec(route);
      if (match !== null) return answer(match.slice(1), body, query);
    }
    return refusal(404, 'Not found.');
  }

  readonly #routes: [string, (ids: string[], body: Record<string, unknown>, query: URLSearchParams) => Answer][] = [
    ['GET users/me/', () => ok({ id: 'me', email: 'somebody@example.org' })],
    ['GET workspaces/', (_, __, query) => this.#page([{ id: this.workspace, title: 'My lab' }], query)],
    ['GET workspaces/:id/projects/', (_, __, query) => this.#page([{ id: this.project, title: 'Images' }], query)],
    [
      'GET workspaces/:id/balance/',
      () => ok({ currency_code: 'GBP', total_balance: this.balance, available_balance: this.balance }),
    ],
    [
      'GET filters/',
      (_, __, query) =>
        this.#page(
          [
            { filter_id: 'fluent-languages', title: 'Fluent languages', choices: { '19': 'English', '58': 'Spanish' } },
            { filter_id: 'age', title: 'Age', min: 18, max: 100 },
          ],
          query,
        ),
    ],
    [
      'POST study-cost-calculator/',
      (_, body) => ok({ total_cost: costOf(Number(body['reward']), Number(body['total_available_places'])) }),
    ],
    [
      'POST eligibility-count/',
      (_, body) => ok({ count: (body['filters'] as object[]).length === 0 ? 200_000 : 61_234 }),
    ],
    ['POST studies/predicted-recruitment-time/', () => ok({ precise_recruitment_time_hours: 2.5 })],
    ['POST studies/', (_, body) => this.#create(body)],
    ['GET studies/:id/', ([id]) => this.#withStudy(id!, (study) => ok(this.#view(study)))],
    [
      'PATCH studies/:id/',
      ([id], body) =>
        this.#withStudy(id!, (study) => {
          const places = Number(body['total_available_places']);
          if (!(places > study.body.total_available_places)) return refusal(400, 'Places can only be increased.');
          study.body.total_available_places = places;
          if (study.status === 'AWAITING REVIEW') study.status = 'ACTIVE';
          return ok(this.#view(study));
        }),
    ],
    ['POST studies/:id/transition/', ([id], body) => this.#withStudy(id!, (study) => this.#transition(study, body))],
    [
      'POST studies/:id/test-study',
      ([id]) =>
        this.#withStudy(id!, () => ok({ study_id: randomUUID(), study_url: `https://app.prolific.com/studies/${id}` })),
    ],
    [
      'GET studies/:id/submissions/',
      ([id], _, query) =>
        this.#page([...this.submissions.values()].filter(({ study }) => study === id).map(viewOf), query),
    ],
    ['POST submissions/bulk-approve/', (_, body) => this.#approve(body['submission_ids'] as string[])],
    [
      'POST submissions/bonus-payments/',
      (_, body) => {
        const entries = String(body['csv_bonuses'])
          .split('\n')
          .map((line): [string, number] => [line.split(',')[0]!, Math.round(Number(line.split(',')[1]) * 100)]);
        if (entries.some(([id]) => this.submissions.get(id)?.study !== body['study_id']))
          return refusal(400, 'One of the ids is not of this study.');
        const id = randomUUID();
        this.#bonuses.set(id, { entries, isPaid: false });
        const amount = entries.reduce((sum, [, cents]) => sum + cents, 0);
        return ok({ id, amount, total_amount: amount * (1 + fee) }, 201);
      },
    ],
    [
      'POST bulk-bonus-payments/:id/pay/',
      ([id]) => {
        const bonus = this.#bonuses.get(id!);
        if (bonus === undefined || bonus.isPaid) return refusal(400, 'Nothing to pay.');
        bonus.isPaid = true;
        for (const [submission, cents] of bonus.entries) {
          this.submissions.get(submission)!.bonuses.push(cents);
          this.submissions.get(submission)!.paid += cents;
          this.balance -= cents * (1 + fee);
        }
        return { status: 202 };
      },
    ],
    [
      'POST submissions/:id/request-return/',
      ([id], body) => {
        const submission = this.submissions.get(id!);
        if (submission === undefined) return refusal(404, 'Not found.');
        submission.returnAsked = body['request_return_reasons'] as string[];
        return ok({ id, status: submission.status });
      },
    ],
    [
      'POST hooks/secrets/',
      (_, body) => {
        this.hookSecret = randomBytes(32).toString('hex');
        return ok({ id: randomUUID(), value: this.hookSecret, workspace_id: body['workspace_id'] }, 201);
      },
    ],
    [
      'POST hooks/subscriptions/',
      (_, body) => {
        const target = String(body['target_url']);
        if (!target.startsWith('https://')) return refusal(400, 'target_url must use https.');
        const [id, secret] = [randomUUID(), randomUUID()];
        this.#subscriptions.set(id, { event: String(body['event_type']), target, secret, confirmed: false });
        return { ...ok({ id, is_enabled: false }, 201), headers: { 'x-hook-secret': secret } };
      },
    ],
    [
      'POST hooks/subscriptions/:id/',
      ([id], body) => {
        const subscription = this.#subscriptions.get(id!);
        if (subscription?.secret !== body['secret']) return refusal(400, 'The secret is wrong.');
        subscription!.confirmed = true;
        return ok({ id, is_enabled: true });
      },
    ],
  ];

  #create(body: Record<string, unknown>): Answer {
    const needed = ['name', 'description', 'external_study_url', 'prolific_id_option', 'total_available_places'];
    for (const field of [...needed, 'estimated_completion_time', 'reward', 'completion_codes'])
      if (body[field] === undefined) return refusal(400, { [field]: ['This field is required.'] });
    if (body['project'] !== this.project) return refusal(400, 'There is no such project.');
    if (!Number.isInteger(body['reward'])) return refusal(400, { reward: ['A valid integer is required.'] });
    const study: FakeStudy = { id: `study${serial++}`, status: 'UNPUBLISHED', body: body as FakeStudy['body'] };
    this.studies.set(study.id, study);
    return ok(this.#view(study), 201);
  }

  #view({ id, status, body }: FakeStudy) {
    return { id, status, ...body, places_taken: this.#placesTaken(id) };
  }

  #page(all: readonly unknown[], query: URLSearchParams): Answer {
    const limit = Math.min(this.largestPage, Number(query.get('limit') ?? 20));
    const offset = Number(query.get('offset') ?? 0);
    const next = offset + limit < all.length ? `?limit=${limit}&offset=${offset + limit}` : null;
    return ok({
      results: all.slice(offset, offset + limit),
      _links: { next: { href: next } },
      meta: { count: all.length },
    });
  }

  #placesTaken(study: string): number {
    return [...this.submissions.values()].filter((each) => each.study === study && !leaving.includes(each.status))
      .length;
  }

  #withStudy(id: string, answer: (study: FakeStudy) => Answer): Answer {
    const study = this.studies.get(id);
    return study === undefined ? refusal(404, 'Not found.') : answer(study);
  }

  #transition(study: FakeStudy, { action }: Record<string, unknown>): Answer {
    const allowed: Record<string, [from: string[], to: string]> = {
      PUBLISH: [['UNPUBLISHED'], 'ACTIVE'],
      PAUSE: [['ACTIVE'], 'PAUSED'],
      START: [['PAUSED'], 'ACTIVE'],
      STOP: [['ACTIVE', 'PAUSED'], 'AWAITING REVIEW'],
    };
    const row = allowed[String(action)];
    if (row === undefined || !row[0].includes(study.status)) return refusal(400, `The study is ${study.status}.`);
    if (action === 'PUBLISH' && costOf(study.body.reward, study.body.total_available_places) > this.balance)
      return refusal(400, 'Not enough funds.');
    study.status = row[1];
    this.#tell('study.status.change', { resource_id: study.id, status: study.status });
    return ok(this.#view(study));
  }

  #approve(ids: string[]): Answer {
    const chosen = ids.map((id) => this.submissions.get(id));
    if (chosen.some((each) => each?.status !== 'AWAITING REVIEW'))
      return refusal(400, 'Only submissions that await review can be approved.');
    for (const submission of chosen) this.#pay(submission!);
    return ok({ message: 'The request to bulk approve has been made successfully.' });
  }

  #pay(submission: FakeSubmission): void {
    const { reward } = this.studies.get(submission.study)!.body;
    submission.paid += reward;
    this.balance -= reward * (1 + fee);
    this.#become(submission, 'APPROVED');
  }

  #become(submission: FakeSubmission, status: string): void {
    submission.status = status;
    const { id, participant } = submission;
    this.#tell('submission.status.change', { resource_id: id, participant_id: participant, status });
  }

  #tell(event: string, payload: object): void {
    for (const { event: wanted, target, confirmed } of this.#subscriptions.values()) {
      if (wanted !== event || !confirmed) continue;
      const body = JSON.stringify({ event_type: event, ...payload });
      const timestamp = String((this.#clock += 1000));
      const signature = createHmac('sha256', this.hookSecret!)
        .update(timestamp + body)
        .digest('base64');
      this.messages.push({
        target,
        headers: {
          'content-type': 'application/json',
          'x-prolific-request-timestamp': timestamp,
          'x-prolific-request-signature': signature,
          'x-event-id': randomUUID(),
        },
        body,
      });
    }
  }

  /** Somebody takes a place. @returns undefined when there is none, or they had one before */
  takePlace(study: string, participant: string): FakeSubmission | undefined {
    const { status, body } = this.studies.get(study)!;
    if (status !== 'ACTIVE' || this.#placesTaken(study) >= body.total_available_places) return undefined;
    const before = [...this.submissions.values()].some(
      (each) => each.study === study && each.participant === participant,
    );
    if (before) return undefined;
    const submission: FakeSubmission = {
      id: `session${serial++}`,
      participant,
      study,
      status: 'RESERVED',
      code: null,
      startedAt: (this.#clock += 1000),
      bonuses: [],
      paid: 0,
      returnAsked: null,
    };
    this.submissions.set(submission.id, submission);
    this.#become(submission, 'ACTIVE');
    return submission;
  }

  /** The address that they are sent to. */
  addressFor({ study, participant, id }: FakeSubmission): string {
    return this.studies
      .get(study)!
      .body.external_study_url.replace('{{%PROLIFIC_PID%}}', participant)
      .replace('{{%STUDY_ID%}}', study)
      .replace('{{%SESSION_ID%}}', id);
  }

  /** They come back with a code, or without one. */
  complete(submission: FakeSubmission, code: string | null): void {
    if (submission.status !== 'ACTIVE' && submission.status !== 'TIMED-OUT') return;
    submission.code = code;
    const { completion_codes } = this.studies.get(submission.study)!.body;
    const action = completion_codes.find((each) => each.code === code)?.actions[0]?.action;
    if (action === 'REQUEST_RETURN') submission.returnAsked = [];
    this.#become(submission, 'AWAITING REVIEW');
    if (action === 'AUTOMATICALLY_APPROVE') this.#pay(submission);
  }

  leave(submission: FakeSubmission, how: 'RETURNED' | 'TIMED-OUT' | 'REJECTED'): void {
    if (submission.status !== 'ACTIVE' && !(submission.status === 'AWAITING REVIEW' && how === 'RETURNED')) return;
    this.#become(submission, how);
  }
}

function viewOf({ id, participant, status, code, startedAt, bonuses }: FakeSubmission) {
  return {
    id,
    participant_id: participant,
    status,
    study_code: code,
    started_at: new Date(startedAt).toISOString(),
    bonus_payments: bonuses,
  };
}

function costOf(reward: number, places: number): number {
  return Math.round(reward * places * (1 + fee));
}

function ok(json: unknown, status = 200): Answer {
  return { status, json };
}

function refusal(status: number, detail: unknown): Answer {
  return { status, json: { error: { status, title: 'Error', detail } } };
}
