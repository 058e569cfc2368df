import { type CSSVariablesResolver, createTheme, type MantineColorsTuple, Modal } from '@mantine/core';

const postern: MantineColorsTuple = [
  '#e7f6f9',
  '#cfe9ef',
  '#a0d3de',
  '#6fbccd',
  '#49a9be',
  '#2f9cb4',
  '#1b8da6',
  '#0a7b93',
  '#00677d',
  '#005567',
];

export const theme = createTheme({
  colors: { postern },
  primaryColor: 'postern',
  primaryShade: { light: 8, dark: 8 },
  autoContrast: true,
  luminanceThreshold: 0.3,
  defaultRadius: 'md',
  cursorType: 'pointer',
  respectReducedMotion: true,
  fontFamily: 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif',
  fontFamilyMonospace: 'ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace',
  headings: { fontWeight: '600' },
  components: {
    Modal: Modal.extend({ defaultProps: { centered: true } }),
  },
});

/** Mantine's grey and red for secondary text are below the contrast of WCAG AA (4.5:1) on our backgrounds. */
export const cssVariables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    '--mantine-color-dimmed': 'var(--mantine-color-gray-7)',
    '--mantine-color-error': 'var(--mantine-color-red-9)',
    '--mantine-color-placeholder': 'var(--mantine-color-gray-7)',
    '--postern-background': '#f4f6f8',
    '--postern-surface': '#ffffff',
    '--postern-border': '#dbe1e6',
    '--postern-sunken': '#eef1f4',
    '--postern-accent': 'var(--mantine-color-postern-8)',
    '--postern-accent-soft': 'var(--mantine-color-postern-0)',
    '--postern-added': '#1b6e3c',
    '--postern-added-soft': '#e3f5e9',
    '--postern-removed': '#a4262c',
    '--postern-removed-soft': '#fbe9e9',
  },
  dark: {
    '--mantine-color-dimmed': 'var(--mantine-color-dark-1)',
    '--mantine-color-error': 'var(--mantine-color-red-4)',
    '--mantine-color-placeholder': 'var(--mantine-color-dark-1)',
    '--mantine-color-body': '#161a1d',
    '--postern-background': '#101315',
    '--postern-surface': '#191d21',
    '--postern-border': '#343b41',
    '--postern-sunken': '#22272c',
    '--postern-accent': 'var(--mantine-color-postern-3)',
    '--postern-accent-soft': '#12333b',
    '--postern-added': '#7ddba0',
    '--postern-added-soft': '#14301f',
    '--postern-removed': '#ff9d9d',
    '--postern-removed-soft': '#3a1b1d',
  },
});
