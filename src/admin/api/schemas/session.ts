// Sessions, users, tokens, audit trail.
import Type, { type Static } from 'typebox';
import { count, flag, list, nullable, object, page, pageQuery, text, time, words } from './form.ts';

export const roles = ['administrator', 'operator', 'auditor'] as const;
export const scopes = ['read', 'queue', 'configuration', 'users'] as const;
const role = words(roles, '`operator`: the queue, no configuration; `auditor`: reads only.');
const scope = words(
  scopes,
  '`read`, `queue` (change the queue), `configuration` (change and commit it), `users` (users, tokens).',
);

const userName = Type.String({
  pattern: '^[A-Za-z0-9_][A-Za-z0-9_.@-]{0,31}$',
  description: 'Up to 32 letters, digits, ".", "_", "@", "-".',
});
const password = text('A password.', { minLength: 1, maxLength: 1024 });
const newPassword = Type.String({
  minLength: 1,
  maxLength: 1024,
  description: 'A new password: 12 characters or more.',
});
const code = Type.String({ pattern: '^[0-9]{6}$', description: 'Six digits of the second factor.' });
const anyCode = Type.String({
  pattern: '^([0-9]{6}|[A-Za-z0-9]{4}-[A-Za-z0-9]{4}-[A-Za-z0-9]{4})$',
  description: 'Six digits of the second factor, or a recovery code.',
});

export const setupSchema = object(
  { token: text('Of the set-up link.', { minLength: 1, maxLength: 256 }), name: userName, password: newPassword },
  'The first administrator.',
);
export type Setup = Static<typeof setupSchema>;

export const loginSchema = object(
  { name: text('User name.', { minLength: 1, maxLength: 64 }), password, code: Type.Optional(anyCode) },
  'A logon.',
);
export type Login = Static<typeof loginSchema>;

export const sessionSchema = object(
  {
    user: userName,
    role,
    csrf: nullable(text('For the header X-CSRF-Token of every change; null: a token is used, which needs none.')),
    idleExpires: nullable(time('The session ends then unless it is used.')),
    expires: nullable(time('It ends then in any case.')),
    totp: flag('A second factor is asked for.'),
    scopes: Type.Optional(list(scope, 'Of the token.')),
  },
  'Who you are.',
);
export type Session = Static<typeof sessionSchema>;

export const passwordSchema = object({ present: password, password: newPassword }, 'A new password.');
export type PasswordChange = Static<typeof passwordSchema>;

export const totpOfferSchema = object(
  { secret: text('Base32.'), uri: text('`otpauth://...` for a QR code.') },
  'A second factor that waits for its first code.',
);
export type TotpOffer = Static<typeof totpOfferSchema>;
export const totpConfirmSchema = object({ code }, 'The first code.');
export type TotpConfirm = Static<typeof totpConfirmSchema>;
export const recoverySchema = object(
  { recoveryCodes: list(text('Used once in the place of a code.'), 'Shown this once.') },
  'The second factor is in force.',
);
export type Recovery = Static<typeof recoverySchema>;
export const totpRemoveSchema = object({ password }, 'Your password.');
export type TotpRemove = Static<typeof totpRemoveSchema>;

export const userSchema = object(
  {
    name: userName,
    role,
    disabled: flag('He cannot log on.'),
    totp: flag('A second factor is asked for.'),
    created: time('When he was added.'),
    lastLogon: nullable(time('Null: never.')),
    lastAddress: nullable(text('Where from.')),
    sessions: count('Open now.'),
  },
  'A user.',
);
export type User = Static<typeof userSchema>;
export const usersSchema = page(userSchema, 'Users, by name.');
export type Users = Static<typeof usersSchema>;
export const newUserSchema = object({ name: userName, role, password: newPassword }, 'A new user.');
export type NewUser = Static<typeof newUserSchema>;
export const userChangeSchema = object(
  {
    role: Type.Optional(role),
    password: Type.Optional(newPassword),
    disabled: Type.Optional(flag('He cannot log on; his sessions and tokens end.')),
    totp: Type.Optional(Type.Literal(false, { description: 'Takes the second factor away.' })),
  },
  'What to change.',
);
export type UserChange = Static<typeof userChangeSchema>;
export const userParamsSchema = object({ name: text('A user.', { minLength: 1, maxLength: 64 }) }, 'A user.');

export const tokenSchema = object(
  {
    id: text('Its name in paths.'),
    label: text('What it is for.'),
    user: userName,
    scopes: list(scope, 'What it may.'),
    created: time('When it was made.'),
    expires: nullable(time('Null: never.')),
    lastUsed: nullable(time('Null: never.')),
  },
  'An API token.',
);
export type Token = Static<typeof tokenSchema>;
export const tokensSchema = page(tokenSchema, 'Tokens: your own, or for an administrator all.');
export type Tokens = Static<typeof tokensSchema>;
export const newTokenSchema = object(
  {
    label: text('What it is for.', { minLength: 1, maxLength: 100 }),
    scopes: Type.Array(scope, { minItems: 1, maxItems: 4, description: 'What it may; never more than its user.' }),
    days: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 3650, default: 90, description: 'Days until it expires.' }),
    ),
  },
  'A new token.',
);
export type NewToken = Static<typeof newTokenSchema>;
export const madeTokenSchema = object(
  { ...tokenSchema.properties, secret: text('The token itself, shown this once: `Authorization: Bearer ...`.') },
  'A new token.',
);
export type MadeToken = Static<typeof madeTokenSchema>;
export const tokenParamsSchema = object({ id: text('A token.', { minLength: 1, maxLength: 64 }) }, 'A token.');

export const auditQuerySchema = object(
  {
    user: Type.Optional(text('Of this user.', { minLength: 1, maxLength: 64 })),
    face: Type.Optional(text('`shell`, `API`, `UI`.', { minLength: 1, maxLength: 16 })),
    action: Type.Optional(text('Such as `logon`, `logonFailed`, `commit`.', { minLength: 1, maxLength: 64 })),
    text: Type.Optional(text('Occurs in user, address, action or detail.', { minLength: 1, maxLength: 200 })),
    from: Type.Optional(time('At this time or later.')),
    to: Type.Optional(time('Before this time.')),
    ...pageQuery,
  },
  'Which entries.',
);
export const auditEntrySchema = object(
  {
    id: count('Its number.'),
    time: time('When.'),
    user: text('Who.'),
    role: text('His role; empty where nobody is known (a failed logon).'),
    address: text('Where he sits; empty for the shell on this machine.'),
    face: text('`shell`, `API`, `UI`.'),
    action: text('Such as `logon`, `logonFailed`, `commit`.'),
    detail: text('What exactly.'),
  },
  'An entry of the audit trail.',
);
export type AuditEntry = Static<typeof auditEntrySchema>;
export const auditSchema = page(auditEntrySchema, 'Entries, newest first.');
export type Audit = Static<typeof auditSchema>;
