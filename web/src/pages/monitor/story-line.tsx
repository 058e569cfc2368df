// What happened to a message, in the order of time.
import { Link } from 'wouter';
import type { Story, StoryEvent } from '../../../../src/admin/api/schemas/tracking.ts';
import { type LanguageContext, useLanguage } from '../../i18n/language.tsx';
import classes from './message.module.css';

type Tone = 'good' | 'wait' | 'bad' | 'plain';

const tones: Readonly<Partial<Record<StoryEvent['kind'], Tone>>> = {
  delivered: 'good',
  finished: 'good',
  delayed: 'wait',
  bounced: 'bad',
  doubleBounce: 'bad',
  refused: 'bad',
  aborted: 'bad',
  administered: 'wait',
};

export function StoryLine({ story }: { readonly story: Story }) {
  const language = useLanguage();
  const { t, format } = language;
  return (
    <ol className={classes['story']}>
      {story.events.map((event, index) => {
        const said = saidBy(event);
        return (
          // biome-ignore lint/suspicious/noArrayIndexKey: what happened stays where it is
          <li key={index} data-tone={tones[event.kind] ?? 'plain'}>
            <time dateTime={event.time} className={classes['when']}>
              {format.time(event.time)}
            </time>
            <span className={classes['what']}>
              {event.mid === undefined ? (
                sentence(event, story, language)
              ) : (
                <>
                  {t(event.kind === 'bounceOf' ? 'story.bounceOf' : 'story.bounce')}{' '}
                  <Link href={`/monitor/tracking/${event.mid}`}>{`MID ${event.mid}`}</Link>
                </>
              )}
              {said !== '' && (
                <q className={classes['said']} lang="en">
                  {said}
                </q>
              )}
            </span>
          </li>
        );
      })}
    </ol>
  );
}

/** What the other side, or the gateway, said. */
function saidBy(event: StoryEvent): string {
  switch (event.kind) {
    case 'delivered':
      return event.response ?? '';
    case 'delayed':
    case 'bounced':
      return [event.code === '000' ? '' : event.code, event.reply].filter(Boolean).join(' ');
    case 'refused':
    case 'aborted':
      return event.reason ?? '';
    case 'doubleBounce':
      return event.text ?? '';
    default:
      return '';
  }
}

function sentence(event: StoryEvent, { recipients, outgoing }: Story, { t, format }: LanguageContext): string {
  const to = (event.rids ?? []).map((rid) => recipients[rid] ?? `RID ${rid}`);
  const whom = to.length > 3 ? t('story.recipients', { count: to.length }) : to.join(', ');
  const leg = outgoing.find(({ dcid }) => dcid === event.dcid);
  const where = leg === undefined ? '' : `${leg.host === '' ? leg.address : leg.host}:${leg.port}`;
  const address = event.address ?? '';
  switch (event.kind) {
    case 'started':
      return t('story.started');
    case 'refused':
      return t('story.refused', { address });
    case 'received':
      return t('story.received', { size: format.bytes(event.size ?? 0) });
    case 'queued':
      return t('story.queued');
    case 'tls':
      return event.demand === 'required' ? t('story.tlsRequired') : t('story.tlsOptional');
    case 'aborted':
      return t('story.aborted');
    case 'attempt':
      return where === '' ? t('story.attemptNowhere', { whom }) : t('story.attempt', { whom, where });
    case 'delivered':
      return t('story.delivered', { whom });
    case 'delayed':
      return t('story.delayed', { whom, status: event.status ?? '' });
    case 'bounced':
      return t('story.bounced', { whom, status: event.status ?? '' });
    case 'doubleBounce':
      return t('story.doubleBounce');
    case 'administered':
      return t('story.administered', { action: actionWord(event.action ?? '', t), user: event.user ?? '' });
    case 'finished':
      return t('story.finished');
    default:
      return event.kind;
  }
}

function actionWord(action: string, t: LanguageContext['t']): string {
  return action === 'held' || action === 'released' || action === 'deleted' ? t(`story.action.${action}`) : action;
}
