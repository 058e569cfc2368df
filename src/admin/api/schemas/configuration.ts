// The configuration: what is committed, each user's candidate, history.
import Type, { type Static } from 'typebox';
import { configSchema } from '../../../config/schema.ts';
import { flag, list, nullable, object, page, pageQuery, revisionNumber, text, time, words } from './form.ts';
import { rollOutWishSchema } from './rollout.ts';

export const differenceSchema = object(
  {
    key: text('`tls.inbound.versions`, `listeners[mx].port`, `accept`.'),
    kind: words(['changed', 'added', 'removed', 'order'], 'What became of it.'),
    before: text('What it was, in words; empty for what was not there.'),
    after: text('What it is, in words; empty for what is gone.'),
    text: text('All of it on one line, as `showchanges` prints it.'),
  },
  'One thing that differs between two configurations.',
);
export type Difference = Static<typeof differenceSchema>;

const changes = (description: string) => list(differenceSchema, description);

export const revisionInfoSchema = object(
  {
    number: revisionNumber('Its number.'),
    time: time('When it was committed.'),
    user: text('Who committed it.'),
    comment: text('What was said about it.'),
    offered: flag('False: whoever replaced it chose not to keep it for rollback.'),
  },
  'A commit.',
);
export type RevisionInfo = Static<typeof revisionInfoSchema>;

export const revisionSchema = object(
  { ...revisionInfoSchema.properties, config: configSchema },
  'A committed configuration.',
);
export type Revision = Static<typeof revisionSchema>;

export const historySchema = page(revisionInfoSchema, 'Commits, newest first.');
export type History = Static<typeof historySchema>;

export const candidateSchema = object(
  {
    base: revisionNumber('The revision that it was begun on.'),
    committed: revisionNumber('The revision in force; where it is another than `base`, somebody has committed since.'),
    time: nullable(time('Of the last change; null: nothing is pending.')),
    config: configSchema,
    changes: changes('What a commit would change. Empty: nothing is pending.'),
    conflicts: list(
      text('A key.'),
      'Keys that others have changed since, too; a commit is refused until they are resolved.',
    ),
  },
  'Your uncommitted configuration; without changes, the committed one.',
);
export type Candidate = Static<typeof candidateSchema>;

/** What a document of the configuration may be: every key may be left out. The configuration layer checks it. */
export const configDocumentSchema = Type.Object(
  {},
  {
    additionalProperties: true,
    description: 'A configuration; what it leaves out gets its default. See `Configuration`.',
  },
);
export const configPatchSchema = Type.Object(
  {},
  {
    additionalProperties: true,
    description:
      'JSON merge patch (RFC 7396) for a configuration: objects are merged key by key, lists are replaced as a whole, null takes a key back to its default.',
  },
);

export const commitSchema = object(
  {
    comment: Type.Optional(text('What the change is for; stands in the history and in the log.', { maxLength: 1000 })),
    saveForRollback: Type.Optional(
      Type.Boolean({ default: true, description: 'Keep the configuration that is replaced in the list for rollback.' }),
    ),
    force: Type.Optional(
      Type.Boolean({
        default: false,
        description: 'Commit although you, or another administrator, could not connect to the web service any more.',
      }),
    ),
    confirmWithin: Type.Optional(
      Type.Number({
        minimum: 0,
        maximum: 1440,
        description:
          'Minutes. What it changes is taken back unless it is confirmed by then; 0: no confirmation is needed. Without it: 10 where ' +
          'versions, ciphers, certificate, address or ports of the web service change, else 0.',
      }),
    ),
    rollOut: Type.Optional(rollOutWishSchema),
  },
  'A commit.',
);
export type Commit = Static<typeof commitSchema>;

export const committedSchema = object(
  {
    revision: revisionNumber('The new revision.'),
    time: time('When it took effect.'),
    changes: changes('What it changed.'),
    warnings: list(text('A sentence.'), 'What an administrator should know about it.'),
    confirmBy: nullable(time('It is taken back then unless it is confirmed; null: it needs no confirmation.')),
    rollOutUntil: nullable(time('A share of the peers has it until then; null: all have it.')),
  },
  'What was committed.',
);
export type Committed = Static<typeof committedSchema>;

export const waitingSchema = object(
  {
    revisions: list(revisionNumber('A revision.'), 'What they changed is taken back together.'),
    by: text('Who committed the last of them.'),
    since: time('When.'),
    until: time('When it is taken back.'),
  },
  'Revisions that must be confirmed.',
);

export const confirmationSchema = object({ waiting: nullable(waitingSchema) }, 'What must be confirmed.');
export type WaitingRevisions = Static<typeof waitingSchema>;
export type Confirmation = Static<typeof confirmationSchema>;

export const takenBackSchema = object(
  { revision: nullable(revisionNumber('It has the former settings; null: nothing of them was left to take back.')) },
  'What came of it.',
);

export const resolveSchema = object(
  { keep: words(['mine', 'theirs'], 'Whose value stands where both changed a key.') },
  'How to settle conflicts.',
);
export type Resolve = Static<typeof resolveSchema>;

export const diffQuerySchema = object(
  { from: revisionNumber('The earlier revision.'), to: revisionNumber('The later one.') },
  'Two revisions.',
);
export const diffSchema = object(
  {
    from: revisionNumber('The earlier revision.'),
    to: revisionNumber('The later one.'),
    changes: changes('What `to` changed against `from`.'),
  },
  'The difference of two revisions.',
);
export type Diff = Static<typeof diffSchema>;

export const rollbackSchema = object({ revision: revisionNumber('The revision to go back to.') }, 'A rollback.');
export type Rollback = Static<typeof rollbackSchema>;

export const revisionParamsSchema = object({ number: revisionNumber('Number of a revision.') }, 'A revision.');
export const historyQuerySchema = object(pageQuery, 'A page of the history.');
export const exportQuerySchema = object(
  {
    revision: Type.Optional(revisionNumber('A revision; without: the one in force.')),
    pending: Type.Optional(flag('True: your candidate in place of a revision.')),
  },
  'What to export.',
);

export const importedSchema = object(
  {
    upgrade: list(text('A sentence.'), 'What was changed to bring an older format up to date.'),
    candidate: candidateSchema,
  },
  'What became of a YAML document.',
);
export type Imported = Static<typeof importedSchema>;
