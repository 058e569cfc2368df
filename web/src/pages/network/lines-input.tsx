// A list of texts as a field with one a line.
import { Textarea } from '@mantine/core';
import { useState } from 'react';

export interface LinesInputProps {
  readonly label: string;
  readonly description: string;
  readonly required?: boolean;
  readonly lines: readonly string[];
  readonly error: string | undefined;
  readonly onChange: (lines: readonly string[]) => void;
}

export function LinesInput({ label, description, required = false, lines, error, onChange }: LinesInputProps) {
  // Kept as it is typed: blanks and empty lines stay while one types.
  const [text, setText] = useState(lines.join('\n'));
  return (
    <Textarea
      label={label}
      description={description}
      required={required}
      autosize
      minRows={2}
      maxRows={10}
      spellCheck={false}
      value={text}
      error={error}
      onChange={(event) => {
        const typed = event.currentTarget.value;
        setText(typed);
        onChange(typed.split(/[\s,;]+/).filter((line) => line !== ''));
      }}
    />
  );
}
