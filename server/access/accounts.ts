/** @file Accounts: who they are, what they may do, and how they get in. The log names them by id alone. */
import { randomBytes } from 'node:crypto';
import { accountNameSchema, type AccountView, type Role } from '../../contract/access.ts';
import type { Database } from '../../db/open.ts';
import { findAccount, insertAccount, listAccounts, updateAccount, type Account } from '../../db/queries/accounts.ts';
import { endLoginLinks } from '../../db/queries/sessions.ts';
import { inTransaction } from '../../db/transactions.ts';
import { ServiceError } from '../errors.ts';
import type { Sessions } from '../http/session.ts';
import { record } from './audit.ts';
import { checkPassword, hashPassword, isPassword } from './passwords.ts';

/** @throws ServiceError conflict when the name is taken, bad-request when it is none */
export async function createAccount(
  db: Database,
  { name: given, role }: { name: string; role: Role },
  actor: string,
  now = Date.now(),
): Promise<Account> {
  const account: Account = {
    id: randomBytes(6).toString('hex'),
    name: nameOf(given),
    role,
    passwordHash: null,
    openidSubject: null,
    generation: 0,
    createdAt: now,
    disabledAt: null,
  };
  await inTransaction(db, async (tx) => {
    if ((await findAccount(tx, 'name', account.name)) !== undefined)
      throw new ServiceError('conflict', `There is an account "${account.name}" already.`);
    await insertAccount(tx, account);
    await record(tx, { actor, action: `account create ${role}`, subject: account.id }, now);
  });
  return account;
}

/**
 * @param which an id or a name
 * @throws ServiceError not-found
 */
export async function requireAccount(db: Database, which: string): Promise<Account> {
  const name = accountNameSchema.safeParse(which);
  const account =
    (await findAccount(db, 'id', which)) ?? (name.success ? await findAccount(db, 'name', name.data) : undefined);
  if (account === undefined)
    throw new ServiceError('not-found', `There is no account "${which}" (visavis account list).`);
  return account;
}

/** Running servers know within a second. @param which an id or a name @throws ServiceError not-found */
export async function changeAccount(
  db: Database,
  which: string,
  { role, disabled }: { role?: Role | undefined; disabled?: boolean | undefined },
  actor: string,
  now = Date.now(),
): Promise<Account> {
  return inTransaction(db, async (tx) => {
    const account = await requireAccount(tx, which);
    const change: Partial<Account> = {};
    if (role !== undefined && role !== account.role) {
      change.role = role;
      await record(tx, { actor, action: `account role ${role}`, subject: account.id }, now);
    }
    if (disabled !== undefined && disabled !== (account.disabledAt !== null)) {
      change.disabledAt = disabled ? now : null;
      // What it had signed stays ended when it is let in again.
      if (disabled) {
        change.generation = account.generation + 1;
        await endLoginLinks(tx, account.id);
      }
      await record(tx, { actor, action: disabled ? 'account disable' : 'account enable', subject: account.id }, now);
    }
    if (Object.keys(change).length > 0) await updateAccount(tx, account.id, change);
    return { ...account, ...change };
  });
}

/** Ends every session and token of one account. */
export async function endSessionsOf(db: Database, id: string, actor: string, now = Date.now()): Promise<void> {
  await inTransaction(db, async (tx) => {
    const account = await requireAccount(tx, id);
    await updateAccount(tx, id, { generation: account.generation + 1 });
    await endLoginLinks(tx, id);
    await record(tx, { actor, action: 'account sign out everywhere', subject: id }, now);
  });
}

/**
 * Sets a password and ends the account's other sessions and tokens: whoever knew the old one is out.
 * @param current the password until here; not asked where there is none
 * @returns the account as it is now
 * @throws ServiceError forbidden when the current one is wrong, bad-request when the new one will not do
 */
export async function changePassword(
  db: Database,
  id: string,
  { current, password }: { current?: string | undefined; password: string },
  actor: string,
  now = Date.now(),
): Promise<Account> {
  const before = await requireAccount(db, id);
  if (before.passwordHash !== null && !(await isPassword(current ?? '', before.passwordHash)))
    throw new ServiceError('forbidden', 'The current password is wrong.');
  checkPassword(password, before.name);
  const passwordHash = await hashPassword(password);
  return inTransaction(db, async (tx) => {
    const account = await requireAccount(tx, id);
    if (account.passwordHash !== before.passwordHash)
      throw new ServiceError('conflict', 'The password was changed meanwhile.');
    const change = { passwordHash, generation: account.generation + 1 };
    await updateAccount(tx, id, change);
    await endLoginLinks(tx, id);
    await record(tx, { actor, action: 'account password', subject: id }, now);
    return { ...account, ...change };
  });
}

/** The account that has this name and this password and may sign in. It takes as long whatever of it is wrong. */
export async function accountWithPassword(db: Database, name: string, password: string): Promise<Account | undefined> {
  const known = accountNameSchema.safeParse(name);
  const account = known.success ? await findAccount(db, 'name', known.data) : undefined;
  const isRight = await isPassword(password, account?.passwordHash ?? null);
  return isRight && account?.disabledAt === null ? account : undefined;
}

/** Path and query of a link that signs an account in. @throws ServiceError conflict when it may not sign in */
export function linkOf(sessions: Sessions, account: Account): Promise<string> {
  if (account.disabledAt !== null)
    throw new ServiceError('conflict', `The account "${account.name}" is disabled (visavis account enable).`);
  return sessions.createLink(Date.now(), account.id);
}

/** Everybody, by name. */
export async function allAccounts(db: Database): Promise<AccountView[]> {
  return (await listAccounts(db)).map(viewOf);
}

export function viewOf(account: Account): AccountView {
  const { id, name, role, createdAt } = account;
  return {
    id,
    name,
    role,
    hasPassword: account.passwordHash !== null,
    hasOpenid: account.openidSubject !== null,
    disabled: account.disabledAt !== null,
    createdAt,
  };
}

function nameOf(given: string): string {
  const name = accountNameSchema.safeParse(given);
  if (!name.success)
    throw new ServiceError('bad-request', 'The name of an account has 1 to 200 characters, none of them NUL.');
  return name.data;
}
