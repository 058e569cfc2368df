import { Button, Group, Textarea } from '@mantine/core';
import { useRef, useState } from 'react';
import { useLanguage } from '../i18n/language.tsx';
import classes from './copy-text.module.css';
import { Icon } from './icon.tsx';

/** A text to take away: marked when it gets the focus, copied by a button. */
export function CopyText({
  label,
  text,
  rows = 2,
}: {
  readonly label: string;
  readonly text: string;
  readonly rows?: number;
}) {
  const { t } = useLanguage();
  const field = useRef<HTMLTextAreaElement>(null);
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setCopied(true);
    } catch {
      // The browser forbids it (a certificate that it does not trust): the text is marked for Ctrl-C.
      field.current?.select();
    }
  };
  return (
    <div>
      <Textarea
        ref={field}
        label={label}
        readOnly
        rows={rows}
        value={text}
        classNames={{ input: classes['text'] ?? '' }}
        onFocus={(event) => event.currentTarget.select()}
      />
      <Group justify="flex-end" mt="xs">
        <Button
          variant="default"
          size="xs"
          leftSection={<Icon name={copied ? 'check' : 'copy'} size={14} />}
          onClick={() => void copy()}
        >
          <span aria-live="polite">{copied ? t('common.copied') : t('common.copy')}</span>
        </Button>
      </Group>
    </div>
  );
}
