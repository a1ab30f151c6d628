/** @file Socket clients as a script would write them: nothing of the page's code. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { io, type Socket } from 'socket.io-client';
import type { Database } from '../../db/open.ts';
import type { Acknowledgement, AssignmentView, VoteResult } from '../../contract/annotate.ts';
import { fromCommandLine } from '../../server/access/audit.ts';
import { createToken } from '../../server/access/tokens.ts';
import { Sessions } from '../../server/http/session.ts';
import type { LeaseTimes } from '../../server/study/assignments.ts';
import type { ServerConfig } from '../../server/config.ts';
import { trustedProxies } from '../../server/http/origins.ts';
import { startServer, type RunningServer } from '../../server/start.ts';

export function testServer(
  db: Database,
  dataFolder: string,
  leases?: Partial<LeaseTimes>,
  config: Partial<ServerConfig> = {},
): Promise<RunningServer> {
  return startServer(db, {
    dataFolder,
    host: '127.0.0.1',
    port: 0,
    publicUrl: undefined,
    trustedProxies: trustedProxies('loopback'),
    logLevel: 'silent',
    inbox: join(dataFolder, 'inbox'),
    upload: { files: 200, fileBytes: 2 ** 20, totalBytes: 20 * 2 ** 20 },
    startsWorkers: false,
    checksFiles: false,
    openid: undefined,
    prolific: { token: undefined, url: 'http://127.0.0.1:9' },
    keyFile: join(dataFolder, 'secrets.key'),
    key: undefined,
    newAnnotatorsPerHour: 100_000,
    ...config,
    leases: { leaseMs: 60_000, graceMs: 1000, ...leases },
  });
}

/** The keys that the server gave, as a browser keeps them; before that its own secret. */
const keys = new Map<string, string>();

export class TestClient {
  readonly socket: Socket;
  private constructor(socket: Socket) {
    this.socket = socket;
  }

  /** @throws the server's refusal of the handshake */
  static async connect(url: string, token: string, participant?: string, auth: object = {}): Promise<TestClient> {
    const who = `${token} ${participant ?? ''}`;
    if (participant !== undefined && !keys.has(who)) keys.set(who, randomBytes(24).toString('hex'));
    const known = participant === undefined ? undefined : keys.get(who);
    const socket = io(`${url}/annotate`, {
      auth: { token, participant, ...(known === undefined ? {} : { key: known }), ...auth },
      transports: ['websocket'],
      forceNew: true,
      reconnection: false,
    });
    socket.on('session', ({ key }: { key: string }) => keys.set(who, key));
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      // The server may die between the transport's handshake and the namespace's.
      // A refusal closes the line too, just before it is told: it goes first.
      socket.io.once('close', () => setImmediate(() => reject(new Error('disconnected'))));
      socket.once('connect_error', (error) => {
        reject(Object.assign(error, (error as Error & { data?: object }).data));
        socket.disconnect();
      });
    });
    return new TestClient(socket);
  }

  /** The whole acknowledgement; rejects when the connection ends before it. */
  send<T>(event: string, payload: unknown): Promise<Acknowledgement<T>> {
    return new Promise((resolve, reject) => {
      const cut = () => reject(new Error('disconnected'));
      if (!this.socket.connected) {
        cut();
        return;
      }
      this.socket.once('disconnect', cut);
      this.socket.emit(event, payload, (answer: Acknowledgement<T>) => {
        this.socket.off('disconnect', cut);
        resolve(answer);
      });
    });
  }

  async ok<T>(event: string, payload: unknown = {}): Promise<T> {
    const answer = await this.send<T>(event, payload);
    if (!answer.ok) throw Object.assign(new Error(answer.error.message), { code: answer.error.code });
    return answer.data;
  }

  /** The refusal's code; throws when there is none. */
  async refused(event: string, payload: unknown = {}): Promise<string> {
    const answer = await this.send(event, payload);
    if (answer.ok) throw new Error(`${event} was not refused`);
    return answer.error.code;
  }

  next(): Promise<AssignmentView | null> {
    return this.ok('assignment:next');
  }

  vote(
    assignmentId: string,
    criterion: string,
    choice: string,
    voteId: string = crypto.randomUUID(),
  ): Promise<VoteResult> {
    return this.ok('vote:cast', { voteId, assignmentId, criterion, choice, responseTimeMs: 1234 });
  }

  /** Answers every criterion of what is next; false when nothing is left. */
  async answerNext(choose: (criterion: string) => 'left' | 'right' = () => 'left'): Promise<boolean> {
    const assignment = await this.next();
    if (assignment === null) return false;
    for (const criterion of assignment.criteria) await this.vote(assignment.id, criterion, choose(criterion));
    return true;
  }

  close(): void {
    this.socket.disconnect();
  }
}

export interface ApiAnswer {
  status: number;
  json: Record<string, unknown> & { error?: { message: string } };
}

/** Asks the HTTP API with a token that may do everything. */
export async function apiCaller(db: Database, { url }: RunningServer) {
  const { token } = await createToken(
    db,
    await Sessions.open(db),
    { expires: Date.now() + 60_000, scope: 'all', label: '' },
    fromCommandLine,
  );
  return async (method: string, path: string, body?: object | FormData): Promise<ApiAnswer> => {
    const isForm = body instanceof FormData;
    const response = await fetch(`${url}/api${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, ...(isForm ? {} : { 'content-type': 'application/json' }) },
      ...(body && { body: isForm ? body : JSON.stringify(body) }),
    });
    return { status: response.status, json: (await response.json()) as ApiAnswer['json'] };
  };
}
