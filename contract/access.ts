/** @file Who may do what: accounts, sessions, tokens, and the log of what was done. */
import { z } from 'zod';
import { textSchema } from './words.ts';

export const roleSchema = z.enum(['owner', 'researcher', 'viewer']);
export type Role = z.infer<typeof roleSchema>;

export const tokenScopes = ['all', 'read', 'draft', 'prescreen'] as const;
export const tokenScopeSchema = z.enum(tokenScopes);
export type TokenScope = z.infer<typeof tokenScopeSchema>;

/** An account's name: upper and lower case are the same, and so are the forms of an accented letter. */
export const accountNameSchema = textSchema
  .transform((name) => name.normalize('NFC').trim().toLowerCase())
  .pipe(z.string().min(1).max(200));

export const signInSchema = z.object({
  passwords: z.boolean().describe('Whether any account has a password.'),
  openid: z.string().nullable().describe('What the button for the OpenID provider says; null without one.'),
});
export type SignIn = z.infer<typeof signInSchema>;

export const meSchema = z.object({
  account: z
    .object({
      id: z.string().describe('By which the log names it.'),
      name: z.string().describe('With which one signs in.'),
      hasPassword: z.boolean().describe('Whether it can sign in with one.'),
    })
    .nullable()
    .describe('Null for a session of the link that visavis serve prints, and for tokens of the command line.'),
  role: roleSchema.describe('What it may do.'),
  scope: tokenScopeSchema.describe('What is left of that; all for a session.'),
});
export type Me = z.infer<typeof meSchema>;

export const passwordChangeSchema = z.object({
  current: textSchema.max(1000).optional().describe('The password until here, where there is one.'),
  password: textSchema.max(1000).describe('The new one.'),
});

export const accountSchema = z.object({
  id: z.string().describe('By which the log names it.'),
  name: z.string().describe('With which one signs in.'),
  role: roleSchema.describe('What it may do.'),
  hasPassword: z.boolean().describe('Whether it can sign in with one.'),
  hasOpenid: z.boolean().describe('Whether it has signed in through the OpenID provider.'),
  disabled: z.boolean().describe('Whether it may not sign in.'),
  createdAt: z.int().describe('Milliseconds since 1970.'),
});
export type AccountView = z.infer<typeof accountSchema>;

export const accountListSchema = z.object({ accounts: z.array(accountSchema).describe('By name.') });
export const accountRequestSchema = z.object({
  name: accountNameSchema.describe('With which one signs in: an e-mail address, where an OpenID provider knows it.'),
  role: roleSchema.describe('What it may do.'),
});
export const accountChangeSchema = z.object({
  role: roleSchema.optional().describe('What it may do from now on.'),
  disabled: z.boolean().optional().describe('True ends its sessions and tokens.'),
});
export const accountLinkSchema = z.object({
  account: accountSchema.describe('Whom it signs in.'),
  path: z.string().describe('Path of a link for one sign-in within a day. Its use ends the password until then.'),
  url: z.string().optional().describe('The whole link, where the public address is configured.'),
});
export type AccountLink = z.infer<typeof accountLinkSchema>;

export const tokenSchema = z.object({
  id: z.string().describe('By which it is revoked.'),
  scope: tokenScopeSchema.describe('What it is good for.'),
  label: z.string().describe('What it is for.'),
  createdAt: z.int().describe('Milliseconds since 1970.'),
  expiresAt: z.int().describe('Milliseconds since 1970.'),
  revokedAt: z.int().nullable().describe('Milliseconds since 1970; null while it is good.'),
  accountId: z.string().nullable().describe("Whose it is; null for the command line's."),
});
export type TokenView = z.infer<typeof tokenSchema>;

export const tokenListSchema = z.object({ tokens: z.array(tokenSchema).describe('Newest first.') });
export const tokenRequestSchema = z.object({
  scope: tokenScopeSchema.default('all').describe('What it is good for.'),
  days: z.int().min(1).max(3650).default(90).describe('Until it ends.'),
  label: textSchema.max(200).default('').describe('What it is for.'),
});
export const createdTokenSchema = z.object({
  id: z.string().describe('By which it is revoked.'),
  token: z.string().describe('Its text, which is shown once and kept nowhere.'),
});

export const auditSchema = z.object({
  entries: z
    .array(
      z.object({
        position: z.int().describe('From 1.'),
        createdAt: z.int().describe('Milliseconds since 1970.'),
        actor: z.string().describe('command line, account ID, session ID or token ID.'),
        action: z.string().describe('What was done.'),
        subject: z.string().describe('What it was done to.'),
        previous: z.string().describe('Hash of the entry before.'),
        hash: z.string().describe('SHA-256 of the rest.'),
      }),
    )
    .describe('Oldest first.'),
  brokenAt: z.int().nullable().describe('The first entry that does not follow from the one before; null: none.'),
});
export type Audit = z.infer<typeof auditSchema>;

export const doneSchema = z.object({ done: z.literal(true).describe('It was done.') });
