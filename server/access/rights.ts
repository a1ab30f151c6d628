/** @file What a role may do, and what a token's scope leaves of it. */
import type { Role, TokenScope } from '../../contract/access.ts';

/**
 * `read`: studies, finished results, prescreens, training. `prescreen`: prescreens, and nothing else. `draft`: prompts, images and
 * drafts of studies, which nobody can vote in yet. `research`: everything of studies and prescreens, running results and invite
 * links included. `own`: accounts, tokens, the log, everybody's sessions.
 */
export type Right = 'read' | 'prescreen' | 'draft' | 'research' | 'own';

const ofRole: Record<Role, readonly Right[]> = {
  viewer: ['read'],
  researcher: ['read', 'prescreen', 'draft', 'research'],
  owner: ['read', 'prescreen', 'draft', 'research', 'own'],
};
const ofScope: Record<TokenScope, readonly Right[]> = {
  all: ['read', 'prescreen', 'draft', 'research', 'own'],
  read: ['read'],
  draft: ['read', 'draft'],
  prescreen: ['prescreen'],
};

export function hasRight({ role, scope }: { role: Role; scope: TokenScope }, right: Right): boolean {
  return ofRole[role].includes(right) && ofScope[scope].includes(right);
}
