/** @file What a role may do, and what a token's scope leaves of it. */
import type { Role, TokenScope } from '../../contract/access.ts';

/**
 * `read`: studies, finished results, prescreens, training. `prescreen`: prescreens, and nothing else. `research`: everything of
 * studies and prescreens, running results and invite links included. `own`: accounts, tokens, the log, everybody's sessions.
 */
export type Right = 'read' | 'prescreen' | 'research' | 'own';

const ofRole: Record<Role, readonly Right[]> = {
  viewer: ['read'],
  researcher: ['read', 'prescreen', 'research'],
  owner: ['read', 'prescreen', 'research', 'own'],
};
const ofScope: Record<TokenScope, readonly Right[]> = {
  all: ['read', 'prescreen', 'research', 'own'],
  read: ['read'],
  prescreen: ['prescreen'],
};

export function hasRight({ role, scope }: { role: Role; scope: TokenScope }, right: Right): boolean {
  return ofRole[role].includes(right) && ofScope[scope].includes(right);
}
