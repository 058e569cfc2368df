import { Text } from '@mantine/core';
import { useLanguage } from '../../i18n/language.tsx';

/** The null sender is no address but a word. */
export function Sender({ address }: { readonly address: string }) {
  const { t } = useLanguage();
  if (address !== '') return address;
  return (
    <Text span inherit c="dimmed">
      {t('message.bounce')}
    </Text>
  );
}

/** The first few, and how many there are beside them. */
export function Addresses({
  addresses,
  count,
  most = 2,
}: {
  readonly addresses: readonly string[];
  readonly count: number;
  readonly most?: number;
}) {
  const { t } = useLanguage();
  const shown = addresses.slice(0, most);
  const more = count - shown.length;
  return (
    <>
      {shown.map((address) => (
        <div key={address}>{address}</div>
      ))}
      {more > 0 && (
        <Text size="xs" c="dimmed">
          {t('message.more', { count: more })}
        </Text>
      )}
    </>
  );
}

/** Who sent it, and below that to whom. */
export function Envelope({
  sender,
  recipients,
  count,
}: {
  readonly sender: string;
  readonly recipients: readonly string[];
  readonly count: number;
}) {
  return (
    <>
      <Sender address={sender} />
      <Text component="div" size="sm" c="dimmed" pl="sm">
        <Addresses addresses={recipients} count={count} />
      </Text>
    </>
  );
}
