// What control and the preview thread say to each other.
import type { ErrorCode } from '../errors.ts';
import type { PreviewRequest } from './engine.ts';
import type { PreviewReport } from './report.ts';

export interface PreviewThreadData {
  readonly dataDirectory: string;
}

export type PreviewQuestion =
  | { readonly type: 'preview'; readonly id: number; readonly request: PreviewRequest }
  | { readonly type: 'abort'; readonly id: number };

export type PreviewAnswer =
  | { readonly type: 'progress'; readonly id: number; readonly report: PreviewReport }
  | { readonly type: 'done'; readonly id: number; readonly report: PreviewReport }
  | {
      readonly type: 'failed';
      readonly id: number;
      readonly code: ErrorCode;
      readonly message: string;
      readonly remedy?: string;
    };
