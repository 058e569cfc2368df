// Which share of the peers gets what is committed first, and for how long.
import { Group, NumberInput } from '@mantine/core';
import type { Commit } from '../../../../src/admin/api/schemas/configuration.ts';
import { useLanguage } from '../../i18n/language.tsx';

/** As they stand in the fields; empty: not given. */
export interface RollOutWish {
  readonly share: string | number;
  readonly minutes: string | number;
  readonly bound: string | number;
}

export function wishOf({ share, minutes, bound }: RollOutWish): Pick<Commit, 'rollOut'> {
  if (typeof share !== 'number' || typeof minutes !== 'number') return {};
  return { rollOut: { share, minutes, bound: typeof bound === 'number' ? bound : 0 } };
}

interface RollOutFieldsProps {
  readonly wish: RollOutWish;
  readonly onChange: (wish: RollOutWish) => void;
}

export function RollOutFields({ wish, onChange }: RollOutFieldsProps) {
  const { t } = useLanguage();
  return (
    <>
      <NumberInput
        label={t('rollOut.share')}
        description={t('rollOut.shareHelp')}
        value={wish.share}
        min={1}
        max={99}
        maw="22rem"
        onChange={(share) => onChange({ ...wish, share })}
      />
      {wish.share !== '' && (
        <Group align="end">
          <NumberInput
            label={t('rollOut.minutes')}
            value={wish.minutes}
            required
            min={1}
            max={43_200}
            onChange={(minutes) => onChange({ ...wish, minutes })}
          />
          <NumberInput
            label={t('rollOut.bound')}
            description={t('rollOut.boundHelp')}
            value={wish.bound}
            min={0}
            max={10_000}
            allowDecimal={false}
            onChange={(bound) => onChange({ ...wish, bound })}
          />
        </Group>
      )}
    </>
  );
}
