/** @file Which errors are the database's trouble, and which are somebody's bug. */
import { describe, expect, it } from 'vitest';
import { troubleOf } from '../../db/trouble.ts';

const withCode = (code: string, message = 'x') => Object.assign(new Error(message), { code });

describe('trouble', () => {
  it.each([
    ['57P01', 'away'],
    ['57P03', 'away'],
    ['08006', 'away'],
    ['53300', 'away'],
    ['25P03', 'away'],
    ['ECONNREFUSED', 'away'],
    ['ECONNRESET', 'away'],
    ['55P03', 'busy'],
    ['57014', 'busy'],
    ['40P01', 'busy'],
    ['SQLITE_BUSY', 'busy'],
    ['SQLITE_BUSY_SNAPSHOT', 'busy'],
    ['53100', 'full'],
    ['SQLITE_FULL', 'full'],
    ['ENOSPC', 'full'],
    ['25006', 'read-only'],
    ['SQLITE_READONLY_DBMOVED', 'read-only'],
    ['EROFS', 'read-only'],
    ['SQLITE_CORRUPT', 'damaged'],
    ['SQLITE_IOERR_READ', 'damaged'],
    ['XX001', 'damaged'],
  ])('%s is %s', (code, kind) => {
    const trouble = troubleOf(withCode(code))!;
    expect(trouble.kind).toBe(kind);
    expect(trouble.sentence).toMatch(/^[A-Z].*\.$/);
  });
  it('the PostgreSQL driver’s own words, and several addresses that were tried', () => {
    expect(troubleOf(new Error('Connection terminated unexpectedly'))?.kind).toBe('away');
    expect(troubleOf(new Error('timeout exceeded when trying to connect'))?.kind).toBe('away');
    expect(troubleOf(new AggregateError([withCode('ECONNREFUSED')]))?.kind).toBe('away');
  });
  it.each(['23505', '42601', '22P02', 'SQLITE_CONSTRAINT_UNIQUE', 'SQLITE_ERROR', 'ENOENT', '5P03', 'X57014'])(
    '%s is not',
    (code) => {
      expect(troubleOf(withCode(code))).toBeUndefined();
    },
  );
  it('a bug is none', () => {
    expect(troubleOf(new TypeError('x is undefined'))).toBeUndefined();
    expect(troubleOf('text')).toBeUndefined();
    expect(troubleOf(undefined)).toBeUndefined();
  });
});
