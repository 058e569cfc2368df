import classes from './brand.module.css';

/** The gate and the name. */
export function Brand() {
  return (
    <span className={classes['brand']}>
      <svg viewBox="0 0 32 32" width="26" height="26" aria-hidden="true" focusable="false">
        <path d="M4 30V14a12 12 0 0 1 24 0v16z" className={classes['wall']} />
        <path d="M10 30V15a6 6 0 0 1 12 0v15z" className={classes['door']} />
        <circle cx="16" cy="18" r="2.5" className={classes['wall']} />
        <path d="M14.9 19h2.2l1 6h-4.2z" className={classes['wall']} />
      </svg>
      <span className={classes['name']}>Postern</span>
    </span>
  );
}
