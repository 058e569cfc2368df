// The picture of who moves where, and the same as a table.
import { Table } from '@mantine/core';
import { useLanguage } from '../../i18n/language.tsx';
import { flowOf } from './flow.ts';
import classes from './preview.module.css';
import type { Move } from './use-preview.ts';

const width = 460;
const [leftEdge, rightEdge] = [120, width - 120];

export function Moves({ moves }: { readonly moves: readonly Move[] }) {
  const { t, format } = useLanguage();
  if (moves.length === 0) return null;
  const { bands, left, right, height } = flowOf(moves);
  const middle = (leftEdge + rightEdge) / 2;
  return (
    <figure className={classes['figure']}>
      <figcaption className={classes['caption']}>
        <span>{t('preview.today')}</span>
        <span>{t('preview.then')}</span>
      </figcaption>
      <svg viewBox={`0 0 ${width} ${height + 8}`} aria-hidden="true" className={classes['picture']}>
        {bands.map(({ move, width: thickness, from, to }) => {
          const [a, b] = [from + thickness / 2 + 4, to + thickness / 2 + 4];
          return (
            <path
              key={`${move.from} ${move.to} ${move.change}`}
              d={`M${leftEdge} ${a}C${middle} ${a} ${middle} ${b} ${rightEdge} ${b}`}
              strokeWidth={thickness}
              className={classes[move.change]}
            />
          );
        })}
        {left.map(({ name, top, height: size }) => (
          <text key={name} x={leftEdge - 8} y={top + size / 2 + 8} textAnchor="end">
            {name}
          </text>
        ))}
        {right.map(({ name, top, height: size }) => (
          <text key={name} x={rightEdge + 8} y={top + size / 2 + 8}>
            {name}
          </text>
        ))}
      </svg>
      <details>
        <summary>{t('preview.asTable')}</summary>
        <Table.ScrollContainer minWidth={320}>
          <Table fz="sm">
            <Table.Thead>
              <Table.Tr>
                <Table.Th>{t('preview.today')}</Table.Th>
                <Table.Th>{t('preview.then')}</Table.Th>
                <Table.Th>{t('preview.peers')}</Table.Th>
                <Table.Th>{t('preview.connections')}</Table.Th>
                <Table.Th>{t('preview.messages')}</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {moves.map(({ from, to, change, peers, connections, messages }) => (
                <Table.Tr key={`${from} ${to} ${change}`}>
                  <Table.Td lang="en">{from}</Table.Td>
                  <Table.Td lang="en">{to}</Table.Td>
                  <Table.Td>{format.number(peers)}</Table.Td>
                  <Table.Td>{format.number(connections)}</Table.Td>
                  <Table.Td>{format.number(messages)}</Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </Table.ScrollContainer>
      </details>
    </figure>
  );
}
