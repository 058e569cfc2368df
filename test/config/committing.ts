// A program that commits, to be killed: `committing.ts DIRECTORY loop` until it dies, or `committing.ts DIRECTORY once`.
// It prints "edited" and "committed N" when each is durable.
import { writeSync } from 'node:fs';
import { ConfigStore } from '../../src/config/store.ts';
import { demo } from './directory.ts';

const [directory = '', mode] = process.argv.slice(2);
const store = await ConfigStore.open(directory, { demo, keep: 20 });
const apply = { prepare: async () => undefined, activate: async () => undefined, abandon: async () => undefined };
const say = (line: string) => writeSync(1, `${line}\n`);
do {
  const next = store.committed().number + 1;
  await store.edit('admin', (config) => ({ ...config, hostname: `gw${next}.example.com` }));
  say('edited');
  const { number } = await store.commit('admin', `to ${next}`, apply);
  say(`committed ${number}`);
} while (mode === 'loop');
