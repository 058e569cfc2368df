import '@mantine/core/styles.css';
import './global.css';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app.tsx';
import { loadLanguage } from './i18n/language.tsx';

const root = document.getElementById('root');
if (root === null) throw new Error('index.html has no #root');
const language = await loadLanguage();
createRoot(root).render(
  <StrictMode>
    <App language={language} />
  </StrictMode>,
);
