/** @file The account on Prolific: its token, sealed or from the environment, and what the token shows of it. */
import type { Logger } from 'pino';
import type { Database } from '../../db/open.ts';
import { findSecret, setSecret } from '../../db/queries/sessions.ts';
import { inTransaction } from '../../db/transactions.ts';
import type { ProlificAccount } from '../../contract/prolific.ts';
import { record } from '../access/audit.ts';
import type { Sealer } from '../access/sealed.ts';
import { ServiceError } from '../errors.ts';
import { ProlificClient, type Fetch } from './client.ts';

export interface ProlificConfig {
  /** VISAVIS_PROLIFIC_TOKEN; wins over one that was entered. */
  token: string | undefined;
  /** VISAVIS_PROLIFIC_URL. */
  url: string;
}

export interface AccountParts {
  db: Database;
  sealer: Sealer;
  config: ProlificConfig;
  log: Logger;
  fetch?: Fetch;
  /** Milliseconds to wait each time that Prolific asks to slow down. */
  waits?: number[];
}

const tokenName = 'prolific-token';

export class Account {
  readonly #parts: AccountParts;

  constructor(parts: AccountParts) {
    this.#parts = parts;
  }

  async tokenSource(): Promise<'environment' | 'stored' | null> {
    if (this.#parts.config.token !== undefined) return 'environment';
    return (await findSecret(this.#parts.db, tokenName)) === undefined ? null : 'stored';
  }

  /** Keeps a token that Prolific accepts. @throws ServiceError conflict when it does not */
  async keepToken(token: string, actor: string): Promise<void> {
    const { db, sealer } = this.#parts;
    await this.#clientWith(token).me();
    const sealed = await sealer.seal(tokenName, token);
    await inTransaction(db, async (tx) => {
      await setSecret(tx, tokenName, sealed);
      await record(tx, { actor, action: 'prolific token', subject: 'stored' });
    });
  }

  async forgetToken(actor: string): Promise<void> {
    await inTransaction(this.#parts.db, async (tx) => {
      await setSecret(tx, tokenName, null);
      await record(tx, { actor, action: 'prolific token', subject: 'forgotten' });
    });
  }

  /** What the token shows. */
  async read(): Promise<ProlificAccount> {
    const client = await this.client();
    const workspaces = [];
    for (const { id, title } of await client.workspaces()) {
      const projects = await client.projects(id);
      const balance = await client.balance(id).catch(ifForbidden);
      workspaces.push({
        id,
        title: title ?? id,
        projects: projects.map((project) => ({ id: project.id, title: project.title ?? project.id })),
        balance: balance?.available_balance ?? null,
        currency: balance?.currency_code ?? '',
      });
    }
    const filters = (await client.filters()).map(({ filter_id, title, choices, min, max }) => ({
      id: filter_id,
      title: title ?? filter_id,
      ...(choices ? { choices } : {}),
      ...(typeof min === 'number' ? { min } : {}),
      ...(typeof max === 'number' ? { max } : {}),
    }));
    return { workspaces, filters };
  }

  /** @throws ServiceError conflict without a token, or when it cannot be unsealed */
  async client(): Promise<ProlificClient> {
    const { db, sealer, config } = this.#parts;
    if (config.token !== undefined) return this.#clientWith(config.token);
    const sealed = await findSecret(db, tokenName);
    if (sealed === undefined)
      throw new ServiceError(
        'conflict',
        'There is no token for Prolific; an owner enters one, or VISAVIS_PROLIFIC_TOKEN.',
      );
    return this.#clientWith(await sealer.unseal(tokenName, sealed));
  }

  #clientWith(token: string): ProlificClient {
    const { config, fetch = globalThis.fetch, waits, log } = this.#parts;
    const onOdd = (path: string) => log.warn({ path }, 'Prolific lists something that cannot be read; it is left out.');
    return new ProlificClient({ url: config.url, token, fetch, onOdd, ...(waits === undefined ? {} : { waits }) });
  }
}

/** What the token may not ask for is not known, which stops nothing. */
export function ifForbidden(error: unknown): undefined {
  if (error instanceof ServiceError && error.code === 'conflict') return undefined;
  throw error;
}
